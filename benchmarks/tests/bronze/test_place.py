from dataclasses import replace

from fraud_benchmarks.bronze.place import RunLayout
from fraud_contracts import TRANSACTIONS


def test_runs_share_the_topic_and_nothing_that_is_written() -> None:
    topic = replace(TRANSACTIONS, name="bench_1.raw")
    one, two = (RunLayout("bucket", f"bench_1_{number}_", topic) for number in (1, 2))
    assert one.stream.topic == two.stream.topic == "bench_1.raw"
    assert (one.stream.dead_letter_topic, one.stream.subject) == ("bench_1.dlq", "bench_1.raw-value")
    places = [
        (run.stream.table_path, run.stream.checkpoint_path, run.quarantine_path, run.lease_key) for run in (one, two)
    ]
    assert not set(places[0]) & set(places[1])


def test_a_run_is_judged_by_the_contract_of_payments() -> None:
    layout = RunLayout("bucket", "bench_1_1_", replace(TRANSACTIONS, name="bench_1.raw"))
    assert [stream.contract for stream in layout.streams] == [TRANSACTIONS]
