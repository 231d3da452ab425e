"""Draws the flow charts of our pages: the part of Mermaid that they use, as a picture that needs no script.

``subgraph`` is a column, in the order of the text; ``node["label"]`` a box in it; ``a --> b`` an arrow.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Final

_WIDTH, _GAP, _HEIGHT, _LINE, _HEAD = 200, 64, 26, 44, 40
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
    places = {
        box: (
            column * (_WIDTH + _GAP) + 8,
            # shorter columns stand in the middle
            _HEAD + row * _LINE + (tallest - len(boxes)) * _LINE // 2,
        )
        for column, (_, boxes) in enumerate(chart.columns)
        for row, box in enumerate(boxes)
    }
    width = len(chart.columns) * (_WIDTH + _GAP)
    height = _HEAD + tallest * _LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-size="12" '
        'font-family="system-ui, sans-serif"><defs>'
        '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#7b8794"/></marker></defs>'
    ]
    parts += [_arrow(places[start], places[end]) for start, end in chart.arrows]
    for number, (title, boxes) in enumerate(chart.columns):
        left = number * (_WIDTH + _GAP) + 8
        parts.append(f'<text x="{left}" y="20" font-weight="600">{html.escape(title)}</text>')
        parts += [_box(*places[box], chart.labels[box], _COLOURS[number % len(_COLOURS)]) for box in boxes]
    return "".join([*parts, "</svg>"])


def _box(x: int, y: int, label: str, colour: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" fill="{colour}" stroke="#9aa5b1"/>'
        f'<text x="{x + 8}" y="{y + 17}">{html.escape(label)}</text>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    middle = _HEIGHT // 2
    x1, y1, y2 = start[0] + _WIDTH, start[1] + middle, end[1] + middle
    if end[0] > start[0]:
        x2, bend = end[0], max(_GAP // 2, (end[0] - x1) // 2)
        path = f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
    else:
        # within a column, or back: around the right-hand side
        x2 = end[0] + _WIDTH
        path = f"M{x1},{y1} C{x1 + _GAP},{y1} {x2 + _GAP},{y2} {x2},{y2}"
    return f'<path d="{path}" fill="none" stroke="#9aa5b1" stroke-width="1.2" marker-end="url(#tip)"/>'
