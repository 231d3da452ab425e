"""mart_feature_parity on the real Trino and PostgreSQL: which vectors make it red, and for what feature.

The vectors are Gold's own, so that all of them match until a test shifts one; decisions are inserted as the API records
them. The lake that they look at has a table for every model, so dbt's unit tests run on it as well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fraud_features import FEATURE_NAMES, FEATURES, FeatureSettings, feature, schema_hash
from fraud_features.sql_parity import evidence_of

pytestmark = pytest.mark.integration

RUNBOOK = Path(__file__).parents[3] / "docs/runbooks/FeatureParityBroken.md"
MODELS = ("int_decision_vectors", "mart_feature_parity")
INSERT = """
    (transaction_id, user_id, request, event_time, mode, flags, schema_hash, vector, missing, rules_score,
     fraud_probability, fraud_score, risk_tier, verdict, reasons, rule_hits, rules_version, model_version, latency_ms,
     created_at)
    VALUES (%(id)s, 'U0001', '{"merchant_id": "M001", "amount": "1.50"}', %(event_time)s, %(mode)s, %(flags)s, %(hash)s,
     %(vector)s, %(missing)s, 0, 0.1, 10, 'LOW', 'APPROVED', '{}', '{}', '1', '1', 2.5, %(created_at)s)
"""
# what is decided on which day after the start, long after everything but the last payments has arrived
EQUAL, SHIFTED, WITHOUT, OTHERS = 20, 21, 22, 23
HORIZON = 40 * 1440
EQUAL_COUNT = 40
# features that stand for their kind
PROFILED = next(one for one in FEATURES if one.aggregate == "mean" and one.entity == "user")
LABELLED = next(one for one in FEATURES if (one.entity, one.source) == ("merchant", "labels"))
WINDOWED = next(one for one in FEATURES if one.aggregate == "count" and one.entity == "user" and one.kind == "window")
MOVED = next(one for one in FEATURES if (one.source, one.input, one.aggregate) == ("kyc", "contact_changes", "count"))


@dataclass(frozen=True)
class Decided:
    """A decision as the API would record it; ``minute`` is when PostgreSQL took it, ``shift`` is added to its time."""

    transaction_id: str
    minute: float
    vector: Sequence[float] | None
    missing: Sequence[str] = ()
    mode: str = "full"
    flags: Sequence[str] = ()
    hash: str | None = None
    shift: timedelta = field(default=timedelta())


@dataclass(frozen=True)
class Parity:
    """The models of this test's schemas, and what they were computed from."""

    lake: Any
    lakes: ModuleType

    def build(self, *arguments: str, select: Sequence[str] = ("+mart_feature_parity",)) -> None:
        self.lake.dbt("run", *arguments, "--select", *select)

    def decide(self, decisions: Sequence[Decided], payments: Mapping[str, Any]) -> None:
        current = schema_hash(FeatureSettings.from_env(self.lake.env))
        with self.lake.postgres() as connection:
            for one in decisions:
                event = self.lakes.at(payments[one.transaction_id].minute) if one.transaction_id in payments else None
                values = {
                    "id": one.transaction_id,
                    "event_time": (event or self.lakes.START) + one.shift,
                    "mode": one.mode,
                    "flags": list(one.flags),
                    "hash": one.hash or current,
                    "vector": None if one.vector is None else list(one.vector),
                    "missing": list(one.missing),
                    "created_at": self.lakes.at(one.minute),
                }
                connection.execute(f"INSERT INTO {self.lake.prefix}public.decisions {INSERT}", values)

    def vectors(self) -> dict[str, tuple[list[float], list[str]]]:
        """Gold's vector of each payment, and the features that it does not know."""
        rows = self.lake.query(
            f"select transaction_id, missing_features, {', '.join(FEATURE_NAMES)} "
            f"from {self.lake.prefix}gold.mart_fraud_features"
        )
        return {row[0]: ([float(value) for value in row[2:]], list(row[1])) for row in rows}

    def day(self, day: int) -> dict[str, dict[str, Any]]:
        """What the mart says of the decisions of a day after the start, by feature."""
        counts = "decision_count other_definition_count unmatched_count compared_count match_count mismatch_count "
        names = (counts + "missing_count late_count mismatch_example").split()
        rows = self.lake.query(
            f"select feature, {', '.join(names)} from {self.lake.prefix}gold.mart_feature_parity "
            f"where decided_date = date '{self.date(day)}'"
        )
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    def date(self, day: int) -> date:
        return (self.lakes.START + timedelta(days=day)).date()

    def contents(self) -> dict[str, tuple[int, str]]:
        schemas = {"int": "silver", "mart": "gold"}
        return {model: self.lake.content(f"{schemas[model.split('_')[0]]}.{model}") for model in MODELS}


def minute(day: int, number: int) -> float:
    return day * 1440 + number / 10


