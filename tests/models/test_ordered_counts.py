from __future__ import annotations

import time

import numpy as np
import pytest

from her2plastic._errors import CalibrationError, ParameterError
from her2plastic.models import CountNoise, ExpressionScale, OrderedCounts

SCALE = ExpressionScale(
    name="test",
    source="made up",
    components=("null", "low", "plastic", "amplified"),
    states=("HER2-0", "HER2-low", "HER2-positive", "HER2-positive"),
    mean_log2_cpm=tuple(np.log2([20.0, 35.0, 120.0, 800.0])),
    sd_log2=(0.9,) * 4,
    share_prior=(1.0, 1.0, 0.45, 0.15),
    donor_sd=0.8,
)
NOISE = CountNoise(0.1)


def _draw(rng: np.random.Generator, shares: np.ndarray, n: int, offset: float, depth: float) -> tuple[np.ndarray, ...]:
    component = rng.choice(4, size=n, p=shares)
    depths = rng.lognormal(np.log(depth), 0.5, n)
    log2_cpm = np.array(SCALE.mean_log2_cpm)[component] + offset + 0.9 * rng.standard_normal(n)
    mean = depths * 2**log2_cpm / 1e6
    counts = rng.poisson(mean * rng.gamma(10, 0.1, n))
    return counts.astype(float), depths, SCALE.membership[component].argmax(axis=1)


def _donors(seed: int, n_donors: int, cells: int, depth: float = 1e5) -> tuple[np.ndarray, ...]:
    """Draw donors from the model itself: shares from the prior, an offset each."""
    rng = np.random.default_rng(seed)
    parts = []
    shares = rng.dirichlet(SCALE.share_prior, n_donors)
    for donor in range(n_donors):
        drawn = _draw(rng, shares[donor], cells, SCALE.donor_sd * rng.standard_normal(), depth)
        parts.append((*drawn, np.full(cells, donor)))
    counts, depths, state, group = (np.concatenate(column) for column in zip(*parts, strict=True))
    return counts, depths, state, group, SCALE.to_states(shares)


@pytest.mark.statistical
@pytest.mark.parametrize("cells", [3, 30, 300])
def test_intervals_of_shares_cover(cells: int) -> None:
    hits = []
    for seed in range(8):
        counts, depths, _, group, shares = _donors(seed, 20, cells)
        intervals = OrderedCounts(SCALE, NOISE, seed=seed).fit(counts, depths, group).shares(0.9)
        hits.append((intervals.lower <= shares) & (shares <= intervals.upper))
    # 160 donors of three states: a binomial standard error of 1.5 to 2.5 %
    assert 0.85 <= np.mean(hits) <= 0.95


@pytest.mark.statistical
def test_intervals_of_very_many_cells_cover() -> None:
    """Beyond some thousand cells the grid and the scale, not the number of cells, bound what can be known."""
    hits = []
    for seed in range(3):
        counts, depths, _, group, shares = _donors(seed, 6, 30_000)
        intervals = OrderedCounts(SCALE, NOISE, seed=seed).fit(counts, depths, group).shares(0.9)
        hits.append((intervals.lower <= shares) & (shares <= intervals.upper))
    assert np.mean(hits) >= 0.85


def test_many_cells_of_separate_states_give_their_shares() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([0.7, 0.0, 0.0, 0.3])
    counts, depths, state = _draw(rng, truth, 5000, 0.0, 1e6)
    model = OrderedCounts(SCALE, NOISE).fit(counts, depths)
    intervals = model.shares()
    assert intervals.lower[0, 2] <= 0.3 <= intervals.upper[0, 2]
    assert intervals.upper[0, 2] - intervals.lower[0, 2] < 0.08
    positive = model.cell_posterior_[:, 2] > 0.5
    assert np.mean(positive == (state == 2)) > 0.97


def test_a_donor_that_reads_low_is_recognised() -> None:
    rng = np.random.default_rng(2)
    counts, depths, _ = _draw(rng, np.array([0.5, 0.0, 0.0, 0.5]), 800, -1.5, 1e6)
    model = OrderedCounts(SCALE, NOISE).fit(counts, depths)
    posterior = model.posterior_
    offset = posterior.weights[0].sum(axis=1) @ posterior.offsets[posterior.groups[0].nodes]
    assert offset == pytest.approx(-1.5, abs=0.5)


def test_donors_tell_the_offset_of_the_assay() -> None:
    rng = np.random.default_rng(3)
    # an assay that reads eight-fold low: amplified cells then lie where plastic ones should
    parts = [_draw(rng, np.array([0.5, 0.0, 0.0, 0.5]), 60, -3.0, 1e6) for _ in range(15)]
    counts, depths, state = (np.concatenate(column) for column in zip(*parts, strict=True))
    model = OrderedCounts(SCALE, NOISE, cohort_sd=1.5).fit(counts, depths, np.repeat(np.arange(15), 60))
    offset = model.posterior_.cohort_offset @ model.posterior_.offsets
    assert offset == pytest.approx(-3.0, abs=0.6)
    assert np.mean((model.cell_posterior_[:, 2] > 0.5) == (state == 2)) > 0.95


