from pathlib import Path

import pytest

from fraud_native.documentation.dbt_docs import DbtError, write_dbt_docs
from fraud_native.paths import DBT_PROJECT

NOBODY = "http://127.0.0.1:1"


def variables(project: Path) -> dict[str, str]:
    return {"TRINO_URL": NOBODY, "DBT_PROJECT_DIR": str(project), "DBT_PROFILES_DIR": str(project)}


def test_without_trino_every_model_is_documented_all_the_same(tmp_path: Path) -> None:
    remark = write_dbt_docs(variables(DBT_PROJECT), tmp_path)
    assert NOBODY in remark
    assert "make phase3-up" in remark
    page = (tmp_path / "site/dbt/index.html").read_text(encoding="utf-8")
    assert '"model.fraud_watch.mart_fraud_features": {' in page


def test_what_dbt_says_of_its_failure_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(DbtError, match=r"No dbt_project\.yml"):
        write_dbt_docs(variables(tmp_path), tmp_path)
