#!/usr/bin/env bash
# Writes the lock files (or, with --check, says whether they are up to date).
# The locks pin versions and hashes but name no package index, so they work behind any mirror (docs/adr/0002).
set -euo pipefail
cd "$(dirname "$0")/.."
uv="${UV:-${XDG_CACHE_HOME:-$HOME/.cache}/fraud-watch/uv-$(sed -n 's/^UV_VERSION=//p' .env.example)/bin/uv}"
target_dir="."
if [ "${1:-}" = "--check" ]; then
    target_dir="$(mktemp -d)"
    trap 'rm -rf "$target_dir"' EXIT
fi
compile() { # project-folder, further arguments
    local project="$1" output="$target_dir/$1/requirements.lock"
    shift
    mkdir -p "$(dirname "$output")"
    # the present lock is the preference: without it a check would fail whenever a newer version appears
    [ "$target_dir" = "." ] || cp "$project/requirements.lock" "$output"
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
        "$@" "$project/pyproject.toml" --output-file "$output"
    if [ "$target_dir" != "." ] && ! cmp -s "$project/requirements.lock" "$output"; then
        echo "lock: $project/requirements.lock does not match $project/pyproject.toml; run 'make lock'" >&2
        return 1
    fi
}
ours=()
for manifest in benchmarks/pyproject.toml phase1-ingestion/*/pyproject.toml phase2-streaming/*/pyproject.toml phase4-ml/*/pyproject.toml infra/native/pyproject.toml; do
    name="$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -n 1)"
    ours+=(--no-emit-package "$name")
done
compile . --group dev "${ours[@]}"
compile phase3-transforms/airflow
compile phase5-analytics/superset
