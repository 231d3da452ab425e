"""Asks system programs for their version."""

import re
import subprocess
from functools import cache


@cache
def program_version(program: str) -> str:
    """The first thing in the output of ``PROGRAM --version`` that looks like a version."""
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    said = f"{asked.stdout}\n{asked.stderr}"
    found = re.search(r"\d+\.\d+(\.\d+)*", said)
    return found.group() if found else said.strip()


def short_version(version: str) -> str:
    """What a person wants to read: of a Go pseudo-version (v0.0.0-time-commit) only the day."""
    if version.startswith("v0.0.0-"):
        day = version.split("-")[1][:8]
        return f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return version
