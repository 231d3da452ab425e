from fraud_serving.breaker import BreakerState, CircuitBreaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(failures_to_open=3, pause_seconds=1.0, clock=clock)
    for _ in range(3):
        assert breaker.allow()
        breaker.failed()
    return breaker


def test_it_opens_after_consecutive_failures_only() -> None:
    breaker = CircuitBreaker(failures_to_open=3, clock=Clock())
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_open_it_lets_nothing_through_before_the_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.99
    assert not breaker.allow()
    assert breaker.state is BreakerState.OPEN


def test_after_the_pause_exactly_one_probe_decides() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1.0
    assert breaker.allow()
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allow()
    breaker.failed()
    assert not breaker.allow()
    clock.now += 1.0
    assert breaker.allow()
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_never_reports_is_replaced() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1.0
    assert breaker.allow()
    clock.now += 1.0
    assert breaker.allow()
