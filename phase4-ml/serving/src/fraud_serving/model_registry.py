"""The part of MLflow's REST API that serving needs: the champion's version and its files."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from fraud_contracts import CHAMPION, REGISTERED_MODEL
from fraud_serving.errors import ModelRejectedError
from fraud_serving.model_bundle import MANIFEST_FILE, Bundle, Manifest

ARTIFACT_SCHEME = "mlflow-artifacts:/"
# A forest of some hundred trees is a few MB; whatever is larger than this is not one of ours.
MAX_FILE_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChampionVersion:
    """What the registry says about the version that carries the alias."""

    version: str
    source: str
    forest_sha256: str
    manifest_sha256: str
    schema_hash: str


class ModelRegistry:
    """Reads the champion of ``fraud_classifier``; every call raises ``httpx.HTTPError`` when MLflow does not answer."""

    def __init__(self, tracking_uri: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=tracking_uri.rstrip("/"), timeout=httpx.Timeout(10.0, connect=2.0), follow_redirects=False
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def champion(self) -> ChampionVersion | None:
        """The version with the alias ``champion``, ``None`` when there is none.

        Raises:
            ModelRejectedError: the version was not written by our training.
        """
        answer = await self._client.get(
            "/api/2.0/mlflow/registered-models/alias", params={"name": REGISTERED_MODEL, "alias": CHAMPION}
        )
        if answer.status_code in {400, 404} and _error_code(answer) in {
            "RESOURCE_DOES_NOT_EXIST",
            # MLflow's answer when the model exists and the alias does not.
            "INVALID_PARAMETER_VALUE",
        }:
            return None
        answer.raise_for_status()
        version = _member(answer.json(), "model_version")
        tags = {str(tag["key"]): str(tag["value"]) for tag in version.get("tags", ())}
        if missing := {"sha256", "manifest_sha256", "schema_hash"} - tags.keys():
            raise ModelRejectedError(f"version {version.get('version')} has no tag {', '.join(sorted(missing))}")
        return ChampionVersion(
            version=str(version["version"]),
            source=str(version["source"]),
            forest_sha256=tags["sha256"],
            manifest_sha256=tags["manifest_sha256"],
            schema_hash=tags["schema_hash"],
        )

    async def download(self, champion: ChampionVersion) -> Bundle:
        """The champion's files.

        Raises:
            ModelRejectedError: they lie somewhere else than behind MLflow, or are absurdly large.
        """
        if not champion.source.startswith(ARTIFACT_SCHEME):
            # The source is text from a registry: fetching whatever address it names would be a way in.
            raise ModelRejectedError(f"the files lie at {champion.source!r}, not behind {ARTIFACT_SCHEME}")
        manifest = await self._file(champion.source, MANIFEST_FILE)
        try:
            forest_file = Manifest.model_validate_json(manifest).forest_file
        except ValueError as error:
            raise ModelRejectedError("manifest.json does not fit the format") from error
        return Bundle(
            version=champion.version,
            manifest=manifest,
            forest=await self._file(champion.source, forest_file),
            manifest_sha256=champion.manifest_sha256,
            forest_sha256=champion.forest_sha256,
            schema_hash=champion.schema_hash,
        )

    async def _file(self, source: str, name: str) -> bytes:
        path = source.removeprefix(ARTIFACT_SCHEME).strip("/")
        data = bytearray()
        async with self._client.stream("GET", f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}/{name}") as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                data += chunk
                if len(data) > MAX_FILE_BYTES:
                    raise ModelRejectedError(f"{name} is larger than {MAX_FILE_BYTES} bytes")
        return bytes(data)


def _error_code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("error_code", ""))
    except (ValueError, AttributeError):
        return ""


def _member(body: Any, name: str) -> dict[str, Any]:
    member = body.get(name) if isinstance(body, dict) else None
    if not isinstance(member, dict):
        raise ModelRejectedError(f"the model registry's answer has no {name}")
    return member
