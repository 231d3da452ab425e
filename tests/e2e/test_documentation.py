"""make docs, against the running platform."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served(demo: Any) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of the documentation while `fraud-native docs` runs."""
    command = [str(ROOT / ".venv/bin/fraud-native"), "--stack", "test", "docs"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        address = f"http://127.0.0.1:{demo.stack.env['DOCS_PORT']}"
        deadline = time.monotonic() + 180
        try:
            while not answers(address):
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < deadline, "nothing is served"
                time.sleep(0.2)
            yield address, process
        finally:
            process.kill()


def answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


def test_every_page_that_a_page_leads_to_is_answered(served: tuple[str, Any]) -> None:
    address, _ = served
    index = httpx.get(f"{address}/").text
    pages = set(re.findall(r'href="([^"#]+)"', index))
    assert {"lineage.html", "features.html", "dbt/index.html"} <= pages
    assert [page for page in pages if not httpx.get(f"{address}/{page}").is_success] == []
    assert "user_transactions_count_1m" in httpx.get(f"{address}/features.html").text
    assert "<svg" in httpx.get(f"{address}/lineage.html").text


def test_dbt_tells_what_the_tables_really_hold(served: tuple[str, Any]) -> None:
    address, _ = served
    page = httpx.get(f"{address}/dbt/index.html").text
    # a key of the catalog, which comes from Trino, beside that of the manifest
    for model in ("mart_fraud_features", "mart_decisions", "int_labels_as_of"):
        assert page.count(f'"model.fraud_watch.{model}": {{') >= 2, f"{model} is not in the catalog"


def test_ctrl_c_ends_it_without_a_complaint(served: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = served
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert address in said
    assert "Traceback" not in said
    assert "Trino does not answer" not in said
    assert not answers(address)
