"""Stops services in reverse order and makes sure that nothing is left."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from fraud_native import definition
from fraud_native.definition import Service
from fraud_native.orphans import end_orphans
from fraud_native.paths import Stack
from fraud_native.supervision import Supervisor


def stop_services(supervisor: Supervisor, chosen: Iterable[Service], say: Callable[[str], None]) -> None:
    """Stops running services, dependants first, those that do not depend on each other at the same time.

    Raises:
        SupervisorError: one of them could not be stopped.
    """
    # the order goes through one-shots too, which have ended long ago: a database outlives what needs its schema
    listed = list(chosen)
    states = supervisor.states()
    dependants: dict[str, set[str]] = {service.name: set() for service in listed}
    for name, needs in definition.start_order(listed).items():
        for need in needs:
            dependants[need].add(name)
    order = TopologicalSorter(dependants)
    order.prepare()
    stopping: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max_workers=8) as pool:
        while order.is_active():
            for name in order.get_ready():
                if name in states and states[name].is_running:
                    stopping[pool.submit(supervisor.stop_process, name)] = name
                else:
                    order.done(name)
            # whoever is done lets those go that it needed, whatever else takes its time
            for stopped in wait(stopping, return_when=FIRST_COMPLETED).done:
                name = stopping.pop(stopped)
                stopped.result()
                say(f"  {name:<22} stopped")
                order.done(name)


def bring_down(stack: Stack, supervisor: Supervisor, say: Callable[[str], None]) -> None:
    """Stops every service of a stack and supervisor itself; ends by force what does not go by itself."""
    if supervisor.is_alive():
        stop_services(supervisor, definition.services().values(), say)
        supervisor.shutdown()
    for line in end_orphans(stack):
        say(line)
    (stack.run / "components.json").unlink(missing_ok=True)
    stack.pipeline_hold.unlink(missing_ok=True)
