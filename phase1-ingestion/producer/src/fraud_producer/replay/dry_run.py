"""The first rows of a file as they would be sent, encoded and decoded again without Kafka or the registry."""

from collections.abc import Iterator
from typing import Any

from fraud_contracts import LABELS, TRANSACTIONS, schema_text
from fraud_producer.avro import Decoder, Encoder
from fraud_producer.events import Event
from fraud_producer.printable import printable
from fraud_producer.replay.replaying import FileReplay


def rows_as_sent(contents: FileReplay, count: int) -> Iterator[dict[str, Any]]:
    """One JSON object per row: its line, and the messages it becomes or what is wrong with it."""
    encoders = {topic.name: Encoder(topic, number) for number, topic in enumerate((TRANSACTIONS, LABELS))}
    decoder = Decoder(lambda number: schema_text((TRANSACTIONS, LABELS)[number]))

    def message(event: Event) -> dict[str, Any]:
        value = encoders[event.topic.name].encode(event.record)
        return {"topic": event.topic.name, "key": event.key, "value": printable(decoder.decode(value))}

    for row in contents.preview(count):
        shown: dict[str, Any] = {"line": row.row.line}
        if row.wrong is not None:
            yield shown | {"field": row.wrong.field, "value": row.wrong.value, "reason": row.wrong.reason}
            continue
        yield shown | {"messages": [message(event) for event in (row.payment, row.label) if event is not None]}
