"""Draws the flow charts of our pages: the part of Mermaid that they use, as a picture that needs no script.

``subgraph`` is a column, in the order of the text; ``node["label"]`` a box in it; ``a --> b`` an arrow.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Final

_GAP, _HEIGHT, _LINE, _HEAD, _MARGIN = 44, 26, 44, 40, 8
# what a letter of this size takes, and what a box has besides its letters
_LETTER, _PADDING = 6.6, 18
_COLOURS: Final = ("#e3eefb", "#e5f4e8", "#fdf1dc", "#f3e8fb", "#fbe7e7", "#e8f4f6")


class DrawingError(ValueError):
    """A line of a drawing is none that can be drawn; the message shows it."""


@dataclass(slots=True)
class Chart:
    """Boxes by column, and the arrows between them."""

    columns: list[tuple[str, list[str]]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    arrows: list[tuple[str, str]] = field(default_factory=list)


def parse(text: str) -> Chart:
    """Reads a flow chart.

    Raises:
        DrawingError: a line is neither a column, a box nor an arrow, or an arrow ends at no box.
    """
    chart = Chart()
    for line in map(str.strip, text.splitlines()):
        if not line or line in ("end", "flowchart LR"):
            continue
        if column := re.fullmatch(r'subgraph \w+\["(.+)"\]', line):
            chart.columns.append((column.group(1), []))
        elif (box := re.fullmatch(r'(\w+)\["(.+)"\]', line)) and chart.columns:
            chart.columns[-1][1].append(box.group(1))
            chart.labels[box.group(1)] = box.group(2)
        elif arrow := re.fullmatch(r"(\w+) --> (\w+)", line):
            chart.arrows.append((arrow.group(1), arrow.group(2)))
        else:
            raise DrawingError(f"cannot be drawn: {line}")
    if astray := {end for arrow in chart.arrows for end in arrow} - chart.labels.keys():
        raise DrawingError(f"an arrow ends at a box that is not there: {', '.join(sorted(astray))}")
    return chart


def svg(text: str) -> str:
    """The picture of a flow chart."""
    chart = parse(text)
    tallest = max(len(boxes) for _, boxes in chart.columns)
    places: dict[str, _Place] = {}
    heads: list[tuple[int, str]] = []
    left = _MARGIN
    for number, (title, boxes) in enumerate(chart.columns):
        width = int(max(len(words) for words in (title, *(chart.labels[box] for box in boxes))) * _LETTER) + _PADDING
        heads.append((left, title))
        for row, box in enumerate(boxes):
            # shorter columns stand in the middle
            top = _HEAD + row * _LINE + (tallest - len(boxes)) * _LINE // 2
            places[box] = _Place(number, left, top, width)
        left += width + _GAP
    height = _HEAD + tallest * _LINE
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left} {height}" font-size="12" '
            'font-family="system-ui, sans-serif"><defs>'
            '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#7b8794"/></marker></defs>',
            *(_arrow(places[start], places[end]) for start, end in chart.arrows),
            *(f'<text x="{x}" y="20" font-weight="600">{html.escape(title)}</text>' for x, title in heads),
            *(_box(place, chart.labels[box]) for box, place in places.items()),
            "</svg>",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Place:
    column: int
    left: int
    top: int
    width: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def middle(self) -> int:
        return self.top + _HEIGHT // 2


def _box(place: _Place, label: str) -> str:
    return (
        f'<rect x="{place.left}" y="{place.top}" width="{place.width}" height="{_HEIGHT}" rx="4" '
        f'fill="{_COLOURS[place.column % len(_COLOURS)]}" stroke="#9aa5b1"/>'
        f'<text x="{place.left + _PADDING // 2}" y="{place.top + 17}">{html.escape(label)}</text>'
    )


def _arrow(start: _Place, end: _Place) -> str:
    if start.column == end.column:
        # around the right-hand side
        x1, x2, bend1, bend2 = start.right, end.right, _GAP, _GAP
    elif start.column < end.column:
        x1, x2 = start.right, end.left
        bend1, bend2 = (x2 - x1) // 2, (x1 - x2) // 2
    else:
        x1, x2 = start.left, end.right
        bend1, bend2 = (x2 - x1) // 2, (x1 - x2) // 2
    path = f"M{x1},{start.middle} C{x1 + bend1},{start.middle} {x2 + bend2},{end.middle} {x2},{end.middle}"
    return f'<path d="{path}" fill="none" stroke="#9aa5b1" stroke-width="1.2" marker-end="url(#tip)"/>'
