"""The tool paths as variables, so that commands can be written as data; each is looked up only when it is used."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from fraud_native.paths import ENVIRONMENTS, INFRA, Tools, commands_of

_TOOLS: Final[Mapping[str, str]] = {
    "ALERTMANAGER": "alertmanager",
    "APICURIO_HOME": "apicurio",
    "GRAFANA_FOLDER": "grafana_home",
    "JAVA17_HOME": "java17",
    "JAVA25_HOME": "java25",
    "KAFKA_JARS": "kafka",
    "JMX_AGENT": "jmx_agent",
    "MC": "mc",
    "METASTORE_EXTRA_JARS": "metastore_extra",
    "METASTORE_HOME": "metastore",
    "MINIO": "minio",
    "NODE_EXPORTER": "node_exporter",
    "POSTGRES_BIN": "postgres_bin",
    "POSTGRES_EXPORTER": "postgres_exporter",
    "PROMETHEUS": "prometheus",
    "REDIS_EXPORTER": "redis_exporter",
    "REDIS_SERVER": "redis_server",
    "SPARK_JARS": "spark_jars",
    "STATSD_EXPORTER": "statsd_exporter",
    "TRINO_HOME": "trino",
}
# what does not depend on a version
_PLACES: Final[Mapping[str, Path]] = {
    "INFRA": INFRA,
    **{f"{tool.upper()}_COMMANDS": commands_of(tool) for tool in ENVIRONMENTS},
}


class ToolPaths(Mapping[str, str]):
    """A mapping of tool variables to absolute paths.

    Raises:
        ToolMissingError: on access to a system program that is not installed.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def __getitem__(self, name: str) -> str:
        if name in _PLACES:
            return str(_PLACES[name])
        path: Path = getattr(self._tools, _TOOLS[name])
        return str(path)

    def __contains__(self, name: object) -> bool:
        return name in _TOOLS or name in _PLACES

    def __iter__(self) -> Iterator[str]:
        yield from (*_TOOLS, *_PLACES)

    def __len__(self) -> int:
        return len(_TOOLS) + len(_PLACES)
