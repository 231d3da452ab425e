import json
from pathlib import Path

import pytest

from fraud_features import FEATURE_NAMES, sql, sql_kyc, sql_profiles, sql_windows
from fraud_features.cli import DBT_PROJECT, generated_files, main
from fraud_features.measured_use import MEASURED_USE

ROOT = Path(__file__).parents[3]


def test_committed_files_are_what_the_definition_renders() -> None:
    assert main(["render", "--check", "--root", str(ROOT)]) == 0


def test_a_stale_file_is_named_and_written_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--root", str(tmp_path)]) == 0
    assert main(["render", "--check", "--root", str(tmp_path)]) == 0
    stale = next(iter(generated_files()))
    (tmp_path / stale).write_text("old")
    assert main(["render", "--check", "--root", str(tmp_path)]) == 1
    assert f"{stale} differs" in capsys.readouterr().err
    assert (tmp_path / stale).read_text() == "old"
    assert main(["render", "--root", str(tmp_path)]) == 0
    assert (tmp_path / stale).read_text() != "old"


def test_the_catalogue_names_every_feature(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue"]) == 0
    page = capsys.readouterr().out
    assert all(f"`{name}`" in page for name in FEATURE_NAMES)


def test_the_hash_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hash"]) == 0
    assert len(capsys.readouterr().out.strip()) == 64


def test_another_definition_is_another_digest_in_the_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    def counters() -> str:
        macros = generated_files()[DBT_PROJECT / "macros/generated/fraud_features.sql"]
        return macros.partition("macro fraud_features_counters")[2].partition("endmacro")[0]

    before = counters()
    assert counters() == before
    assert "lag {{ fraud_features_lag_us() }} maturity {{ fraud_features_maturity_days() }}" in before
    for module, name, value in (
        (sql_profiles, "RATE_PRIOR_PAYMENTS", 21.0),
        (sql, "RATIO_CAP", 9_999.0),
        (sql_windows, "SPEED_CAP_KMH", 19_999.0),
        (sql_kyc, "CONTACT_CHANGES", ("PHONE_CHANGED",)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert counters() != before, name


def test_every_feature_is_a_column_of_the_mart() -> None:
    text = (ROOT / "phase3-transforms/dbt_project/models/marts/mart_fraud_features.yml").read_text()
    assert all(f"- name: {name}\n" in text for name in FEATURE_NAMES)


def test_a_wrong_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FRAUD_FEATURES_PROFILE_LAG_HOURS", "24")
    assert main(["hash"]) == 1
    assert capsys.readouterr().err.startswith("fraud-features: FRAUD_FEATURES_PROFILE_LAG_HOURS must be at most 23")


def test_a_report_becomes_the_measured_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "phase3-transforms/dbt_project").mkdir(parents=True)
    kept = tmp_path / MEASURED_USE
    kept.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    looked_at, unused = FEATURE_NAMES[:2]
    importance = {"average_precision_lost": {looked_at: 0.123456, "gone": 1.0}, "never_looked_at": [unused]}
    (tmp_path / "model.json").write_text(json.dumps({"permutation_importance": importance}))
    assert main(["measure", "model.json"]) == 0
    assert json.loads(kept.read_text()) == {
        "written_by": "fraud-features measure; do not edit",
        "average_precision_lost": {looked_at: 0.1235, unused: 0.0},
    }
    (tmp_path / "other.json").write_text("{}")
    assert main(["measure", "other.json"]) == 1
    assert main(["measure", "absent.json"]) == 1
    assert "name the report of make ml-train" in capsys.readouterr().err
