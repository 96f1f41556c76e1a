from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare, nbinom, poisson

from her2plastic.datasets import Library
from her2plastic.datasets.counting import draw_counts


@pytest.mark.parametrize("phi", [0.0, 0.1, 0.5, 5.0])
@pytest.mark.parametrize("mean", [0.05, 0.8, 7.0, 40.0])
def test_counts_have_their_distribution(phi, mean):
    counts = draw_counts(np.random.default_rng(1), np.full((300, 1000), mean), Library(dispersion=phi)).ravel()
    law = poisson(mean) if phi == 0 else nbinom(1 / phi, 1 / (1 + phi * mean))
    # classes of at least some 30 expected counts
    edges = np.unique(law.ppf(np.linspace(0.0, 1 - 1e-4, 30)))
    edges = edges[edges >= 0]
    expected = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]])) * counts.size
    classes = np.bincount(np.searchsorted(edges, counts), minlength=len(expected))
    assert chisquare(classes, expected).pvalue > 1e-4


def test_zero_inflation_removes_its_share():
    mean = np.full((400, 500), 30.0)
    counts = draw_counts(np.random.default_rng(2), mean, Library(dispersion=0.0, zero_inflation=0.15))
    assert (counts == 0).mean() == pytest.approx(0.15, abs=4 * np.sqrt(0.15 * 0.85 / 2e5))
    assert counts[counts > 0].mean() == pytest.approx(30, abs=0.1)


def test_a_change_in_one_cell_leaves_the_other_cells_as_they_are():
    mean = np.random.default_rng(3).gamma(0.3, 2.0, (50, 200)).clip(max=15)
    changed = mean.copy()
    changed[7] *= 1.05
    changed[7] = changed[7].clip(max=15)
    first, second = (draw_counts(np.random.default_rng(4), values, Library()) for values in (mean, changed))
    differs = (first != second).any(axis=1)
    assert differs[7] and differs.sum() == 1


def test_mean_of_zero_gives_zero():
    assert (draw_counts(np.random.default_rng(0), np.zeros((20, 20)), Library()) == 0).all()
