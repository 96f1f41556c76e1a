"""Conversion beyond reader error: false positives without change, power and coverage with change, time.

Three tables: the readers' error known or validated; their accuracy known within a range only; tissue against CTCs.

Run on its own: ``python benchmarks/misreading.py [tables]``; the figures stand in docs/conversion.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from her2plastic.models import MisreadTable, ReaderError, reader_matrix

if TYPE_CHECKING:
    from anndata import AnnData

SHARES = np.array([0.45, 0.40, 0.15])
MOVES = np.array([[0.75, 0.25, 0.0], [0.15, 0.80, 0.05], [0.0, 0.10, 0.90]])
TABLES = 300


@dataclass(frozen=True)
class Setting:
    """What is simulated: patients, reader accuracy, change or none, validation readings per state (0: error known)."""

    patients: int
    accuracy: float
    moves: bool
    validation: int = 0


SETTINGS = [
    *(Setting(n, a, moves) for moves in (False, True) for n in (60, 200, 547) for a in (0.7, 0.8, 0.9)),
    *(Setting(200, 0.8, moves, 50) for moves in (False, True)),
]


def simulated(setting: Setting, rng: np.random.Generator) -> tuple[np.ndarray, ReaderError, np.ndarray]:
    """Return a table of readings, what is known of the readers, and the true joint distribution of states."""
    matrix = reader_matrix(setting.accuracy, n_states=3)
    joint = SHARES[:, None] * (MOVES if setting.moves else np.eye(3))
    table = rng.multinomial(setting.patients, (matrix.T @ joint @ matrix).ravel()).reshape(3, 3)
    if not setting.validation:
        return table, ReaderError.known(matrix), joint
    readings = np.stack([rng.multinomial(setting.validation, row) for row in matrix])
    return table, ReaderError.from_validation(readings), joint


def measured(setting: Setting, tables: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    found, covered_change, covered_entries, entries, width, start = 0, 0, 0, 0, [], time.perf_counter()
    for place in range(tables):
        table, error, joint = simulated(setting, rng)
        fit = MisreadTable(error, n_null=199, seed=place).fit(table)
        found += fit.tests_[0].p <= 0.05
        truth = 1 - np.trace(joint)
        covered_change += fit.changed_[1] - 1e-4 <= truth <= fit.changed_[2] + 1e-4
        width.append(fit.changed_[2] - fit.changed_[1])
        conditional = joint / joint.sum(axis=1, keepdims=True)
        held = (fit.lower_ - 1e-4 <= conditional) & (conditional <= fit.upper_ + 1e-4)
        covered_entries, entries = covered_entries + int(held.sum()), entries + held.size
    p = binomtest(found, tables, 0.05, alternative="greater").pvalue
    seconds = (time.perf_counter() - start) / tables
    return (
        f"| {setting.patients} | {setting.accuracy} | {'change' if setting.moves else 'none'} | "
        f"{setting.validation or 'known'} | {found / tables:.3f} | {'' if setting.moves else f'{p:.2f}'} | "
        f"{covered_change / tables:.3f} | {covered_entries / entries:.3f} | {np.mean(width):.2f} | {seconds:.2f} |"
    )


def measured_range(accuracy: float, moves: bool, tables: int, seed: int) -> str:
    """Return how often change is found where the accuracy is only known to lie between 0.7 and 0.95."""
    from her2plastic import tl

    rng = np.random.default_rng(seed)
    found = 0
    for place in range(tables):
        table, _, _ = simulated(Setting(200, accuracy, moves), rng)
        result = tl.conversion(table, error=(0.7, 0.95), accuracies=(), n_null=499, seed=place)
        found += result.found()
    return (
        f"| 200 | {accuracy} | {'change' if moves else 'none'} | {found / tables:.3f} |{_excess(found, tables, moves)}"
    )


def measured_ctcs(moves: bool, tables: int, seed: int) -> str:
    """Return how often change from tissue (accuracy 0.85) to CTCs (median 7, three of four called rightly) is found."""
    from her2plastic import tl

    found = 0
    for place in range(tables):
        cells = patients_with_ctcs(60, moves, np.random.default_rng([seed, place]))
        found += tl.conversion(cells, first="tissue", error=0.85, n_null=99, seed=place).found()
    return f"| 60 | {'change' if moves else 'none'} | {found / tables:.3f} |{_excess(found, tables, moves)}"


def _excess(found: int, tables: int, moves: bool) -> str:
    return " |" if moves else f" {binomtest(found, tables, 0.05, alternative='greater').pvalue:.2f} |"


def patients_with_ctcs(n: int, moves: bool, rng: np.random.Generator) -> AnnData:
    """Return CTCs with posteriors; with change, half of the HER2-0 patients have become HER2-low."""
    import pandas as pd
    from anndata import AnnData

    tissue, seen = reader_matrix(0.85, n_states=3), np.full((3, 3), 0.125) + 0.625 * np.eye(3)
    states, rows, called = np.array(["HER2-0", "HER2-low", "HER2-positive"]), [], []
    for patient in range(n):
        true = int(rng.choice(3, p=SHARES))
        first = states[rng.choice(3, p=tissue[true])]
        later = 1 if moves and true == 0 and rng.random() < 0.5 else true
        share = rng.dirichlet(np.where(np.arange(3) == later, 8.0, 1.5))
        for state in rng.choice(3, p=share, size=int(np.clip(np.exp(np.log(7) + 1.5 * rng.standard_normal()), 1, 100))):
            rows.append((f"p{patient}", first))
            called.append(rng.choice(3, p=seen[state]))
    obs = pd.DataFrame(rows, columns=["donor_id", "tissue"], index=[f"c{i}" for i in range(len(rows))])
    cells = AnnData(np.ones((len(rows), 1), dtype=np.float32), obs=obs)
    cells.obsm["her2_posterior"] = pd.DataFrame(seen[:, called].T, columns=list(states), index=obs.index)
    return cells


def main() -> None:
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else TABLES
    print("| patients | accuracy | truth | validation | found at 5 % | p above 5 % | interval of change holds |"
          " intervals of entries hold | width of change | seconds |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for seed, setting in enumerate(SETTINGS):
        print(measured(setting, tables, seed), flush=True)
    print("\n| patients | accuracy | truth | found at 5 %, accuracy known to lie in 0.7-0.95 | p above 5 % |")
    print("|---|---|---|---|---|")
    for seed, (accuracy, moves) in enumerate((a, m) for m in (False, True) for a in (0.75, 0.9)):
        print(measured_range(accuracy, moves, tables, seed), flush=True)
    print("\n| patients with CTCs | truth | found at 5 % | p above 5 % |\n|---|---|---|---|")
    for moves in (False, True):
        print(measured_ctcs(moves, tables, seed=1), flush=True)


if __name__ == "__main__":
    main()
