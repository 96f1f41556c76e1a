#!/bin/sh
# Write a small simulated cohort for the tests of the workflow: make.sh, then snakemake --directory .test --cores 2
set -eu
cd "$(dirname "$0")"
python - <<'PYTHON'
from her2plastic import datasets

cells = datasets.simulate_cohort(n_donors=3, draws=(0, 21), n_ctc=20, seed=5)
cells.layers["counts"] = cells.X
datasets.write_cohort(cells, "cohort", format="h5ad")
PYTHON
cat > cohort/config.yaml <<'YAML'
samples: samples.csv
map: false
transitions: {n_null: 19}
figures: {formats: [png], dpi: 50}
YAML
