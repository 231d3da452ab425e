"""The one Spark session of the Bronze writer."""

import logging
import os
import shutil
import subprocess
from typing import Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from fraud_stream.errors import SessionError
from fraud_stream.settings import WriterSettings

log = logging.getLogger(__name__)

JVM_EXIT_SECONDS: Final = 15.0
# A corrupt length inside an Avro body would otherwise make the decoder reserve up to 2 GiB for one string, and an
# OutOfMemoryError is not one of the errors that PERMISSIVE turns into a null: one message would kill every restart.
MAX_AVRO_FIELD_BYTES: Final = 4 * 1024 * 1024
AVRO_LIMITS: Final = tuple(
    f"-Dorg.apache.avro.limits.{kind}.maxLength={MAX_AVRO_FIELD_BYTES}"
    for kind in ("bytes", "string", "collectionItems")
)
CHECKPOINT_FILES: Final = "org.apache.spark.internal.io.cloud.AbortableStreamBasedCheckpointFileManager"


def spark_config(settings: WriterSettings) -> dict[str, str]:
    """Every Spark property of the driver; holds no secret, because Spark puts it on a command line."""
    return {
        "spark.app.name": f"{settings.namespace}bronze-writer",
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.driver_memory,
        "spark.driver.extraClassPath": f"{settings.spark_jars_dir.resolve()}/*",
        "spark.driver.extraJavaOptions": " ".join(
            (
                f'"-Djava.io.tmpdir={settings.scratch}"',
                "-XX:+ExitOnOutOfMemoryError",
                # Every query brings generated code of its own. A JVM that is told to compile little reserves too little
                # for six of them, and one whose cache is full stops compiling: a batch then takes a minute.
                "-XX:ReservedCodeCacheSize=240m",
                "-Duser.timezone=UTC",
                "-Djava.net.preferIPv4Stack=true",
                *AVRO_LIMITS,
            )
        ),
        "spark.local.dir": str(settings.scratch),
        # Fixed ports, and no search for a free one: a second driver on this machine must fail, not move over.
        "spark.driver.host": settings.bind_host if settings.bind_host != "0.0.0.0" else "127.0.0.1",  # noqa: S104
        "spark.driver.bindAddress": settings.bind_host,
        "spark.driver.port": str(settings.driver_port),
        "spark.driver.blockManager.port": str(settings.block_manager_port),
        "spark.port.maxRetries": "0",
        "spark.ui.port": str(settings.ui_port),
        "spark.ui.showConsoleProgress": "false",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
        "spark.ui.retainedTasks": "2000",
        "spark.sql.ui.retainedExecutions": "50",
        "spark.sql.streaming.ui.retainedQueries": "10",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        # streaming does not take it, and batches of this size gain nothing from a plan that is made twice
        "spark.sql.adaptive.enabled": "false",
        # what is set aside is cached for seconds only: nothing that has to be small
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
        "spark.databricks.delta.snapshotPartitions": "2",
        # what vacuum lists a table with: by default ten thousand tasks, most of them for nothing
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        # a version that a model names can be read however old it is: vacuum leaves it its files
        "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false",
        # vacuum commits nothing that a query's commit could conflict with; on S3 that is so anyway
        "spark.databricks.delta.vacuum.logging.enabled": "false",
        # what `compact` counts as small, and makes of it
        "spark.databricks.delta.optimize.minFileSize": str(32 * 1024 * 1024),
        "spark.databricks.delta.optimize.maxFileSize": str(128 * 1024 * 1024),
        "spark.sql.streaming.checkpointFileManagerClass": CHECKPOINT_FILES,
        "spark.sql.streaming.minBatchesToRetain": "20",
        "spark.sql.streaming.numRecentProgressUpdates": "20",
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        # Second line of defence: the key is never a literal of a plan (see quarantine.py).
        "spark.sql.redaction.string.regex": "(?i)[0-9a-f]{64}",
        "spark.hadoop.fs.s3a.endpoint": settings.s3_endpoint_url,
        "spark.hadoop.fs.s3a.endpoint.region": settings.s3_region,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(settings.s3_endpoint_url.startswith("https")).lower(),
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
        ),
        "spark.hadoop.fs.s3a.attempts.maximum": "5",
        "spark.hadoop.fs.s3a.connection.timeout": "20s",
    }


def start_session(settings: WriterSettings) -> SparkSession:
    """Start the JVM and the session; S3 credentials reach it through its environment.

    The caller holds the lease: what a killed driver left behind is removed here.

    Raises:
        SessionError: Spark did not start, for example because something holds one of its ports.
    """
    shutil.rmtree(settings.scratch, ignore_errors=True)
    settings.scratch.mkdir(parents=True)
    os.environ["AWS_ACCESS_KEY_ID"] = settings.s3_access_key
    os.environ["AWS_SECRET_ACCESS_KEY"] = settings.s3_secret_key.get_secret_value()
    os.environ.pop("AWS_SESSION_TOKEN", None)
    # The user interface listens where this says, not where spark.driver.bindAddress does.
    os.environ["SPARK_LOCAL_IP"] = settings.bind_host
    builder = SparkSession.builder
    for name, value in spark_config(settings).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (Py4JError, PySparkRuntimeError) as error:
        cause = getattr(error, "java_exception", None) or str(error).strip().partition("\n")[0]
        raise SessionError(f"Spark did not start: {cause}") from error
    session.sparkContext.setLogLevel("WARN")
    return session


def jvm_pid(session: SparkSession) -> int:
    """Process id of the session's JVM."""
    return int(session._jvm.ProcessHandle.current().pid())  # type: ignore[union-attr]


def end_session(session: SparkSession) -> None:
    """Stop the session and wait for its JVM, so that nothing of it is printed after what the caller has to say."""
    gateway = session.sparkContext._gateway
    try:
        session.stop()
    except (Py4JError, ConnectionError) as gone:
        log.warning("the Spark session was gone already: %s", gone)
    # pyspark keeps the process there for its callers; the JVM ends when its standard input does
    process: subprocess.Popen[bytes] = gateway.proc  # type: ignore[union-attr]
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(JVM_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("the Spark JVM did not end within %g s", JVM_EXIT_SECONDS)
        process.kill()
