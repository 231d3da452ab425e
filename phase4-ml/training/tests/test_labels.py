from fraud_training.labels import Label, LabelHistory

HISTORY = LabelHistory.of(
    [
        Label("a", 300, "l3", False),  # corrects the first
        Label("a", 100, "l1", True),
        Label("b", 200, "l2", True),
        Label("c", 200, "l5", False),  # of the same moment as l4: the later id counts
        Label("c", 200, "l4", True),
    ]
)


def known(before: int) -> list[bool]:
    return HISTORY.frauds(["a", "b", "c", "d"], before).tolist()


def test_a_label_counts_only_after_it_became_known() -> None:
    assert known(100) == [False, False, False, False]
    assert known(101) == [True, False, False, False]
    assert known(200) == [True, False, False, False]


def test_the_latest_label_counts() -> None:
    assert known(201) == [True, True, False, False]
    assert known(301) == [False, True, False, False]


def test_the_order_of_reading_does_not_matter() -> None:
    assert LabelHistory.of(reversed(HISTORY.labels)) == HISTORY


def test_no_labels_is_an_answer() -> None:
    empty = LabelHistory.of([])

    assert empty.newest_known_us is None
    assert empty.frauds(["a"], 10).tolist() == [False]
