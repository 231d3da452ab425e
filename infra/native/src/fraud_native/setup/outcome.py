"""How a step can end."""

from dataclasses import dataclass
from enum import StrEnum


class SetupError(RuntimeError):
    """At least one part could not be installed; the message names it, shows its last lines and says what to do."""


class StepError(RuntimeError):
    """A step failed.

    Args:
        what: one sentence on what went wrong.
        remedy: what the user can do about it; empty: the step's own general advice.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy


class InterruptedStepError(RuntimeError):
    """The set-up was interrupted while the step ran."""


class State(StrEnum):
    """What became of a step."""

    KEPT = "kept"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step.

    Attributes:
        seconds: time it took.
        size: bytes that it left on disk.
        error: why it failed or was skipped.
        remedy: what to do about it.
    """

    step: str
    state: State
    seconds: float = 0.0
    size: int = 0
    error: str = ""
    remedy: str = ""
