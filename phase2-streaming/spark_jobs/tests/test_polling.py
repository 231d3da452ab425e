"""No answer is better than an old one: whoever is silent has none."""

import threading
import time

from fraud_stream.errors import BrokerError
from fraud_stream.lag_exporter import LAKEHOUSE_REST, lakehouse_pause
from fraud_stream.polling import PATIENCE_SECONDS, Poller, Source


class Script:
    """A source that does what it is told, on a clock that goes when it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.takes = 0.0
        self.answer: str | Exception = "one"

    def __call__(self) -> str:
        self.seconds += self.takes
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def clock(self) -> float:
        return self.seconds


def every_five_seconds(_: float) -> float:
    return 5


def test_a_source_that_fails_has_no_answer_until_it_answers_again() -> None:
    script = Script()
    source = Source("kafka", script, script.clock)
    assert (source.answer(), source.was_asked) == (None, False)
    source.refresh(every_five_seconds)
    assert (source.answer(), source.was_asked) == ("one", True)
    for failure in (BrokerError("Kafka does not answer"), ValueError("not an offset")):
        script.answer = failure
        source.refresh(every_five_seconds)
        assert source.answer() is None
    script.answer = "two"
    source.refresh(every_five_seconds)
    assert source.answer() == "two"


def test_an_answer_expires_when_the_next_one_does_not_come() -> None:
    script = Script()
    source = Source("kafka", script, script.clock)
    source.refresh(every_five_seconds)
    script.seconds += 5 + PATIENCE_SECONDS - 0.1
    assert source.answer() == "one"
    script.seconds += 0.2
    assert source.answer() is None


def test_a_slow_source_is_given_the_time_that_it_usually_takes() -> None:
    script = Script()
    script.takes = 40.0
    source = Source("trino", script, script.clock)
    source.refresh(every_five_seconds)
    script.seconds += 5 + 79
    assert source.answer() == "one"
    script.seconds += 2
    assert source.answer() is None


def test_the_lakehouse_rests_in_proportion_to_what_a_round_took() -> None:
    pause = lakehouse_pause(30)
    assert pause(0.5) == 30
    assert pause(60) == 60 * LAKEHOUSE_REST


def test_a_round_that_failed_slowly_is_not_paid_for_by_a_long_rest() -> None:
    asked: list[float] = []
    paused: list[float] = []
    enough = threading.Event()

    def slow() -> str:
        time.sleep(0.2)
        asked.append(0)
        if len(asked) == 1:
            raise BrokerError("away")
        return "fine"

    def pause(took: float) -> float:
        paused.append(took)
        if len(asked) == 2:
            enough.set()
        return 0.01

    poller = Poller([Source("slow", slow)], pause)
    poller.start()
    try:
        assert enough.wait(10)
    finally:
        poller.stop()
    # each round asks twice how long: for the answer's life and for the rest
    assert paused[1] == 0
    assert paused[2] >= 0.2


def test_a_poller_asks_on_although_a_source_fails() -> None:
    asked: list[str] = []
    enough = threading.Event()

    def broken() -> str:
        asked.append("broken")
        raise BrokerError("away")

    def well() -> str:
        asked.append("well")
        if asked.count("well") == 3:
            enough.set()
        return "fine"

    poller = Poller([Source("broken", broken), Source("well", well)], lambda _: 0.01)
    poller.start()
    try:
        assert enough.wait(10)
    finally:
        poller.stop()
    assert asked[:4] == ["broken", "well", "broken", "well"]
