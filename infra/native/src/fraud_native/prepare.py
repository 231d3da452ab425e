"""What must exist before a third-party service can start: data directories and rendered configuration."""

import os
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fraud_native.account import as_user
from fraud_native.paths import INFRA

# enough for the exporter: figures, but no key, no value and no setting
_REDIS_METRICS_RIGHTS: Final = "-@all +ping +info +latency|latest +slowlog|len +client|setname"


class PrepareError(RuntimeError):
    """A data directory could not be made; the message holds the tool's output."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a preparation may use: the service's folder, all variables, and the environment of its process."""

    data: Path
    variables: Mapping[str, str]
    environment: Mapping[str, str]
    user: str | None


def init_database(setting: Setting) -> None:
    """Makes PostgreSQL's data directory, owned by the user that the server runs as.

    Raises:
        PrepareError: initdb failed.
    """
    target = setting.data / "data"
    if (target / "PG_VERSION").exists():
        return
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    setting.data.chmod(0o711)
    password_file = setting.data / "initdb-password"
    password_file.touch(mode=0o600)
    password_file.write_text(setting.variables["POSTGRES_PASSWORD"], encoding="utf-8")
    if setting.user and os.geteuid() == 0:
        shutil.chown(target, setting.user, setting.user)
        shutil.chown(password_file, setting.user)
    try:
        initdb = [
            f"{setting.variables['POSTGRES_BIN']}/initdb",
            *("-D", str(target), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password_file}"),
            *("-E", "UTF8", "--locale=C.UTF-8"),
        ]
        _run(as_user(initdb, setting.user, target))
    finally:
        password_file.unlink()


def format_broker(setting: Setting) -> None:
    """Writes ``server.properties`` from the KAFKA_* environment, as the official image does; formats the storage."""
    properties = {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): value
        for name, value in setting.environment.items()
        if name.startswith("KAFKA_") and not name.endswith("_OPTS")
    }
    config = setting.data / "server.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")
    if (Path(properties["log.dirs"]) / "meta.properties").exists():
        return
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    _run(
        [
            f"{setting.variables['JAVA17_HOME']}/bin/java",
            *("-Xmx128m", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={INFRA}/kafka/log4j2.properties"),
            *("-cp", f"{setting.variables['KAFKA_JARS']}/*", "kafka.tools.StorageTool"),
            # one in 64 begins with a dash: as a word of its own it would be taken for an option
            *("format", f"--cluster-id={cluster}", "-c", str(config)),
        ]
    )


def write_redis_config(setting: Setting) -> None:
    """Writes ``redis.conf``, readable by us only: it holds the password."""
    lines = [
        (INFRA / "redis" / "redis.conf").read_text(encoding="utf-8"),
        "bind 127.0.0.1",
        f"port {setting.variables['REDIS_PORT']}",
        f"dir {setting.data}",
        f"requirepass {setting.variables['REDIS_PASSWORD']}",
        f"user metrics on >{setting.variables['REDIS_METRICS_PASSWORD']} {_REDIS_METRICS_RIGHTS}",
    ]
    config = setting.data / "redis.conf"
    config.touch(mode=0o600)
    config.chmod(0o600)
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise PrepareError(f"{command[0]} exited with {done.returncode}\n{done.stdout}{done.stderr}")
