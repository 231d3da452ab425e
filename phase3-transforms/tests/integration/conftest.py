"""Lakes of a test's own."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def lakes(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    """The module beside this one: how to make one, and messages to put into it."""
    return load_script(Path(__file__).with_name("lake.py"))