def test_a_shallow_empty_cell_says_nothing() -> None:
    model = OrderedCounts(SCALE, NOISE).fit(np.array([0.0]), np.array([500.0]))
    prior = SCALE.to_states(np.array(SCALE.share_prior)) / sum(SCALE.share_prior)
    np.testing.assert_allclose(model.cell_posterior_[0], prior, atol=0.03)


def test_posterior_of_positive_rises_with_the_count() -> None:
    counts = np.arange(0, 400, dtype=float)
    model = OrderedCounts(SCALE, NOISE).fit(np.array([1.0, 5.0]), np.array([8e3, 8e3]))
    positive = model.predict_proba(counts, np.full(len(counts), 8e3))[:, 2]
    assert (np.diff(positive) > -1e-9).all()


def test_same_seed_same_result_and_another_seed_nearly() -> None:
    counts, depths, _, group, _ = _donors(5, 6, 40)
    one = OrderedCounts(SCALE, NOISE, seed=1).fit(counts, depths, group)
    again = OrderedCounts(SCALE, NOISE, seed=1).fit(counts, depths, group)
    other = OrderedCounts(SCALE, NOISE, seed=2).fit(counts, depths, group)
    np.testing.assert_array_equal(one.cell_posterior_, again.cell_posterior_)
    np.testing.assert_allclose(one.cell_posterior_, other.cell_posterior_, atol=0.06)


def test_names_of_groups_do_not_matter() -> None:
    counts, depths, _, group, _ = _donors(6, 4, 25)
    names = np.array(["a", "b", "c", "d"])[group.astype(int)]
    by_number = OrderedCounts(SCALE, NOISE).fit(counts, depths, group).cell_posterior_
    by_name = OrderedCounts(SCALE, NOISE).fit(counts, depths, names).cell_posterior_
    np.testing.assert_array_equal(by_number, by_name)


