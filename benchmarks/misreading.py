"""Conversion beyond reader error: false positives without change, power and coverage with change, time.

Run on its own: ``python benchmarks/misreading.py [tables]``; the figures stand in docs/conversion.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from her2plastic.models import MisreadTable, ReaderError, reader_matrix

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
        fit = MisreadTable(error, n_simulated=199, seed=place).fit(table)
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


def main() -> None:
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else TABLES
    print("| patients | accuracy | truth | validation | found at 5 % | p above 5 % | interval of change holds |"
          " intervals of entries hold | width of change | seconds |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for seed, setting in enumerate(SETTINGS):
        print(measured(setting, tables, seed), flush=True)


if __name__ == "__main__":
    main()
