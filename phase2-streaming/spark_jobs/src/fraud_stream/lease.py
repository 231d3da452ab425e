"""One driver per set of tables: a lease, kept as one object in the bucket that the tables are in.

Delta's log on S3 is safe for one driver only, so a second one must not start. The lease lives in the object store
because a writer that cannot reach it cannot write either, and needs no credentials but the ones it has. Taking and
renewing are conditional PUTs (``If-None-Match``, ``If-Match``). Nobody's clock is compared with anybody else's:

- the holder renews every ``RENEW_SECONDS``; one that could not renew for ``GIVE_UP_SECONDS`` of its own clock is lost;
- another machine may take a lease over once it has watched it unrenewed for ``EXPIRE_SECONDS`` of *its* own clock;
- on the holder's own machine the holder's processes are looked at instead, so a restart after ``kill -9`` waits only
  for the orphaned JVM to end, and a process that is merely stopped is never overtaken.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fraud_stream.errors import LeaseError
from fraud_stream.process_identity import ProcessIdentity, machine

log = logging.getLogger(__name__)

RENEW_SECONDS = 5.0
GIVE_UP_SECONDS = 24.0
EXPIRE_SECONDS = 36.0
WATCH_SECONDS = 1.0

HELD = "held"
RELEASED = "released"
TAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


@dataclass(slots=True)
class LeaseTiming:
    """How long everything takes, in seconds."""

    renew: float = RENEW_SECONDS
    give_up: float = GIVE_UP_SECONDS
    expire: float = EXPIRE_SECONDS
    watch: float = WATCH_SECONDS


@dataclass(slots=True)
class _Seen:
    etag: str
    content: dict[str, Any] = field(default_factory=dict)


class Lease:
    """The right to write; acquire it before the first Spark process starts."""

    def __init__(self, s3: Any, bucket: str, key: str, timing: LeaseTiming | None = None) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._key = key
        self._timing = timing or LeaseTiming()
        self._holder = str(uuid.uuid4())
        self._processes = [ProcessIdentity.own()]
        self._etag = ""
        self._renewals = 0
        self._renewed_at = 0.0
        self._stop = threading.Event()
        self._write_lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lease, waiting for a dead holder on another machine to expire.

        Raises:
            LeaseError: somebody else holds it and is alive, or the object store does not answer.
        """
        try:
            self._etag = self._take()
        except (BotoCoreError, ClientError) as error:
            raise LeaseError(f"the lease s3://{self._bucket}/{self._key} cannot be read or written: {error}") from error
        self._renewed_at = time.monotonic()

    def keep(self, on_lost: Callable[[str], None]) -> None:
        """Renew in the background; ``on_lost`` gets one sentence when that is no longer possible."""
        self._thread = threading.Thread(target=self._renew_forever, args=(on_lost,), name="lease", daemon=True)
        self._thread.start()

    def add_process(self, pid: int) -> None:
        """Count another process of ours, the JVM, as part of the holder: while it lives, so does the lease.

        Raises:
            LeaseError: the lease was lost meanwhile.
        """
        self._processes.append(ProcessIdentity.of(pid))
        self._renew()

    def check(self) -> None:
        """Call before every write.

        Raises:
            LeaseError: the lease may belong to somebody else by now.
        """
        silent = time.monotonic() - self._renewed_at
        if silent > self._timing.give_up:
            raise LeaseError(f"the lease s3://{self._bucket}/{self._key} was not renewed for {silent:.0f} s")

    def release(self) -> None:
        """Give the lease back, so that the next driver need not wait; errors are only logged."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            with self._write_lock:
                self._etag = self._put({**self._content(), "state": RELEASED}, {"IfMatch": self._etag})
        except (BotoCoreError, ClientError) as error:
            log.warning("the lease could not be given back and will expire: %s", error)

    def _take(self) -> str:
        since = time.monotonic()
        watched: str | None = None
        while True:
            seen = self._get()
            try:
                if seen is None:
                    return self._put(self._content(), {"IfNoneMatch": "*"})
                if seen.content.get("state") == RELEASED or self._died_here(seen.content):
                    return self._put(self._content(), {"IfMatch": seen.etag})
                is_elsewhere = seen.content.get("machine") != machine()
                watched = watched or seen.etag
                if watched != seen.etag:
                    raise LeaseError(self._refusal(seen.content))
                if time.monotonic() - since > self._timing.expire:
                    if not is_elsewhere:
                        raise LeaseError(self._refusal(seen.content))
                    log.warning("taking over a lease that nobody renewed for %.0f s", self._timing.expire)
                    return self._put(self._content(), {"IfMatch": seen.etag})
            except ClientError as error:
                if error.response["Error"]["Code"] not in TAKEN:
                    raise
                raise LeaseError(self._refusal(seen.content if seen else {})) from error
            time.sleep(self._timing.watch)

    def _died_here(self, content: dict[str, Any]) -> bool:
        """Whether the holder was on this machine and all its processes are gone.

        False while an orphaned JVM still lives: it ends by itself soon after its driver, and may write until then.

        Raises:
            LeaseError: the holder's driver is alive.
        """
        if content.get("machine") != machine():
            return False
        driver, *others = [ProcessIdentity(**process) for process in content["processes"]]
        if driver.is_alive():
            raise LeaseError(self._refusal(content))
        return not any(other.is_alive() for other in others)

    def _refusal(self, content: dict[str, Any]) -> str:
        pids = ", ".join(str(process["pid"]) for process in content.get("processes", ()))
        return (
            f"another Bronze writer is running (process {pids or 'unknown'}), holding s3://{self._bucket}/{self._key}; "
            "stop it first: two drivers on one Delta table lose data"
        )

    def _renew_forever(self, on_lost: Callable[[str], None]) -> None:
        while not self._stop.wait(self._timing.renew):
            try:
                self._renew()
            except LeaseError as error:
                on_lost(str(error))
                return
            except (BotoCoreError, ClientError) as error:
                log.warning("the lease could not be renewed: %s", error)
                try:
                    self.check()
                except LeaseError as lost:
                    on_lost(str(lost))
                    return

    def _renew(self) -> None:
        with self._write_lock:
            if self._stop.is_set():
                return
            self._renewals += 1
            try:
                # taken before the request: what counts is when the store may last have heard of us
                asked = time.monotonic()
                self._etag = self._put(self._content(), {"IfMatch": self._etag})
            except ClientError as error:
                if error.response["Error"]["Code"] not in TAKEN:
                    raise
                # A PUT that timed out may have arrived: then the object carries our own name.
                seen = self._get()
                if seen is None or seen.content.get("holder") != self._holder:
                    raise LeaseError(f"the lease s3://{self._bucket}/{self._key} was taken over") from error
                self._etag = seen.etag
            self._renewed_at = asked

    def _content(self) -> dict[str, Any]:
        return {
            "state": HELD,
            "holder": self._holder,
            "machine": machine(),
            "processes": [{"pid": one.pid, "start_ticks": one.start_ticks} for one in self._processes],
            "renewals": self._renewals,
        }

    def _get(self) -> _Seen | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return _Seen(answer["ETag"], json.loads(answer["Body"].read()))

    def _put(self, content: dict[str, Any], condition: dict[str, str]) -> str:
        body = json.dumps(content).encode()
        return str(self._s3.put_object(Bucket=self._bucket, Key=self._key, Body=body, **condition)["ETag"])
