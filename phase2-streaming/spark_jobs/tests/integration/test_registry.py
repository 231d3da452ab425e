"""The schema catalogue against the real registry: versions appear, versions are remembered, the registry goes away."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from fraud_stream.errors import RegistryError
from fraud_stream.registry import SchemaCatalogue

pytestmark = pytest.mark.integration

AWAY = "http://127.0.0.1:1/apis/ccompat/v7"


def avro(*fields: str) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "Payment",
        "fields": [{"name": name, "type": ["null", "string"], "default": None} for name in fields],
    }


@pytest.fixture
def register(environment: dict[str, str]) -> Iterator[Callable[[dict[str, Any]], int]]:
    url = f"{environment['SCHEMA_REGISTRY_URL']}/subjects/{environment['FRAUD_STREAM_NAMESPACE']}payments-value"

    def post(schema: dict[str, Any]) -> int:
        answer = httpx.post(f"{url}/versions", json={"schema": json.dumps(schema)}, timeout=30).raise_for_status()
        return int(answer.json()["id"])

    yield post
    httpx.delete(url, timeout=30)


@pytest.fixture
def catalogue(environment: dict[str, str]) -> SchemaCatalogue:
    return SchemaCatalogue(
        environment["SCHEMA_REGISTRY_URL"] + "/", f"{environment['FRAUD_STREAM_NAMESPACE']}payments-value"
    )


def test_new_versions_are_found_and_an_absent_registry_keeps_what_is_known(
    register: Callable[[dict[str, Any]], int], catalogue: SchemaCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RegistryError, match="no schema is registered"):
        catalogue.require()
    first = register(avro("one"))
    catalogue.require()
    second = register(avro("one", "two"))
    assert catalogue.refresh()
    known = catalogue.schemas
    assert {key: json.loads(text) for key, text in known.items()} == {first: avro("one"), second: avro("one", "two")}
    monkeypatch.setattr(catalogue, "_versions_url", AWAY)
    assert not catalogue.refresh()
    assert catalogue.schemas == known


def test_a_start_without_a_registry_is_refused() -> None:
    with pytest.raises(RegistryError, match="does not answer"):
        SchemaCatalogue(AWAY, "payments-value").require()
