"""``fraud-features``: renders what is generated from the definition, and prints the catalogue."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fraud_features.catalogue import catalogue
from fraud_features.dbt import rendered
from fraud_features.measured_use import MEASURED_USE, from_report
from fraud_features.settings import FeatureSettingsError
from fraud_features.vector import schema_hash

DBT_PROJECT = Path("phase3-transforms/dbt_project")
CATALOGUE = Path("docs/features.md")


def generated_files() -> dict[Path, str]:
    """Every generated file of the repository: path from its root, and text."""
    return {DBT_PROJECT / path: text for path, text in rendered().items()} | {CATALOGUE: catalogue()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 1 when ``render --check`` finds a difference."""
    parser = argparse.ArgumentParser(prog="fraud-features", description="The one feature definition of fraud-watch.")
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="write the generated dbt macros, model YAML and docs/features.md")
    render.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    render.add_argument(
        "--root", type=Path, default=None, help="root of the repository (found from the current folder)"
    )
    measure = commands.add_parser("measure", help="keep what a training run found each feature to be worth")
    measure.add_argument("report", type=Path, nargs="?", default=Path("var/reports/model.json"))
    commands.add_parser("catalogue", help="print every feature with its meaning")
    commands.add_parser("hash", help="print the schema hash that models carry")
    options = parser.parse_args(arguments)
    if options.command == "catalogue":
        sys.stdout.write(catalogue())
        return 0
    if options.command == "hash":
        try:
            sys.stdout.write(schema_hash() + "\n")
        except FeatureSettingsError as error:
            sys.stderr.write(f"fraud-features: {error}\n")
            return 1
        return 0
    if options.command == "measure":
        return _measure(options.report)
    return _render(options.root or _find_root(), check=options.check)


def _find_root() -> Path:
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / DBT_PROJECT).is_dir():
            return folder
    raise SystemExit(f"fraud-features: no {DBT_PROJECT} above the current folder: run it inside the repository")


def _measure(report: Path) -> int:
    try:
        text = from_report(json.loads(report.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"fraud-features: {report} cannot be used ({error})\n")
        return 1
    (_find_root() / MEASURED_USE).write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {MEASURED_USE}; run fraud-features render\n")
    return 0


def _render(root: Path, *, check: bool) -> int:
    stale = 0
    for path, text in generated_files().items():
        target = root / path
        if target.is_file() and target.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            sys.stderr.write(f"{path} differs from the definition: run fraud-features render and commit it\n")
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
