from fraud_benchmarks.bronze.drains import Drained, span


def report(timestamp: str, rows: int, milliseconds: int) -> dict[str, object]:
    return {"timestamp": timestamp, "numInputRows": rows, "batchDuration": milliseconds}


def test_a_drain_lasts_from_the_first_batch_with_rows_to_the_end_of_the_last() -> None:
    progress = [
        report("2026-03-01T12:00:00.000Z", 0, 900),
        report("2026-03-01T12:00:01.250Z", 100, 2000),
        report("2026-03-01T12:00:03.250Z", 50, 1500),
        report("2026-03-01T12:00:09.000Z", 0, 100),
    ]
    assert span(progress) == Drained(seconds=3.5, batches=2)


def test_one_batch_lasts_as_long_as_it_took() -> None:
    assert span([report("2026-03-01T12:00:00.000Z", 7, 400)]) == Drained(seconds=0.4, batches=1)
