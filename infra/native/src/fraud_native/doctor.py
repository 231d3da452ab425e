"""Looks for what would keep the stack from starting, before it is started."""

from collections.abc import Iterator

from fraud_native.launcher import Launcher
from fraud_native.ports import PortTakenError, check_ports


def findings(launcher: Launcher) -> Iterator[str]:
    """A sentence for each missing tool, taken port and unsafe file; none when all is well."""
    states = launcher.supervisor.states()
    stopped = [
        component for name, component in launcher.services.items() if name not in states or not states[name].is_running
    ]
    needed = [one for one in launcher.services.values() if not one.native.optional]
    yield from dict.fromkeys(sentence for one in needed for sentence in one.missing_tools())
    try:
        check_ports(stopped)
    except PortTakenError as error:
        yield from str(error).splitlines()
    if (mode := launcher.stack.env_file.stat().st_mode & 0o077) != 0:
        yield f"{launcher.stack.env_file} holds secrets and is open to others (mode …{mode:o}): chmod 600 it"
