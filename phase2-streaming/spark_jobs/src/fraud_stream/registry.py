"""Writer schemas by schema id, from the registry's Confluent API."""

import httpx

from fraud_stream.errors import RegistryError

TIMEOUT_SECONDS = 5.0


class SchemaCatalogue:
    """The schemas ever registered under one subject, remembered for the life of the process.

    A message is produced after its schema was registered, and a micro-batch is asked for after its messages were
    produced: refreshing at the start of a batch therefore finds every id that the batch can rightly hold. Only while
    the registry is away can an id be right and still unknown, which is why :meth:`refresh` says whether it answered.
    """

    def __init__(self, registry_url: str, subject: str, client: httpx.Client | None = None) -> None:
        self._versions_url = f"{registry_url.rstrip('/')}/subjects/{subject}/versions"
        self._subject = subject
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS)
        self._versions: set[int] = set()
        self._schemas: dict[int, str] = {}

    @property
    def schemas(self) -> dict[int, str]:
        """Avro schema text by schema id, as far as known."""
        return dict(self._schemas)

    def refresh(self) -> bool:
        """Fetch the versions that are not known yet; False when the registry did not answer."""
        try:
            response = self._client.get(self._versions_url)
            if response.status_code == httpx.codes.NOT_FOUND:
                return True
            response.raise_for_status()
            for version in set(response.json()) - self._versions:
                answer = self._client.get(f"{self._versions_url}/{version}").raise_for_status().json()
                self._schemas[int(answer["id"])] = str(answer["schema"])
                self._versions.add(version)
        except (httpx.HTTPError, ValueError, KeyError):
            return False
        return True

    def require(self) -> None:
        """Fetch the schemas for the first time.

        Raises:
            RegistryError: the registry does not answer, or has no schema of this subject.
        """
        if not self.refresh():
            raise RegistryError(f"the schema registry does not answer at {self._versions_url}")
        if not self._schemas:
            raise RegistryError(f"no schema is registered as {self._subject}; `fraud-producer init` registers it")
