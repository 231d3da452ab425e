"""Every command of the runbooks about ingestion is run, in the order of its page and by the repository's own Makefile.

They are given to a stream in a namespace of its own, on the test stack; settings that name it are in the environment.
Five things are replaced: the message that a page takes as its example, by one of this stream's quarantine; Bronze's
tables in SQL, by this stream's; `.env`, by a copy of `.env.example`; deleting the test stack, by nothing; and
starting, stopping and restarting the Bronze writer, which here is a process of this test and no service: make is not
asked for these, and `tests/repository/test_front_door.py` holds that it hands them to the launcher.
"""

import json
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fraud_contracts import TRANSACTIONS
from fraud_stream.dispositions import Dispositions
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Layout, Stream

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[4]
RUNBOOKS = ROOT / "docs" / "runbooks"
# a page that begins anew comes last
PAGES = (
    *("LagNotFalling", "BronzeStale", "MessagesRepeated", "MaintenanceFailing", "DiskFillingUp", "SchemaChange"),
    *("QuarantineGrowing", "QuarantineUndecided", "DeadLettersFailing", "ConservationBroken"),
    *("LostMessages", "LostCheckpoint"),
)
# would take away what the pages are tried on; infra/native/tests/test_clean.py runs it
CLEANING = "make clean STACK=test"
WRITER = re.compile(r"make (start|stop|restart) SERVICE=bronze-writer")
# what a table's name stands behind
BRONZE_TABLE = re.compile(r'\bdelta\.bronze\."?')
# what a runbook names and only the reader's own stream has
EXAMPLE = "transactions.raw-3-1704"


def commands(page: str) -> list[str]:
    """The lines of the page's fenced commands."""
    text = (RUNBOOKS / f"{page}.md").read_text(encoding="utf-8")
    return [line for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()]


@dataclass
class Console:
    """A shell in the repository, of somebody who works on this stream."""

    driver: Any
    layout: Layout
    own_message: str
    dotenv: Path

    def run(self, command: str) -> str:
        """Run one command; what it printed."""
        if command == CLEANING:
            return ""
        if found := WRITER.fullmatch(command):
            self.writer(found.group(1))
            return ""
        adapted = (
            BRONZE_TABLE.sub(rf"\g<0>{self.layout.namespace}", command)
            .replace(EXAMPLE, self.own_message)
            .replace(" .env", f" {shlex.quote(str(self.dotenv))}")
        )
        done = subprocess.run(
            ["bash", "-c", adapted],
            cwd=ROOT,
            env={**self.driver.environment, "STACK": "test"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{adapted}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def writer(self, verb: str) -> None:
        if verb != "start":
            assert self.driver.end(signal.SIGTERM) == 0
        if verb != "stop":
            self.driver.start()
            self.driver.wait_ready()


@pytest.fixture(scope="module")
def console(
    driver: Any, feed: Any, layout: Layout, transactions: Stream, stack: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    stack.need("ingestion-init")
    feed.send_good(100, 20)
    places = feed.send(TRANSACTIONS, [b"\x07 not Avro"] * 10)
    driver.start()
    driver.wait_ready()
    done = driver.run("register-tables", "--wait", "60", "--require")
    assert done.returncode == 0, done.stdout + done.stderr
    partition, offset = places[0]
    dotenv = tmp_path_factory.mktemp("env") / ".env"
    dotenv.write_text((ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    yield Console(driver, layout, f"{transactions.topic}-{partition}-{offset}", dotenv)
    with Lakehouse(driver.environment["TRINO_URL"]) as lakehouse:
        lakehouse.query(f"DROP TABLE IF EXISTS {Dispositions(lakehouse, layout, 'test').table}")
    for stream in layout.streams:
        shutil.rmtree(Path(driver.environment["FRAUD_PRODUCER_LEDGER_DIR"]) / stream.topic, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(environment: dict[str, str], platform: dict[str, str]) -> dict[str, str]:
    """The commands of make ask the stack where the ledger is, and where to write decisions down."""
    return {**environment, **{name: platform[name] for name in ("FRAUD_PRODUCER_LEDGER_DIR", "FRAUD_STREAM_AUDIT_LOG")}}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_runbook_works(console: Console, page: str) -> None:
    wanted = commands(page)
    assert len(wanted) >= 3
    said = [console.run(command) for command in wanted]
    if wanted[-1] == "make validate":
        assert "P1 holds" in said[-1]
    assert console.driver.process.poll() is None, "the writer runs when the runbook is done"


@pytest.mark.parametrize("page", PAGES)
def test_no_command_is_hidden_in_a_sentence(page: str) -> None:
    text = re.sub(r"```.*?```", "", (RUNBOOKS / f"{page}.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    before_seen = text.partition("## Seen")[0]
    assert re.findall(r"`((?:make|\.venv/bin|fraud-|df|du|sed|mc|docker) [^`]*)`", before_seen) == []


def test_what_the_runbooks_did_was_done(console: Console) -> None:
    """After the pages: one message was redriven, the others were discarded, and the setting was changed."""
    audit = Path(console.driver.environment["FRAUD_STREAM_AUDIT_LOG"]).read_text(encoding="utf-8")
    # earlier streams are in that file too
    ours = [json.loads(line) for line in audit.splitlines() if console.layout.namespace in line]
    assert {"show", "redriven", "discard", "start-over"} <= {line["action"] for line in ours}
    assert "\nBRONZE_VACUUM_RETENTION=7\n" in console.dotenv.read_text(encoding="utf-8")
