"""What one step of the set-up is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from fraud_native.paths import cache
from fraud_native.setup.processes import Processes
from fraud_native.setup.stamps import Stamp, key_of


class Lane(StrEnum):
    """Steps of one lane run one after another, lanes run side by side.

    Maven's local repository and Go's build take one run at a time; a download and a build get on well on two cores.
    """

    DEBIAN = "debian"
    MAVEN = "maven"
    GO = "go"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Work:
    """What a step's action is given.

    Attributes:
        versions: the variables of ``.env.example``.
        log: where the programs it starts write.
    """

    versions: Mapping[str, str]
    processes: Processes
    log: Path


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to install.

    Attributes:
        name: unique, also the name of its log.
        version: what is shown and becomes part of the stamp.
        services: services of the compose file that need it.
        outputs: what must exist afterwards; the first is what takes the space.
        action: installs it.
        remedy: what to do when it fails.
        inputs: files whose content decides whether it has to be done again.
        facts: further values that decide the same.
        needs: earlier steps of the same lane without which it makes no sense.
        stamp_file: where its stamp is, unless in the cache.
        for_tests: whether the project's own tests need it and no service does.
        for_chaos: whether only the tests of faults need it.
    """

    name: str
    version: str
    lane: Lane
    services: frozenset[str]
    outputs: tuple[Path, ...]
    action: Callable[[Work], None]
    remedy: str
    inputs: tuple[Path, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    stamp_file: Path | None = None
    for_tests: bool = False
    for_chaos: bool = False

    @property
    def key(self) -> str:
        return key_of({"name": self.name, "version": self.version, **self.facts}, self.inputs)

    @property
    def stamp(self) -> Stamp:
        # several versions may lie side by side in the cache, each with its own stamp
        return Stamp(self.stamp_file or cache() / "stamps" / f"{self.name}-{self.version}")

    def is_done(self) -> bool:
        """Whether it was done before, from the same inputs."""
        return self.stamp.matches(self.key, self.outputs)
