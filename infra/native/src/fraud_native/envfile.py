"""Reads ``.env`` files and writes a stack's own at first use, with random secrets."""

import base64
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fraud_native.paths import ENV_EXAMPLE, Stack

_LINE: Final = re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)$")
_SECRET: Final = re.compile(r"_(PASSWORD|SECRET|KEY)$")
# ports inside the compose network: the offset of the test stack does not concern them
_CONNECT_PORT: Final = "_CONNECT_PORT"
# what differs in the test stack: nobody waits there for the next scrape or batch, and alerts go to the tests' receiver
_TEST_VALUES: Final = {
    "PROMETHEUS_SCRAPE_SECONDS": "2",
    "PROMETHEUS_RULES_DIR": "var/test/prometheus-rules",
    "ALERT_WEBHOOK_URL": "http://127.0.0.1:29099/alerts",
    "ALERT_GROUP_SECONDS": "1",
    "FRAUD_LAG_POLL_SECONDS": "1",
    "FRAUD_LAKEHOUSE_POLL_SECONDS": "2",
    "BRONZE_TRIGGER": "2s",
}
_HEX_KEYS: Final = frozenset({"FRAUD_STREAM_QUARANTINE_KEY", "FRAUD_PRODUCER_PAN_KEY"})


class EnvFileLostError(ValueError):
    """The passwords of existing data are gone."""


def parse_env(text: str) -> dict[str, str]:
    """The variables of an ``.env`` text, in order; quotes around a value and comments are dropped."""
    variables: dict[str, str] = {}
    for line in text.splitlines():
        if match := _LINE.match(line.strip()):
            variables[match["name"]] = _unquote(match["value"])
    return variables


def _unquote(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def generate_secret(name: str) -> str:
    """A random value that fits the variable: a Fernet key, 32 bytes in hex, 64 bytes for tokens, else 32 characters."""
    if name == "AIRFLOW_FERNET_KEY":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name in _HEX_KEYS:
        return secrets.token_hex(32)
    if name == "AIRFLOW_JWT_SECRET":
        return secrets.token_urlsafe(64)
    # letters and digits only: these end up in URLs, property files and XML
    return secrets.token_hex(16)


def ensure_env_file(stack: Stack) -> list[str]:
    """Writes the stack's ``.env`` (mode 0600) unless it exists; adds what it lacks, brings versions up to date.

    Returns:
        Names of the variables that were added or changed.

    Raises:
        EnvFileLostError: there is data that belongs to an ``.env`` which is gone.
    """
    template = ENV_EXAMPLE.read_text(encoding="utf-8")
    wanted = parse_env(template)
    if not stack.env_file.exists():
        if (stack.data("postgres") / "data").exists():
            raise EnvFileLostError(
                f"{stack.env_file} is gone, and the data in {stack.state} was made with its passwords: "
                f"put it back, or delete the data with 'make clean'"
            )
        _write(stack.env_file, [_filled(line, stack) for line in template.splitlines()])
        return list(wanted)
    lines = stack.env_file.read_text(encoding="utf-8").splitlines()
    present = parse_env("\n".join(lines))
    # versions belong to the project, not to the machine: the set-up installs those of .env.example
    stale = [name for name in wanted if name.endswith("_VERSION") and present.get(name, wanted[name]) != wanted[name]]
    lines = [next((f"{name}={wanted[name]}" for name in stale if line.startswith(f"{name}=")), line) for line in lines]
    missing = [name for name in wanted if name not in present]
    lines += [_filled(f"{name}={wanted[name]}", stack) for name in missing]
    if stale or missing:
        _write(stack.env_file, lines)
    return stale + missing


def _filled(line: str, stack: Stack) -> str:
    if not (match := _LINE.match(line)):
        return line
    name, value = match["name"], match["value"].strip()
    if stack.name == "test" and name in _TEST_VALUES:
        return f"{name}={_TEST_VALUES[name]}"
    if not value and _SECRET.search(name):
        return f"{name}={generate_secret(name)}"
    if name.endswith("_PORT") and not name.endswith(_CONNECT_PORT):
        return f"{name}={int(value) + stack.port_offset}"
    if stack.name != "main" and value.startswith("var/"):
        return f"{name}=var/{stack.name}/{value.removeprefix('var/')}"
    return line


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    partial.replace(path)


def read_env_file(stack: Stack) -> dict[str, str]:
    """The stack's ``.env`` as written, without the native replacements.

    Raises:
        ValueError: a secret is empty.
    """
    variables = parse_env(stack.env_file.read_text(encoding="utf-8"))
    for name, value in variables.items():
        if _SECRET.search(name) and not value:
            raise ValueError(f"{name} is empty in {stack.env_file}: delete that line, and the next start fills it in")
    return variables


def shell_lines(variables: Mapping[str, str]) -> list[str]:
    """``KEY='value'`` lines that a shell can evaluate."""
    escaped_quote = "'\\''"
    return [f"{name}='{value.replace(chr(39), escaped_quote)}'" for name, value in variables.items()]
