"""The parts of make alert-demo that need no stack; the whole runs in phase5-analytics/alertmanager/tests."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fraud_native import alert_demo
from fraud_native.alert_demo import AlertDemoError, Monitoring, Story, require_ready, send_bad_messages
from fraud_native.cli import app


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NoAlerts(BaseHTTPRequestHandler):
    """Prometheus' answer while nothing is wrong."""

    body = b'{"status": "success", "data": {"alerts": []}}'

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing to the tests' output."""


class NotReadYet(NoAlerts):
    """Its answer just after the start: no scrape of anything."""

    body = b'{"status": "success", "data": {"result": []}}'


class TestStory:
    def test_tells_each_change_once_with_its_time(self) -> None:
        story = Story()
        looks = ["inactive", "inactive", "pending", "pending", "firing", "firing", "inactive"]
        told = [story.look(state, float(second)) for second, state in enumerate(looks)]
        assert told == [None, None, "pending", None, "firing", None, "resolved"]
        assert story.chapters == {"pending": 2.0, "firing": 4.0, "resolved": 6.0}

    def test_an_alert_that_only_was_pending_is_not_resolved(self) -> None:
        story = Story()
        assert [story.look(state, 0) for state in ("pending", "inactive")] == ["pending", "inactive"]
        assert "resolved" not in story.chapters

    def test_firing_may_be_the_first_that_is_seen(self) -> None:
        story = Story()
        assert [story.look(state, 1) for state in ("firing", "inactive")] == ["firing", "resolved"]


class TestTimes:
    @pytest.mark.parametrize(
        ("chapters", "seconds", "says"),
        [
            ({"pending": 20.0}, 181.0, "does not fire"),
            ({"pending": 20.0, "firing": 50.0}, 661.0, "is not resolved"),
        ],
    )
    def test_an_alert_that_stands_still_is_given_up(
        self, chapters: dict[str, float], seconds: float, says: str
    ) -> None:
        with pytest.raises(AlertDemoError, match=says):
            alert_demo._require_in_time(Story(dict(chapters)), seconds)

    def test_an_alert_that_is_on_its_way_is_waited_for(self) -> None:
        alert_demo._require_in_time(Story(), 179.0)
        alert_demo._require_in_time(Story({"firing": 50.0}), 400.0)


def test_ctrl_c_ends_it_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Story:
        raise KeyboardInterrupt

    monkeypatch.setattr(alert_demo, "show", interrupted)
    done = CliRunner().invoke(app, ["--stack", "test", "alert-demo"])
    assert done.exit_code == 130
    assert done.stderr == "stopped; the messages stay in quarantine, and the alert ends five minutes after them\n"


def test_without_phase_5_it_says_what_to_run() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(AlertDemoError, match="make phase5-up"):
        require_ready(Monitoring(url, url))


def test_what_was_just_started_is_waited_for_until_a_scrape_could_have_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_demo, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(alert_demo, "_READ_WITHIN_SECONDS", 0.1)
    with HTTPServer(("127.0.0.1", 0), NotReadYet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        began = time.monotonic()
        try:
            with pytest.raises(AlertDemoError, match="cannot read kafka"):
                require_ready(Monitoring(url, url))
        finally:
            server.shutdown()
            thread.join()
        assert time.monotonic() - began >= 0.1


def test_a_restart_of_prometheus_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens at first; then somebody does."""
    monkeypatch.setattr(alert_demo, "POLL_SECONDS", 0.05)
    port = closed_port()
    monitoring = Monitoring(f"http://127.0.0.1:{port}", "")
    monitoring.patience_seconds = 20.0
    server: list[HTTPServer] = []

    def answer_later() -> None:
        time.sleep(0.3)
        server.append(HTTPServer(("127.0.0.1", port), NoAlerts))
        server[0].handle_request()

    thread = threading.Thread(target=answer_later)
    thread.start()
    assert monitoring.state() == "inactive"
    thread.join()
    server[0].server_close()


def test_without_a_broker_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(alert_demo, "_SEND_SECONDS", 0.5)
    with pytest.raises(AlertDemoError, match=r"50 of 50 messages: run `make phase5-up`"):
        send_bad_messages(f"127.0.0.1:{closed_port()}", tmp_path)
    assert list(tmp_path.iterdir()) == []
