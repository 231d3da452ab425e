"""What can befall a connection to the object store: a proxy that breaks it, and a server that only says 503."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

PROXY = "minio"
START_SECONDS = 10
# what S3 says when it wants to be left alone
SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate'
    b"</Message></Error>"
)


class Toxiproxy:
    """The proxy as a process, with one listener in front of one server."""

    def __init__(self, program: Path, api_port: int, listen: str, upstream: str, log: Path) -> None:
        self._command = [str(program), "-host", "127.0.0.1", "-port", str(api_port)]
        self._listen = listen
        self._upstream = upstream
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._api = httpx.Client(base_url=f"http://127.0.0.1:{api_port}", timeout=10)

    def start(self) -> None:
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._ask("POST", "/proxies", {"name": PROXY, "listen": self._listen, "upstream": self._upstream})
            except httpx.TransportError:
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)

    @contextmanager
    def toxic(self, kind: str, stream: str, **attributes: int) -> Iterator[None]:
        """One of toxiproxy's toxics for a while; ``stream`` is upstream (to the server) or downstream."""
        name = f"{kind}-{stream}"
        wanted = {"name": name, "type": kind, "stream": stream, "attributes": attributes}
        self._ask("POST", f"/proxies/{PROXY}/toxics", wanted)
        try:
            yield
        finally:
            self._ask("DELETE", f"/proxies/{PROXY}/toxics/{name}")

    @contextmanager
    def instead(self, upstream: str) -> Iterator[None]:
        """Another server is behind the proxy for a while; connections to the first one end."""
        self._ask("POST", f"/proxies/{PROXY}", {"upstream": upstream})
        try:
            yield
        finally:
            self._ask("POST", f"/proxies/{PROXY}", {"upstream": self._upstream})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        self._api.request(method, path, json=body).raise_for_status()


class _SlowDown(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(503)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(SLOW_DOWN)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(SLOW_DOWN)
        self.server.answered += 1  # type: ignore[attr-defined]

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815 - named by http.server

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def slow_down_server() -> Iterator[ThreadingHTTPServer]:
    """An S3 that answers every request with 503 SlowDown and counts them in ``answered``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _SlowDown)
    server.answered = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
