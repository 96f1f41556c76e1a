"""Nulls at the 5 % level, reduced: benchmarks/false_positives.py has all of them, docs/nulls.md its figures."""

from __future__ import annotations

import numpy as np
import pytest

from her2plastic.datasets import simulate_clones
from her2plastic.models import nulls
from her2plastic.models.clones.estimator import Clones
from her2plastic.models.power import PanelPlan, excess_p

pytestmark = pytest.mark.statistical

MISREAD = np.array([[0.95, 0.05], [0.10, 0.90]])
N = 100


def clones_find(seed: int, *, rate: float, one_class: bool = False) -> bool:
    clones = simulate_clones(
        n_clones=12,
        day=8.0,
        switching=((0, rate), (rate, 0)),
        growth=(0.2, 0.25),
        misclassification=MISREAD.tolist(),
        seed=seed,
    )
    counts = clones.counts
    if one_class:
        counts = nulls.single_class_counts(counts, 0, misclassification=MISREAD, seed=seed)
    model = Clones(misclassification=MISREAD, n_bootstrap=2, n_null=19, seed=seed)
    model.fit(clones.named, counts, np.full(len(counts), clones.day))
    return model.status_ == "ok" and model.tests_[0].p <= 0.05


def test_clones_find_no_switch_where_there_is_none():
    found = sum(clones_find(seed, rate=0.0) for seed in range(N))
    assert excess_p(found, N) >= 0.01
    one_class = sum(clones_find(seed, rate=0.0, one_class=True) for seed in range(N))
    assert excess_p(one_class, N) >= 0.01
    assert sum(clones_find(seed, rate=0.05) for seed in range(10)) >= 8


def test_panel_finds_no_switch_in_shuffled_or_static_visits():
    plan = PanelPlan(12, np.arange(4) * 21.0, np.array([[0.0, 0.012], [0.020, 0.0]]), 0.3, MISREAD)
    patient = np.repeat(np.arange(12), 4)

    def found(reads: np.ndarray, seed: int) -> bool:
        if len(np.unique(reads)) < 2:
            return False
        observed = plan.fit_reads(reads).gain
        for number in range(19):
            order = nulls.shuffled_within(patient, seed=1000 * seed + number)
            if not plan.fit_reads(reads.ravel()[order].reshape(reads.shape)).gain < observed - 1e-9:
                return False
        return True

    moved = [plan.reads(seed, switching=True) for seed in range(N // 2)]
    order = [nulls.shuffled_within(patient, seed=seed) for seed in range(N // 2)]
    shuffled = sum(
        found(r.ravel()[o].reshape(r.shape), seed) for seed, (r, o) in enumerate(zip(moved, order, strict=True))
    )
    static = sum(found(plan.reads(seed, switching=False), seed) for seed in range(N // 2))
    assert excess_p(shuffled, N // 2) >= 0.01
    assert excess_p(static, N // 2) >= 0.01
