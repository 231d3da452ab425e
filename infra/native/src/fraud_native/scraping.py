"""What Prometheus says of the places that it asks for metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """One place; ``error`` says why it is not up, and is empty when it is."""

    job: str
    error: str


def targets(prometheus_url: str) -> list[Target]:
    """Every target of a running Prometheus, by job.

    Raises:
        httpx.HTTPError: it does not answer.
    """
    import httpx  # noqa: PLC0415 - only when Prometheus runs

    answer = httpx.get(f"{prometheus_url}/api/v1/targets", params={"state": "active"}, timeout=_TIMEOUT_SECONDS)
    found = answer.raise_for_status().json()["data"]["activeTargets"]
    return sorted((Target(one["labels"]["job"], _error(one)) for one in found), key=lambda target: target.job)


def _error(target: dict[str, str]) -> str:
    if target["health"] == "up":
        return ""
    # Get "http://...": what happened, of which only the end is news
    return target["lastError"].rpartition('": ')[2] or "not asked yet"


def print_targets(found: Sequence[Target], console: Console) -> None:
    """Prints how many are up, and a line for each one that is not."""
    down = [target for target in found if target.error]
    console.print(f"\n{len(found) - len(down)} of {len(found)} Prometheus targets are up", highlight=False)
    for target in down:
        console.print(f"  {target.job:<22} down: {target.error}", style="red", highlight=False, markup=False)
