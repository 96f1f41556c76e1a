#!/bin/sh
# Write the locks anew from pyproject.toml. Needs uv on the PATH.
# One resolution for Linux, macOS and Windows and for every supported Python: the lines carry environment markers.
set -eu
cd "$(dirname "$0")/.."
compile() {
  uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-binary loompy --no-binary connection-pool \
    --no-emit-index-url --no-annotate --no-header --quiet "$@"
}
compile --extra imaging --extra velocity --group pins --output-file environment/run.lock
compile --extra clinical --extra imaging --extra review --extra velocity --extra workflow --group dev --constraint environment/run.lock --output-file environment/test.lock
