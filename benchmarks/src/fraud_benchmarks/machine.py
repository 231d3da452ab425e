"""What the figures were measured on: without it no figure means anything."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import confluent_kafka
import psutil

from fraud_native.paths import ROOT

# what the measured paths are made of; the servers' versions come from the stack's environment
LIBRARIES: Final = ("confluent-kafka", "fastavro", "numpy", "pyspark")
SERVERS: Final = {
    "kafka": "KAFKA_VERSION",
    "schema registry": "APICURIO_VERSION",
    "spark": "SPARK_VERSION",
    "delta": "DELTA_VERSION",
    "hadoop": "HADOOP_VERSION",
    "minio": "MINIO_VERSION",
}
# the same of what makes Silver and Gold
TRANSFORM_LIBRARIES: Final = ("dbt-core", "dbt-trino")
TRANSFORM_SERVERS: Final = {
    "trino": "TRINO_VERSION",
    "metastore": "HIVE_METASTORE_VERSION",
    "minio": "MINIO_VERSION",
    "spark": "SPARK_VERSION",
    "delta": "DELTA_VERSION",
}
_JAVA_VERSION: Final = re.compile(r'version "([^"]+)"')


def machine_facts(
    env: Mapping[str, str], libraries: Sequence[str] = LIBRARIES, servers: Mapping[str, str] = SERVERS
) -> dict[str, Any]:
    """Processor, memory, kernel, versions, the tree that is measured, and the load before anything was started.

    Args:
        env: the environment of the stack, which names the versions of its servers.
        libraries: Python distributions whose versions matter.
        servers: likewise variables of ``env`` that hold versions, by what the report calls them.
    """
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        **tree_facts(ROOT),
        "versions": {
            "python": platform.python_version(),
            "jvm": _jvm(env),
            "librdkafka": confluent_kafka.libversion()[0],
            **{name: version(name) for name in libraries},
            **{server: env[name] for server, name in servers.items()},
        },
        "load": {
            # runnable processes averaged over the last minute, and what the hypervisor gave to others, since boot
            "load_1m": round(os.getloadavg()[0], 2),
            "steal_percent": _steal_percent(),
        },
    }


def cpu_model(cpuinfo: str) -> str:
    """The processor's name in the text of ``/proc/cpuinfo``."""
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", cpuinfo, flags=re.MULTILINE)
    return found[1].strip() if found else "unknown"


def tree_facts(root: Path) -> dict[str, Any]:
    """The commit of a working tree, and whether it holds changes (untracked files too) that the commit does not.

    Both are null where there is no git or no repository.
    """
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def _steal_percent() -> float:
    times = psutil.cpu_times()
    return round(100 * times.steal / sum(times), 2)


def _jvm(env: Mapping[str, str]) -> str:
    said = subprocess.run(
        [str(Path(env["JAVA_HOME"]) / "bin" / "java"), "-version"], capture_output=True, text=True, check=True
    ).stderr
    found = _JAVA_VERSION.search(said)
    return found[1] if found else said.strip()
