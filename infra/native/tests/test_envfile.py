import base64
import subprocess
from pathlib import Path

import pytest

from fraud_native.envfile import (
    EnvFileLostError,
    ensure_env_file,
    generate_secret,
    parse_env,
    read_env_file,
    shell_lines,
)
from fraud_native.native_env import ENDPOINTS, LOOPBACK, native_env
from fraud_native.paths import ENV_EXAMPLE, Stack


class Sandbox(Stack):
    """A stack whose state is in a temporary folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder

    @property
    def env_file(self) -> Path:
        return self.folder / ".env"


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    stack = Sandbox("test")
    object.__setattr__(stack, "folder", tmp_path)
    return stack


def test_the_first_use_writes_a_file_that_only_its_owner_can_read(sandbox: Sandbox) -> None:
    ensure_env_file(sandbox)
    assert sandbox.env_file.stat().st_mode & 0o777 == 0o600


def test_every_secret_is_filled_in_with_a_value_of_its_own(sandbox: Sandbox) -> None:
    ensure_env_file(sandbox)
    optional = {"ALERT_WEBHOOK_URL", "GRAFANA_HOME"}
    empty = {name for name, value in parse_env(EXAMPLE).items() if value == ""} - optional
    secrets = [value for name, value in parse_env(sandbox.env_file.read_text()).items() if name in empty]
    assert all(len(secret) >= 32 for secret in secrets)
    assert len(set(secrets)) == len(secrets) > 15


EXAMPLE = ENV_EXAMPLE.read_text(encoding="utf-8")


def test_the_test_stack_has_ports_of_its_own_and_never_those_of_the_main_one(sandbox: Sandbox) -> None:
    ensure_env_file(sandbox)
    theirs, ours = parse_env(EXAMPLE), parse_env(sandbox.env_file.read_text())
    ports = [name for name in theirs if name.endswith("_PORT") and not name.endswith("_CONNECT_PORT")]
    assert len(ports) > 15
    assert all(int(ours[name]) == int(theirs[name]) + 20000 for name in ports)
    assert ours["FRAUD_PRODUCER_LEDGER_DIR"] == "var/test/ledger"


def test_a_second_use_keeps_secrets_adds_new_variables_and_updates_versions(sandbox: Sandbox) -> None:
    ensure_env_file(sandbox)
    before = parse_env(sandbox.env_file.read_text())
    lines = sandbox.env_file.read_text().splitlines()
    lines = [line.replace(f"TRINO_VERSION={before['TRINO_VERSION']}", "TRINO_VERSION=1") for line in lines]
    sandbox.env_file.write_text("\n".join(line for line in lines if not line.startswith("REDIS_PASSWORD=")) + "\n")

    assert set(ensure_env_file(sandbox)) == {"TRINO_VERSION", "REDIS_PASSWORD"}
    after = parse_env(sandbox.env_file.read_text())
    assert after.pop("REDIS_PASSWORD")
    del before["REDIS_PASSWORD"]
    assert after == before
    assert ensure_env_file(sandbox) == []


def test_an_env_file_that_is_gone_is_not_replaced_while_there_is_data_made_with_its_passwords(sandbox: Sandbox) -> None:
    (sandbox.state / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(EnvFileLostError, match="make clean"):
        ensure_env_file(sandbox)


def test_an_empty_secret_stops_the_start_and_is_named(sandbox: Sandbox) -> None:
    sandbox.env_file.write_text(EXAMPLE)
    with pytest.raises(ValueError, match="MINIO_ROOT_PASSWORD is empty"):
        read_env_file(sandbox)


def test_generated_keys_have_the_form_that_their_readers_demand() -> None:
    assert len(base64.urlsafe_b64decode(generate_secret("AIRFLOW_FERNET_KEY"))) == 32
    assert len(bytes.fromhex(generate_secret("FRAUD_STREAM_QUARANTINE_KEY"))) == 32
    assert len(bytes.fromhex(generate_secret("FRAUD_PRODUCER_PAN_KEY"))) == 32
    assert len(generate_secret("AIRFLOW_JWT_SECRET").encode()) >= 64


def test_comments_and_quotes_are_understood() -> None:
    text = "# A=1\nB=2 # why\nC='3 # kept'\n\n D=\"4\"\nE=a#b\n"
    assert parse_env(text) == {"B": "2", "C": "3 # kept", "D": "4", "E": "a#b"}


def test_a_shell_reads_the_printed_lines_back() -> None:
    value = 'it\'s $HOME `x` \\ "q"'
    script = "\n".join([*shell_lines({"A": value}), 'printf %s "$A"'])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == value


def test_every_endpoint_of_the_env_file_becomes_a_loopback_address(sandbox: Sandbox) -> None:
    ensure_env_file(sandbox)
    variables = native_env(sandbox)
    suffixes = ("_URL", "_URI", "_HOST", "_SERVERS", "_CONNECT_PORT", "_TARGET")
    # somebody else's, and wherever he says
    endpoints = [name for name in parse_env(EXAMPLE) if name.endswith(suffixes) and name != "ALERT_WEBHOOK_URL"]
    assert set(endpoints) == set(ENDPOINTS)
    for name in endpoints:
        assert LOOPBACK in variables[name] or (name.endswith("_PORT") and int(variables[name]) > 20000), name