@pytest.fixture(scope="module")
def parity(stack: Any, lakes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parity]:
    """Three days of payments, built; decisions on them, some with a shifted value, compared in one run."""
    with lakes.lake_of_its_own(stack, tmp_path_factory.mktemp("dbt")) as lake:
        made = Parity(lake, lakes)
        lake.receive([*lakes.FIRST, newest_payment(lakes)], lakes.FIRST_LABELS)
        # all that dbt makes, but for what is compared below
        lake.dbt("build", "--exclude", *MODELS, "--exclude-resource-type", "test", "unit_test")
        made.decide(settled_decisions(made.vectors()), lakes.BY_ID)
        made.build(select=("stg_fraud__decisions", *MODELS))
        yield made


@pytest.fixture(scope="module")
def delayed(stack: Any, lakes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parity]:
    """Three days of payments, built; prompt decisions and late payments, built; later decisions, built."""
    with lakes.lake_of_its_own(stack, tmp_path_factory.mktemp("dbt")) as lake:
        made = Parity(lake, lakes)
        lake.receive([*lakes.FIRST, newest_payment(lakes)], lakes.FIRST_LABELS)
        customer = lakes.BY_ID["T399"].user
        lake.receive_others([lakes.Record("PROMPT1", customer, 10, "OPENED", 0, 9_000, 11)])
        made.build()
        assert made.day(EQUAL) == {}, "no decision, no row"
        made.decide(prompt_decisions(made.vectors()), lakes.BY_ID)
        # a chargeback at T399's merchant, known two days before it and delivered a week after
        lake.receive(late_payments(lakes), [lakes.Verdict("LATE3", "T4", 1000, True, 9_000, lakes.BY_ID["T4"])])
        # and an address that T399's user changed two days before it
        lake.receive_others([lakes.Record("LATE4", customer, 1000, "ADDRESS_CHANGED", 0, 9_001, 10_003)])
        arrival = lakes.timestamp(lakes.at(10_002))
        lake.query(f"update {lake.prefix}bronze.labels set _kafka_timestamp = {arrival} where label_id = 'LATE3'")
        made.build()
        vectors = made.vectors()
        made.decide([*settled_decisions(vectors), *other_decisions(vectors)], lakes.BY_ID)
        made.build(select=MODELS)
        yield made


def newest_payment(lakes: ModuleType) -> Any:
    """Makes Gold reach all decisions below."""
    return lakes.Payment("NEWEST", 50, HORIZON, 100, 0, 90_000, HORIZON + 1)


# payments of three users; each is decided three minutes after it happened, when all before it have arrived
PROMPT = ("T250", "T301", "T350", "T399")


def spare(vectors: Mapping[str, Any]) -> Iterator[str]:
    """Payments that are not decided otherwise."""
    return iter(sorted(vectors.keys() - {*PROMPT, "NEWEST", "T0", "LATE1", "LATE2"}))


def prompt_decisions(vectors: Mapping[str, tuple[list[float], list[str]]]) -> list[Decided]:
    return [Decided(name, int(name[1:]) * 10 + 5, *vectors[name]) for name in PROMPT]


def settled_decisions(vectors: Mapping[str, tuple[list[float], list[str]]]) -> list[Decided]:
    """A decision per feature with this feature shifted, and decisions as they should be."""
    made = []
    names = spare(vectors)
    for number in range(len(FEATURES)):
        name = next(names)
        vector, missing = vectors[name]
        # a part in a million is rounding of float32 for a sum, and never for a count
        shifted = [*vector[:number], vector[number] * (1 + 1e-5) + 0.001, *vector[number + 1 :]]
        unknown = [other for other in missing if other != FEATURE_NAMES[number]]
        made += [Decided(name, minute(SHIFTED, number), shifted, unknown)]
    for number in range(EQUAL_COUNT):
        name = next(names)
        vector, missing = vectors[name]
        nearly = [
            value * (1 + 3e-7) if one.dtype == "float" else value for one, value in zip(FEATURES, vector, strict=True)
        ]
        made += [Decided(name, minute(EQUAL, number), nearly, missing)]
    return made


def other_decisions(vectors: Mapping[str, tuple[list[float], list[str]]]) -> list[Decided]:
    left = islice(spare(vectors), len(FEATURES) + EQUAL_COUNT, None)
    # one whose profile Gold knows
    second = next(name for name in left if PROFILED.name not in vectors[name][1])
    first, third, fourth, fifth = islice(left, 4)
    unknown = [
        one.missing if one.name == PROFILED.name else value
        for one, value in zip(FEATURES, vectors[second][0], strict=True)
    ]
    truncated = [
        value + 1 if one.name == WINDOWED.name else value
        for one, value in zip(FEATURES, vectors[third][0], strict=True)
    ]
    as_gold = Decided(fourth, minute(OTHERS, 1), *vectors[fourth])
    return [
        Decided(first, minute(WITHOUT, 1), None, mode="no_features"),
        Decided(second, minute(WITHOUT, 2), unknown, [PROFILED.name]),
        Decided(third, minute(WITHOUT, 3), truncated, flags=[f"{WINDOWED.entity}_recent_truncated"]),
        replace(as_gold, hash="of another definition"),
        replace(as_gold, transaction_id=fifth, shift=timedelta(microseconds=1)),
        replace(as_gold, transaction_id="NEVER SENT"),
        # after everything that Gold has been told of
        replace(as_gold, transaction_id="T0", minute=HORIZON + 1440),
    ]


