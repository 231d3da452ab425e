from fraud_benchmarks.bronze.backlog import payments
from fraud_producer.events import cents_of


def test_as_many_payments_as_asked_for_each_with_an_id_of_its_own_in_order_of_time() -> None:
    made = list(payments(3000, 3))
    assert len({record["transaction_id"] for record in made}) == len(made) == 3000
    times = [record["event_time"] for record in made]
    assert times == sorted(times)


def test_the_bad_ones_are_spread_evenly_and_no_other_is_negative() -> None:
    negative = [number for number, record in enumerate(payments(3000, 3)) if cents_of(record["amount"]) < 0]
    assert negative == [999, 1999, 2999]


def test_every_run_has_the_same_backlog() -> None:
    assert list(payments(50, 1)) == list(payments(50, 1))
