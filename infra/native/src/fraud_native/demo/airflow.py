"""The few calls of Airflow's REST API that drive a DAG."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

FINISHED = ("success", "failed")
# how long a server may be away, a restart for instance, before a call fails
_PATIENCE_SECONDS = 60.0


class DagRunError(RuntimeError):
    """A DAG run ended in another state than success."""


@dataclass(frozen=True, slots=True)
class DagRun:
    """One finished run: identity, state and the state of each task in order of their start."""

    dag_id: str
    run_id: str
    state: str
    tasks: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        return {"dag_id": self.dag_id, "run_id": self.run_id, "state": self.state, "tasks": self.tasks}


class Airflow:
    """A signed-in client of Airflow's public API.

    ``watch`` is called before each look at a run and while the server is away; it may raise.

    Raises:
        httpx.HTTPError: the server does not answer, or refuses the call.
    """

    def __init__(self, url: str, user: str, password: str, watch: Callable[[], None] = lambda: None) -> None:
        self._watch = watch
        self._http = httpx.Client(base_url=url, timeout=30)
        token = self._call("POST", "/auth/token", json={"username": user, "password": password})
        token.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def wait_for_dag(self, dag_id: str, seconds: float) -> None:
        """Waits until the DAG processor has parsed a DAG, then makes sure that it is not paused."""
        deadline = time.monotonic() + seconds
        while self._call("GET", f"/api/v2/dags/{dag_id}").status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise DagRunError(
                    f"Airflow does not know the DAG {dag_id} after {seconds:.0f} s; see its dag-processor's log"
                )
            time.sleep(1)
        self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Starts a run by hand, ``conf`` being its parameters, and returns its id."""
        answer = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        answer.raise_for_status()
        run_id: str = answer.json()["dag_run_id"]
        return run_id

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """The run as it stands now."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        state = self._call("GET", path).raise_for_status().json()["state"]
        instances = self._call("GET", f"{path}/taskInstances").raise_for_status().json()["task_instances"]
        instances.sort(key=lambda task: (task["start_date"] is None, task["start_date"] or ""))
        return DagRun(dag_id, run_id, state, {task["task_id"]: task["state"] or "waiting" for task in instances})

    def wait(
        self,
        dag_id: str,
        run_id: str,
        seconds: float,
        progress: Callable[[str, str], None],
    ) -> DagRun:
        """Waits for the end of a run and tells ``progress`` each task's new state.

        Raises:
            DagRunError: the run failed, or did not end in time.
        """
        deadline = time.monotonic() + seconds
        seen: dict[str, str] = {}
        while True:
            self._watch()
            run = self.run(dag_id, run_id)
            for task, state in run.tasks.items():
                if seen.get(task) != state and state in (
                    "running",
                    "success",
                    "failed",
                    "up_for_retry",
                    "upstream_failed",
                ):
                    progress(task, state)
                seen[task] = state
            if run.state in FINISHED:
                break
            if time.monotonic() > deadline:
                raise DagRunError(f"{dag_id} ({run_id}) is still {run.state} after {seconds:.0f} s")
            time.sleep(0.5)
        if run.state != "success":
            failed = [task for task, state in run.tasks.items() if state == "failed"]
            raise DagRunError(
                f"{dag_id} ({run_id}) failed in {', '.join(failed) or 'no task'}\n{self.log(run, failed)}"
            )
        return run

    def log(self, run: DagRun, tasks: list[str]) -> str:
        """The last lines of the logs of these tasks."""
        lines: list[str] = []
        for task in tasks:
            path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task}/logs/-1"
            answer = self._call("GET", path, headers={"Accept": "application/json"})
            if answer.status_code == httpx.codes.OK:
                content = answer.json().get("content", [])
                lines += [event["event"] if isinstance(event, dict) else str(event) for event in content][-30:]
        return "\n".join(lines)

    def _call(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """One call; a server that is away for a moment is asked again.

        A call that changes something is repeated only when it never reached the server.
        """
        away = httpx.TransportError if method == "GET" else httpx.ConnectError
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self._http.request(method, path, **parts)
            except away:
                if time.monotonic() > deadline:
                    raise
                self._watch()
                time.sleep(1)
