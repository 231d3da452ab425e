"""The tool paths as variables, so that commands can be written as data; each is looked up only when it is used."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from fraud_native.paths import AIRFLOW_COMMANDS, INFRA, Tools

_TOOLS: Final[Mapping[str, str]] = {
    "APICURIO_HOME": "apicurio",
    "JAVA17_HOME": "java17",
    "JAVA25_HOME": "java25",
    "KAFKA_JARS": "kafka",
    "MC": "mc",
    "METASTORE_EXTRA_JARS": "metastore_extra",
    "METASTORE_HOME": "metastore",
    "MINIO": "minio",
    "POSTGRES_BIN": "postgres_bin",
    "REDIS_SERVER": "redis_server",
    "SPARK_JARS": "spark_jars",
    "TRINO_HOME": "trino",
}


class ToolPaths(Mapping[str, str]):
    """A mapping of tool variables to absolute paths.

    Raises:
        ToolMissingError: on access to a system program that is not installed.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def __getitem__(self, name: str) -> str:
        if name == "INFRA":
            return str(INFRA)
        if name == "AIRFLOW_COMMANDS":
            return str(AIRFLOW_COMMANDS)
        path: Path = getattr(self._tools, _TOOLS[name])
        return str(path)

    def __contains__(self, name: object) -> bool:
        return name in _TOOLS or name in ("INFRA", "AIRFLOW_COMMANDS")

    def __iter__(self) -> Iterator[str]:
        yield from (*_TOOLS, "INFRA", "AIRFLOW_COMMANDS")

    def __len__(self) -> int:
        return len(_TOOLS) + 2
