#!/bin/sh
# Install the package as a user does, where no compiler is to be found, and try what was installed:
#   try_install.sh PYTHON [EXTRA] [REQUIREMENT ...]
# PYTHON is an interpreter, EXTRA one of the package's extras or "base"; requirements narrow what pip may choose
# ("pandas>=3"). Everything stays in a temporary folder. Needs the network, or whatever pip is set up to use instead.
set -eu
python=$1
extra=${2:-base}
shift "$(($# < 2 ? $# : 2))"
project=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

"$python" -m venv "$folder/venv"
wanted=$project
[ "$extra" = base ] || wanted="${project}[$extra]"
# Only the environment's own programs are on the PATH, and a compiler named by variables fails.
PATH="$folder/venv/bin" CC=no-compiler CXX=no-compiler FC=no-compiler \
  "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wanted" "$@"
PATH="$folder/venv/bin" "$folder/venv/bin/python" -m pip check
cd "$folder"
MPLBACKEND=agg QT_QPA_PLATFORM=offscreen "$folder/venv/bin/python" "$project/environment/try_installed.py" "$extra"
