"""What a benchmark is to the command that runs it."""

from collections.abc import Callable
from dataclasses import dataclass

from fraud_benchmarks.comparing import Say
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.report import Result


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: its id, what it measures, the services it needs and how it is run.

    ``run(stack, pairs, say)`` finds these services running and leaves nothing of its own behind. One that takes long
    and has no ratio is run only when it is asked for by its id.
    """

    id: str
    name: str
    services: tuple[str, ...]
    run: Callable[[PlatformStack, int, Say], Result]
    only_when_named: bool = False
