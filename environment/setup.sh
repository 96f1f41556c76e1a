#!/bin/sh
# Make .venv with the pinned versions of a lock: setup.sh run|test. Does nothing when it is up to date.
# Needs Python 3.11 or newer with its venv module; nothing else.
set -eu
cd "$(dirname "$0")/.."
lock="environment/$1.lock"
venv="${HER2PLASTIC_VENV:-.venv}"
stamp="$venv/.her2plastic-$1"

works() { # a name on the PATH can be a shim that fails: only an interpreter that runs counts
  "$1" -c 'import sys, ssl, sqlite3, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    works "$PYTHON" || { echo "setup: PYTHON=$PYTHON is not a working Python 3.11, 3.12 or 3.13" >&2; return 1; }
    echo "$PYTHON"; return
  fi
  for version in 3.13 3.12 3.11; do
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/"python$version"; do
      if works "$candidate"; then echo "$candidate"; return; fi
    done
  done
  for candidate in python3 python; do
    if works "$candidate"; then echo "$candidate"; return; fi
  done
  echo "setup: found no working Python 3.11, 3.12 or 3.13. Install one (on Debian: python3 and python3-venv)" >&2
  echo "       or name it: make $MAKE_GOAL PYTHON=path/to/python3.12" >&2
  return 1
}

sum=$(cat "$lock" pyproject.toml | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && "$venv/bin/python" -c 'import her2plastic' >/dev/null 2>&1; then
  exit 0
fi

if ! [ -x "$venv/bin/python" ] || ! works "$venv/bin/python"; then
  python=$(MAKE_GOAL="${MAKE_GOAL:-test}" find_python)
  echo "setup: $("$python" --version) in $venv"
  rm -rf "$venv"
  "$python" -m venv "$venv" || {
    echo "setup: $python cannot make an environment. On Debian and Ubuntu: apt-get install python3-venv" >&2
    rm -rf "$venv"; exit 1
  }
fi
echo "setup: installing the pinned packages of $lock (a few minutes the first time)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-binary loompy --no-binary connection-pool -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$sum" > "$stamp"
