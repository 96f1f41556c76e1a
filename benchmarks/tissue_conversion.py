"""From pathology reports to conversion: what misreading alone gives, and whether planted conversion is found.

Two tables, over 200 simulated data sets a row: two tissues of each patient as reports write them (IHC and in-situ
hybridisation, judged by tl.tissue_status, compared by tl.conversion), and one tissue against CTCs (tl.concordance).

Run on its own: ``python benchmarks/tissue_conversion.py [data sets]``; the figures stand in docs/tissue_status.md.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.stats import binomtest

from her2plastic import _keys, tl
from her2plastic.models import reader_matrix

if TYPE_CHECKING:
    from her2plastic.models import Conversion

SHARES = np.array([0.45, 0.40, 0.15])
MOVES = np.array([[0.75, 0.25, 0.0], [0.15, 0.80, 0.05], [0.0, 0.10, 0.90]])
#: What a report may say of each state: IHC, HER2/CEP17, copies.
REPORTS = (
    (("0", None, None), ("null", None, None), ("ultralow", None, None), ("0", 1.2, 2.3)),
    (("1+", None, None), ("2+", 1.2, 2.4), ("1+", 1.1, 2.0)),
    (("3+", None, None), ("2+", 3.1, 8.4), ("3+", 1.4, 4.6)),
)
LEVEL = 0.9
#: CTCs: how often a cell shows its state, and the share of a patient's CTCs in the patient's state.
CELL_ACCURACY, DOMINANT = 0.85, 0.8


def misread(truth: np.ndarray, matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what readers take each state for."""
    return (rng.random(truth.size)[:, None] > matrix[truth].cumsum(axis=1)).sum(axis=1).clip(0, 2)


def moved(first: np.ndarray, moves: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the state of each patient later on."""
    return misread(first, moves, rng)


def reports(states: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Return a pathology report for each state that was read."""
    rows = [REPORTS[state][int(rng.integers(len(REPORTS[state])))] for state in states]
    return pd.DataFrame(rows, columns=["ihc", "ish_ratio", "ish_copies"])


def ctcs(states: np.ndarray, rng: np.random.Generator) -> AnnData:
    """Return the CTCs of patients: a median of 7, most of them of the patient's state, each as sure as it can be."""
    numbers = np.clip(np.round(rng.lognormal(np.log(7), 1.0, states.size)), 1, 200).astype(int)
    donor = np.repeat(np.arange(states.size), numbers)
    own = states[donor]
    other = (own + rng.integers(1, 3, donor.size)) % 3
    truth = np.where(rng.random(donor.size) < DOMINANT, own, other)
    matrix = np.full((3, 3), (1 - CELL_ACCURACY) / 2) + (CELL_ACCURACY - (1 - CELL_ACCURACY) / 2) * np.eye(3)
    seen = misread(truth, matrix, rng)
    obs = pd.DataFrame({"donor_id": [f"P{d:04d}" for d in donor], "draw_day": 0.0, "is_ctc": True})
    obs.index = [f"c{k}" for k in range(len(obs))]
    adata = AnnData(np.zeros((len(obs), 1), dtype=np.float32), obs=obs)
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(matrix[:, seen].T, index=obs.index, columns=list(_keys.STATES))
    return adata


def two_tissues(n: int, accuracy: float, moves: np.ndarray, rng: np.random.Generator, seed: int) -> Conversion:
    matrix = reader_matrix(accuracy, n_states=3)
    first = rng.choice(3, p=SHARES, size=n)
    second = moved(first, moves, rng)
    table = pd.DataFrame({
        name: tl.tissue_status(reports(misread(truth, matrix, rng), rng))[_keys.TISSUE_STATE]
        for name, truth in (("primary", first), ("relapse", second))
    })  # fmt: skip
    return tl.conversion(
        table, first="primary", second="relapse", error=accuracy, level=LEVEL, n_null=199, seed=seed, accuracies=()
    )


def tissue_and_ctcs(n: int, accuracy: float, moves: np.ndarray, rng: np.random.Generator, seed: int) -> tl.Concordance:
    matrix = reader_matrix(accuracy, n_states=3)
    first = rng.choice(3, p=SHARES, size=n)
    table = reports(misread(first, matrix, rng), rng).assign(donor_id=[f"P{d:04d}" for d in range(n)], day=0.0)
    adata = ctcs(moved(first, moves, rng), rng)
    return tl.concordance(adata, tissue=table, error=accuracy, level=LEVEL, n_null=99, seed=seed)


def measured(kind: str, n: int, accuracy: float, change: bool, sets: int) -> str:
    """Return a row: discordance, what error alone gives, how often conversion is found, and coverage."""
    rng = np.random.default_rng([n, int(100 * accuracy), change])
    moves = MOVES if change else np.eye(3)
    truth = float(SHARES @ (1 - np.diag(moves)))
    found, covered, entries, beyond, seen, alone, start = 0, 0, [], [], [], [], time.perf_counter()
    for place in range(sets):
        if kind == "two tissues":
            result = two_tissues(n, accuracy, moves, rng, place)
        else:
            compared = tissue_and_ctcs(n, accuracy, moves, rng, place)
            counts = compared.counts()
            beyond.append(counts["discordant beyond misreading"] / (sum(counts.values()) - counts["insufficient"]))
            result = compared.cohort
        seen.append(result.discordance)
        alone.append(result.expected[0])
        found += result.found()
        covered += result.changed[1] <= truth <= result.changed[2]
        known = np.isfinite(result.lower) & (moves > 0) & (moves < 1)
        entries += list((result.lower <= moves)[known] & (moves <= result.upper)[known])
    seconds = (time.perf_counter() - start) / sets
    above = binomtest(found, sets, 0.05, alternative="greater").pvalue
    parts = [
        kind, f"{n}", f"{accuracy:g}", f"{truth:.1%}" if change else "none", f"{np.mean(seen):.2f}",
        f"{np.mean(alone):.2f}", f"{found / sets:.1%}" + ("" if change else f" (p = {above:.2f})"),
        f"{covered / sets:.1%}", f"{np.mean(entries):.1%}" if entries else "-",
        f"{np.mean(beyond):.1%}" if beyond else "-", f"{seconds:.2f} s",
    ]  # fmt: skip
    return f"| {' | '.join(parts)} |"


def main(sets: int) -> None:
    head = ("readings", "patients", "accuracy", "true change", "differ", "by error alone", "conversion found",
            "interval holds change", "entries held", "patients beyond misreading", "each")  # fmt: skip
    sys.stdout.write(f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n")
    for kind, sizes in (("two tissues", (300,)), ("tissue and CTCs", (150,))):
        for change in (False, True):
            for n in sizes:
                for accuracy in (0.7, 0.8, 0.9):
                    sys.stdout.write(measured(kind, n, accuracy, change, sets) + "\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
