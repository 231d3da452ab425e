"""What is in production, as one flat summary."""

from typing import Any

from fraud_contracts import CHAMPION
from fraud_training.evaluate import BASELINES, baseline_metric, figures
from fraud_training.registry import REFUSED, Registry


def summary(manifest: dict[str, Any]) -> dict[str, Any]:
    """Periods and figures of a model from its manifest."""
    metrics = manifest["metrics"]
    rivals = {baseline_metric(name): metrics[baseline_metric(name)] for name in BASELINES}
    return {
        "train_period": manifest["train_period"],
        "test_period": manifest["test_period"],
        **figures(metrics),
        "baseline_average_precision": max(rivals.values()),
        **rivals,
    }


def champion_summary(registry: Registry) -> dict[str, Any]:
    """Name, version, alias, periods and figures of the champion; ``version`` and ``alias`` are None without one,
    and ``reason`` says why."""
    champion = registry.holder(CHAMPION)
    if champion is None:
        refusals = [entry["reason"] for entry in registry.history() if entry["action"] == REFUSED]
        reason = refusals[-1] if refusals else "no model was trained yet: run make ml-train"
        return {"name": registry.model_name, "version": None, "alias": None, "reason": reason}
    return {
        "name": registry.model_name,
        "version": champion.number,
        "alias": CHAMPION,
        **summary(registry.form(champion).manifest),
    }
