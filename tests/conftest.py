"""What the cross-phase tests share."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def predict(demo: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Posts one payment to the running API and returns the answer."""
    import httpx

    env = demo.stack.env

    def post(body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(
            f"{env['API_URL']}/predict", json=body, headers={"Authorization": f"Bearer {env['FRAUD_SERVING_API_KEY']}"}
        )
        answer.raise_for_status()
        decision: dict[str, Any] = answer.json()
        return decision

    return post


@pytest.fixture(scope="session")
def live_in_gold(demo: Any) -> None:
    """The demo's live payments and the decisions on them are in Gold: what the pipeline's next run does."""
    demo.stack.run(["fraud-stream", "conservation", "--wait", "120"])
    demo.run_pipeline()
