"""Says plainly which port is taken, by whom, and which variable moves it."""

import socket
from collections.abc import Iterable

import psutil

from fraud_native.native_env import LOOPBACK
from fraud_native.process_spec import Component


class PortTakenError(RuntimeError):
    """Ports that services need are in use; one sentence for each."""


def check_ports(components: Iterable[Component]) -> None:
    """Makes sure that nobody holds a port that one of these services is going to open.

    Raises:
        PortTakenError: at least one is taken.
    """
    sentences = [
        f"port {port} ({variable} in {component.stack.env_file}), which {component.name} needs, is held by "
        f"{holder_of(port)}: stop that process or set another {variable}"
        for component in components
        for variable, port in component.port_numbers().items()
        if is_taken(port)
    ]
    if sentences:
        raise PortTakenError("\n".join(sentences))


def foreign_holders(component: Component, pid: int) -> list[str]:
    """Sentences about ports of a service that a process of somebody else listens on; ``pid`` is the service's."""
    ours = {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
    variables = {port: variable for variable, port in component.port_numbers().items()}
    return [
        f"port {connection.laddr[1]} ({variables[connection.laddr[1]]}) is held by {holder_of(connection.laddr[1])}"
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr[1] in variables
        and connection.pid
        and connection.pid not in ours
    ]


def is_taken(port: int) -> bool:
    """Whether something listens on a port of the loopback address, or on all addresses."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def holder_of(port: int) -> str:
    """Name and id of the process that listens on a port, as far as we may see it."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
            try:
                return f"process {connection.pid} ({' '.join(psutil.Process(connection.pid).cmdline())[:80]})"
            except psutil.Error:
                return f"process {connection.pid}"
    return "a process of another user"
