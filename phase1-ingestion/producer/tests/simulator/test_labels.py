"""Labels arrive late, some are wrong and corrected, some never come."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, build_world, simulate
from fraud_producer.simulator.config import DAY_US, LABEL_HORIZON_DAYS
from fraud_producer.simulator.labels import Label
from fraud_producer.simulator.scenarios import SCENARIOS
from fraud_producer.simulator.shares import DEFAULT_SHARES

START = 20_700 * DAY_US
DAYS = 10


@pytest.fixture(scope="module")
def truth_and_labels() -> tuple[dict[str, bool], list[Label]]:
    config = SimulationConfig(start_us=START, customers=500, transactions_per_day=2500, fraud_rate=0.2)
    world = build_world(config, CardHasher(b"k" * 32))
    truth: dict[str, bool] = {}
    labels: list[Label] = []
    for day in range(20_700, 20_700 + DAYS):
        payments, ids = world.payments_of_day(day)
        truth |= dict(zip(ids, (payments.scenario > 0).tolist(), strict=True))
        labels += world.labels_of_day(day, payments, ids)
    return truth, sorted(labels, key=lambda label: label.known_us)


def by_payment(labels: list[Label]) -> dict[str, list[Label]]:
    grouped: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        grouped[label.transaction_id].append(label)
    return grouped


def test_most_fraud_is_known_after_one_to_seven_days(truth_and_labels: tuple[dict[str, bool], list[Label]]) -> None:
    truth, labels = truth_and_labels
    delays = np.array(
        [
            (label.known_us - label.transaction_us) / DAY_US
            for label in labels
            if truth[label.transaction_id] and label.source != "CORRECTION"
        ]
    )
    assert delays.min() >= 1.0
    assert 0.93 < (delays <= 7.0).mean() < 0.99
    assert 1.5 < np.median(delays) < 5.0


def test_no_label_comes_after_the_horizon(truth_and_labels: tuple[dict[str, bool], list[Label]]) -> None:
    _, labels = truth_and_labels
    assert max(label.known_us - label.transaction_us for label in labels) < LABEL_HORIZON_DAYS * DAY_US


def test_some_fraud_is_never_labelled(truth_and_labels: tuple[dict[str, bool], list[Label]]) -> None:
    truth, labels = truth_and_labels
    labelled = {label.transaction_id for label in labels}
    fraud = [name for name, is_fraud in truth.items() if is_fraud]
    assert 0.02 < np.mean([name not in labelled for name in fraud]) < 0.08


def test_what_becomes_known_and_through_whom_depends_on_the_kind_of_fraud() -> None:
    only = {name: float(name in ("structuring", "card_testing")) for name in DEFAULT_SHARES}
    config = SimulationConfig(
        start_us=START, customers=500, transactions_per_day=2500, fraud_rate=0.2, scenario_shares=only
    )
    world = build_world(config, CardHasher(b"k" * 32))
    never: dict[str, list[bool]] = defaultdict(list)
    analyst: dict[str, list[bool]] = defaultdict(list)
    for day in range(20_700, 20_706):
        payments, ids = world.payments_of_day(day)
        first = {label.transaction_id: label for label in reversed(world.labels_of_day(day, payments, ids))}
        for name, scenario in zip(ids, payments.scenario.tolist(), strict=True):
            if scenario:
                kind = SCENARIOS[scenario - 1].name
                never[kind].append(name not in first)
                if name in first and first[name].is_fraud:
                    analyst[kind].append(first[name].source == "ANALYST")
    assert np.mean(never["structuring"]) > 2 * np.mean(never["card_testing"]) > 0
    assert np.mean(analyst["structuring"]) > 0.8
    assert np.mean(analyst["card_testing"]) < 0.3


def test_a_label_names_the_scenario(truth_and_labels: tuple[dict[str, bool], list[Label]]) -> None:
    truth, labels = truth_and_labels
    named = {label.fraud_type for label in labels if label.is_fraud and truth[label.transaction_id]}
    assert named == set(DEFAULT_SHARES)
    assert {label.fraud_type for label in labels if label.is_fraud and not truth[label.transaction_id]} == {"disputed"}


def test_wrong_labels_are_corrected_later(truth_and_labels: tuple[dict[str, bool], list[Label]]) -> None:
    truth, labels = truth_and_labels
    wrong = 0
    for name, history in by_payment(labels).items():
        assert history[-1].is_fraud == truth[name], "the last word is right"
        if len(history) > 1:
            wrong += 1
            assert [label.source == "CORRECTION" for label in history] == [False, True]
            assert history[0].is_fraud != history[1].is_fraud
    assert wrong > 20
    assert any(not truth[name] for name in by_payment(labels)), "honest payments are disputed too"


def test_honest_payments_are_not_confirmed(truth_and_labels: tuple[dict[str, bool], list[Label]]) -> None:
    truth, labels = truth_and_labels
    honest = {name for name in by_payment(labels) if not truth[name]}
    assert len(honest) < 0.05 * sum(truth.values())


def test_sources_and_types(truth_and_labels: tuple[dict[str, bool], list[Label]]) -> None:
    _, labels = truth_and_labels
    assert set(Counter(label.source for label in labels)) == {"CHARGEBACK", "ANALYST", "CORRECTION"}
    assert all((label.fraud_type is not None) == label.is_fraud for label in labels)


def test_only_labels_known_by_the_end_are_part_of_a_span() -> None:
    config = SimulationConfig(start_us=START, customers=200, transactions_per_day=500, fraud_rate=0.1)
    world = build_world(config, CardHasher(b"k" * 32))
    end = START + 5 * DAY_US + DAY_US // 3
    known = [label for block in simulate(world, START, end) for label in block.labels]
    assert known
    assert all(START <= label.known_us < end for label in known)
