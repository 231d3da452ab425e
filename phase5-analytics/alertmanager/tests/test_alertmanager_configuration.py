"""alertmanager.yml as start.sh renders it, and what can be said about its silencing without running it."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[1]
RULES = FOLDER.parent / "prometheus" / "rules"
URL = "http://127.0.0.1:29099/alerts"


def rendered(folder: Path, webhook: str) -> Path:
    environment = {
        "PATH": os.environ["PATH"],
        # stands in Alertmanager's place: the rendered file is what is wanted
        "ALERTMANAGER": "true",
        "ALERTMANAGER_DATA_DIR": str(folder),
        "ALERTMANAGER_PORT": "9096",
        "FRAUD_BIND_HOST": "127.0.0.1",
        "ALERT_WEBHOOK_URL": webhook,
        "ALERT_GROUP_SECONDS": "20",
    }
    subprocess.run(["/bin/sh", str(FOLDER / "start.sh")], env=environment, check=True)
    return folder / "alertmanager.yml"


@pytest.mark.parametrize("webhook", ["", URL])
def test_it_is_sound_with_a_receiver_and_without(tmp_path: Path, webhook: str) -> None:
    amtool = shutil.which("amtool")
    assert amtool, "amtool is not installed: run make setup"
    config = rendered(tmp_path, webhook)
    done = subprocess.run([amtool, "check-config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    hooks = yaml.safe_load(config.read_text(encoding="utf-8"))["receivers"][0]["webhook_configs"] or []
    assert [hook["url"] for hook in hooks] == ([webhook] if webhook else [])
    # the address may hold a secret
    assert config.stat().st_mode & 0o077 == 0


def alert_rules() -> list[dict[str, str]]:
    return [
        {"alertname": rule["alert"], **rule["labels"]}
        for file in RULES.glob("*.yml")
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def inhibitions() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alertmanager.yml").read_text("utf-8"))["inhibit_rules"]
    return rules


def meant(matchers: list[str]) -> list[dict[str, str]]:
    """The alert rules whose own labels fit; labels that come from their series are left open."""
    found = alert_rules()
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~?)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        pattern = value if operator == "=~" else re.escape(value)
        found = [rule for rule in found if name not in rule or re.fullmatch(pattern, rule[name])]
    return found


@pytest.mark.parametrize("rule", inhibitions(), ids=lambda rule: " ".join(rule["source_matchers"] + ["silences"]))
def test_every_silencing_names_alerts_that_exist(rule: dict[str, Any]) -> None:
    for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
        if matcher.startswith("alertname="):
            for name in re.search(r'"(.*)"', matcher)[1].split("|"):  # type: ignore[index]
                assert any(re.fullmatch(name, one["alertname"]) for one in alert_rules()), name
    assert meant(rule["source_matchers"])
    assert meant(rule["target_matchers"])


@pytest.mark.parametrize("rule", inhibitions(), ids=lambda rule: " ".join(rule["source_matchers"] + ["silences"]))
def test_a_ticket_never_silences_a_page(rule: dict[str, Any]) -> None:
    if any(source["severity"] == "ticket" for source in meant(rule["source_matchers"])):
        assert {target["severity"] for target in meant(rule["target_matchers"])} == {"ticket"}
