"""Is what Bronze holds usable: new enough, each event under one id, and nothing without its id or key?

Bronze keeps messages as they came, so the same event may be in it twice when a sender repeated itself; Silver takes the
first. A few are history, many are a sender that has gone wrong: hence a share and not a zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fraud_stream.freshness import StalePartition
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Stream, trino_table

# Ids that one question compares: they are all in Trino's memory at once.
IDS_PER_QUESTION = 4_000_000


@dataclass(frozen=True, slots=True)
class TableQuality:
    """One Bronze table; every number counts rows."""

    table: str
    id_field: str
    key_field: str
    rows: int
    # rows whose id an earlier row has
    duplicates: int
    null_ids: int
    null_keys: int
    # event time of the newest row, as Trino writes it; None in an empty table
    newest_event: str | None

    def failures(self, max_duplicate_share: float) -> list[str]:
        """What is wrong, one sentence each."""
        found = []
        if self.duplicates > max_duplicate_share * self.rows:
            found.append(
                f"{self.duplicates} of {self.rows} rows repeat a {self.id_field} that is there already "
                f"(allowed: {max_duplicate_share:.3%}); Silver takes the first of each: which sender repeats itself?"
            )
        nulls = {self.id_field: self.null_ids, self.key_field: self.null_keys}
        found += [
            f"{count} rows have no {name}; the check on it in quality_checks.py let them through"
            for name, count in nulls.items()
            if count
        ]
        return found


def table_quality(lakehouse: Lakehouse, stream: Stream) -> TableQuality:
    """Count what is wrong in one stream's table."""
    table, contract = trino_table(stream.table), stream.contract
    ((rows, null_ids, null_keys, newest),) = lakehouse.query(
        f"SELECT count(*), count_if({contract.id_field} IS NULL), count_if({contract.key_field} IS NULL), "  # noqa: S608
        f"CAST(max(event_time) AS varchar) FROM {table}"
    )
    return TableQuality(
        table=stream.table,
        id_field=contract.id_field,
        key_field=contract.key_field,
        rows=rows,
        duplicates=_duplicates(lakehouse, table, contract.id_field, rows),
        null_ids=null_ids,
        null_keys=null_keys,
        newest_event=newest,
    )


def stale_lines(stale: Sequence[StalePartition], stream: Stream) -> list[str]:
    """What a stream's table lacks for too long, one sentence for each partition."""
    return [str(one) for one in stale if one.lag.topic == stream.topic]


def share_of_ids(id_field: str, shares: int, number: int) -> str:
    """SQL condition: the id is in part ``number``, from 0, of as many parts of about the same size."""
    return (
        f"mod(bitwise_and(from_big_endian_64(xxhash64(to_utf8({id_field}))), 2147483647), {max(1, shares)}) = {number}"
    )


def _duplicates(lakehouse: Lakehouse, table: str, id_field: str, rows: int) -> int:
    """Rows whose id another row has, counted share by share of the ids: a large table must not fill Trino's memory."""
    shares = -(-rows // IDS_PER_QUESTION) or 1
    found = 0
    for number in range(shares):
        ((count,),) = lakehouse.query(
            f"SELECT count({id_field}) - count(DISTINCT {id_field}) FROM {table} "  # noqa: S608
            f"WHERE {share_of_ids(id_field, shares, number)}"
        )
        found += int(count)
    return found
