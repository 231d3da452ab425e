"""The command ``fraud-producer``."""

import logging
import sys

import typer

from fraud_producer.commands import ledger, live, menu, reading, replay, scenario, setup, simulate
from fraud_producer.errors import ProducerError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Simulate or replay payments, send them to Kafka as Avro, and look into the topics.",
)
for command in (
    setup.init,
    simulate.simulate,
    simulate.stream,
    menu.menu,
    scenario.scenario,
    replay.replay,
    live.traffic,
    live.live,
    reading.newest,
    reading.tail,
    ledger.ledger,
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
