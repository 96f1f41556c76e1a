"""Effective rates from blood draws: recovery, coverage, false positives, with the naive regression as the bad example.

``python benchmarks/draws_recovery.py [part ...]`` with the parts ``two`` (200 cohorts of two states), ``static`` (their
static twins), ``three`` (three states), ``unsure`` (cells whose HER2-0 and HER2-low are barely told apart), ``called``
(static and moving cohorts of counts after ``tl.her2_state``); by default the first two.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from her2plastic import pp, tl
from her2plastic.datasets import SimulatedDraws, simulate_cohort, simulate_draws
from her2plastic.datasets.parameters import Composition, Contamination
from her2plastic.models import DrawComposition
from her2plastic.models.draws.nulls import no_switch_test

TRUTH = np.array([[0.0, 0.012], [0.020, 0.0]])
THREE = np.array([[0.0, 0.016, 0.0008], [0.012, 0.0, 0.012], [0.0008, 0.020, 0.0]])


def table(draws: SimulatedDraws) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    patient, draw = np.nonzero(draws.seen)
    return draws.patients[patient], draws.days[draw], draws.counts[patient, draw]


def naive_rates(draws: SimulatedDraws) -> np.ndarray:
    """Return rates from a regression of each draw's raw fraction on the one before: what should not be done."""
    counts = draws.counts
    fraction = counts[..., 1] / counts.sum(axis=2)
    before, after = fraction[:, :-1].ravel(), fraction[:, 1:].ravel()
    slope, intercept = np.polyfit(before, after, 1)
    if not 0 < slope < 1:
        return np.array([np.nan, np.nan])
    speed, rest = -np.log(slope) / np.diff(draws.days)[0], intercept / (1 - slope)
    return np.array([speed * rest, speed * (1 - rest)])


def show(title: str, estimates: np.ndarray, truth: np.ndarray) -> None:
    low, high = np.nanquantile(estimates, [0.1, 0.9], axis=0)
    print(f"  {title}")
    for k, true in enumerate(truth):
        missing = f", {np.isnan(estimates[:, k]).sum()} not identified" if np.isnan(estimates[:, k]).any() else ""
        middle = np.nanmedian(estimates[:, k])
        print(f"    truth {true:.4f}: median {middle:.4f}, 10-90 % {low[k]:.4f} to {high[k]:.4f}{missing}")


def recovery(cohorts: int, truth: np.ndarray, fit: Callable[[int], DrawComposition]) -> None:
    off = truth > 0
    estimates, covered, words, seconds = [], [], [], []
    for seed in range(cohorts):
        begun = time.perf_counter()
        model = fit(seed)
        seconds.append(time.perf_counter() - begun)
        estimates.append(model.rates_[off])
        covered.append(((model.lower_ <= truth) & (truth <= model.upper_))[off])
        words.append(model.identifiability_[off])
    show(f"model, {cohorts} cohorts", np.array(estimates), truth[off])
    print(f"    90 % intervals hold the truth: {', '.join(f'{c:.1%}' for c in np.mean(covered, axis=0))}")
    for word in sorted(set(np.ravel(words))):
        print(f"    {word}: {', '.join(f'{c:.0%}' for c in np.mean(np.array(words) == word, axis=0))}")
    print(f"    seconds a cohort: median {np.median(seconds):.2f}, largest {np.max(seconds[1:]):.2f}")


def two(cohorts: int) -> None:
    print("two states, 20 patients, 4 draws 21 days apart, median 7 CTCs, overdispersion 0.03")
    recovery(cohorts, TRUTH, lambda seed: DrawComposition().fit(*table(simulate_draws(seed=seed))))
    show("naive regression of fractions", np.array([naive_rates(simulate_draws(seed=s)) for s in range(cohorts)]),
         TRUTH[TRUTH > 0])  # fmt: skip


def static(cohorts: int) -> None:
    print("the same without switching: share of cohorts with p <= 0.05")
    for kind in ("shuffled draw order", "no switching"):
        p = []
        for seed in range(cohorts):
            model = DrawComposition().fit(*table(simulate_draws(seed=seed, switching=False)))
            p.append(no_switch_test(model, kind=kind, n_null=19, seed=seed).p)
        print(f"  {kind}: {np.mean(np.array(p) <= 0.05):.1%} of {cohorts}")


def three(cohorts: int) -> None:
    print("three states, 20 patients, 4 draws 21 days apart, 20 CTCs")
    recovery(cohorts, THREE, lambda seed: DrawComposition().fit(*table(_three(seed))))


def _three(seed: int) -> SimulatedDraws:
    return simulate_draws(seed=seed, rates=THREE.tolist(), n_ctc=20, prior=(1.0, 1.0, 0.6))


def unsure(cohorts: int) -> None:
    print("the same, cells on one scale of evidence on which the best state is right for 60 %")
    recovery(cohorts, THREE, _of_unsure_cells)


def _of_unsure_cells(seed: int) -> DrawComposition:
    cells = _three(seed).to_anndata(accuracy=0.6)
    likelihood = cells.obsm["her2_posterior"].to_numpy()
    return DrawComposition().fit_cells(
        cells.obs["donor_id"].astype(str).to_numpy(), cells.obs["draw_day"].to_numpy(), likelihood
    )


def called(cohorts: int) -> None:
    print("counts by 10x of 12 patients, states by tl.her2_state: share of cohorts with p <= 0.05")
    still = Composition(rates=((0.0,) * 3,) * 3)
    for name, composition in (("static", still), ("moving", Composition())):
        p: dict[str, list[float]] = {"HER2-positive against the rest": [], "three states": []}
        for seed in range(cohorts):
            cells = called_cohort(seed, composition)
            for title, options in zip(p, ({"merge": "positive"}, {}), strict=True):
                if title == "three states" and seed % 5:
                    continue  # twenty times as slow
                rates = tl.switching(cells, design="draws", seed=seed, options={"n_null": 19, **options})
                p[title].append(rates.tests[0].p)
        for title, values in p.items():
            print(f"  {name}, {title}: {np.mean(np.array(values) <= 0.05):.1%} of {len(values)}")


def called_cohort(seed: int, composition: Composition) -> Any:
    cells = simulate_cohort(
        seed=seed, n_donors=12, n_genes=818, composition=composition, contamination=Contamination.none()
    )
    pp.quality(cells)
    tl.her2_state(cells)
    return cells


PARTS = {"two": (two, 200), "static": (static, 200), "three": (three, 40), "unsure": (unsure, 40),
         "called": (called, 100)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=["two", "static"])
    parser.add_argument("--cohorts", type=int, help="cohorts in place of the part's own number")
    given = parser.parse_args()
    for part in given.parts:
        run, cohorts = PARTS[part]
        run(given.cohorts or cohorts)


if __name__ == "__main__":
    main()
