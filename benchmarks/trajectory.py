"""How often tl.trajectory finds states along a path where there is nothing, and where there is something.

python benchmarks/trajectory.py        200 simulated cohorts of each kind (half an hour)
python benchmarks/trajectory.py 20     fewer
"""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import numpy as np
from scipy.stats import binomtest

from her2plastic import _keys, datasets, pp, tl
from her2plastic.datasets import Composition

STILL = ((0.0, 0.0, 0.0),) * 3
#: Shares of the three states, where all cells are of one.
SINGLE = {"HER2-0 only": (1000.0, 1e-3, 1e-3), "HER2-positive only": (1e-3, 1e-3, 1000.0)}
ALPHA, BOUND = 0.05, 0.01
N_DONORS, N_GENES, N_PERMUTATIONS = 8, 1000, 199


def cohort(seed: int, composition: Composition | None) -> Any:
    """Return the CTCs of a contaminated 10x cohort, with states and programmes as the package calls them."""
    adata = datasets.simulate_cohort(n_donors=N_DONORS, n_genes=N_GENES, seed=seed, composition=composition)
    pp.ctc_identity(adata)
    adata = adata[adata.obs[_keys.IS_CTC].to_numpy()].copy()
    tl.amplicon(adata)
    tl.her2_state(adata)
    tl.programmes(adata)
    return adata


def shuffled(adata: Any, seed: int) -> Any:
    """Return the cells with their posteriors shuffled within donors."""
    rng = np.random.default_rng(seed)
    order = np.arange(adata.n_obs)
    for cells in adata.obs.groupby(_keys.DONOR_ID, observed=True).indices.values():
        order[cells] = rng.permutation(cells)
    copy = adata.copy()
    posterior = adata.obsm[_keys.HER2_POSTERIOR]
    copy.obsm[_keys.HER2_POSTERIOR] = posterior.iloc[order].set_axis(posterior.index)
    return copy


def p_values(adata: Any, seed: int) -> tuple[float, float, np.ndarray]:
    """Return p without ERBB2, p with it, and p of the genes; missing where insufficient."""
    found = tl.trajectory(adata, n_permutations=N_PERMUTATIONS, seed=seed)
    genes = found.genes["p_value"].to_numpy(dtype=float)
    return found.tests[0].p, found.tests[-1].p, genes[np.isfinite(genes)]


def main() -> None:
    """Simulate, test, and print a table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rows: dict[str, list[tuple[float, float, np.ndarray]]] = {}
    for seed in range(n):
        for name, prior in SINGLE.items():
            still = Composition(prior=prior, rates=STILL, rate_sd=0.0)
            rows.setdefault(name, []).append(p_values(cohort(seed, still), seed))
        moving = cohort(seed, None)
        rows.setdefault("states shuffled within donors", []).append(p_values(shuffled(moving, seed), seed))
        rows.setdefault("three states (power)", []).append(p_values(moving, seed))
    print(f"{n} cohorts of {N_DONORS} donors of each kind, {N_PERMUTATIONS} shufflings, found at p <= {ALPHA}\n")
    print("| cells | insufficient | found without ERBB2 | p that it is at most 5 % | found with ERBB2 |")
    print("|---|---|---|---|---|")
    for name, found in rows.items():
        without, circular = np.array([row[:2] for row in found], dtype=float).T
        hits = int((without <= ALPHA).sum())
        p = binomtest(hits, n, ALPHA, alternative="greater").pvalue
        judged = f"{p:.2f}" if "power" not in name else ""
        print(f"| {name} | {np.isnan(without).sum()} | {hits / n:.1%} | {judged} | {(circular <= ALPHA).mean():.1%} |")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore", UserWarning)
    main()
