import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fraud_contracts import CHAMPION, REGISTERED_MODEL
from fraud_serving.model_bundle import Bundle

pytestmark = pytest.mark.integration
Payment = Callable[..., dict[str, Any]]


class Registry(httpx.Client):
    """A model registry of our own: MLflow itself, on a folder of this test."""

    def register(self, bundle: Bundle) -> str:
        """Stores a bundle's files as training does and returns the new version's number."""
        run = (
            self.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})
            .raise_for_status()
            .json()["run"]["info"]
        )
        source = f"{run['artifact_uri']}/serving"
        folder = source.removeprefix("mlflow-artifacts:/")
        for name, data in (("manifest.json", bundle.manifest), ("forest.treelite", bundle.forest)):
            self.put(f"/api/2.0/mlflow-artifacts/artifacts/{folder}/{name}", content=data).raise_for_status()
        self.post("/api/2.0/mlflow/registered-models/create", json={"name": REGISTERED_MODEL})
        tags = {
            "sha256": bundle.forest_sha256,
            "manifest_sha256": bundle.manifest_sha256,
            "schema_hash": bundle.schema_hash,
        }
        made = self.post(
            "/api/2.0/mlflow/model-versions/create",
            json={
                "name": REGISTERED_MODEL,
                "source": source,
                "run_id": run["run_id"],
                "tags": [{"key": key, "value": value} for key, value in tags.items()],
            },
        ).raise_for_status()
        return str(made.json()["model_version"]["version"])

    def promote(self, version: str) -> None:
        body = {"name": REGISTERED_MODEL, "alias": CHAMPION, "version": version}
        self.post("/api/2.0/mlflow/registered-models/alias", json=body).raise_for_status()

    def retire(self) -> None:
        body = {"name": REGISTERED_MODEL, "alias": CHAMPION}
        self.request("DELETE", "/api/2.0/mlflow/registered-models/alias", json=body).raise_for_status()


@pytest.fixture
def start_mlflow(tmp_path: Path, run_process: Any) -> Callable[..., Any]:
    """``with start_mlflow() as registry``; started again it has what it had."""
    port = run_process.free_port()
    program = Path(sys.executable).parent / "mlflow"
    command = [program, "server", "--host", "127.0.0.1", "--port", port, "--workers", 1, "--serve-artifacts"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", tmp_path / "files"]
    env = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

    @contextmanager
    def start() -> Iterator[Registry]:
        with (
            run_process.any([str(word) for word in command], env, tmp_path / "mlflow.log") as process,
            Registry(base_url=f"http://127.0.0.1:{port}", timeout=60) as registry,
        ):
            run_process.eventually(lambda: _healthy(registry), seconds=180, what="MLflow")
            yield registry
            process.stop(60)

    return start


def _healthy(registry: Registry) -> bool:
    try:
        return registry.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def settings(registry: Registry, folder: Path) -> dict[str, str]:
    """Environment of an API that follows this registry closely."""
    return {
        "MLFLOW_TRACKING_URI": str(registry.base_url).rstrip("/"),
        "FRAUD_SERVING_MODEL_POLL_SECONDS": "0.5",
        "FRAUD_STATE_DIR": str(folder),
    }


# the model decides; no profile in Redis is as old as the payment
SCORED = "no_profiles"


def served(api: Any, payment: Payment) -> tuple[str, str]:
    """Mode and model version of one more decision."""
    answer = api.predict(**payment(amount=150)).json()
    return answer["mode"], answer["model_version"]


def test_a_champion_is_followed_checked_and_rolled_back(
    start_mlflow: Any,
    start_api: Any,
    payment: Payment,
    decision_of: Any,
    make_bundle: Callable[..., Bundle],
    run_process: Any,
    tmp_path: Path,
) -> None:
    good = make_bundle()
    better = make_bundle(lambda manifest: manifest.update(base_value=0.4))
    lying = make_bundle(lambda manifest: manifest["golden"][0].update(raw=0.3))

    with start_mlflow() as registry, start_api(**settings(registry, tmp_path / "api")) as api:
        assert served(api, payment) == ("no_model", "rules-1")
        assert api.get("/health").json()["parts"]["model"]["remedy"] == "run make ml-train"

        first = registry.register(good)
        registry.promote(first)
        run_process.eventually(lambda: served(api, payment) == (SCORED, first), what="the first champion")
        assert api.metric("fraud_model_version") == float(first)
        body = payment(amount=150)
        answer = api.predict(**body).json()
        assert (answer["fraud_probability"], answer["risk_tier"]) == (pytest.approx(0.55), "HIGH")
        row = decision_of(body["transaction_id"])
        assert (row["raw_probability"], row["model_digest"]) == (pytest.approx(0.75), good.forest_sha256)
        assert api.predict(**payment(amount=50)).json()["risk_tier"] == "LOW"

        registry.promote(registry.register(lying))
        run_process.eventually(lambda: api.metric("fraud_model_rejections_total"), what="a refusal")
        assert served(api, payment) == (SCORED, first)
        assert "golden row 0" in api.get("/health").json()["parts"]["model"]["detail"]

        second = registry.register(better)
        registry.promote(second)
        run_process.eventually(lambda: served(api, payment) == (SCORED, second), what="the second champion")
        registry.promote(first)
        run_process.eventually(lambda: served(api, payment) == (SCORED, first), what="the rollback")
        assert api.get("/health").json()["parts"]["model"]["status"] == "up"


@pytest.mark.slow
def test_the_last_good_one_is_kept_on_disk_until_it_is_retired(
    start_mlflow: Any,
    start_api: Any,
    payment: Payment,
    make_bundle: Callable[..., Bundle],
    run_process: Any,
    tmp_path: Path,
) -> None:
    good = make_bundle()
    folder = tmp_path / "api"
    with start_mlflow() as registry:
        env = settings(registry, folder)
        with start_api(**env) as api:
            first = registry.register(good)
            registry.promote(first)
            run_process.eventually(lambda: served(api, payment) == (SCORED, first), what="the first champion")

    # MLflow is gone
    with start_api(**env) as api:
        assert served(api, payment) == (SCORED, first)
        assert "registry" in api.get("/health").json()["broken"]
        kept = folder / "models" / good.manifest_sha256 / "forest"
    damaged = bytearray(kept.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    kept.write_bytes(damaged)
    with start_api(**env) as api:
        assert served(api, payment) == ("no_model", "rules-1")
    shutil.rmtree(folder / "models")

    with start_mlflow() as registry, start_api(**env) as api:
        assert served(api, payment) == (SCORED, first)
        registry.retire()
        run_process.eventually(lambda: served(api, payment) == ("no_model", "rules-1"), what="the retirement")
