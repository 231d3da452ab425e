from fraud_features import Login, Transaction, login_call, recent_call
from fraud_serving.recent_batches import BULK_SIZE, login_calls, payment_calls

HOUR_US = 3600 * 1_000_000
START_US = 1_760_000_000_000_000


def history(hours: int, user: str = "U1") -> list[Transaction]:
    return [
        Transaction(f"{user}-{hour}", START_US + hour * HOUR_US, user, f"M{hour % 3}", 1_000 + hour)
        for hour in range(hours)
    ]


def test_live_traffic_is_written_whole() -> None:
    batch = history(50)
    assert list(payment_calls(batch)) == [recent_call(transaction, "add") for transaction in batch]


def test_of_a_long_history_only_what_lasts_is_written() -> None:
    batch = history(BULK_SIZE)
    calls = list(payment_calls(batch))
    with_user = [call for call in calls if "user" in call.entities]
    # 24 h and an hour of slack before the newest, the newest itself, and the one that marks what was dropped.
    assert [call.args[1] for call in with_user] == [f"U1-{hour}" for hour in range(BULK_SIZE - 26, BULK_SIZE)]


def test_a_call_for_some_entities_has_their_keys_and_bounds_only() -> None:
    for call in payment_calls(history(BULK_SIZE)):
        whole = recent_call(next(t for t in history(BULK_SIZE) if t.transaction_id == call.args[1]), "add")
        assert len(call.keys) == 2 * len(call.entities)
        assert len(call.args) == 5 + 3 * len(call.entities)
        assert set(call.keys) <= set(whole.keys)
        assert call.args[:5] == whole.args[:5]


def test_of_many_logins_only_what_lasts_is_written() -> None:
    few = [Login(f"l{hour}", START_US + hour * HOUR_US, "U1", "FAILURE") for hour in range(50)]
    assert list(login_calls(few)) == [login_call(login) for login in few]
    many = [Login(f"l{hour}", START_US + hour * HOUR_US, "U1", "FAILURE") for hour in range(BULK_SIZE)]
    assert [call.args[1] for call in login_calls(many)] == [f"l{hour}" for hour in range(BULK_SIZE - 26, BULK_SIZE)]
