"""``fraud-serving``: the API, the feature writer and the commands around them."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from fraud_serving.settings import Settings

app = typer.Typer(help="Scores payments, keeps their online features and their records.", no_args_is_help=True)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Ends a command that cannot do its work with one sentence instead of a traceback."""
    try:
        yield
    except Exception as error:
        from fraud_serving.failures import explain

        sentence = explain(error)
        if sentence is None:
            raise
        typer.echo(f"fraud-serving: {sentence}", err=True)
        raise typer.Exit(1) from None


def _print(result: Any) -> None:
    print(json.dumps(result, ensure_ascii=False, default=str))


@app.command()
def migrate() -> None:
    """Bring the tables of the database `fraud` up to date."""
    from fraud_serving.decisions.migrate import migrate as run_migrations

    with _one_sentence():
        before, after = run_migrations(Settings())
    _print({"before": before, "after": after})


@app.command()
def api() -> None:
    """Serve POST /predict, /health, /metrics and /docs on the loopback address."""
    from fraud_serving.server import serve

    with _one_sentence():
        serve(Settings())


@app.command("feature-writer")
def feature_writer(
    rebuild: Annotated[bool, typer.Option(help="Read all events again, although Redis seems complete.")] = False,
) -> None:
    """Keep the recent events in Redis complete, from transactions.raw and logins.raw."""
    from fraud_serving.feature_writer import run_feature_writer

    with _one_sentence():
        run_feature_writer(Settings(), rebuild=rebuild)


@app.command("push-features")
def push() -> None:
    """Write the newest profiles of Gold to Redis (the DAG's last task)."""
    from fraud_serving.profiles import push_features

    with _one_sentence():
        _print(push_features(Settings()))


@app.command("redis-features")
def redis_features(
    user: Annotated[str | None, typer.Option(help="Show the profiles of this user.")] = None,
    merchant: Annotated[str | None, typer.Option(help="Show the profiles of this merchant.")] = None,
    category: Annotated[str | None, typer.Option(help="Show the profiles of this merchant category code.")] = None,
) -> None:
    """Show what the online store holds: one user, merchant or category, or counts and a sample."""
    from fraud_serving.profiles import show_features, summarise_features

    with _one_sentence():
        settings = Settings()
        named = {"user": user, "merchant": merchant, "category": category}
        asked = [(entity, name) for entity, name in named.items() if name is not None]
        shown = [show_features(settings, entity, name) for entity, name in asked]
        for result in shown or [summarise_features(settings)]:
            print(json.dumps(result, ensure_ascii=False, indent=2))
    if any(not result["profiles"] for result in shown):
        typer.echo("no profile under that id: `fraud-serving push-features` writes them", err=True)
        raise typer.Exit(1)


@app.command()
def backlog(
    wait: Annotated[
        float, typer.Option(help="Wait up to this many seconds until nothing is left; exit 1 if it is.")
    ] = 0.0,
) -> None:
    """Print how many payments the feature writer has not written yet, as JSON.

    Nothing is left when lag is 0 and caught_up is true: a writer that fills a Redis which lost its memory reads again
    what it had committed.
    """
    from fraud_serving.backlog import is_done, wait_for_backlog

    with _one_sentence():
        result = wait_for_backlog(Settings(), wait)
    _print(result)
    if wait and not is_done(result):
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the console command."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    # One line for every request of the client libraries is noise.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app(prog_name=Path(sys.argv[0]).name)