def late_payments(lakes: ModuleType) -> list[Any]:
    """Three seconds before T350 and of its user, and of the second day and T399's user; both arrive a week later."""
    t350, t399 = lakes.BY_ID["T350"], lakes.BY_ID["T399"]
    return [
        t350._replace(transaction_id="LATE1", minute=t350.minute - 0.05, offset=91_000, arrived=10_000, merchant=77),
        t399._replace(transaction_id="LATE2", minute=1500, offset=91_001, arrived=10_001, merchant=77),
    ]


def test_what_equals_gold_in_float32_matches_and_every_decision_is_counted(parity: Parity) -> None:
    day = parity.day(EQUAL)
    assert set(day) == set(FEATURE_NAMES)
    for one, counts in day.items():
        assert {counts[name] for name in ("decision_count", "compared_count", "match_count")} == {EQUAL_COUNT}, one


def test_a_shifted_feature_is_red_within_one_run_and_no_other(parity: Parity) -> None:
    day = parity.day(SHIFTED)
    assert {name: counts["mismatch_count"] for name, counts in day.items()} == dict.fromkeys(FEATURE_NAMES, 1)
    assert {counts["match_count"] for counts in day.values()} == {len(FEATURES) - 1}
    assert len({counts["mismatch_example"] for counts in day.values()}) == len(FEATURES)


def test_every_unit_test_of_dbt_passes(parity: Parity) -> None:
    """dbt asks the tables for the types of a unit test's columns: hence a lake, and every table in it."""
    parity.lake.dbt("test", "--select", "test_type:unit")
    found = parity.lake.written("manifest.json")["unit_tests"]
    assert parity.lake.outcomes() == dict.fromkeys(found, "pass")
    assert len(found) > 15


@pytest.mark.slow
def test_what_a_decision_did_not_know_is_missing(delayed: Parity) -> None:
    day = delayed.day(WITHOUT)
    missing = {name: counts["missing_count"] for name, counts in day.items()}
    # one decision knew nothing at all
    assert missing == dict.fromkeys(FEATURE_NAMES, 1) | {PROFILED.name: 2, WINDOWED.name: 2}
    assert {counts["mismatch_count"] for counts in day.values()} == {0}


@pytest.mark.slow
def test_what_arrived_after_a_decision_is_late_and_no_mismatch(delayed: Parity) -> None:
    by_day = [delayed.day(day) for day in (2, 3)]
    late = {name: sum(day[name]["late_count"] for day in by_day) for name in FEATURE_NAMES}
    assert {counts["mismatch_count"] for day in by_day for counts in day.values()} == {0}
    assert {counts["missing_count"] for day in by_day for counts in day.values()} == {0}
    assert late[WINDOWED.name] == 1, "T350 lacks the payment of three seconds before"
    assert late[PROFILED.name] == 1, "T399's profile lacks a payment of the day before"
    assert late[LABELLED.name] == 1, "T399's merchant has a fraud that nobody had told of"
    assert late[MOVED.name] == 1, "nobody had told that T399's user moved"
    explained = {name for name, count in late.items() if count}
    assert explained <= {one.name for one in FEATURES if evidence_of(one)}
    # nobody paid those merchants late
    assert {feature(name).source for name in explained if feature(name).entity == "merchant"} == {"labels"}


@pytest.mark.slow
def test_what_cannot_be_compared_is_counted_apart(delayed: Parity) -> None:
    for counts in delayed.day(OTHERS).values():
        assert counts["decision_count"] == 3
        assert (counts["other_definition_count"], counts["unmatched_count"], counts["compared_count"]) == (1, 2, 0)
    assert {counts["unmatched_count"] for counts in delayed.day(41).values()} == {1}


def test_the_questions_of_the_runbook_show_what_differs(parity: Parity) -> None:
    page = RUNBOOK.read_text(encoding="utf-8")
    questions = re.findall(r"^make sql Q='(.+)'$", page, re.MULTILINE)
    assert len(questions) == 3
    answers = [
        parity.lake.query(re.sub(r"delta\.(gold|silver)\.", rf"{parity.lake.prefix}\1.", question))
        for question in questions
    ]
    listed, (decision,), (gold,) = answers
    assert {row[1] for row in listed} <= set(FEATURE_NAMES)
    assert len(listed) == 20
    assert decision[0] == gold[0]


@pytest.mark.slow
def test_a_run_without_news_and_a_rebuild_give_the_same_content(delayed: Parity) -> None:
    contents = delayed.contents()
    assert all(count > 0 for count, _ in contents.values())
    delayed.build(select=MODELS)
    assert delayed.contents() == contents
    delayed.build("--full-refresh", select=MODELS)
    assert delayed.contents() == contents
