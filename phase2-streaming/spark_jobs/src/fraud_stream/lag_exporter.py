"""The lag and freshness exporter: how far behind every reader of Kafka is, and how fresh and whole the lakehouse.

Neither Spark nor a JVM: it must tell of a Bronze writer that is stuck or dead, so it shares nothing with it but the
checkpoint. Kafka, the object store and Trino may be away, at its start too; it then says so and leaves their figures
out.
"""

import logging
import signal
import threading
from collections.abc import Callable

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Gauge,
    start_http_server,
)

from fraud_stream import object_store
from fraud_stream.broker import Broker
from fraud_stream.errors import SettingsError
from fraud_stream.lag_collector import LagCollector
from fraud_stream.lakehouse_figures import LakehouseFigures, LakehouseReader
from fraud_stream.polling import Poller, Source
from fraud_stream.positions import BrokerReader, BrokerState, Checkpoints, StreamPosition
from fraud_stream.settings import LagExporterSettings
from fraud_stream.streams import Layout

log = logging.getLogger(__name__)

# Between two rounds of questions to Trino lie at least so many times what a round takes, however large the lakehouse
# grows: it belongs to those who build Gold.
LAKEHOUSE_REST = 4
FIRST_POSITIONS_SECONDS = 10.0
SECONDS_PER_DAY = 86_400


def run(settings: LagExporterSettings) -> None:
    """Publish until SIGTERM or SIGINT.

    Raises:
        SettingsError: the address to publish at cannot be had.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    checkpoints, broker, lakehouse = sources(settings)
    pollers = [
        # one after the other, the checkpoint first: what arrives in between is lag, and nothing is less than none
        Poller([checkpoints, broker], lambda _: settings.poll_seconds),
        Poller([lakehouse], lakehouse_pause(settings.lakehouse_poll_seconds)),
    ]
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    registry.register(LagCollector(checkpoints, broker, lakehouse))
    maturity = Gauge(
        "fraud_label_maturity_seconds",
        "Seconds after which the labels of a payment are taken as complete: FRAUD_FEATURES_LABEL_MATURITY_DAYS",
        registry=registry,
    )
    maturity.set(settings.label_maturity_days * SECONDS_PER_DAY)
    try:
        server, _ = start_http_server(settings.port, settings.bind_host, registry)
    except OSError as error:
        raise SettingsError(
            f"LAG_EXPORTER_PORT: cannot listen on {settings.bind_host}:{settings.port} ({error.strerror}); "
            "end what holds it, or choose another port in .env"
        ) from error
    for poller in pollers:
        poller.start()
    log.info("lag exporter is ready on http://%s:%d/metrics", settings.bind_host, settings.port)
    stop.wait()
    for poller in pollers:
        poller.stop()
    server.shutdown()
    log.info("stopped")


def sources(
    settings: LagExporterSettings,
) -> tuple[Source[dict[str, StreamPosition]], Source[BrokerState], Source[LakehouseFigures]]:
    """The checkpoints, the broker and the lakehouse as sources of figures."""
    layout = Layout(settings.s3_bucket, settings.namespace)
    positions = Checkpoints(object_store.connect(settings), layout)
    watch = BrokerReader(Broker(settings.kafka_bootstrap_servers), layout, settings.groups)
    reader = LakehouseReader(settings.trino_url, layout)
    checkpoints = Source("checkpoint", positions.read)

    def lakehouse() -> LakehouseFigures:
        # or the first round, at the start, could not tell whether all is whole
        checkpoints.wait(FIRST_POSITIONS_SECONDS)
        return reader.read(checkpoints.answer())

    return (
        checkpoints,
        Source("kafka", lambda: watch.read(checkpoints.answer())),
        Source("trino", lakehouse),
    )


def lakehouse_pause(poll_seconds: float) -> Callable[[float], float]:
    """From the seconds that a round took, those until the next."""
    return lambda took: max(poll_seconds, LAKEHOUSE_REST * took)
