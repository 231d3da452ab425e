"""The client that Airflow sends its metrics with, bound to the address of whom it sends them to.

The library's own socket is bound to every interface from its first datagram on, though nobody reads from it.
"""

from typing import Any

from statsd import StatsClient


class ConnectedStatsClient(StatsClient):
    """A client whose socket has a peer: it takes datagrams from nobody else, and none when nobody listens."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._sock.connect(self._addr)
