"""How often tl.direction finds a direction in simulated cohorts, and with which sign.

python benchmarks/direction_calibration.py --kind static --n 200
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from measuring import say

from her2plastic import datasets, tl
from her2plastic.datasets import Contamination, ERBB2Model, Kinetics, Programmes

UP = ((0.0, 0.9, 0.0), (0.0, 0.0, 0.9), (0.0, 0.0, 0.0))
DOWN = ((0.0, 0.0, 0.0), (0.9, 0.0, 0.0), (0.0, 0.9, 0.0))
#: Programmes that differ strongly between all states, as HER2 states of real tumours are not known to.
STRONG = Programmes(
    rtk=(0, 0.6, 1.8, 1.8), notch=(1.8, 1.2, 0, 0), dna_damage=(1.8, 1.2, 0, 0), stress=(1.8, 1.2, 0, 0)
)
KINDS = ("static", "default", "fast", "strong-static", "strong-up", "strong-down")


def cohort(kind: str, seed: int) -> Any:
    """Return a cohort with HER2 states: six patients, two draws, molecule equivalents of a plate-based assay."""
    strong = kind.startswith("strong")
    rates = {"fast": (UP, DOWN)[seed % 2], "strong-up": UP, "strong-down": DOWN, "strong-static": UP}.get(kind)
    adata = datasets.simulate_cohort(
        n_donors=6, draws=(0, 21), n_ctc=120 if strong else 40, platform="smart-seq2", seed=seed, n_genes=900,
        kinetics=True if rates is None else Kinetics(rates=rates), switching="static" not in kind, amplified=0,
        programmes=STRONG if strong else None, erbb2=ERBB2Model(), contamination=Contamination.none(),
    )  # fmt: skip
    tl.her2_state(adata)
    return adata


def one(kind: str, seed: int) -> dict[str, Any]:
    """Return what is found in a cohort: the signs of the scores of 0-low, 0-positive, low-positive; 0 for none."""
    found = tl.direction(cohort(kind, seed), n_null=39 if kind in KINDS[:3] else 59)
    signs = np.nan_to_num(np.sign(found.scores[np.triu_indices(3, 1)]))
    p = found.tests[0].p if found.tests else float("nan")
    return {"signs": signs.tolist(), "p": p, "ok": found.status == "ok"}


def main(kind: str, n: int) -> None:
    """Run ``n`` cohorts and say what was found."""
    runs = [one(kind, seed) for seed in range(n)]
    signs = np.array([run["signs"] for run in runs])
    p = np.array([run["p"] for run in runs])
    say(
        kind=kind, cohorts=n, not_insufficient=int(sum(run["ok"] for run in runs)),
        only_up=int(((signs >= 0).all(axis=1) & (signs > 0).any(axis=1)).sum()),
        only_down=int(((signs <= 0).all(axis=1) & (signs < 0).any(axis=1)).sum()),
        p_below_5_percent=float(np.mean(p[np.isfinite(p)] <= 0.05)), with_p=int(np.isfinite(p).sum()),
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="static")
    parser.add_argument("--n", type=int, default=200)
    given = parser.parse_args()
    main(given.kind, given.n)
