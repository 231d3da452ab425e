"""The few calls of Airflow's REST API that drive a DAG."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

FINISHED = ("success", "failed")


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

    Raises:
        httpx.HTTPError: the server does not answer, or refuses the call.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)
        token = self._http.post("/auth/token", json={"username": user, "password": password})
        token.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def wait_for_dag(self, dag_id: str, seconds: float) -> None:
        """Waits until the DAG processor has parsed a DAG, then makes sure that it is not paused."""
        deadline = time.monotonic() + seconds
        while self._http.get(f"/api/v2/dags/{dag_id}").status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise DagRunError(
                    f"Airflow does not know the DAG {dag_id} after {seconds:.0f} s; see its dag-processor's log"
                )
            time.sleep(1)
        self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Starts a run by hand, ``conf`` being its parameters, and returns its id."""
        answer = self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        answer.raise_for_status()
        run_id: str = answer.json()["dag_run_id"]
        return run_id

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """The run as it stands now."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        state = self._http.get(path).raise_for_status().json()["state"]
        instances = self._http.get(f"{path}/taskInstances").raise_for_status().json()["task_instances"]
        instances.sort(key=lambda task: (task["start_date"] is None, task["start_date"] or ""))
        return DagRun(dag_id, run_id, state, {task["task_id"]: task["state"] or "waiting" for task in instances})

    def wait(
        self,
        dag_id: str,
        run_id: str,
        seconds: float,
        progress: Callable[[str, str], None],
        watch: Callable[[], None] = lambda: None,
    ) -> DagRun:
        """Waits for the end of a run and tells ``progress`` each task's new state.

        A server that does not answer is asked again until the time is over; ``watch`` is called before each question
        and may raise.

        Raises:
            DagRunError: the run failed, or did not end in time.
        """
        deadline = time.monotonic() + seconds
        seen: dict[str, str] = {}
        while True:
            watch()
            try:
                run = self.run(dag_id, run_id)
            except httpx.TransportError:
                # it may be restarting
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
                continue
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
            answer = self._http.get(path, headers={"Accept": "application/json"})
            if answer.status_code == httpx.codes.OK:
                content = answer.json().get("content", [])
                lines += [event["event"] if isinstance(event, dict) else str(event) for event in content][-30:]
        return "\n".join(lines)
