#!/usr/bin/env bash
# make test: set-up, static checks with unit tests, integration tests. Prints the minutes of each stage beside its share
# of the budget, and fails when a stage fails or the whole takes longer than its budget (2 cores, empty caches).
set -uo pipefail
cd "$(dirname "$0")/.." || exit

budget_setup=12 budget_unit=5 budget_integration=24 budget_all=45
report=()
failed=0

stage() { # name, budget in minutes, command...
    local name="$1" budget="$2" began="$SECONDS" result=passed
    shift 2
    printf '\n==> %s\n' "$name"
    "$@" || { result=FAILED failed=1; }
    local took=$((SECONDS - began))
    if [ "$took" -gt $((budget * 60)) ]; then
        result="$result, OVER ITS SHARE"
    fi
    report+=("$(printf '%-14s %5.1f min of %2d  %s' "$name" "$(minutes "$took")" "$budget" "$result")")
}
minutes() { awk -v s="$1" 'BEGIN { printf "%.1f", s / 60 }'; }
# shellcheck disable=SC2329 # stage calls these three by their names
prepare() { bash infra/native/bootstrap.sh && .venv/bin/fraud-native setup --tests; }
# shellcheck disable=SC2329
unit() { make --no-print-directory check && .venv/bin/pytest -m 'not integration and not slow and not chaos'; }
# shellcheck disable=SC2329
integration() { .venv/bin/pytest -m 'integration and not slow' --durations 15; }

stage set-up "$budget_setup" prepare
# without its tools nothing else can say anything useful
if [ "$failed" -eq 0 ]; then
    stage 'check + unit' "$budget_unit" unit
    stage integration "$budget_integration" integration
fi
printf '\nMinutes per stage\n'
printf '  %s\n' "${report[@]}"
printf '  %-14s %5.1f min of %2d\n' all "$(minutes "$SECONDS")" "$budget_all"
if [ "$SECONDS" -gt $((budget_all * 60)) ]; then
    echo "make test took longer than $budget_all minutes" >&2
    failed=1
fi
exit "$failed"
