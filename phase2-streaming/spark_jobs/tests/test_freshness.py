"""Stale means: a message waits too long. Silence is fresh, and so is a young backlog."""

import re
from pathlib import Path

from fraud_stream.freshness import REMEDY, PartitionLag, StalePartition, stale_partitions

ROOT = Path(__file__).parents[3]
NOW = 1_000_000.0


def judge(lag: PartitionLag, received_seconds_ago: float | None) -> list[StalePartition]:
    def received(_topic: str, _partition: int, offset: int) -> int | None:
        assert offset == lag.next_offset
        return None if received_seconds_ago is None else int((NOW - received_seconds_ago) * 1000)

    return stale_partitions([lag], received, bound_seconds=120, now_seconds=NOW)


def test_a_silent_topic_is_fresh_however_old_its_last_message() -> None:
    assert judge(PartitionLag("t", 0, 0, 10, newest=9), received_seconds_ago=9999) == []
    assert judge(PartitionLag("t", 0, 0, 0, newest=None), received_seconds_ago=9999) == []


def test_a_young_backlog_is_fresh() -> None:
    assert judge(PartitionLag("t", 0, 0, 500, newest=9), received_seconds_ago=119) == []


def test_an_old_unread_message_is_named_with_its_place() -> None:
    (stale,) = judge(PartitionLag("payments", 3, 0, 500, newest=9), received_seconds_ago=121)
    text = str(stale)
    assert "payments partition 3" in text
    assert "waited 121 s" in text
    assert "offset 10, broker end 500, lag 490" in text


def test_messages_that_retention_took_unread_are_reported() -> None:
    (stale,) = judge(PartitionLag("t", 0, 50, 60, newest=9), received_seconds_ago=1)
    assert "40 messages left the topic" in str(stale)
    assert judge(PartitionLag("t", 0, 50, 60, newest=None), received_seconds_ago=1)[0].lag.lost == 50


def test_a_message_that_vanished_while_asking_is_not_stale() -> None:
    assert judge(PartitionLag("t", 0, 0, 10, newest=3), received_seconds_ago=None) == []


def test_the_remedy_names_commands_and_a_page_that_exist() -> None:
    commands = re.findall(r"make ([a-z-]+)", REMEDY)
    assert commands == ["kafka-lag", "logs"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [name for name in commands if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
    (service,) = re.findall(r"SERVICE=([\w-]+)", REMEDY)
    assert f"\n  {service}:\n" in (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    (page,) = re.findall(r"\((\S+\.md)\)", REMEDY)
    assert "make kafka-lag" in (ROOT / page).read_text(encoding="utf-8")
