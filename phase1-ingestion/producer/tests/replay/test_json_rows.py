"""A file of JSON objects, one per line: nested keys are columns, and a bad line costs itself only."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from fraud_producer.errors import MappingError
from fraud_producer.replay.json_rows import JsonRows
from fraud_producer.replay.row import Row


def rows(path: Path) -> list[Row]:
    return list(JsonRows(path).rows())


def written(tmp_path: Path, content: str, name: str = "a.ndjson") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_nested_objects_are_columns_with_dots(tmp_path: Path) -> None:
    path = written(tmp_path, '{"id": 1, "card": {"bin": {"a": "x"}, "b": null}, "l": [1, {"c": 2}]}\n')
    assert rows(path) == [Row(1, 1, {"id": 1, "card.bin.a": "x", "card.b": None, "l": [1, {"c": 2}]})]


def test_blank_lines_count_as_lines_only(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeff{"a": 1}\r\n\n  \n{"a": 2}')
    assert [(row.number, row.line, row.values) for row in rows(path)] == [(1, 1, {"a": 1}), (2, 4, {"a": 2})]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{'a': 1}", "is no JSON"),
        ("17", "is no JSON object"),
        ('{"a": 1', "is no JSON"),
        ('{"a":' * 30 + "1" + "}" * 30, "is nested deeper"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "is n"),
        ('{"a": "' + "x" * 1_000_001 + '"}', "is longer than 1,000,000"),
        ('{"a": "' + "x" * 3_000_000 + '"}', "is longer than 1,000,000"),
    ],
)
def test_a_bad_line_costs_itself_only(tmp_path: Path, line: str, problem: str) -> None:
    first, bad, last = rows(written(tmp_path, f'{{"a": 1}}\n{line}\n{{"a": 2}}\n'))
    assert (first.values, last.values) == ({"a": 1}, {"a": 2})
    assert (bad.number, bad.line, bad.values) == (2, 2, {})
    assert bad.problem.startswith(problem)


def test_bytes_that_are_no_text_cost_one_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "\xff"}\n{"a": 1}\n')
    assert [row.problem for row in rows(path)] == ["is not text in UTF-8", ""]


@pytest.mark.parametrize("content", ['[\n{"a": 1}\n]\n', "[" + "1," * 1_000_000 + "1]"])
def test_an_array_is_no_file_of_lines(tmp_path: Path, content: str) -> None:
    with pytest.raises(MappingError, match="is a JSON array: write one object per line"):
        rows(written(tmp_path, content))


def test_a_column_may_appear_for_the_first_time_late(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [{"a": number} for number in range(3000)]
    lines[2500]["rare"] = 1
    lines[2600]["rarer"] = 1
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    assert JsonRows(path).columns({"a"}) == ["a"]
    assert JsonRows(path).columns({"a", "rare"}) == ["a", "rare"]
    assert JsonRows(path).columns({"a", "never"}) == ["a", "rare", "rarer"]
