"""A file is read in memory that does not grow with it; each format in a process of its own, peak against peak."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

READ = """
import json, re, sys, time
from pathlib import Path
from fraud_producer.pan import CardHasher
from fraud_producer.replay import FileReplay, FileSpan, Mapping

layout = Mapping.model_validate({
    "columns": {"event_time": "t", "user_id": "u", "merchant_id": "m", "amount": "a", "card_number": "c"},
    "time": {"format": "epoch_s"}, "label": {"column": "f", "delay_days": 2},
})
begun = time.perf_counter()
for _ in FileReplay(Path(sys.argv[1]), layout, CardHasher(b"k" * 32)).events(span := FileSpan()):
    pass
seconds = time.perf_counter() - begun
# not the resource usage: that begins with what the parent had when it forked
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({"rows": span.rows, "megabytes": peak, "rows_per_second": span.rows / seconds}))
"""
FEW = 20_000


def generate(folder: Path, name: str, rows: int) -> Path:
    """Payments half a minute apart, one in a hundred fraud."""
    path = folder / name
    if name.endswith(".parquet"):
        number = pl.int_range(rows, eager=True)
        pl.DataFrame(
            {
                "t": 1_600_000_000 + number * 30,
                "u": "u" + (number % 5000).cast(pl.String),
                "m": "m" + (number % 900).cast(pl.String),
                "a": (number % 90_000 + 100) / 100,
                "c": pl.Series(["4000123456789017"]).new_from_index(0, rows),
                "f": (number % 100 == 0).cast(pl.Int8),
            }
        ).write_parquet(path, row_group_size=100_000)
        return path
    opened = gzip.open(path, "wt", compresslevel=1) if name.endswith(".gz") else path.open("w")  # noqa: SIM115
    with opened as file:
        if ".csv" in name:
            file.write("t,u,m,a,c,f\n")
        for number in range(rows):
            moment, amount, fraud = 1_600_000_000 + number * 30, (number % 90_000 + 100) / 100, int(number % 100 == 0)
            user, merchant = f"u{number % 5000}", f"m{number % 900}"
            if ".csv" in name:
                file.write(f"{moment},{user},{merchant},{amount},4000123456789017,{fraud}\n")
            else:
                file.write(
                    f'{{"t": {moment}, "u": "{user}", "m": "{merchant}", "a": {amount}, "c": "4000123456789017", '
                    f'"f": {fraud}}}\n'
                )
    return path


def read(path: Path) -> Any:
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(("name", "megabytes"), [("many.csv.gz", 5), ("many.ndjson", 5), ("many.parquet", 15)])
def test_peak_memory_does_not_grow_with_the_file(tmp_path: Path, name: str, megabytes: int) -> None:
    few, many = (read(generate(tmp_path, name, rows)) for rows in (FEW, 4 * FEW))
    assert many["rows"] == 4 * FEW
    # as lines they would take 6 MB more, as records 60
    assert many["megabytes"] - few["megabytes"] < megabytes, (few, many)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["many.csv.gz", "many.ndjson.gz", "many.parquet"])
def test_two_million_rows_take_no_more_memory_than_a_few(tmp_path: Path, name: str) -> None:
    few, many = (read(generate(tmp_path, name, rows)) for rows in (FEW, 100 * FEW))
    print(f"{name}: {many['rows_per_second']:,.0f} rows/s, {few['megabytes']:.0f} and {many['megabytes']:.0f} MB")
    assert many["rows"] == 100 * FEW
    assert many["megabytes"] - few["megabytes"] < 40, (few, many)
