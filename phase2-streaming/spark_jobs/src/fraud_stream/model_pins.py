"""Which versions of which tables registered models were trained on: those must stay readable.

Training writes them into a tag of every model version, and MLflow's REST interface tells them to whoever asks: nothing
need be written twice, and nobody needs a right to the object store that he does not have. A deleted model pins nothing.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from fraud_stream.errors import ModelRegistryError

DATA_VERSION_TAG: Final = "data_version"
PAGE: Final = 200
TIMEOUT_SECONDS: Final = 10.0

# schema and table to versions
Pins = Mapping[tuple[str, str], frozenset[int]]


def read_pins(tracking_uri: str, client: httpx.Client | None = None) -> Pins:
    """The Delta versions that registered models name, by schema and table; none at all without a registry.

    Raises:
        ModelRegistryError: MLflow does not answer, or a model's tag cannot be read: then nobody knows what is pinned.
    """
    if not tracking_uri:
        return {}
    with client or httpx.Client(timeout=TIMEOUT_SECONDS) as asking:
        url = f"{tracking_uri.rstrip('/')}/api/2.0/mlflow/model-versions/search"
        pins: dict[tuple[str, str], frozenset[int]] = {}
        token = ""
        while True:
            page = _ask(asking, url, {"max_results": PAGE, **({"page_token": token} if token else {})})
            for version in page.get("model_versions", ()):
                for place, number in _named(version):
                    pins[place] = pins.get(place, frozenset()) | {number}
            token = page.get("next_page_token", "")
            if not token:
                return pins


def _ask(client: httpx.Client, url: str, parameters: dict[str, Any]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = client.get(url, params=parameters).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise ModelRegistryError(f"MLflow does not say at {url} which versions models name: {error}") from error
    return answer


def _named(version: dict[str, Any]) -> list[tuple[tuple[str, str], int]]:
    tags = {tag["key"]: tag["value"] for tag in version.get("tags", ())}
    if DATA_VERSION_TAG not in tags:
        return []
    try:
        named = json.loads(tags[DATA_VERSION_TAG]).values()
        places = [(one["table"].split("."), int(one["version"])) for one in named]
        return [((schema, table), number) for (_, schema, table), number in places]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelRegistryError(
            f"the tag {DATA_VERSION_TAG} of model {version.get('name')} version {version.get('version')} cannot be "
            f"read: {tags[DATA_VERSION_TAG]!r}; it must name catalog.schema.table and version, as training writes it"
        ) from error
