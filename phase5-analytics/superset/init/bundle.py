"""The assets as their files say."""

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

import yaml

ASSETS = Path(__file__).parents[1] / "assets"


@dataclass(frozen=True)
class Bundle:
    """Texts by their path below ``assets``, variables filled in."""

    texts: dict[str, str]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The parsed files of ``databases``, ``datasets``, ``charts`` or ``dashboards``."""
        return [yaml.safe_load(text) for path, text in self.texts.items() if path.startswith(f"{kind}/")]

    @property
    def database_uuids(self) -> list[str]:
        return [database["uuid"] for database in self.of_kind("databases")]


def read_bundle(trino_url: str, folder: Path = ASSETS) -> Bundle:
    """Every YAML file below ``folder``; only databases may hold variables.

    Raises:
        KeyError: a file uses a variable that is not among ours.
    """
    trino = urlsplit(trino_url)
    variables = {"TRINO_ADDRESS": trino.netloc, "TRINO_SCHEME": trino.scheme}
    texts = {}
    for file in sorted(folder.rglob("*.yaml")):
        path = file.relative_to(folder).as_posix()
        text = file.read_text(encoding="utf-8")
        texts[path] = Template(text).substitute(variables) if path.startswith("databases/") else text
    return Bundle(texts)
