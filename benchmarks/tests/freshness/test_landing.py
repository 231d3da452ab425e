"""What is lost, twice or late is found by coordinates, whatever else the commits hold."""

from fraud_benchmarks.freshness.landing import landing

SEEN = {7: 101.0, 8: 103.0}


def test_a_message_has_waited_from_its_acknowledgement_until_its_commit_was_seen() -> None:
    found = landing({(0, 0): 100.25, (1, 0): 102.5}, [(7, (0, 0)), (8, (1, 0))], SEEN)
    assert (found.seconds, found.lost, found.duplicated, found.commits) == ([0.75, 0.5], 0, 0, 2)


def test_a_message_in_no_commit_is_lost() -> None:
    found = landing({(0, 0): 100.0, (0, 1): 100.0}, [(7, (0, 0))], SEEN)
    assert (found.seconds, found.lost, found.duplicated) == ([1.0], 1, 0)


def test_a_message_in_two_commits_is_a_duplicate_and_was_visible_with_the_first() -> None:
    found = landing({(0, 0): 100.0}, [(8, (0, 0)), (7, (0, 0))], SEEN)
    assert (found.seconds, found.lost, found.duplicated) == ([1.0], 0, 1)


def test_a_row_that_nobody_sent_is_a_duplicate() -> None:
    found = landing({(0, 0): 100.0}, [(7, (0, 0)), (7, (0, 1))], SEEN)
    assert (found.lost, found.duplicated) == (0, 1)
