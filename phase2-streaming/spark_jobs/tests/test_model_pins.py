"""What models name is read from all pages of MLflow's answer, and an answer that cannot be read pins nothing away."""

import json
from typing import Any

import httpx
import pytest

from fraud_stream.errors import ModelRegistryError
from fraud_stream.model_pins import read_pins

URI = "http://mlflow"


def version(number: int, **named: Any) -> dict[str, Any]:
    tags = [{"key": "stage", "value": "None"}, {"key": "data_version", "value": json.dumps(named)}]
    return {"name": "fraud_classifier", "version": str(number), "tags": tags}


def registry(*pages: dict[str, Any]) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=pages[int(request.url.params.get("page_token", "0"))])

    return httpx.Client(transport=httpx.MockTransport(answer))


def test_every_page_counts_and_a_model_without_the_tag_names_nothing() -> None:
    client = registry(
        {
            "model_versions": [
                version(1, features={"table": "delta.gold.mart", "version": 7}),
                {"name": "older", "version": "1"},
            ],
            "next_page_token": "1",
        },
        {
            "model_versions": [
                version(
                    2,
                    features={"table": "delta.gold.mart", "version": 9},
                    payments={"table": "delta.bronze.transactions", "version": 30},
                )
            ]
        },
    )
    assert read_pins(URI, client) == {
        ("gold", "mart"): frozenset({7, 9}),
        ("bronze", "transactions"): frozenset({30}),
    }


def test_without_a_registry_nothing_is_pinned_and_without_models_neither() -> None:
    assert read_pins("") == {}
    assert read_pins(URI, registry({})) == {}


@pytest.mark.parametrize("tag", ["", "[]", '{"features": 7}', '{"features": {"table": "mart", "version": 7}}'])
def test_a_tag_that_cannot_be_read_is_no_answer(tag: str) -> None:
    strange = {"name": "m", "version": "3", "tags": [{"key": "data_version", "value": tag}]}
    with pytest.raises(ModelRegistryError, match="model m version 3"):
        read_pins(URI, registry({"model_versions": [strange]}))


def test_a_registry_that_fails_is_no_answer() -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    with pytest.raises(ModelRegistryError, match="http://mlflow"):
        read_pins(URI, client)
