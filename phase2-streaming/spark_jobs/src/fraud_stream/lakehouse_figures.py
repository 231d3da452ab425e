"""What the lakehouse holds, how new it is, and whether it is whole: asked of Trino, in a few cheap statements.

What they cost: row counts and newest events come from Delta's log and the newest partition. The promise P1 and what
Gold lacks read two integer columns of all payments, and the ids of Gold's while it lacks any. On two cores that is a
second per few million payments; whoever asks must therefore rest in proportion to what the last round took.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fraud_contracts import BRONZE, CATALOG, GOLD, SILVER, TRANSACTIONS
from fraud_contracts import model_figures as model_contract
from fraud_stream.data_quality import share_of_ids
from fraud_stream.dispositions import DISCARDED, REDRIVEN
from fraud_stream.dispositions import SCHEMA as DISPOSITIONS_SCHEMA
from fraud_stream.dispositions import TABLE as DISPOSITIONS_TABLE
from fraud_stream.fraud_ratio import LOOK_BACK_HOURS, FraudRatio, fraud_ratio
from fraud_stream.lakehouse import READING_USER, Lakehouse
from fraud_stream.model_figures import ModelFigures, model_figures, newest_looks_query
from fraud_stream.positions import StreamPosition
from fraud_stream.streams import Layout, Stream

QUARANTINE = "quarantine"
PAYMENTS = "mart_fraud_features"
HOURS = "mart_hourly_metrics"
PARITY = "mart_feature_parity"
PERFORMANCE = "mart_model_performance"
# Days that tell how right a model is and how long labels take: a week, so that its weekend is in it.
MATURE_DAYS = 7
# The weeks that it is compared with.
BEFORE_DAYS = 28
# Most labels, not all: a few always come months later.
LABELS_WITHIN = 0.9
LABELS = "int_labels_as_of"
# names of tables that dbt is still filling contain this
UNFINISHED = "__dbt"
# What became of a decision that was compared with Gold, and why one was not, by the columns that count them.
PARITY_OUTCOMES = ("match", "mismatch", "missing", "late")
UNCOMPARED_REASONS = ("other_definition", "unmatched")
JUDGED_OUTCOMES = ("true_positive", "false_positive", "false_negative")
# Rows of a topic's day whose ids are compared: those of all topics are in Trino's memory at once, every round.
REPEATS_LOOKED_AT = 200_000


@dataclass(frozen=True, slots=True)
class Undecided:
    """Messages of one topic that wait in quarantine for a decision."""

    messages: int = 0
    # when the broker received the oldest of them, in seconds since the epoch; None without one
    since: float | None = None


@dataclass(frozen=True, slots=True)
class FeatureParity:
    """Decisions of the newest day that has any, and of the day before it, held against Gold."""

    # by feature and outcome
    decisions: Mapping[tuple[str, str], int]
    # by reason
    uncompared: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class JudgedDecisions:
    """Alerts and missed frauds by what labels say, of days whose labels are mature and of no other."""

    # of the newest week of such days, by model version and outcome
    newest: Mapping[tuple[str, str], int]
    # of the four weeks before, by outcome; empty without any
    before: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LabelFeed:
    """How labels come in."""

    # event time from the newest label to the newest payment
    silence_seconds: float
    # within which nine in ten frauds became known, of those that did in the newest week; None when none did
    delay_seconds: float | None


@dataclass(frozen=True, slots=True)
class LakehouseFigures:
    """One round of answers; what cannot be told is absent."""

    # by layer and table
    rows: Mapping[tuple[str, str], int] = field(default_factory=dict)
    # by layer, seconds since the epoch
    newest_event: Mapping[str, float] = field(default_factory=dict)
    # whether it is known what Gold lacks, and when the oldest of it came to Bronze, in seconds since the epoch
    gold_is_compared: bool = False
    gold_lacks_since: float | None = None
    # by topic
    conservation_gaps: Mapping[str, int] = field(default_factory=dict)
    # by topic: quarantined messages that nobody has redriven or discarded
    undecided: Mapping[str, Undecided] = field(default_factory=dict)
    # by topic: of the newest day's rows, the share whose id an earlier row has
    repeated_ratios: Mapping[str, float] = field(default_factory=dict)
    fraud_ratio: FraudRatio | None = None
    feature_parity: FeatureParity | None = None
    judged_decisions: JudgedDecisions | None = None
    label_feed: LabelFeed | None = None
    # None while nobody has looked at a model
    model: ModelFigures | None = None


@dataclass(frozen=True, slots=True)
class LakehouseReader:
    """Collects the figures of one stream and of what is built on it."""

    trino_url: str
    layout: Layout
    # put before the names of all schemas; tests have schemas of their own
    schema_prefix: str = ""

    def read(self, positions: Mapping[str, StreamPosition] | None) -> LakehouseFigures:
        """The figures now, a moment after ``positions`` were read; None when they are not known.

        Raises:
            LakehouseError: Trino does not answer or refuses a statement.
        """
        with Lakehouse(self.trino_url, READING_USER) as lakehouse:
            return LakehouseRound(lakehouse, self.layout, self.schema_prefix).figures(positions or {})


class LakehouseRound:
    """One round of questions about the tables that exist at its beginning."""

    def __init__(self, lakehouse: Lakehouse, layout: Layout, schema_prefix: str) -> None:
        self._lakehouse = lakehouse
        self._layout = layout
        self._prefix = schema_prefix
        self._tables = self._existing_tables()

    def figures(self, positions: Mapping[str, StreamPosition]) -> LakehouseFigures:
        """All answers; conservation is told of the streams whose position is known."""
        payments = self._stream(TRANSACTIONS.name)
        # a stream in a namespace of its own has no Silver and no Gold
        compares = not self._layout.namespace and self._has(BRONZE, payments.table)
        return LakehouseFigures(
            rows=self.rows(),
            newest_event=self.newest_events(),
            gold_is_compared=compares,
            gold_lacks_since=self.gold_lacks_since() if compares else None,
            conservation_gaps={
                stream.topic: self.conservation_gap(stream, positions[stream.topic])
                for stream in self._layout.streams
                if stream.topic in positions and positions[stream.topic].has_begun and self._has(BRONZE, stream.table)
            },
            undecided=self.undecided() if self._has(BRONZE, self._layout.quarantine_table) else {},
            repeated_ratios=self.repeated_ratios(),
            fraud_ratio=self.fraud_ratio(),
            feature_parity=self.feature_parity(),
            judged_decisions=self.judged_decisions(),
            label_feed=self.label_feed(),
            model=self.model() if compares else None,
        )

    def _stream(self, contract: str) -> Stream:
        return next(stream for stream in self._layout.streams if stream.contract.name == contract)

    def _name(self, layer: str, table: str) -> str:
        return f'{CATALOG}.{self._prefix}{layer}."{table}"'

    def _has(self, layer: str, table: str) -> bool:
        return (layer, table) in self._tables

    def _exists(self, schema: str, table: str) -> bool:
        """Of a table that is in no layer."""
        found = self._lakehouse.query(
            f"SELECT 1 FROM {CATALOG}.information_schema.tables WHERE table_schema = ? AND table_name = ?",  # noqa: S608
            [self._prefix + schema, table],
        )
        return bool(found)

    def _existing_tables(self) -> list[tuple[str, str]]:
        """Layer and name of the tables to speak of: this stream's in Bronze, and all of Silver and Gold."""
        layers = {self._prefix + layer: layer for layer in (BRONZE, SILVER, GOLD)}
        schemas = ", ".join(f"'{schema}'" for schema in layers)
        rows = self._lakehouse.query(
            f"SELECT table_schema, table_name FROM {CATALOG}.information_schema.tables "  # noqa: S608 - own names
            f"WHERE table_schema IN ({schemas}) AND table_type = 'BASE TABLE' ORDER BY 1, 2"
        )
        own = set(self._layout.tables())
        found = [(layers[schema], str(table)) for schema, table in rows]
        if self._layout.namespace:
            return [(layer, table) for layer, table in found if layer == BRONZE and table in own]
        return [(layer, table) for layer, table in found if layer != BRONZE or table in own if UNFINISHED not in table]

    def rows(self) -> dict[tuple[str, str], int]:
        """Rows by layer and table."""
        if not self._tables:
            return {}
        counts = self._lakehouse.query(
            " UNION ALL ".join(
                f"SELECT '{layer}', '{table}', count(*) FROM {self._name(layer, table)}"  # noqa: S608 - names of the catalog
                for layer, table in self._tables
            )
        )
        quarantine = self._layout.quarantine_table
        return {(QUARANTINE if table == quarantine else layer, table): int(count) for layer, table, count in counts}

    def newest_events(self) -> dict[str, float]:
        """Event time of the newest payment by layer, in seconds since the epoch."""
        found = {}
        for layer, table in ((BRONZE, self._stream(TRANSACTIONS.name).table), (GOLD, PAYMENTS)):
            newest = self._newest_event(layer, table) if self._has(layer, table) else None
            if newest is not None:
                found[layer] = newest
        return found

    def _newest_event(self, layer: str, table: str) -> float | None:
        """Seconds since the epoch, from the newest day's partition alone."""
        ((day,),) = self._lakehouse.query(
            f"SELECT max(partition.event_date) FROM {self._name(layer, table + '$partitions')}"  # noqa: S608
        )
        if day is None:
            return None
        ((newest,),) = self._lakehouse.query(
            f"SELECT max({_unix_seconds('event_time')}) FROM {self._name(layer, table)} "  # noqa: S608
            f"WHERE event_date = DATE '{day}'"
        )
        return None if newest is None else float(newest)

    def gold_lacks_since(self) -> float | None:
        """When Bronze got the oldest payment that Gold does not have.

        Gold has whatever lies below its watermark of a partition. Above it there may be payments that it will never
        take because it has them already under another offset.
        """
        bronze = self._name(BRONZE, self._stream(TRANSACTIONS.name).table)
        if not self._has(GOLD, PAYMENTS):
            ((since,),) = self._lakehouse.query(f"SELECT min({_unix_seconds('_ingested_at')}) FROM {bronze}")  # noqa: S608
            return None if since is None else float(since)
        gold = self._name(GOLD, PAYMENTS)
        reached = self._lakehouse.query(f"SELECT _partition, max(_offset) FROM {gold} GROUP BY 1")  # noqa: S608
        ((since,),) = self._lakehouse.query(
            f"""
            WITH beyond AS (
                SELECT transaction_id, {_unix_seconds("_ingested_at")} AS ingested
                FROM {bronze}
                WHERE _offset > {_by_partition(dict(reached), otherwise=-1)}
            )
            SELECT min(beyond.ingested)
            FROM {gold} AS had
            RIGHT JOIN beyond ON had.transaction_id = beyond.transaction_id
            WHERE had.transaction_id IS NULL
            """  # noqa: S608
        )
        return None if since is None else float(since)

    def conservation_gap(self, stream: Stream, position: StreamPosition) -> int:
        """How many messages too few and rows too many Bronze and quarantine hold.

        Looks at what the stream has finished; whatever it has landed since is left to the next round. Counts and sums
        tell whether all is whole; only when it is not are the offsets compared one by one, because a row twice would
        hide one that is missing.
        """
        tables = [stream.table]
        if self._has(BRONZE, self._layout.quarantine_table):
            tables.append(self._layout.quarantine_table)
        union = " UNION ALL ".join(
            f"SELECT _partition, _offset FROM {self._name(BRONZE, table)} WHERE _topic = '{stream.topic}'"  # noqa: S608
            for table in tables
        )
        finished = f"_offset < {_by_partition(position.ends, otherwise=0)}"
        rows = self._lakehouse.query(
            f"SELECT _partition, count(*), sum(_offset) FROM ({union}) WHERE {finished} GROUP BY 1"  # noqa: S608
        )
        landed = {int(partition): (int(count), int(total)) for partition, count, total in rows}
        if all(
            landed.get(partition, (0, 0)) == (end - position.begin(partition), _sum_of(position.begin(partition), end))
            for partition, end in position.ends.items()
        ):
            return 0
        ((distinct, count),) = self._lakehouse.query(
            f"SELECT count(DISTINCT (_partition, _offset)), count(*) FROM ({union}) WHERE {finished}"  # noqa: S608
        )
        done = sum(end - position.begin(partition) for partition, end in position.ends.items())
        return conservation_gap(done, int(distinct), int(count))

    def undecided(self) -> dict[str, Undecided]:
        """What nobody has decided about, by topic; every topic of the stream is there.

        Before the first decision the table of decisions does not exist, and all of quarantine is undecided.
        """
        quarantine = self._name(BRONZE, self._layout.quarantine_table)
        table = f"{self._layout.namespace}{DISPOSITIONS_TABLE}"
        exists = self._exists(DISPOSITIONS_SCHEMA, table)
        undecided = (
            f"WHERE NOT EXISTS (SELECT 1 FROM {self._name(DISPOSITIONS_SCHEMA, table)} AS decided "  # noqa: S608
            f"WHERE decided.step IN ('{REDRIVEN}', '{DISCARDED}') AND decided._topic = waiting._topic "
            "AND decided._partition = waiting._partition AND decided._offset = waiting._offset)"
        )
        rows = self._lakehouse.query(
            f"SELECT _topic, count(*), min({_unix_seconds('_kafka_timestamp')}) FROM {quarantine} AS waiting "  # noqa: S608
            f"{undecided if exists else ''} GROUP BY 1"
        )
        found = {topic: Undecided(int(count), float(since)) for topic, count, since in rows}
        return {stream.topic: found.get(stream.topic, Undecided()) for stream in self._layout.streams}

    def repeated_ratios(self) -> dict[str, float]:
        """By topic, of the rows of the newest day of event time, the share whose id an earlier row has.

        Of a large day a part of the ids is looked at, with all of their rows: an estimate without a bias, and a
        question whose cost has a bound.
        """
        streams = {stream.topic: stream for stream in self._layout.streams if self._has(BRONZE, stream.table)}
        ids = {topic: stream.contract.id_field for topic, stream in streams.items()}
        tables = {topic: self._name(BRONZE, stream.table) for topic, stream in streams.items()}
        partitions = {topic: self._name(BRONZE, f"{stream.table}$partitions") for topic, stream in streams.items()}
        newest = self._of_each(
            {topic: f"max(partition.event_date) FROM {place}" for topic, place in partitions.items()}
        )
        days = {topic: f"{tables[topic]} WHERE event_date = DATE '{day}'" for topic, (day,) in newest.items() if day}
        rows = self._of_each({topic: f"count(*) FROM {day}" for topic, day in days.items()})
        parts = {
            topic: f"{day} AND {share_of_ids(ids[topic], -(-int(rows[topic][0]) // REPEATS_LOOKED_AT), 0)}"
            for topic, day in days.items()
        }
        found = self._of_each(
            {topic: f"count({ids[topic]}), count(DISTINCT {ids[topic]}) FROM {part}" for topic, part in parts.items()}
        )
        return {topic: (int(seen) - int(distinct)) / int(seen or 1) for topic, (seen, distinct) in found.items()}

    def _of_each(self, questions: Mapping[str, str]) -> dict[str, list[Any]]:
        """The one row that each question gives, by its topic, asked in one statement."""
        if not questions:
            return {}
        statement = " UNION ALL ".join(f"SELECT '{topic}', {question}" for topic, question in questions.items())
        return {topic: row for topic, *row in self._lakehouse.query(statement)}

    def fraud_ratio(self) -> FraudRatio | None:
        """The newest day of Gold against the week before; None while one of these days is not there in full."""
        if not (self._has(GOLD, HOURS) and self._has(SILVER, LABELS)):
            return None
        hours = self._name(GOLD, HOURS)
        hour = f"CAST({_unix_seconds('event_hour')} AS bigint) / 3600"
        ((oldest, newest),) = self._lakehouse.query(f"SELECT min({hour}), max({hour}) FROM {hours}")  # noqa: S608
        if newest is None:
            return None
        payments = self._lakehouse.query(
            f"SELECT {hour}, transaction_count FROM {hours} WHERE {hour} >= {newest - LOOK_BACK_HOURS}"  # noqa: S608
        )
        frauds = self._lakehouse.query(
            f"""
            WITH firsts AS (
                SELECT min(known_us) / 3600000000 AS hour
                FROM {self._name(SILVER, LABELS)}
                WHERE is_fraud
                GROUP BY transaction_id
            )
            SELECT hour, count(*) FROM firsts
            WHERE hour BETWEEN {newest - LOOK_BACK_HOURS} AND {newest}
            GROUP BY 1
            """  # noqa: S608
        )
        return fraud_ratio(_counts(payments), _counts(frauds), int(oldest), int(newest))

    def feature_parity(self) -> FeatureParity | None:
        """The newest two days of decisions by feature; None before the first decision.

        Two, because the first minutes of a day are few decisions, of which one would already be a large share.
        """
        if not self._has(GOLD, PARITY):
            return None
        parity = self._name(GOLD, PARITY)
        sums = ", ".join(f"sum({name}_count)" for name in (*PARITY_OUTCOMES, *UNCOMPARED_REASONS))
        rows = self._lakehouse.query(
            f"SELECT feature, {sums} FROM {parity} "  # noqa: S608 - own names
            f"WHERE decided_date >= (SELECT max(decided_date) - INTERVAL '1' DAY FROM {parity}) GROUP BY feature"
        )
        if not rows:
            return None
        outcomes = len(PARITY_OUTCOMES)
        return FeatureParity(
            decisions={
                (str(feature), outcome): int(count)
                for feature, *counts in rows
                for outcome, count in zip(PARITY_OUTCOMES, counts[:outcomes], strict=True)
            },
            # of decisions, not of features: every feature's row says the same
            uncompared=dict(zip(UNCOMPARED_REASONS, map(int, rows[0][1 + outcomes :]), strict=True)),
        )

    def judged_decisions(self) -> JudgedDecisions | None:
        """Alerts and missed frauds of the newest mature week and of the weeks before; None while no day is mature."""
        if not self._has(GOLD, PERFORMANCE):
            return None
        performance = self._name(GOLD, PERFORMANCE)
        sums = ", ".join(f"sum({outcome}_count)" for outcome in JUDGED_OUTCOMES)
        rows = self._lakehouse.query(
            f"""
            SELECT model_version, decided_date > newest.day - INTERVAL '{MATURE_DAYS}' DAY, {sums}
            FROM {performance}
            CROSS JOIN (SELECT max(decided_date) AS day FROM {performance} WHERE is_mature) AS newest
            WHERE is_mature AND decided_date > newest.day - INTERVAL '{MATURE_DAYS + BEFORE_DAYS}' DAY
            GROUP BY 1, 2
            """  # noqa: S608 - own names
        )
        if not rows:
            return None
        newest: dict[tuple[str, str], int] = {}
        before: Counter[str] = Counter()
        for version, is_newest, *counts in rows:
            for outcome, count in zip(JUDGED_OUTCOMES, counts, strict=True):
                if is_newest:
                    newest[str(version), outcome] = int(count)
                else:
                    before[outcome] += int(count)
        return JudgedDecisions(newest, before)

    def label_feed(self) -> LabelFeed | None:
        """How long labels take and since when none came; None before the first label or payment.

        By the days on which frauds became known, not by those of their payments: of a young day only the quick labels
        are there, and labels would look quicker than they are. The clock is the earlier one of the newest label and
        the newest hour with payments, so that a stray date moves nothing.
        """
        if not (self._has(GOLD, HOURS) and self._has(SILVER, LABELS)):
            return None
        ((silence, delay),) = self._lakehouse.query(
            f"""
            WITH clocks AS (
                SELECT (SELECT max(known_us) FROM {self._name(SILVER, LABELS)}) AS labels_us,
                    (SELECT CAST({_unix_seconds("max(event_hour)")} AS bigint) FROM {self._name(GOLD, HOURS)}) * 1000000
                        AS payments_us
            ),
            firsts AS (
                SELECT min(known_us) AS known_us, min(known_us) - min(transaction_us) AS delay_us
                FROM {self._name(SILVER, LABELS)}
                WHERE is_fraud AND transaction_us IS NOT NULL
                GROUP BY transaction_id
            ),
            newest AS (
                SELECT array_sort(array_agg(delay_us)) AS delays_us
                FROM firsts CROSS JOIN clocks
                WHERE known_us > least(labels_us, payments_us) - {MATURE_DAYS} * bigint '86400000000'
                    AND known_us <= least(labels_us, payments_us)
            )
            SELECT greatest(payments_us - labels_us, 0) / 1e6,
                element_at(delays_us, CAST(ceil({LABELS_WITHIN} * cardinality(delays_us)) AS integer)) / 1e6
            FROM newest CROSS JOIN clocks
            """  # noqa: S608 - own names
        )
        return None if silence is None else LabelFeed(float(silence), None if delay is None else float(delay))

    def model(self) -> ModelFigures | None:
        """What training found the last times it looked at the served model; None before the first time."""
        schema, table = model_contract.MONITORING, model_contract.MODEL_FIGURES_TABLE
        if not self._exists(schema, table):
            return None
        return model_figures(self._lakehouse.query(newest_looks_query(self._name(schema, table))))


def conservation_gap(done: int, distinct: int, rows: int) -> int:
    """Messages that are missing plus rows that are too many, so that neither hides the other.

    ``done`` messages were to be landed; ``rows`` were, under ``distinct`` different offsets.
    """
    return (done - distinct) + (rows - distinct)


def _sum_of(begin: int, end: int) -> int:
    """The sum of the offsets in ``[begin, end)``."""
    return (begin + end - 1) * (end - begin) // 2


def _unix_seconds(column: str) -> str:
    """SQL for a moment as seconds since the epoch, whatever zone the session is in: without a zone it is UTC."""
    return f"to_unixtime(with_timezone(CAST({column} AS timestamp(6)), 'UTC'))"


def _counts(rows: Sequence[Sequence[int]]) -> dict[int, int]:
    return {int(hour): int(count) for hour, count in rows}


def _by_partition(offsets: Mapping[int, int], otherwise: int) -> str:
    """SQL for the offset that belongs to a row's partition."""
    cases = " ".join(f"WHEN {int(partition)} THEN {int(offset)}" for partition, offset in sorted(offsets.items()))
    return f"CASE _partition {cases} ELSE {otherwise} END" if cases else str(otherwise)
