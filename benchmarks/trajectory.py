"""How often tl.trajectory finds states along a path where there is nothing, and where there is something.

python benchmarks/trajectory.py        200 simulated cohorts of each kind (some minutes on an idle core)
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
from her2plastic.models.state_graph import StateGraph, blocks_of_like_cells, nearest_neighbours
from her2plastic.tl.trajectory_cells import laid_cells

STILL = ((0.0, 0.0, 0.0),) * 3
#: Shares of the three states, where all cells are of one.
SINGLE = {"HER2-0 only": (1000.0, 1e-3, 1e-3), "HER2-positive only": (1e-3, 1e-3, 1000.0)}
ALPHA, BOUND = 0.05, 0.01
N_DONORS, N_CTC, N_GENES, N_NULL, N_NEIGHBORS = 8, 15, 850, 99, 30


def cohort(seed: int, composition: Composition | None) -> Any:
    """Return the CTCs of a contaminated 10x cohort, with states and programmes as the package calls them."""
    adata = datasets.simulate_cohort(
        n_donors=N_DONORS, draws=(0, 21), n_ctc=N_CTC, n_genes=N_GENES, seed=seed, composition=composition
    )
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


def p_values(adata: Any, seed: int) -> list[float]:
    """Return p without ERBB2 and with it, by the test of tl.trajectory; missing where insufficient."""
    cells = laid_cells(adata, None, None, _keys.HER2_POSTERIOR, _keys.DONOR_ID, centre_donors=True, scale=True)
    block = blocks_of_like_cells(cells.group, cells.depth, size=5)
    found = []
    for features in (cells.features.without(("ERBB2",)), cells.features):
        graph = nearest_neighbours(features.values, N_NEIGHBORS)
        fitted = StateGraph(n_null=N_NULL, seed=seed)
        found.append(fitted.fit(graph, cells.membership, cells.group, block, depth=cells.depth).test_.p)
    return found


def report(rows: dict[str, list[list[float]]]) -> str:
    """Return the table."""
    lines = [
        "| cells | cohorts | insufficient | found without ERBB2 | p of at most 5 % | found with ERBB2 |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        without, circular = np.array(found, dtype=float).T
        hits = int((without <= ALPHA).sum())
        p = binomtest(hits, len(found), ALPHA, alternative="greater").pvalue
        judged = "" if "power" in name else f"{p:.2f}"
        lines.append(
            f"| {name} | {len(found)} | {np.isnan(without).sum()} | {hits / len(found):.1%} | {judged} | "
            f"{(circular <= ALPHA).mean():.1%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Simulate, test, and print a table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rows: dict[str, list[list[float]]] = {}
    for seed in range(n):
        for name, prior in SINGLE.items():
            still = Composition(prior=prior, rates=STILL, rate_sd=0.0)
            rows.setdefault(name, []).append(p_values(cohort(seed, still), seed))
        moving = cohort(seed, None)
        rows.setdefault("states shuffled within donors", []).append(p_values(shuffled(moving, seed), seed))
        rows.setdefault("three states (power)", []).append(p_values(moving, seed))
        if (seed + 1) % 25 == 0:
            print(report(rows), file=sys.stderr, flush=True)
    print(f"cohorts of {N_DONORS} donors, 2 draws of {N_CTC} CTCs; {N_NULL} shufflings; found: p <= {ALPHA}\n")
    print(report(rows))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore", UserWarning)
    main()
