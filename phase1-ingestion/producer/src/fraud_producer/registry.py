"""The schema registry's Confluent API: compatibility first, then schemas, then their ids."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from fraud_contracts import COMPATIBILITY, RAW_TOPICS, Topic, schema_text
from fraud_producer.drift import Drift
from fraud_producer.errors import IncompatibleSchemaError, RegistryError, UnreachableError

_CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_TIMEOUT_SECONDS: Final = 15.0
_CORRECTABLE: Final = "`fraud-producer init` corrects it"


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject as the registry knows it."""

    name: str
    versions: tuple[int, ...]
    schema_id: int
    compatibility: str


class Registry:
    """A client of one registry; ``url`` ends in ``/apis/ccompat/v7``. Nothing is sent before the first call."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS, headers={"Content-Type": _CONTENT_TYPE})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def require_compatibility(self, level: str = COMPATIBILITY) -> None:
        """Set the level for every subject and read it back, before anything is registered.

        Raises:
            RegistryError: the registry does not keep the level.
        """
        self._call("PUT", "/config", {"compatibility": level})
        kept = self.compatibility()
        if kept != level:
            raise RegistryError(f"the schema registry keeps compatibility {kept} where {level} was set: see its log")

    def compatibility(self, subject: str | None = None) -> str:
        """The level that a subject, or by default every subject, is held to."""
        path = f"/config/{subject}?defaultToGlobal=true" if subject else "/config"
        answer = self._call("GET", path)
        return str(answer.get("compatibilityLevel") or answer.get("compatibility"))

    def drift(self, topics: Iterable[Topic] = RAW_TOPICS) -> list[Drift]:
        """What differs from the contracts: a subject's compatibility, or its schema. Nothing is changed.

        Raises:
            UnreachableError: the registry does not answer.
        """
        known = set(self._call("GET", "/subjects"))
        found = []
        for topic in topics:
            if topic.subject not in known:
                found.append(
                    Drift(topic.subject, "schema", "registered", "missing", "`fraud-producer init` registers it")
                )
                continue
            if (level := self.compatibility(topic.subject)) != COMPATIBILITY:
                found.append(Drift(topic.subject, "compatibility", COMPATIBILITY, level, _CORRECTABLE))
            if not self._holds(topic):
                newest = f"another one (version {self._versions(topic.subject)[-1]} is the newest)"
                found.append(Drift(topic.subject, "schema", topic.schema_file, newest, _CORRECTABLE))
        return found

    def correct_compatibility(self, topics: Iterable[Topic] = RAW_TOPICS) -> list[Drift]:
        """Hold every registered subject of the contracts to their compatibility; returns what had drifted.

        A subject may have a level of its own, which the level for all does not change.
        """
        drifted = [drift for drift in self.drift(topics) if drift.setting == "compatibility"]
        for drift in drifted:
            self._call("PUT", f"/config/{drift.name}", {"compatibility": drift.wanted})
        return drifted

    def register(self, subject: str, text: str) -> int:
        """Register a schema and return its id; one that is registered already keeps its id.

        Raises:
            IncompatibleSchemaError: it breaks the subject's compatibility.
        """
        return int(self._call("POST", f"/subjects/{subject}/versions", {"schema": text})["id"])

    def lookup(self, topic: Topic) -> int:
        """Id of the contract's schema of a topic.

        Raises:
            RegistryError: it is not registered.
        """
        answer = self._call("POST", f"/subjects/{topic.subject}", {"schema": schema_text(topic)})
        return int(answer["id"])

    def schema_text(self, schema_id: int) -> str:
        """The schema of an id, as JSON text."""
        return str(self._call("GET", f"/schemas/ids/{schema_id}")["schema"])

    def subjects(self) -> list[Subject]:
        """Every subject with its versions and compatibility, by name."""
        found = []
        for name in sorted(self._call("GET", "/subjects")):
            versions = self._versions(name)
            newest = self._call("GET", f"/subjects/{name}/versions/{versions[-1]}")
            found.append(Subject(name, versions, int(newest["id"]), self.compatibility(name)))
        return found

    def _versions(self, subject: str) -> tuple[int, ...]:
        return tuple(int(version) for version in self._call("GET", f"/subjects/{subject}/versions"))

    def _holds(self, topic: Topic) -> bool:
        """Whether the contract's schema is one of its subject's versions."""
        try:
            self.lookup(topic)
        except RegistryError:
            return False
        return True

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        try:
            answer = self._http.request(method, self._url + path, content=json.dumps(body) if body else None)
        except httpx.HTTPError as problem:
            raise UnreachableError(
                f"the schema registry does not answer at {self._url} ({type(problem).__name__}): "
                "is it up? `make status` shows it; SCHEMA_REGISTRY_URL names it"
            ) from problem
        if answer.is_success:
            return answer.json()
        reason = _reason(answer)
        if answer.status_code == httpx.codes.CONFLICT:
            raise IncompatibleSchemaError(
                f"the registry refused the schema of {path.split('/')[2]}: it is not {COMPATIBILITY} compatible "
                f"({reason}); add optional fields with defaults instead, or use a new topic"
            )
        if answer.status_code == httpx.codes.NOT_FOUND and path.startswith("/subjects/"):
            raise RegistryError(f"{path.split('/')[2]} is not registered: run `fraud-producer init` first")
        raise RegistryError(f"the schema registry answered {answer.status_code} to {method} {path}: {reason}")


def _reason(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:300]
    return str(body.get("message") or body.get("detail") or body)[:300] if isinstance(body, dict) else str(body)[:300]
