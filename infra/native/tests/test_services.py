"""Every service of the compose file runs natively too, with the same ports and nothing of a container left."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from fraud_native import definition
from fraud_native.envfile import ensure_env_file, parse_env
from fraud_native.native_env import native_env
from fraud_native.paths import ENV_EXAMPLE, Stack
from fraud_native.prepare import Setting, format_broker, write_redis_config
from fraud_native.process_spec import Component
from fraud_native.services import NATIVE

EXAMPLE = parse_env(ENV_EXAMPLE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def grafana_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The two files by which a Grafana is recognised: the one component that the set-up cannot install."""
    home = tmp_path_factory.mktemp("grafana")
    for file in ("bin/grafana", "conf/defaults.ini"):
        (home / file).parent.mkdir()
        (home / file).touch(mode=0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFANA_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def components(grafana_home: Path) -> dict[str, Component]:
    stack = Stack("test")
    ensure_env_file(stack)
    variables = native_env(stack)
    return {n: Component(service, NATIVE[n], stack, variables) for n, service in definition.services().items()}


each_service = pytest.mark.parametrize("name", definition.services())


def test_the_native_side_knows_exactly_the_services_of_the_compose_file() -> None:
    assert set(NATIVE) == set(definition.services())


@each_service
def test_one_shots_have_no_probe_and_services_have_one(name: str) -> None:
    assert (NATIVE[name].probe is None) == definition.services()[name].one_shot


@each_service
def test_every_port_is_a_variable_of_the_env_file(name: str, components: dict[str, Component]) -> None:
    for variable, port in components[name].port_numbers().items():
        assert port == int(EXAMPLE[variable]) + 20000


def test_no_two_services_open_the_same_port(components: dict[str, Component]) -> None:
    ports = [port for component in components.values() for port in component.port_numbers().values()]
    assert len(ports) == len(set(ports))


@each_service
def test_nothing_of_a_container_reaches_a_native_process(name: str, components: dict[str, Component]) -> None:
    spec = components[name].spec()
    assert Path(spec.command[0]).exists()
    for variable, value in spec.environment.items():
        assert "0.0.0.0" not in value, f"{variable}={value} would listen beyond loopback"
        assert "/opt/" not in value, f"{variable}={value} is a path in an image"
        if variable != "MLFLOW_SERVER_ALLOWED_HOSTS":
            for service in definition.services():
                assert not re.search(rf"(^|//|@){service}:\d{{2,5}}(/|,|$)", value), (
                    f"{variable}={value} is an address in a container network"
                )
    for word in spec.command:
        assert "/opt/fraud" not in word


@each_service
def test_a_process_gets_only_the_secrets_that_its_compose_service_lists(
    name: str, components: dict[str, Component]
) -> None:
    spec = components[name].spec()
    listed = set(components[name].service.environment) | set(NATIVE[name].environment)
    own = set(spec.environment) - listed
    assert own <= {
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "TZ",
        "TMPDIR",
        "XDG_CACHE_HOME",
        "JDK_JAVA_OPTIONS",
        "FRAUD_STACK_SERVICE",
    }


@each_service
def test_no_secret_stands_in_a_command_line(name: str, components: dict[str, Component]) -> None:
    variables = components[name].variables
    secrets = {variables[key] for key in variables if key.endswith(("_PASSWORD", "_SECRET", "_KEY"))}
    command = " ".join(components[name].spec().command)
    assert not [secret for secret in secrets if len(secret) > 20 and secret in command]


def test_node_exporter_tells_the_same_in_both_runtimes(components: dict[str, Component]) -> None:
    def told(command: Iterable[str]) -> set[str]:
        wanted = {word.replace("$$", "$") for word in command if word.startswith("--collector.")}
        # a host with containers has mounts of theirs besides
        return {word for word in wanted if "mount-points" not in word}

    container = told(definition.services()["node-exporter"].command)
    assert len(container) > 8
    assert container == told(components["node-exporter"].spec().command)


def test_the_exporter_may_do_the_same_in_redis_in_both_runtimes(
    components: dict[str, Component], tmp_path: Path
) -> None:
    redis = components["redis"]
    write_redis_config(Setting(tmp_path, redis.variables, {}, None))
    (user,) = [line for line in (tmp_path / "redis.conf").read_text().splitlines() if line.startswith("user metrics")]
    rights = user.partition(redis.variables["REDIS_METRICS_PASSWORD"])[2]
    assert rights.split()[0] == "-@all"
    assert f"user metrics on >%s{rights}\\n" in definition.services()["redis"].command[-1]


def test_the_broker_takes_any_cluster_id(
    components: dict[str, Component], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in 64 begins with a dash, which its tool takes for an option."""
    monkeypatch.setattr("uuid.uuid4", lambda: UUID(bytes=b"\xf8" * 16))
    kafka = components["kafka"]
    environment = {**kafka.spec().environment, "KAFKA_LOG_DIRS": str(tmp_path / "logs")}
    format_broker(Setting(tmp_path, kafka.variables, environment, None))
    assert "cluster.id=-Pj4" in (tmp_path / "logs/meta.properties").read_text()


def test_exporters_sign_in_as_users_of_their_own(components: dict[str, Component]) -> None:
    variables = components["redis-exporter"].variables
    redis = components["redis-exporter"].spec().environment
    assert (redis["REDIS_USER"], redis["REDIS_PASSWORD"]) == ("metrics", variables["REDIS_METRICS_PASSWORD"])
    postgres = components["postgres-exporter"].spec().environment
    assert (postgres["DATA_SOURCE_USER"], postgres["DATA_SOURCE_PASS"]) == ("metrics", variables["METRICS_DB_PASSWORD"])


def test_a_description_of_the_process_is_only_readable_by_its_owner(
    components: dict[str, Component], tmp_path: Path
) -> None:
    file = tmp_path / "spec.json"
    spec = components["redis"].spec()
    assert spec.differs_from(file)
    spec.write(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not spec.differs_from(file), "an unchanged process must not be restarted"
