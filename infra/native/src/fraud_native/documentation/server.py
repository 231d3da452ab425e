"""Serves a folder of pages on loopback."""

import functools
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fraud_native.native_env import LOOPBACK
from fraud_native.ports import PortTakenError, holder_of, is_taken


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """A line for every picture would hide the one with the address."""


def check_port(port: int) -> None:
    """Makes sure that nobody else listens there.

    Raises:
        PortTakenError: somebody does.
    """
    if is_taken(port):
        raise PortTakenError(
            f"port {port} (DOCS_PORT), which the documentation needs, is held by {holder_of(port)}: "
            "stop that process or set another DOCS_PORT"
        )


def serve(folder: Path, port: int, say: Callable[[str], None]) -> None:
    """Answers until Ctrl-C.

    Raises:
        KeyboardInterrupt: somebody has seen enough.
    """
    with ThreadingHTTPServer((LOOPBACK, port), functools.partial(_Handler, directory=str(folder))) as server:
        say(f"documentation on http://{LOOPBACK}:{port}, until Ctrl-C")
        server.serve_forever()
