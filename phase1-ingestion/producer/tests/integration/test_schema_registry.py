"""Schemas are registered once, and a breaking one is refused by the registry itself."""

import json
import secrets
from typing import Any

import httpx
import pytest

from fraud_contracts import COMPATIBILITY, LABELS, RAW_TOPICS, TRANSACTIONS, Topic, schema, schema_text
from fraud_producer.errors import IncompatibleSchemaError, RegistryError, UnreachableError
from fraud_producer.registry import Registry

pytestmark = pytest.mark.integration

WITHOUT_DEFAULT: dict[str, Any] = {"name": "new_in_this_version", "type": ["null", "string"]}


@pytest.fixture
def subject(servers: tuple[str, str]) -> Any:
    name = f"producer-test-{secrets.token_hex(3)}-value"
    yield name
    httpx.delete(f"{servers[1]}/subjects/{name}")


def test_contracts_are_registered_and_held_to_full_compatibility(servers: tuple[str, str]) -> None:
    with Registry(servers[1]) as registry:
        known = {found.name: found for found in registry.subjects()}
        assert registry.compatibility() == COMPATIBILITY
        for topic in RAW_TOPICS:
            assert known[topic.subject].compatibility == COMPATIBILITY
            assert registry.lookup(topic) == known[topic.subject].schema_id
            assert json.loads(registry.schema_text(registry.lookup(topic)))["name"] == schema(topic)["name"]


def test_registering_again_keeps_the_id(servers: tuple[str, str], subject: str) -> None:
    with Registry(servers[1]) as registry:
        first = registry.register(subject, schema_text(LABELS))
        assert registry.register(subject, schema_text(LABELS)) == first


def changed(topic: Topic = TRANSACTIONS, **change: Any) -> str:
    """The schema of a topic with a field added, dropped or retyped."""
    new = schema(topic)
    if "add" in change:
        new["fields"].append(change["add"])
    if "drop" in change:
        new["fields"] = [field for field in new["fields"] if field["name"] != change["drop"]]
    for field in new["fields"]:
        if field["name"] == change.get("retype"):
            field["type"] = "string"
    return json.dumps(new)


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.name)
def test_a_breaking_schema_is_refused_and_an_optional_field_is_not(
    servers: tuple[str, str], subject: str, topic: Topic
) -> None:
    breaking = (
        {"add": {"name": "must", "type": "string"}},
        {"add": WITHOUT_DEFAULT},
        {"drop": topic.key_field},
        {"retype": "event_time"},
        {"drop": topic.id_field},
    )
    with Registry(servers[1]) as registry:
        first = registry.register(subject, schema_text(topic))
        for change in breaking:
            with pytest.raises(IncompatibleSchemaError, match=rf"schema of {subject}.*{COMPATIBILITY}"):
                registry.register(subject, changed(topic, **change))
        optional = WITHOUT_DEFAULT | {"default": None}
        second = registry.register(subject, changed(topic, add=optional))
        assert second != first
        retyped = {"name": "new_in_this_version", "type": ["null", "long"], "default": None}
        with pytest.raises(IncompatibleSchemaError, match=rf"schema of {subject}.*{COMPATIBILITY}"):
            registry.register(subject, changed(topic, add=retyped))
        # Apicurio compares schemas without their defaults: one that only lost a default is the one it has
        assert registry.register(subject, changed(topic, add=WITHOUT_DEFAULT)) == second
        assert '"default"' in registry.schema_text(second).rpartition(WITHOUT_DEFAULT["name"])[2]
        # and what was refused left nothing behind
        assert registry.register(subject, changed(topic, add=optional)) == second


def test_a_schema_that_breaks_with_an_older_version_only_is_refused(servers: tuple[str, str], subject: str) -> None:
    """It fits the newest version, which does not know the field."""
    known = WITHOUT_DEFAULT | {"default": None}
    with Registry(servers[1]) as registry:
        first = registry.register(subject, changed(add=known))
        second = registry.register(subject, schema_text(TRANSACTIONS))
        assert second != first
        with pytest.raises(IncompatibleSchemaError, match=rf"schema of {subject}.*{COMPATIBILITY}"):
            registry.register(subject, changed(add=known | {"type": ["null", "long"]}))
        # as it was it may come back
        assert registry.register(subject, changed(add=known)) == first


def test_an_unregistered_topic_names_the_remedy(servers: tuple[str, str]) -> None:
    from dataclasses import replace

    with Registry(servers[1]) as registry, pytest.raises(RegistryError, match="run `fraud-producer init` first"):
        registry.lookup(replace(LABELS, name="nobody-registered-this"))


def test_a_subject_that_lacks_the_contracts_schema_is_drift(servers: tuple[str, str], subject: str) -> None:
    from dataclasses import replace

    topic = replace(TRANSACTIONS, name=subject.removesuffix("-value"))
    with Registry(servers[1]) as registry:
        (missing,) = registry.drift([topic])
        assert str(missing) == (
            f"{subject}: schema is missing, the contracts say registered: `fraud-producer init` registers it"
        )
        registry.register(subject, changed(drop="card_bin"))
        (older,) = registry.drift([topic])
        assert (older.setting, older.wanted) == ("schema", "transaction.avsc")
        registry.register(subject, schema_text(TRANSACTIONS))
        assert registry.drift([topic]) == []


def test_a_registry_that_is_down_is_named() -> None:
    message = r"does not answer at http://127\.0\.0\.1:1.*SCHEMA_REGISTRY_URL"
    with Registry("http://127.0.0.1:1/apis/ccompat/v7") as registry, pytest.raises(UnreachableError, match=message):
        registry.compatibility()
