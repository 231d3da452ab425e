"""Writes the alert rules anew with every duration divided, so that a live test need not wait for real minutes.

    python phase5-analytics/prometheus/hasten_rules.py FACTOR FOLDER

For tests only. They run the very rules that are used: windows, `for`, `offset` and bounds written as `minutes * 60`
become shorter, and nothing else changes.
"""

import re
import sys
from pathlib import Path

RULES = Path(__file__).parent / "rules"
# a rate needs two scrapes, and the test stack scrapes every other second at most
SHORTEST_WINDOW_SECONDS = 10.0
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = r"(?P<number>\d+)(?P<unit>[smhd])"
_WINDOW = re.compile(rf"(?<=\[){_DURATION}(?=\])")
_OTHER = re.compile(rf"(?m)(?<=\boffset ){_DURATION}\b|(?<=for: )(?P<for>\d+)(?P<for_unit>[smhd])$")
_MINUTES = re.compile(r"\b(\d+) \* 60\b")


def hasten(rules: str, factor: float) -> str:
    """The text of a rule file with its durations divided by ``factor``."""

    def window(match: re.Match[str]) -> str:
        return _written(max(SHORTEST_WINDOW_SECONDS, int(match["number"]) * _SECONDS[match["unit"]] / factor))

    def other(match: re.Match[str]) -> str:
        number, unit = match["number"] or match["for"], match["unit"] or match["for_unit"]
        return _written(int(number) * _SECONDS[unit] / factor)

    def minutes(match: re.Match[str]) -> str:
        return f"{int(match[1]) * 60 / factor:g}"

    return _MINUTES.sub(minutes, _OTHER.sub(other, _WINDOW.sub(window, rules)))


def _written(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def write_hastened(factor: float, folder: Path) -> None:
    """Every rule file, hastened, under its own name in ``folder``.

    Raises:
        ValueError: that is where the real ones are.
    """
    if folder.resolve() == RULES.resolve():
        raise ValueError(f"{folder} holds the rules that are used in earnest: hasten them into another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(RULES.glob("*.yml")):
        (folder / file.name).write_text(hasten(file.read_text(encoding="utf-8"), factor), encoding="utf-8")


if __name__ == "__main__":
    write_hastened(float(sys.argv[1]), Path(sys.argv[2]))
