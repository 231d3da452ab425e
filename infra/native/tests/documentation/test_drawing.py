import xml.etree.ElementTree as ET

import pytest

from fraud_native.documentation.drawing import DrawingError, parse, svg

CHART = """flowchart LR
  subgraph one["Topics"]
    a["raw <events>"]
    b["labels"]
  end
  subgraph two["Tables"]
    c["payments"]
  end
  a --> c
  b --> a
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_columns_boxes_and_arrows_are_read_in_their_order() -> None:
    chart = parse(CHART)
    assert chart.columns == [("Topics", ["a", "b"]), ("Tables", ["c"])]
    assert chart.labels["a"] == "raw <events>"
    assert chart.arrows == [("a", "c"), ("b", "a")]


def test_the_picture_shows_every_box_and_every_arrow() -> None:
    picture = ET.fromstring(svg(CHART))
    assert {text.text for text in picture.iter(f"{SVG}text")} == {
        "Topics",
        "Tables",
        "raw <events>",
        "labels",
        "payments",
    }
    assert len(picture.findall(f"{SVG}rect")) == 3
    assert len(picture.findall(f"{SVG}path")) == 2


def test_no_two_boxes_lie_on_one_another() -> None:
    rectangles = ET.fromstring(svg(CHART)).findall(f"{SVG}rect")
    places = [(box.get("x"), box.get("y")) for box in rectangles]
    assert len(places) == len(set(places))
    width, height = (float(number) for number in ET.fromstring(svg(CHART)).attrib["viewBox"].split()[2:])
    assert all(float(box.attrib["x"]) + float(box.attrib["width"]) <= width for box in rectangles)
    assert all(float(box.attrib["y"]) + float(box.attrib["height"]) <= height for box in rectangles)


@pytest.mark.parametrize("line", ["a -.-> b", "a --> nowhere", 'z["outside"] --> a'])
def test_what_cannot_be_drawn_is_named(line: str) -> None:
    with pytest.raises(DrawingError, match=r"drawn|not there"):
        parse(CHART + f"  {line}\n")
