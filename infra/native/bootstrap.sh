#!/usr/bin/env bash
# What make runs first: uv in the per-user cache, and the root environment in .venv exactly as requirements.lock says.
# Needs bash and Python 3.11 to 3.13; everything else is the task of `fraud-native setup`, which this makes runnable.
# May be interrupted and repeated at any time; does nothing when neither the lock nor a pyproject.toml has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root="$PWD"
# without bytecode every start of a Python server compiles its libraries again: 12 seconds instead of 4
unset PYTHONDONTWRITEBYTECODE

cache="${XDG_CACHE_HOME:-$HOME/.cache}/fraud-watch"
uv_version="$(sed -n 's/^UV_VERSION=//p' .env.example)"
uv="$cache/uv-$uv_version/bin/uv"
stamp=".venv/.stamp"
# its presence means that a run was interrupted, so that a package may be there in part
incomplete=".venv/.incomplete"

say() { printf 'bootstrap: %s\n' "$*"; }
fail() {
    printf 'bootstrap: %s\n' "$@" >&2
    exit 1
}

projects() { sed -n '/^members = \[/,/^]/s/^ *"\(.*\)",*$/\1/p' pyproject.toml; }

wanted_stamp() {
    local manifests=() project
    while read -r project; do manifests+=("$project/pyproject.toml"); done < <(projects)
    { echo "$root $uv_version" && sha256sum requirements.lock pyproject.toml infra/native/bootstrap.sh "${manifests[@]}"; } |
        sha256sum | cut -d ' ' -f 1
}

environment_is_right() {
    # the cache may have been emptied since: the set-up needs uv as well
    [ -x "$uv" ] && [ -f "$stamp" ] && [ ! -e "$incomplete" ] && [ "$(cat "$stamp")" = "$1" ] && .venv/bin/python -c '' 2>/dev/null
}

find_python() { # prints the first interpreter that is new enough and not too new
    local candidate
    for candidate in python3 python3.11 python3.12 python3.13; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 found on PATH (python3 is $(python3 --version 2>&1 || true))" \
        "install one, on Debian 12: apt-get install python3 python3-venv"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "neither root nor sudo: ask an administrator to run: $*"
    fi
}

install_uv() { # python
    local python="$1" fresh="$cache/uv-$uv_version.$$.tmp"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # Debian keeps this half of the standard library in a package of its own
        command -v apt-get >/dev/null || fail "$python cannot make virtual environments (no ensurepip)"
        say "installing Debian's python3-venv"
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
    fi
    say "installing uv $uv_version"
    "$python" -m venv "$fresh"
    UV_VERSION="$uv_version" "$fresh/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --require-hashes --requirement infra/native/requirements-uv.txt
    rm -rf "$cache/uv-$uv_version"
    mv "$fresh" "$cache/uv-$uv_version"
}

install_environment() { # python, stamp
    local python="$1" editables=() sync=() project
    if [ -e "$incomplete" ] || ! .venv/bin/python -c '' 2>/dev/null; then
        say "making .venv with $("$python" --version)"
        "$uv" venv --quiet --clear --python "$python" .venv
    fi
    touch "$incomplete"
    say "installing the root environment (some 190 packages)"
    sync=("$uv" pip sync --python .venv --require-hashes --compile-bytecode requirements.lock)
    if [ -t 2 ]; then
        "${sync[@]}"
    else
        # no progress bars in a log, and not a line for each of 200 packages
        "${sync[@]}" 2>&1 | sed --unbuffered '/^ [-+~] /d'
    fi
    while read -r project; do editables+=(-e "$project"); done < <(projects)
    "$uv" pip install --quiet --python .venv --no-deps --no-build-isolation "${editables[@]}"
    echo "$2" >"$stamp"
    rm "$incomplete"
}

stamp_now="$(wanted_stamp)"
if environment_is_right "$stamp_now"; then
    exit 0
fi
mkdir -p "$cache"
exec 9>"$cache/bootstrap.lock"
if ! flock --nonblock 9; then
    say "another bootstrap is running, waiting for it"
    flock 9
fi
if environment_is_right "$stamp_now"; then
    exit 0
fi
[ -n "$uv_version" ] || fail "UV_VERSION is missing from .env.example"
# whatever an interrupted run left behind
rm -rf "$cache"/uv-*.tmp
python="$(find_python)"
[ -x "$uv" ] || install_uv "$python"
install_environment "$python" "$stamp_now"
say "root environment ready after $SECONDS s"
