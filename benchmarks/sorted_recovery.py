"""Sorted cultures and clones: false positives, power, recovery and coverage over simulated experiments.

``python benchmarks/sorted_recovery.py [part ...] [--experiments 200]`` with the parts ``impurity`` (growth and impurity
only, shares), ``counted`` (the same with cell numbers), ``cells`` (the same as uncertain cells of an AnnData),
``switching`` (recovery and coverage), ``power`` (weak switching), ``clones`` (misread clones without a switch, and
recovery); by default all.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import binomtest

from her2plastic import tl
from her2plastic.datasets import simulate_clones, simulate_sorted_assay
from her2plastic.datasets.sorted_assay import GROWTH_PER_DAY, RATES_PER_DAY
from her2plastic.models import Clones, SortedAssay, TransitionRates

RATES = np.array(RATES_PER_DAY)
OFF = ~np.eye(3, dtype=bool)
ERRORS = ((0.85, 0.15, 0.0), (0.1, 0.85, 0.05), (0.0, 0.1, 0.9))
EVEN = np.full(3, 1 / 3)
SMALL = {"days": (0, 7, 14, 28), "replicates": 2}


def told(name: str, found: list[bool], begun: float) -> None:
    k, n = sum(found), len(found)
    p = binomtest(k, n, 0.05, alternative="greater").pvalue
    seconds = (time.perf_counter() - begun) / n
    print(f"{name}: found in {k} of {n} ({k / n:.1%}); above 5 % with p = {p:.2f}; {seconds:.2f} s each", flush=True)


def null_of_shares(n: int, *, counted: bool) -> None:
    begun, found = time.perf_counter(), []
    for seed in range(n):
        assay = simulate_sorted_assay(variant="growth and impurity", seed=seed, **SMALL)
        totals = assay.totals if counted else None
        fit = SortedAssay(seed=seed).fit(assay.start, assay.day, assay.counts, totals=totals, intervals=False)
        found.append(fit.transition_rates().found())
    told(f"growth and impurity only, shares{' and cell numbers' if counted else ''}", found, begun)


def null_of_cells(n: int) -> None:
    begun, found = time.perf_counter(), []
    for seed in range(n):
        assay = simulate_sorted_assay(
            variant="growth and impurity", cells=300, misclassification=ERRORS, seed=seed, **SMALL
        )
        rates = tl.switching(assay.to_anndata(), design="sorted", seed=seed, options={"prior": EVEN})
        found.append(rates.found())
    told("growth and impurity only, uncertain cells", found, begun)


def coverage(name: str, fits: list[TransitionRates], begun: float) -> None:
    estimates = np.array([fit.rates[OFF] for fit in fits])
    inside = np.array([((fit.lower <= RATES) & (RATES <= fit.upper))[OFF] for fit in fits])
    known = np.array([np.isfinite(fit.lower + fit.upper)[OFF] for fit in fits])
    print(f"{name}: {(time.perf_counter() - begun) / len(fits):.2f} s each")
    for k, truth in enumerate(RATES[OFF]):
        low, middle, high = np.nanquantile(estimates[:, k], [0.1, 0.5, 0.9])
        held = inside[known[:, k], k].mean()
        print(f"  truth {truth:.3f}: median {middle:.4f}, 10-90 % {low:.4f} to {high:.4f}; 90 % interval {held:.1%}"
              f", known in {known[:, k].mean():.0%}")  # fmt: skip
    print(f"  intervals together hold {inside[known].mean():.1%}", flush=True)


def switching(n: int) -> None:
    for counted in (False, True):
        begun, fits = time.perf_counter(), []
        for seed in range(n):
            assay = simulate_sorted_assay(seed=seed)
            totals = assay.totals if counted else None
            model = SortedAssay(n_null=0).fit(assay.start, assay.day, assay.counts, totals=totals)
            fits.append(model.transition_rates())
        coverage(f"switching and growth, shares{' and cell numbers' if counted else ''}", fits, begun)


def power(n: int) -> None:
    for factor in (0.02, 0.05, 0.1):
        begun, found = time.perf_counter(), []
        for seed in range(n):
            assay = simulate_sorted_assay(rates=(RATES * factor).tolist(), seed=seed, **SMALL)
            fit = SortedAssay(seed=seed).fit(assay.start, assay.day, assay.counts, intervals=False)
            found.append(fit.transition_rates().found())
        told(f"rates times {factor:g} (0.04 a day becomes {0.04 * factor:g}), power", found, begun)


def clones(n: int) -> None:
    begun, found = time.perf_counter(), []
    for seed in range(n):
        never = simulate_clones(n_clones=20, switching=((0, 0, 0),) * 3, misclassification=ERRORS, seed=seed)
        fit = Clones(misclassification=np.array(ERRORS), n_bootstrap=2, n_null=99, seed=seed)
        found.append(fit.fit(never.named, never.counts, np.full(60, 14.0)).transition_rates().found())
    told("clones that never switch, misread", found, begun)
    begun, fits, growth = time.perf_counter(), [], []
    for seed in range(n):
        moved = simulate_clones(n_clones=100, seed=seed)
        fit = Clones(n_null=19, n_bootstrap=200, seed=seed).fit(moved.named, moved.counts, np.full(300, 14.0))
        fits.append(fit.transition_rates())
        truth = np.array(GROWTH_PER_DAY)
        growth.append((fit.growth_lower_ <= truth) & (truth <= fit.growth_upper_))
    coverage("100 clones a founder state, 14 days", fits, begun)
    print(f"  intervals of growth hold {np.mean(growth):.1%}", flush=True)


PARTS = {
    "impurity": lambda n: null_of_shares(n, counted=False), "counted": lambda n: null_of_shares(n, counted=True),
    "cells": null_of_cells, "switching": switching, "power": power, "clones": clones,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--experiments", type=int, default=200)
    given = parser.parse_args()
    for part in given.part:
        PARTS[part](given.experiments)


if __name__ == "__main__":
    main()
