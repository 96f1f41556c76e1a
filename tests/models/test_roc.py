from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from her2plastic._errors import ParameterError
from her2plastic.models.roc.areas import above, area, area_error, areas, interval_of_extreme, roc_curve
from her2plastic.models.roc.cutoffs import given_cutoff, optimised_cutoff
from her2plastic.models.roc.looks import looks_frame, roc_at_looks

NAMES = ("2", "4", "6")


def scored(seed, n=50, apart=0.9, looks=3, shared=0.7):
    rng = np.random.default_rng(seed)
    positive = np.arange(n) % 2 == 0
    own = rng.normal(size=(n, 1))
    return shared * own + np.sqrt(1 - shared**2) * rng.normal(size=(n, looks)) + apart * positive[:, None], positive


@settings(max_examples=50)
@given(st.lists(st.integers(0, 6), min_size=2, max_size=14), st.integers(1, 100))
def test_area_is_that_of_mann_and_whitney(values, bits):
    score = np.array(values, dtype=float)
    positive = np.array([(bits >> place) % 2 == 1 for place in range(len(score))])
    if positive.all() or not positive.any():
        return
    expected = mannwhitneyu(score[positive], score[~positive]).statistic / (positive.sum() * (~positive).sum())
    assert area(above(score), positive) == pytest.approx(expected)
    curve = roc_curve(score, positive)
    assert np.trapezoid(curve.sensitivity, curve.false_positive) == pytest.approx(expected)
    weights = np.stack([positive, 2 * positive]).astype(float)
    assert areas(above(score), weights, (~positive[None]).astype(float).repeat(2, axis=0)) == pytest.approx(expected)


def test_error_by_hand():
    score, positive = np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False])
    # of the positive ones, 3 wins both pairs and 1 one of two; of the negative ones 2 loses half and 0 all
    assert area(above(score), positive) == 0.75
    assert area_error(above(score), positive) == pytest.approx(np.sqrt(np.var([1, 0.5], ddof=1) / 2 * 2))
    assert np.isnan(area_error(above(score[:3]), positive[:3]))


def test_perfect_separation_still_has_an_interval():
    score, positive = np.arange(20.0)[:, None], np.arange(20) >= 10
    found = roc_at_looks(score, positive, ("2",), n_bootstrap=99)[0]
    assert found.area == 1
    assert 0.6 < found.lower < 0.95
    assert found.upper == 1
    turned = roc_at_looks(-score, positive, ("2",), n_bootstrap=99)[0]
    assert (turned.area, turned.lower) == (0, 0)
    assert turned.upper == pytest.approx(1 - found.lower)
    assert interval_of_extreme(100, 100, level=0.95) > found.lower


def test_several_looks_cost_something():
    score, positive = scored(1)
    looks = roc_at_looks(score, positive, NAMES, n_bootstrap=500)
    for look in looks:
        assert look.lower_all < look.lower < look.area < look.upper < look.upper_all
        assert look.p_all >= look.p
    alone = roc_at_looks(score[:, :1], positive, NAMES[:1], n_bootstrap=500)[0]
    assert (alone.lower_all, alone.p_all) == (alone.lower, alone.p)
    # looks that say the same cost nothing
    same = roc_at_looks(np.repeat(score[:, :1], 3, axis=1), positive, NAMES, n_bootstrap=500)[0]
    assert same.lower_all == pytest.approx(same.lower, abs=0.01)
    assert same.p_all == same.p


def test_patients_who_were_not_seen_do_not_count():
    score, positive = scored(2)
    score[:20, 1] = np.nan
    look = roc_at_looks(score, positive, NAMES, n_bootstrap=99)[1]
    assert (look.n, look.n_positive) == (30, 15)
    assert look.area == pytest.approx(area(above(score[20:, 1]), positive[20:]))


def test_too_few_patients_are_insufficient():
    score, positive = scored(3)
    score[10:, 2] = np.nan
    score[positive.argmax(), 2] = np.nan
    frame = looks_frame(roc_at_looks(score, positive, NAMES, n_bootstrap=99))
    assert frame["status"].tolist()[:2] == ["ok", "ok"]
    assert frame["status"][2].startswith("insufficient: 4 patients with and 5 without")
    assert np.isnan(frame["area"][2])
    nobody = roc_at_looks(np.full((6, 1), np.nan), np.arange(6) < 3, ("2",), n_bootstrap=99)[0]
    assert nobody.status.startswith("insufficient")


def test_one_value_of_all_patients_tells_nothing():
    """As where all lie below detection: no area, and no interval that would leave it out."""
    score, positive = scored(5)
    score[:, 1] = 5.0
    looks = roc_at_looks(score, positive, NAMES, n_bootstrap=99)
    assert looks[1].status == f"insufficient: all {len(positive)} patients have the same value"
    assert np.isnan([looks[1].area, looks[1].lower, looks[1].p]).all()
    assert all(look.lower <= look.area <= look.upper for look in (looks[0], looks[2]))


def test_same_seed_same_numbers():
    score, positive = scored(4)
    one, two = (looks_frame(roc_at_looks(score, positive, NAMES, n_bootstrap=200, seed=5)) for _ in range(2))
    assert one.equals(two)


def test_given_cutoff_by_hand():
    rule = given_cutoff(np.array([10.0, 16, 20, 14, 15, 3]), np.array([False, True, True, True, False, False]), 15.0)
    assert (rule.sensitivity, rule.specificity) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert rule.youden == pytest.approx(1 / 3)
    assert rule.p == pytest.approx(1.0)
    assert rule.kind == "given"
    assert given_cutoff(np.ones(3), np.ones(3, dtype=bool), 1.0).status.startswith("insufficient")


def test_nested_cutoff_is_judged_by_others_only():
    """Every patient is judged by a cut-off chosen without that patient: a score that is a name tells nothing."""
    score, positive = np.concatenate([np.arange(15.0), np.arange(100.0, 115.0)]), np.arange(30) >= 15
    found, nested = optimised_cutoff(score, positive, repeats=10)
    assert (found.youden, nested.youden) == (1.0, 1.0)
    assert 14 < nested.cutoff < 100
    few, _ = optimised_cutoff(score[:20], positive[:20])
    assert few.status.startswith("insufficient: 5 patients with")


def test_parameters():
    score, positive = scored(5)
    with pytest.raises(ParameterError, match="patients by"):
        roc_at_looks(score, positive, ("2",))
    with pytest.raises(ParameterError, match="n_bootstrap"):
        roc_at_looks(score, positive, NAMES, n_bootstrap=3)
    with pytest.raises(ParameterError, match="folds"):
        optimised_cutoff(score[:, 0], positive, folds=1)


@pytest.mark.statistical
def test_naive_cutoffs_are_optimistic_and_nested_ones_are_not():
    """A score that says nothing: chosen and judged on the same 50 patients it seems to say much."""
    found = np.array([[rule.youden for rule in optimised_cutoff(scored(seed, apart=0.0)[0][:, 0],
                                                                scored(seed)[1], repeats=5)]
                      for seed in range(200)])  # fmt: skip
    assert found[:, 0].mean() > 0.15
    assert abs(found[:, 1].mean()) < 0.03


@pytest.mark.statistical
def test_all_looks_together_find_nothing_where_there_is_nothing():
    p = []
    for seed in range(200):
        score, positive = scored(seed, apart=0.0)
        p.append(min(look.p_all for look in roc_at_looks(score, positive, NAMES, n_bootstrap=199, seed=seed)))
    # of 200 studies about 10 find something at some look; more than 20 come once in two thousand such tests
    assert 1 <= np.sum(np.array(p) <= 0.05) <= 20
