from __future__ import annotations

import numpy as np
import pytest

from her2plastic._errors import ParameterError
from her2plastic.datasets import her2_ceiling
from her2plastic.models import IntensityScale, OrderedIntensities
from her2plastic.models.intensity_scale import without_drift

MEDIANS, SD = np.log2([1.1, 3.0, 8.0, 20.0]), 0.35 / np.log(2)
STATE = np.array([0, 1, 1, 2])


def scale(**more: float) -> IntensityScale:
    return IntensityScale("known", "simulated", tuple(MEDIANS), (SD,) * 4, **more)


def cells(seed: int, *, patients: int = 8, each: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log2 intensity, score and patient of cells whose classes are equally frequent."""
    rng = np.random.default_rng(seed)
    score = rng.integers(4, size=patients * each)
    return MEDIANS[score] + SD * rng.standard_normal(len(score)), score, np.repeat(np.arange(patients), each)


@pytest.mark.statistical
def test_accuracy_reaches_the_ceiling_and_the_posterior_is_calibrated() -> None:
    confidence, right = [], []
    for seed in range(4):
        x, score, patient = cells(seed)
        model = OrderedIntensities(scale(slide_sd=0.05), seed=seed).fit(x, np.zeros(len(x), dtype=bool), patient)
        states = model.score_posterior_ @ model.scale.membership
        confidence.append(states.max(axis=1))
        right.append(states.argmax(axis=1) == STATE[score])
    accuracy, sure = np.mean(right), np.concatenate(confidence)
    # 640 cells: a standard error of 0.011
    assert accuracy > her2_ceiling().state_accuracy - 0.035
    bins = np.digitize(sure, [0.5, 0.6, 0.7, 0.8, 0.9])
    correct = np.concatenate(right)
    error = sum(abs(sure[bins == b].mean() - correct[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    assert error < 0.04


def test_likelihood_is_the_posterior_without_its_prior() -> None:
    x, _, patient = cells(0, patients=1)
    model = OrderedIntensities(scale(slide_sd=0.0)).fit(x, np.zeros(len(x), dtype=bool), patient)
    by_hand = np.exp(model.scale.log_likelihood(np.round(x / 0.04) * 0.04, np.zeros(len(x), dtype=bool)))
    within = model.share_mean_[0][1:3] / model.share_mean_[0][1:3].sum()
    states = np.column_stack([by_hand[:, 0], by_hand[:, 1:3] @ within, by_hand[:, 3]])
    np.testing.assert_allclose(model.state_likelihood_, states / states.max(axis=1, keepdims=True), rtol=1e-6)


def test_lower_bound_counts_as_at_least() -> None:
    known = scale()
    bound = np.array([3.0])
    exact, censored = known.log_likelihood(bound, np.array([False])), known.log_likelihood(bound, np.array([True]))
    grid = np.linspace(3, 12, 9001)
    density = np.exp(known.log_likelihood(grid, np.zeros(len(grid), dtype=bool)))
    np.testing.assert_allclose(np.exp(censored[0]), np.trapezoid(density, grid, axis=0), rtol=1e-4)
    assert exact[0, 2] > exact[0, 3]
    assert censored[0, 3] > censored[0, 2]


def test_drift_acts_on_what_lies_above_the_background() -> None:
    np.testing.assert_allclose(without_drift(np.array([0.5, 1.0, 3.0, 21.0]), 1.0), [0.5, 1.0, 2.0, 11.0])
    np.testing.assert_allclose(without_drift(np.array([3.0]), 0.0), [3.0])


def test_order_of_cells_does_not_matter_and_seeds_repeat() -> None:
    x, _, patient = cells(3)
    none = np.zeros(len(x), dtype=bool)
    order = np.random.default_rng(1).permutation(len(x))
    one = OrderedIntensities(scale()).fit(x, none, patient)
    other = OrderedIntensities(scale()).fit(x[order], none, patient[order])
    np.testing.assert_allclose(other.score_posterior_, one.score_posterior_[order], atol=1e-9)


@pytest.mark.parametrize("wrong", ["nan", "length", "empty"])
def test_faulty_vectors_are_refused(wrong: str) -> None:
    x, _, patient = cells(0, patients=1)
    if wrong == "nan":
        x[0] = np.nan
    elif wrong == "length":
        patient = patient[:-1]
    else:
        x, patient = x[:0], patient[:0]
    with pytest.raises(ParameterError, match="finite vectors"):
        OrderedIntensities(scale()).fit(x, np.zeros(len(x), dtype=bool), patient)