def test_importance_sampling_agrees_with_brute_force() -> None:
    """Two components, no offset: the posterior of one share is a one-dimensional integral."""
    scale = ExpressionScale(
        "two", "made up", ("null", "low", "positive"), ("HER2-0", "HER2-low", "HER2-positive"), (2.0, 5.0, 9.0),
        (0.9,) * 3, (1.0, 1e-3, 1.0), 1e-3,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    counts = np.r_[np.zeros(30), rng.poisson(50, 10)].astype(float)
    depths = np.full(40, 1e5)
    fitted = OrderedCounts(scale, NOISE).fit(counts, depths).shares(0.9)
    from scipy.stats import beta

    # the states are far apart, so every cell's state is known and the posterior is a Beta distribution
    exact = beta(1 + 10, 1 + 30)
    assert fitted.mean[0, 2] == pytest.approx(exact.mean(), abs=0.01)
    assert fitted.lower[0, 2] == pytest.approx(exact.ppf(0.05), abs=0.015)
    assert fitted.upper[0, 2] == pytest.approx(exact.ppf(0.95), abs=0.015)


@pytest.mark.parametrize(
    ("counts", "depth", "message"),
    [
        ([], [], "no cells"),
        ([1.0], [0.0], r"depth\[0\]"),
        ([1.0, -1.0], [10.0, 10.0], r"counts\[1\]"),
        ([np.nan], [10.0], r"counts\[0\]"),
        ([1.0, 2.0], [10.0], "one length"),
    ],
)
def test_bad_cells_are_refused(counts: list[float], depth: list[float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        OrderedCounts(SCALE, NOISE).fit(np.array(counts), np.array(depth))


def test_a_scale_must_rise_and_hold_all_states() -> None:
    from dataclasses import replace

    with pytest.raises(CalibrationError, match="rise"):
        replace(SCALE, mean_log2_cpm=(5.0, 4.0, 7.0, 9.0))
    with pytest.raises(CalibrationError, match="HER2-low"):
        replace(SCALE, states=("HER2-0", "HER2-0", "HER2-positive", "HER2-positive"))
    with pytest.raises(CalibrationError, match="finite"):
        replace(SCALE, sd_log2=(0.9, 0.9, 0.0, 0.9))


@pytest.mark.parametrize("cells", [100, 1000])
def test_seeds_agree_where_states_overlap(cells: int) -> None:
    """HER2-0 against HER2-low is a ridge, on which importance weights alone rest on a handful of draws."""
    rng = np.random.default_rng(0)
    counts, depths, _ = _draw(rng, np.array([0.4, 0.4, 0.15, 0.05]), cells, 0.4, 8e3)
    fits = [OrderedCounts(SCALE, NOISE, cohort_sd=0.5, seed=seed).fit(counts, depths) for seed in range(3)]
    assert np.ptp([fit.shares().mean for fit in fits], axis=0).max() < 0.04
    assert np.ptp([fit.cell_posterior_ for fit in fits], axis=0).max() < 0.06


def test_an_offset_far_from_the_scale_is_reached() -> None:
    rng = np.random.default_rng(1)
    parts = [_draw(rng, np.array([0.5, 0.0, 0.0, 0.5]), 300, offset, 1e6) for offset in (-3.3, -3.3, -2.8)]
    counts, depths, _ = (np.concatenate(column) for column in zip(*parts, strict=True))
    posterior = OrderedCounts(SCALE, NOISE, cohort_sd=0.7).fit(counts, depths, np.repeat(np.arange(3), 300)).posterior_
    found = [
        w.sum(axis=1) @ posterior.offsets[g.nodes] for w, g in zip(posterior.weights, posterior.groups, strict=True)
    ]
    np.testing.assert_allclose(found, [-3.3, -3.3, -2.8], atol=0.4)


def test_spreads_of_offsets_may_be_none_but_not_negative() -> None:
    from dataclasses import replace

    fitted = OrderedCounts(replace(SCALE, donor_sd=0.0), NOISE).fit(np.array([3.0, 0.0]), np.array([1e4, 1e4]))
    np.testing.assert_allclose(fitted.cell_posterior_.sum(axis=1), 1)
    for wrong in (-1.0, np.nan):
        with pytest.raises(ParameterError, match="cohort_sd"):
            OrderedCounts(SCALE, NOISE, cohort_sd=wrong)
        with pytest.raises(CalibrationError, match="donor_sd"):
            replace(SCALE, donor_sd=wrong)
    with pytest.raises(ParameterError, match="one donor"):
        OrderedCounts(SCALE, NOISE).fit(np.array([3.0, 0.0]), np.array([1e4, 1e4]), np.array([1]))


def test_a_donor_draws_alike_whatever_other_donors_there_are() -> None:
    """Where the cohort has no say (no offset of its own), another donor changes nothing, in whatever order."""
    rng = np.random.default_rng(3)
    counts, depth = rng.poisson(2, 40).astype(float), np.full(40, 2e4)
    donor = np.repeat(["b", "c"], 20)
    alone = OrderedCounts(SCALE, NOISE, seed=1).fit(counts, depth, donor)
    more = OrderedCounts(SCALE, NOISE, seed=1).fit(
        np.append(counts, [0.0, 9.0]), np.append(depth, [1e3, 1e5]), np.append(donor, ["a", "z"])
    )
    assert list(more.groups_) == ["a", "b", "c", "z"]
    np.testing.assert_allclose(more.cell_posterior_[:40], alone.cell_posterior_, atol=1e-12)
    np.testing.assert_allclose(more.shares().lower[1:3], alone.shares().lower, atol=1e-12)


def test_donors_of_like_cells_have_the_same_posterior() -> None:
    n = 2000
    counts, depth = np.arange(n) % 3.0, np.full(n, 5e3)
    began = time.process_time()
    model = OrderedCounts(SCALE, NOISE, cohort_sd=0.5).fit(counts, depth, np.arange(n))
    assert time.process_time() - began < 12
    for count in range(3):
        assert (model.cell_posterior_[counts == count] == model.cell_posterior_[count]).all()
        assert (model.shares().mean[count::3] == model.shares().mean[count]).all()


def test_the_same_fit_again_costs_nothing_and_cannot_be_changed_from_outside() -> None:
    counts, depths, _, group, _ = _donors(0, 4, 30)
    first = OrderedCounts(SCALE, NOISE, seed=1).fit(counts, depths, group)
    kept = first.cell_posterior_.copy()
    first.cell_posterior_[:] = 0
    again = OrderedCounts(SCALE, NOISE, seed=1).fit(counts, depths, [f"donor {g}" for g in group])
    assert again.posterior_ is first.posterior_
    np.testing.assert_array_equal(again.cell_posterior_, kept)
    assert again.groups_.tolist() == [f"donor {g}" for g in range(4)]
    for other in (
        OrderedCounts(SCALE, NOISE, seed=2).fit(counts, depths, group),
        OrderedCounts(SCALE, NOISE, seed=1).fit(counts + 1, depths, group),
        OrderedCounts(SCALE, NOISE, cohort_sd=0.1, seed=1).fit(counts, depths, group),
        OrderedCounts(SCALE, NOISE, seed=1).fit(counts, depths),
    ):
        assert other.posterior_ is not first.posterior_
