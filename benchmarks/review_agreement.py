"""Agreement and accuracy of simulated reviewers against the truth: coverage, width and bias over many data sets.

``python benchmarks/review_agreement.py [data sets] [setting]`` prints a table for each setting, or for the one that is
named by its place (from 0); 200 data sets of a setting take about a minute. The figures stand in
docs/review_agreement.md.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from her2plastic import _keys, datasets
from her2plastic.datasets.reviewers import reading_matrix
from her2plastic.models.agreement import cohen_kappa
from her2plastic.tl.review_accuracy import reader_tables
from her2plastic.tl.review_agreement import agreement_rows
from her2plastic.tl.review_decisions import collect_readings

ACCURACY = (0.7, 0.8, 0.9)
SHARES = (0.30, 0.35, 0.25, 0.10)
LARGE = 1e7
SETTINGS: dict[str, dict[str, Any]] = {
    "three reviewers, 300 cells": {},
    "three reviewers, 150 cells": {"n": 150},
    "two reviewers (0.7, 0.9), 300 cells": {"accuracy": (0.7, 0.9)},
    "three reviewers, no repeats": {"repeat_share": 0.0},
    "HER2-positive misread four times less often": {"error_of_highest": 0.25},
    "three reviewers, 300 cells, no HER2-positive and no false candidate": {"shares": (0.6, 0.4, 0.0, 0.0)},
    "half of the readings follow the look of the cell": {"shared_error": 0.5},
}


def cells_of(n: int, seed: int, shares: np.ndarray) -> AnnData:
    """Return cells whose truth is drawn from shares of the states and of no CTC."""
    words = np.array([*_keys.STATES, None], dtype=object)
    truth = words[np.random.default_rng([seed, 99]).choice(4, size=n, p=shares)]
    obs = pd.DataFrame({_keys.TRUE_STATE: truth}, index=[f"cell {i}" for i in range(n)])
    return AnnData(X=np.zeros((n, 1), dtype=np.float32), obs=obs)


def true_kappa(one: np.ndarray, other: np.ndarray, shares: np.ndarray, what: str, weights: str) -> float:
    """Return the coefficient that infinitely many cells would give."""
    table = one.T @ (shares[:, None] * other)
    if what == "state":
        table = table[:3, :3]
    if what == "CTC or not":
        table = np.add.reduceat(np.add.reduceat(table, [0, 3], axis=0), [0, 3], axis=1)
    return cohen_kappa(np.round(table * LARGE), weights=weights).value


def study(
    n_sets: int, *, n: int = 300, accuracy: tuple[float, ...] = ACCURACY, shares: tuple[float, ...] = SHARES,
    error_of_highest: float = 1.0, **given: Any,
) -> pd.DataFrame:  # fmt: skip
    """Return a row per figure: how often its interval holds the truth, its width, its bias."""
    mix = np.array(shares)
    matrices = [reading_matrix(a, error_of_highest=error_of_highest) for a in accuracy]
    rows: list[dict[str, Any]] = []
    for seed in range(n_sets):
        adata = cells_of(n, seed, mix)
        drawn = datasets.simulate_reviewers(
            adata, accuracy=accuracy, error_of_highest=error_of_highest, seed=seed, **given
        )
        readings = collect_readings(adata, drawn)
        names = {name: place for place, name in enumerate(readings.reviewers)}
        for row in agreement_rows(readings, 0.95):
            if row["first"] == "all":
                continue
            weights = row["statistic"].split(", ")[-1].split(" ")[0] if "weights" in row["statistic"] else "none"
            pair = matrices[names[row["first"]]], matrices[names[row["second"]]]
            rows.append({"figure": f"kappa {row['kind']}, {row['what']}, {weights}",
                         "truth": true_kappa(*pair, mix, row["what"], weights)} | row)  # fmt: skip
        readers, _, _ = reader_tables(readings, level=0.95, error_of_highest=error_of_highest, seed=0)
        for place, found in enumerate(readers.to_dict("records")):
            states = matrices[place][:3, :3] * mix[:3, None]
            right = float(np.trace(states) / states.sum())
            for prefix, figure, truth in (
                ("", "accuracy by all readings", right), ("repeat_", "accuracy by repeats", accuracy[place]),
                ("ctc_", "CTC or not, by all readings", 0.98),
            ):  # fmt: skip
                status = found.get(f"{prefix}status", found["status"])
                rows.append({
                    "figure": f"{figure}, {accuracy[place]}", "truth": truth, "value": found[f"{prefix}accuracy"],
                    "lower": found[f"{prefix}lower"], "upper": found[f"{prefix}upper"], "status": status,
                })  # fmt: skip
    return _covered(pd.DataFrame(rows), n_sets)


def _covered(rows: pd.DataFrame, n_sets: int) -> pd.DataFrame:
    has = rows[rows["lower"].notna()]
    holds = (has["lower"] <= has["truth"] + 1e-9) & (has["truth"] <= has["upper"] + 1e-9)
    table = pd.DataFrame({"figure": has["figure"], "holds": holds, "width": has["upper"] - has["lower"],
                          "bias": has["value"] - has["truth"]}).groupby("figure", sort=False).mean()  # fmt: skip
    table["intervals"] = has.groupby("figure", sort=False).size()
    table["insufficient"] = rows.assign(lacks=rows["status"] != "ok").groupby("figure", sort=False)["lacks"].mean()
    return table.reset_index().round(3).assign(sets=n_sets)


def main() -> None:
    """Print the tables."""
    n_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    chosen = list(SETTINGS.items())
    chosen = [chosen[int(sys.argv[2])]] if len(sys.argv) > 2 else chosen
    for name, given in chosen:
        table = study(n_sets, **given)
        sys.stdout.write(f"\n{name}, {n_sets} data sets\n{table.to_string(index=False)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
