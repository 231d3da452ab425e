import pytest

from fraud_native import definition
from fraud_native.envfile import parse_env
from fraud_native.paths import ENV_EXAMPLE, INFRA
from fraud_native.setup.maven import artifact_name, jars_to_drop
from fraud_native.setup.plan import all_steps, needed_for
from fraud_native.setup.step import Step


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return all_steps(parse_env(ENV_EXAMPLE.read_text()))


def names_for(steps: list[Step], *phases: int) -> set[str]:
    services = definition.with_dependencies(definition.of_phases(phases))
    return {step.name for step in needed_for(steps, services)}


def test_phase_1_needs_the_broker_the_registry_and_the_database_only(steps: list[Step]) -> None:
    assert names_for(steps, 1) == {"java-17", "java-25", "maven", "kafka", "jmx-exporter", "apicurio", "postgresql"}


def test_phase_2_adds_the_object_store_and_spark(steps: list[Step]) -> None:
    assert names_for(steps, 2) >= {"go", "minio", "mc", "spark-jars", "kafka"}
    assert not names_for(steps, 2) & {"trino", "metastore", "airflow"}


def test_phase_3_adds_trino_the_metastore_and_airflow(steps: list[Step]) -> None:
    assert names_for(steps, 3) >= {"trino", "metastore", "metastore-extra", "airflow", "minio"}


def test_all_phases_together_need_every_step(steps: list[Step]) -> None:
    assert names_for(steps, 1, 2, 3, 4, 5) == {step.name for step in steps if not (step.for_tests or step.for_chaos)}


def test_the_tests_need_a_browser_and_a_breaking_proxy_that_no_phase_installs(steps: list[Step]) -> None:
    everything = {step.name for step in steps}
    services = list(definition.services())
    assert {step.name for step in needed_for(steps, services, tests=True, chaos=True)} == everything
    assert {step.name for step in needed_for(steps, services, tests=True)} == everything - {"toxiproxy"}
    assert {step.name for step in needed_for(steps, services, chaos=True)} == everything - {"chromium"}


def test_the_breaking_proxy_needs_no_more_than_go(steps: list[Step]) -> None:
    assert {step.name for step in needed_for(steps, [], chaos=True)} == {"go", "toxiproxy"}


def test_phase_5_adds_what_watches(steps: list[Step]) -> None:
    watching = {"prometheus", "alertmanager", "node-exporter", "redis-exporter", "postgres-exporter"}
    assert names_for(steps, 5) - names_for(steps, 1, 2, 4) >= {*watching, "statsd_exporter", "superset"}
    assert not names_for(steps, 1, 2, 3, 4) & watching


def test_every_step_serves_services_that_exist_or_another_step(steps: list[Step]) -> None:
    needed = {name for step in steps for name in step.needs}
    for step in steps:
        assert step.services <= set(definition.services())
        assert step.services or step.name in needed or step.for_tests or step.for_chaos


def test_a_step_needs_only_earlier_steps_of_its_own_lane(steps: list[Step]) -> None:
    earlier: dict[str, Step] = {}
    for step in steps:
        assert all(earlier[name].lane is step.lane for name in step.needs)
        earlier[step.name] = step
    assert len(earlier) == len(steps)


def test_no_two_steps_share_a_stamp_or_a_place(steps: list[Step]) -> None:
    stamps = [step.stamp.file for step in steps]
    places = [step.outputs[0] for step in steps if step.outputs]
    assert len(set(stamps)) == len(stamps)
    assert len(set(places)) == len(places)


def test_a_new_version_makes_a_new_key(steps: list[Step]) -> None:
    versions = parse_env(ENV_EXAMPLE.read_text())
    other = all_steps({**versions, "TRINO_VERSION": "477", "AWS_SDK_VERSION": "2.30.0"})
    changed = {ours.name for ours, theirs in zip(steps, other, strict=True) if ours.key != theirs.key}
    assert changed == {"trino", "spark-jars", "metastore-extra"}


def test_every_version_that_a_pom_asks_for_is_in_the_env_example() -> None:
    versions = parse_env(ENV_EXAMPLE.read_text())
    for pom in INFRA.glob("*/pom.xml"):
        text = pom.read_text()
        asked = {part.partition("}")[0] for part in text.split("${")[1:]}
        assert asked, f"{pom} pins its own versions"
        assert asked <= {name for name in versions if name.endswith("_VERSION")}


def test_no_two_artifacts_of_different_versions_reach_sparks_class_path() -> None:
    ours = ["netty-handler-4.1.115.Final.jar", "annotations-2.29.52.jar", "kafka-clients-3.9.2.jar", "s3-2.29.52.jar"]
    shipped = ["netty-handler-4.1.118.Final.jar", "netty-handler-proxy-4.1.118.Final.jar", "annotations-17.0.0.jar"]
    assert jars_to_drop(ours, shipped, "2.29.52") == ["netty-handler-4.1.115.Final.jar"]


@pytest.mark.parametrize(
    ("jar", "artifact"),
    [
        ("kafka_2.13-4.3.1.jar", "kafka_2.13"),
        ("jackson-core-2.18.2.jar", "jackson-core"),
        ("jackson-core-asl-1.9.13.jar", "jackson-core-asl"),
        ("wildfly-openssl-1.1.3.Final.jar", "wildfly-openssl"),
    ],
)
def test_artifact_name_ends_where_the_version_begins(jar: str, artifact: str) -> None:
    assert artifact_name(jar) == artifact
