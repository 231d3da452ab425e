"""The command ``fraud-producer``."""

import logging
import sys

import typer

from fraud_producer.commands import history, live, reading, setup
from fraud_producer.errors import ProducerError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Simulate or replay payments, send them to Kafka as Avro, and look into the topics.",
)
for command in (
    setup.init,
    history.simulate,
    history.replay,
    live.stream,
    live.traffic,
    live.live,
    reading.newest,
    reading.tail,
    setup.topics,
    setup.schemas,
    setup.merchants,
):
    app.command()(command)


def main() -> None:
    """Run a command; what it cannot do ends as one sentence on standard error and exit code 1."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        app()
    except ProducerError as problem:
        print(f"fraud-producer: {problem}", file=sys.stderr)
        sys.exit(1)
