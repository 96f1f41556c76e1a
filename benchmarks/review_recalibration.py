"""Fluorescence scales refitted to reviewed cells: gain on held-out patients where the scale was right, and where not.

``python benchmarks/review_recalibration.py [data sets] [setting]`` prints a row per setting, or that of one by its
place (from 0); a data set takes some seconds. The figures stand in docs/review_agreement.md.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from her2plastic import _keys, datasets, tl
from her2plastic.models import IntensityScale

#: Light of CTCs of each score in units of the leukocytes', and its spread, log2.
UNITS = np.array([1.1, 3.0, 8.0, 20.0])
SPREAD = 0.5
TRUE_SCALE = IntensityScale("lab", "as simulated", tuple(np.log2(UNITS).tolist()), (SPREAD,) * 4)
DONORS, CTCS, LEUKOCYTES, REVIEWED = 8, 40, 60, 160
#: What the light above the background is multiplied by, how far the scale says that it may be off, accuracies.
SETTINGS: dict[str, dict[str, Any]] = {
    "scale right, known": {"staining": 1.0, "cohort_sd": 0.0},
    "scale right, thought unsure": {"staining": 1.0, "cohort_sd": 0.8},
    "stain half as strong, thought unsure": {"staining": 0.5, "cohort_sd": 0.8},
    "stain half as strong, not expected": {"staining": 0.5, "cohort_sd": 0.0},
    "stain half as strong, reviewers of 0.7": {"staining": 0.5, "cohort_sd": 0.8, "accuracy": (0.7, 0.7)},
    "stain half as strong, the unsure reviewed": {"staining": 0.5, "cohort_sd": 0.8, "unsure_first": True},
}


def stained_cells(seed: int, staining: float) -> AnnData:
    """Return leukocytes and CTCs of known score, a slide per donor, as ``im.ctc_identity`` leaves them."""
    rng = np.random.default_rng(seed)
    parts = []
    for donor in range(DONORS):
        score = np.r_[np.full(LEUKOCYTES, -1), rng.choice(4, size=CTCS, p=rng.dirichlet((2, 1.5, 1.5, 2)))]
        units = np.where(score < 0, 2 ** (0.2 * rng.standard_normal(score.size)),
                         UNITS[score] * 2 ** (SPREAD * rng.standard_normal(score.size)))  # fmt: skip
        units = np.where((score >= 0) & (units > 1), 1 + (units - 1) * staining, units)
        parts.append(pd.DataFrame({"score": score, "her2": 60 * units, _keys.SLIDE_ID: f"s{donor}",
                                   _keys.DONOR_ID: f"d{donor}"}))  # fmt: skip
    obs = pd.concat(parts, ignore_index=True)
    obs.index = obs[_keys.CELL_ID] = [f"cell {i}" for i in range(len(obs))]
    ctc = obs["score"] >= 0
    obs[_keys.IS_CTC], obs[_keys.IDENTITY] = ctc, np.where(ctc, "CTC", "leukocyte")
    words = np.array([*_keys.IF_SCORES, None], dtype=object)
    obs["truth"] = words[obs["score"].to_numpy()]
    values = np.column_stack([obs.pop("her2"), np.zeros(len(obs))])
    names = pd.Index(["HER2_cell_mean", "HER2_cell_saturated"])
    return AnnData(X=values, obs=obs, var=pd.DataFrame(index=names))


def one(
    seed: int, *, staining: float, cohort_sd: float, accuracy: tuple[float, ...] = (0.85, 0.85),
    unsure_first: bool = False,
) -> dict[str, float]:  # fmt: skip
    """Return what refitting came to in one data set."""
    adata = stained_cells(seed, staining)
    base = replace(TRUE_SCALE, cohort_sd=cohort_sd)
    tl.her2_if(adata, calibration=base)
    ctcs = adata[adata.obs[_keys.IS_CTC].to_numpy()]
    if unsure_first:
        ctcs = ctcs[np.argsort(ctcs.obs[_keys.HER2_IF_CONFIDENCE].to_numpy())[:REVIEWED]]
    drawn = datasets.simulate_reviewers(ctcs, accuracy=accuracy, truth_key="truth", n_cells=REVIEWED, seed=seed)
    found = tl.recalibrate(adata, decisions=drawn)
    if not isinstance(found.scale, IntensityScale):
        raise TypeError(f"no scale was fitted: {found.status}")
    before = _against_truth(adata)
    tl.her2_if(adata, calibration=found.scale)
    after = _against_truth(adata)
    expected = np.log2(1 + (UNITS - 1) * staining)
    return {
        "gain": found.gain, "interval above 0": found.gain_lower > 0, "interval below 0": found.gain_upper < 0,
        "p below 0.05": found.p < 0.05, "true gain": after[0] - before[0], "right before": before[1],
        "right after": after[1], "scale off before": float(np.abs(np.array(base.mean_log2) - expected).mean()),
        "scale off after": float(np.abs(np.array(found.scale.mean_log2) - expected).mean()),
    }  # fmt: skip


def _against_truth(adata: AnnData) -> tuple[float, float]:
    """Return mean log posterior of the true state, and the share of CTCs whose most probable state it is."""
    score = np.asarray(adata.obs["score"])
    states = np.array([0, 1, 1, 2])[score[score >= 0]]
    posterior = np.asarray(adata.obsm[_keys.HER2_IF_POSTERIOR])[score >= 0]
    held = np.log(np.maximum(posterior[np.arange(len(states)), states], 1e-9))
    return float(held.mean()), float((posterior.argmax(axis=1) == states).mean())


def main() -> None:
    """Print a row per setting."""
    n_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    chosen = list(SETTINGS.items())
    for name, given in [chosen[int(sys.argv[2])]] if len(sys.argv) > 2 else chosen:
        means = pd.DataFrame([one(seed, **given) for seed in range(n_sets)]).astype(float).mean().round(3)
        sys.stdout.write(f"{name}, {n_sets} data sets\n  " + ", ".join(f"{k} {v:g}" for k, v in means.items()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
