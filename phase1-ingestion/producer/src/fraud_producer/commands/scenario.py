"""The command that sends one labelled case of fraud into the running platform."""

from typing import Annotated

import typer

from fraud_contracts import LABELS, RAW_TOPICS, TRANSACTIONS
from fraud_producer.commands.options import Customers, Seed, simulation_config
from fraud_producer.commands.sending import sending
from fraud_producer.errors import SourceError
from fraud_producer.events import iso
from fraud_producer.injected_case import Case, case_ending_at
from fraud_producer.positions import read_positions
from fraud_producer.settings import Settings, load_settings
from fraud_producer.simulator import build_world
from fraud_producer.simulator.injection import MAX_SEED
from fraud_producer.simulator.scenarios import SCENARIOS
from fraud_producer.source import read_source


def scenario(
    name: Annotated[str | None, typer.Argument(help="Which scenario; --list shows them.")] = None,
    user: Annotated[str | None, typer.Option(help="Who is robbed, such as U0042. [default: anybody]")] = None,
    customers: Customers = None,
    seed: Seed = None,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
) -> None:
    """Send one labelled case of fraud into the running platform, ending at the newest payment's event time.

    Its messages are real ones, on every topic that the case touches and in the ledger. A producer that runs meanwhile
    or later goes on as if there had been none: their ids begin with a letter, a hyphen and the scenario's name.
    """
    if list_ or name is None:
        width = max(len(each.name) for each in SCENARIOS)
        for each in SCENARIOS:
            typer.echo(f"{each.name:<{width}}  {(each.play.__doc__ or '').splitlines()[0]}")
        return
    known = [each.name for each in SCENARIOS]
    if name not in known:
        raise typer.BadParameter(f"{name!r} is no scenario: use one of {', '.join(known)}", param_hint="NAME")
    send_case(load_settings().with_flags(customer_pool_size=customers, fraud_producer_seed=seed), name, user)


def send_case(settings: Settings, name: str, user: str | None = None) -> None:
    """Send a case, and say what was sent and when its labels become known.

    Raises:
        SourceError: there are no payments yet, or they are somebody's own or another version's.
    """
    case = _next_case(settings, name, user)
    with sending(settings) as run:
        for event in case.events:
            run.producer.send(event)
    run.producer.require_complete()
    typer.echo(f"{case.name}: {', '.join(case.users)}")
    for topic in RAW_TOPICS:
        for event in case.of(topic.name):
            when = "known at" if topic is LABELS else "at"
            typer.echo(f"  {topic.name:<20} {event.event_id}  {when} {iso(event.event_us)}")
    typer.echo(f"its labels become known at {iso(case.known_us)}; ledger run {run.run_id}")


def _next_case(settings: Settings, name: str, user: str | None) -> Case:
    remembered = read_source(settings.fraud_producer_ledger_dir)
    found = None if remembered is None else remembered.simulation()
    positions = read_positions(settings.kafka_bootstrap_servers, settings.schema_registry_url, TRANSACTIONS.name)
    newest = positions.newest
    if newest is None:
        raise SourceError(
            f"{TRANSACTIONS.name} holds no payments, so there is no moment for a case: "
            "send some first, with `make phase1-up` or `fraud-producer simulate`"
        )
    world = build_world(found or simulation_config(settings, newest), settings.card_hasher())
    try:
        # every message counts, cases too: the next case is another one
        return case_ending_at(world, name, newest, positions.messages % MAX_SEED, user)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--user") from None
