import os
import socket

import pytest

from fraud_native import definition
from fraud_native.envfile import ensure_env_file
from fraud_native.native_env import native_env
from fraud_native.paths import Stack
from fraud_native.ports import PortTakenError, check_ports, is_taken
from fraud_native.process_spec import Component
from fraud_native.services import NATIVE


def test_a_taken_port_is_named_with_its_variable_its_service_and_its_holder() -> None:
    stack = Stack("test")
    ensure_env_file(stack)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        variables = native_env(stack) | {"API_PORT": str(port)}
        api = Component(definition.services()["api"], NATIVE["api"], stack, variables)
        with pytest.raises(PortTakenError) as caught:
            check_ports([api])
    message = str(caught.value)
    for part in (f"port {port}", "API_PORT", "which api needs", f"process {os.getpid()}"):
        assert part in message
    assert not is_taken(port)
