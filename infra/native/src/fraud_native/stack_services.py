"""All services of a stack, filled in."""

from fraud_native import definition
from fraud_native.envfile import ensure_env_file
from fraud_native.native_env import native_env
from fraud_native.paths import Stack
from fraud_native.process_spec import Component
from fraud_native.services import NATIVE


def components_of(stack: Stack) -> dict[str, Component]:
    """Every service of the compose file by name; writes the stack's ``.env`` at first use."""
    ensure_env_file(stack)
    variables = native_env(stack)
    return {name: Component(service, NATIVE[name], stack, variables) for name, service in definition.services().items()}
