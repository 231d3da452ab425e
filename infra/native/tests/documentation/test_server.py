import socket

import pytest

from fraud_native.documentation.server import check_port
from fraud_native.ports import PortTakenError


def test_a_taken_port_is_named_with_the_variable_that_moves_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port: int = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"{port} \(DOCS_PORT\).*set another DOCS_PORT"):
            check_port(port)
    check_port(port)
