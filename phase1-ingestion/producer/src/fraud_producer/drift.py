"""What on the broker or in the registry is not as the contracts say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drift:
    """One setting of a topic or of a subject that differs, and what to do about it."""

    name: str
    setting: str
    wanted: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.setting} is {self.found}, the contracts say {self.wanted}: {self.remedy}"
