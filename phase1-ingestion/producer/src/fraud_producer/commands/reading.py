"""Commands that look into the topics."""

import json
from typing import Annotated, Any

import typer

from fraud_producer.avro import Decoder
from fraud_producer.dead_letters import ORIGIN
from fraud_producer.errors import TopicError
from fraud_producer.events import iso
from fraud_producer.live_events import held_back_left, read_all_positions
from fraud_producer.message_ranges import TopicReader
from fraud_producer.positions import read_positions
from fraud_producer.printable import printable
from fraud_producer.registry import Registry
from fraud_producer.settings import Settings, load_settings
from fraud_producer.source import FileSource, read_source
from fraud_producer.topics import Topics


def newest(topic: Annotated[str, typer.Option(help="Name of the topic.")] = "transactions.raw") -> None:
    """Print as JSON the newest event time on a topic (null when it is empty), and what filled the topics.

    `source` is simulator or the file's path, `complete` whether the history was sent to its end, `held_back_left` how
    many of the file's payments are left for live traffic.
    """
    settings = load_settings()
    found = read_positions(settings.kafka_bootstrap_servers, settings.schema_registry_url, topic)
    moment = found.newest
    typer.echo(
        json.dumps(
            {
                "topic": topic,
                "event_time": None if moment is None else iso(moment),
                "event_time_us": moment,
                "continue_from": None if moment is None else iso(moment + 1),
                "messages": found.messages,
                "partitions": {str(key): iso(value) for key, value in sorted(found.newest_us.items())},
            }
            | _source(settings)
        )
    )


def _source(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("source", "held_back_left", "label_delay_days", "complete"))
    remembered = read_source(settings.fraud_producer_ledger_dir)
    if remembered is None:
        return found
    source = remembered.source
    if isinstance(source, FileSource):
        found["source"], found["label_delay_days"] = source.file, source.label_delay_days
        found["held_back_left"] = held_back_left(source, settings, read_all_positions(settings))
    else:
        found["source"] = "simulator"
    return found | {"complete": remembered.complete}


def tail(
    topic: Annotated[str, typer.Argument(help="Name of the topic.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Messages to show.")] = 10,
) -> None:
    """Show the newest messages of a topic, decoded, one JSON line each, oldest first.

    Of a dead letter the headers say why it is one; its value is readable where our own producer wrote it.
    """
    settings = load_settings()
    partitions = Topics(settings.kafka_bootstrap_servers).partitions(topic)
    lines = []
    with Registry(settings.schema_registry_url) as registry:
        decoder = Decoder(registry.schema_text)
        reader = TopicReader(settings.kafka_bootstrap_servers, topic, partitions)
        for message in reader.last(count):
            value, key = message.value() or b"", message.key() or b""
            line: dict[str, Any] = {
                "partition": message.partition(),
                "offset": message.offset(),
                "appended_at": iso(message.timestamp()[1] * 1000),
                "key": key.decode("utf-8", "replace") if isinstance(key, bytes) else key,
            }
            headers: dict[str, bytes | None] = dict(message.headers() or [])  # type: ignore[arg-type]
            if headers:
                line["headers"] = {name: (text or b"").decode("utf-8", "replace") for name, text in headers.items()}
            try:
                is_own_letter = headers.get("origin") == ORIGIN.encode()
                line["value"] = json.loads(value) if is_own_letter else printable(decoder.decode(value))
            except (ValueError, TopicError) as broken:
                line |= {"undecodable": str(broken), "bytes": value[:64].hex()}
            lines.append((message.timestamp()[1], message.partition(), message.offset(), line))
    lines.sort(key=lambda entry: entry[:3])
    for *_, line in lines[-count:]:
        typer.echo(json.dumps(line, default=str))
