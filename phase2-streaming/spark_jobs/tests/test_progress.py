import time

from prometheus_client import CollectorRegistry

from fraud_stream.progress import StreamMetrics, add_reasons


def lag(metrics: StreamMetrics, partition: int) -> float | None:
    return metrics.registry.get_sample_value(
        "fraud_stream_lag_messages", {"topic": "payments", "partition": str(partition)}
    )


def test_lag_grows_with_the_broker_while_the_stream_stands_still() -> None:
    metrics = StreamMetrics(CollectorRegistry())
    metrics.set_end_offsets("payments", {0: 10, 1: 0})
    metrics.set_broker_end_offsets("payments", {0: 10, 1: 5})
    assert (lag(metrics, 0), lag(metrics, 1)) == (0, 5)
    metrics.set_broker_end_offsets("payments", {0: 30, 1: 5})
    assert lag(metrics, 0) == 20
    metrics.set_end_offsets("payments", {0: 30})
    assert lag(metrics, 0) == 0


def test_a_partition_that_was_never_read_lags_by_all_it_holds() -> None:
    metrics = StreamMetrics(CollectorRegistry())
    metrics.set_broker_end_offsets("payments", {7: 42})
    assert lag(metrics, 7) == 42


def test_counters_are_there_before_the_first_event() -> None:
    metrics = StreamMetrics(CollectorRegistry())
    metrics.begin(["payments"])
    for name in ("bronze_rows", "quarantine_rows", "dead_letter_failures"):
        assert metrics.registry.get_sample_value(f"fraud_stream_{name}_total", {"topic": "payments"}) == 0


def test_reasons_are_counted_by_topic() -> None:
    metrics = StreamMetrics(CollectorRegistry())
    add_reasons(metrics.dead_letter_reasons, "payments", {"null_value": 2, "amount_positive": 1})
    add_reasons(metrics.dead_letter_reasons, "payments", {"null_value": 3})
    add_reasons(metrics.dead_letter_reasons, "labels", {"null_value": 7})

    def counted(topic: str, reason: str) -> float | None:
        labels = {"topic": topic, "reason": reason}
        return metrics.registry.get_sample_value("fraud_stream_dead_letter_reasons_total", labels)

    assert (counted("payments", "null_value"), counted("payments", "amount_positive")) == (5, 1)
    assert (counted("labels", "null_value"), counted("labels", "amount_positive")) == (7, None)


def test_maintenance_tells_when_it_succeeded_and_when_it_failed() -> None:
    metrics = StreamMetrics(CollectorRegistry())

    def told(outcome: str, table: str) -> float | None:
        name = f"fraud_stream_maintenance_last_{outcome}_timestamp_seconds"
        return metrics.registry.get_sample_value(name, {"table": table})

    began = time.time()
    metrics.note_maintenance("payments", succeeded=True)
    metrics.note_maintenance("labels", succeeded=False)
    assert began <= (told("success", "payments") or 0) <= time.time()
    assert began <= (told("failure", "labels") or 0) <= time.time()
    assert (told("failure", "payments"), told("success", "labels")) == (None, None)
