from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from her2plastic.models import MarkovChain, PanelMarkov
from her2plastic.models.panel_markov.data import prepared
from her2plastic.models.panel_markov.likelihood import PanelLikelihood, ParameterLayout
from her2plastic.models.panel_markov.setup import effects_of, first_states
from her2plastic.models.transition_rates import IDENTIFIED, NOT_ALLOWED, NOT_IDENTIFIED

THREE = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
TRUTH = np.array([[0, 0.04, 0], [0.03, 0, 0.03], [0, 0.05, 0]])
ERRORS = np.array([[0.9, 0.1, 0], [0.05, 0.85, 0.1], [0, 0.1, 0.9]])


def simulated(
    rates: np.ndarray, subjects: int, draws: int = 6, every: float = 21.0, *, seed: int = 0,
    errors: np.ndarray | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return a panel of subjects that begin in any state, seen at irregular times."""
    rng = np.random.default_rng(seed)
    chain, n = MarkovChain(rates), len(rates)
    rows = []
    for subject in range(subjects):
        state, time = int(rng.integers(n)), 0.0
        for _ in range(draws):
            seen = state if errors is None else int(rng.choice(n, p=errors[state]))
            rows.append((subject, time, seen, state))
            step = float(np.round(every * rng.uniform(0.5, 1.5)))
            time += step
            state = int(rng.choice(n, p=chain.transition_probabilities(step)[state]))
    return pd.DataFrame(rows, columns=["subject", "time", "state", "true"])


def fitted(panel: pd.DataFrame, allowed: np.ndarray = THREE, **options: Any) -> PanelMarkov:
    return PanelMarkov(allowed, **options).fit(panel["subject"], panel["time"], panel["state"])


# --- the heart-transplant data against R msm 1.7 ------------------------------------------------------------------
TWO_WAY = np.array([[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
ONE_WAY = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
MISREAD = np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
MSM_RATES = np.array(
    [
        [-0.170370753629, 0.127870329450, 0, 0.0425004241789],
        [0.225119126987, -0.607940649645, 0.342611293675, 0.0402102289821],
        [0, 0.130622347998, -0.437097471198, 0.3064751231997],
        [0, 0, 0, 0],
    ]
)
MSM_LOWER = np.array(
    [
        [-0.190268368556, 0.1113547787183, 0, 0.0341179380672],
        [0.167548278693, -0.7088049886839, 0.273173007840, 0.0112879680793],
        [0, 0.0795165534933, -0.552915265617, 0.2382175196431],
        [0, 0, 0, 0],
    ]
)
MSM_UPPER = np.array(
    [
        [-0.152553963186, 0.146835379154, 0, 0.0529424155653],
        [0.302471751611, -0.521429503729, 0.429700208970, 0.1432376937496],
        [0, 0.214574161566, -0.345539743986, 0.3942909038806],
        [0, 0, 0, 0],
    ]
)


@pytest.fixture(scope="module")
def cav(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "msm" / "cav.csv"
    if not path.exists():
        pytest.skip(f"{path} not found")
    return pd.read_csv(path)


def of_cav(cav: pd.DataFrame, *options: Any, fit: dict[str, Any] | None = None) -> PanelMarkov:
    return PanelMarkov(options[0], (3,), *options[1:]).fit(cav["PTNUM"], cav["years"], cav["state"] - 1, **(fit or {}))


def test_cav_two_way_is_that_of_msm(cav: pd.DataFrame) -> None:
    model = of_cav(cav, TWO_WAY)
    assert model.minus2loglik_ == pytest.approx(3968.7978930519, abs=1e-3)
    np.testing.assert_allclose(model.intensities_, MSM_RATES, rtol=0.005)
    np.testing.assert_allclose(model.intensity_intervals_[..., 0], MSM_LOWER, rtol=0.03)
    np.testing.assert_allclose(model.intensity_intervals_[..., 1], MSM_UPPER, rtol=0.03)
    assert set(model.identifiability_[TWO_WAY > 0]) == {IDENTIFIED}
    assert model.chain().mean_first_passage()[0, 3] == pytest.approx(
        MarkovChain(MSM_RATES).mean_first_passage()[0, 3], rel=0.005
    )


def test_cav_sex_leaves_one_effect_open(cav: pd.DataFrame) -> None:
    model = of_cav(cav, TWO_WAY, fit={"covariates": cav[["sex"]]})
    assert model.minus2loglik_ == pytest.approx(3954.77700438268, abs=0.01)
    words = model.effect_identifiability_[0]
    assert words[1, 3] == NOT_IDENTIFIED
    assert np.isnan(model.effects_[0, 1, 3])
    assert np.isneginf(model.effect_intervals_[0, 1, 3, 0])
    ratios = {(0, 1): (0.33338, 0.95183), (0, 3): (0.62620, 2.03542), (2, 3): (1.17629, 4.95214)}  # of msm
    for edge, bounds in ratios.items():
        np.testing.assert_allclose(np.exp(model.effect_intervals_[0][edge]), bounds, rtol=0.03)
    others = (TWO_WAY > 0) & ~((np.arange(4)[:, None] == 1) & (np.arange(4) == 3))
    assert NOT_IDENTIFIED not in words[others]
    # the mean of the covariate lies between men, who are known, and women, who are not
    assert model.identifiability_[1, 3] == NOT_IDENTIFIED
    men, _, men_words = model.intensities([0.0])
    assert men_words[1, 3] == IDENTIFIED
    assert men[1, 3] == pytest.approx(0.0509239293089, rel=0.005)
    simpler = of_cav(cav, TWO_WAY)
    test = model.likelihood_ratio_test(simpler)
    assert test.observed == pytest.approx(3968.798 - 3954.777, abs=0.02)
    assert test.p == pytest.approx(0.0508, abs=0.001)  # chi-squared with 7 df


def test_cav_misread_states_are_those_of_msm(cav: pd.DataFrame) -> None:
    assert of_cav(cav, ONE_WAY, MISREAD).minus2loglik_ == pytest.approx(3951.82919869367, abs=0.01)
    model = of_cav(cav, ONE_WAY, MISREAD, fit={"true_observation": cav["firstobs"]})
    assert model.minus2loglik_ == pytest.approx(3933.738, abs=0.01)
    rates = {(0, 1): 0.08963, (0, 3): 0.04136, (1, 2): 0.25864, (1, 3): 0.03331, (2, 3): 0.30758}
    for edge, rate in rates.items():
        assert model.intensities_[edge] == pytest.approx(rate, rel=0.005)
    errors = {(0, 1): 0.0269, (1, 0): 0.17491, (1, 2): 0.06318, (2, 1): 0.1151}
    for cell, error in errors.items():
        assert model.misclassification_[cell] == pytest.approx(error, rel=0.005)
        low, high = model.misclassification_intervals_[cell]
        assert low < error < high
    intervals = model.misclassification_intervals_
    np.testing.assert_allclose(intervals[0, 1], [0.0158328360280, 0.0453683316239], rtol=0.03)
    np.testing.assert_allclose(intervals[2, 1], [0.0573026731098, 0.2176988126104], rtol=0.03)
    # msm has 0.101 to 0.286 for a state with two errors; the profile of the likelihood speaks for this one
    np.testing.assert_allclose(intervals[1, 0], [0.10908, 0.26072], rtol=0.03)
    assert model.misclassification_.sum(axis=1) == pytest.approx(np.ones(4))


def test_cav_in_days_says_the_same(cav: pd.DataFrame) -> None:
    days = cav["years"] * 365.25
    model = PanelMarkov(TWO_WAY, (3,)).fit(cav["PTNUM"].astype(str), days, cav["state"] - 1, cav["age"] * 365.25)
    years = of_cav(cav, TWO_WAY, fit={"covariates": cav["age"]})
    np.testing.assert_allclose(model.intensities_ * 365.25, years.intensities_, rtol=1e-4)
    np.testing.assert_allclose(model.effects_ * 365.25, years.effects_, rtol=1e-2, atol=1e-4)
    deaths = int((cav["state"] == 4).sum())
    # a density of dying per day is smaller than one per year
    assert model.minus2loglik_ - years.minus2loglik_ == pytest.approx(2 * deaths * np.log(365.25), abs=1e-3)


def test_cav_prevalence_is_that_of_msm(cav: pd.DataFrame) -> None:
    table = of_cav(cav, TWO_WAY).prevalence([0, 2, 5, 10])
    observed = [[622, 0, 0, 0], [507, 20, 7, 54], [235, 50, 30, 108], [60, 25, 21, 190]]
    expected = [[622, 0, 0, 0], [436.97, 74.50, 23.84, 52.70], [219.82, 58.59, 38.58, 106.01]]
    np.testing.assert_array_equal(table["observed"].to_numpy().reshape(4, 4), observed)
    np.testing.assert_allclose(table["expected"].to_numpy().reshape(4, 4)[:3], expected, atol=0.02)


# --- the likelihood is what it should be --------------------------------------------------------------------------
def enumerated(
    generator: np.ndarray, table: np.ndarray, times: np.ndarray, first: np.ndarray, exact: dict[int, int]
) -> dict[tuple[int, ...], float]:
    """Return the probability of every path of true states with one subject's observations."""
    n = len(generator)
    found = {}
    for path in itertools.product(range(n), repeat=len(times)):
        chance = first[path[0]] * table[0, path[0]]
        for t in range(1, len(times)):
            moved = expm(generator * (times[t] - times[t - 1]))
            if t in exact:
                d = exact[t]
                before = moved[path[t - 1]] * np.where(np.arange(n) == d, 0, generator[:, d])
                chance *= before.sum() if path[t] == d else 0.0
            else:
                chance *= moved[path[t - 1], path[t]] * table[t, path[t]]
        found[path] = chance
    return found


def likelihood_of(model: PanelMarkov, subject: Any, time: Any, state: Any, **given: Any) -> PanelLikelihood:
    """Return the likelihood of a panel at which a model would be fitted, in the user's unit of time."""
    structure = model._structure
    data = prepared(structure, subject, time, state, given.get("covariates"), None, None)
    estimated, initial = first_states(structure, data, model.initial, hidden=model.misclassification is not None)
    effects = effects_of(structure, data, None)
    layout = ParameterLayout(structure.edges, effects, structure.error_cells, estimated)
    return PanelLikelihood(structure, data, layout, initial, 1.0, given.get("weight"))


def test_hidden_paths_are_those_of_enumeration() -> None:
    panel = simulated(TRUTH, 12, 5, seed=1, errors=ERRORS)
    model = fitted(panel, misclassification=ERRORS, initial=np.array([0.5, 0.3, 0.2]))
    np.testing.assert_array_equal(model.misclassification_, ERRORS)
    one = panel[panel["subject"] == 3]
    table = ERRORS[:, one["state"]].T
    paths = enumerated(model.intensities_, table, one["time"].to_numpy(), np.array([0.5, 0.3, 0.2]), {})
    total = sum(paths.values())
    probabilities = np.zeros((5, 3))
    for path, chance in paths.items():
        probabilities[np.arange(5), path] += chance / total
    rows = one.index.to_numpy()
    np.testing.assert_allclose(model.state_probabilities()[rows], probabilities, rtol=1e-6)
    assert tuple(model.most_probable_states()[rows]) == max(paths, key=lambda path: paths[path])
    alone = likelihood_of(model, one["subject"], one["time"], one["state"])
    found = alone.evaluate(np.log(model.intensities_[THREE > 0])).log_likelihood
    assert found == pytest.approx(np.log(total), rel=1e-10)


def test_exact_times_and_open_states_are_those_of_enumeration() -> None:
    times, states = np.array([0.0, 2, 3, 7, 7.5]), np.array([0, 1, -1, 1, 2])
    alone = likelihood_of(PanelMarkov(THREE, (2,), censored={-1: (0, 1)}), np.zeros(5), times, states)
    rates = np.array([[0, 0.3, 0], [0.2, 0, 0.4], [0, 0.1, 0]])
    table = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
    generator = rates - np.diag(rates.sum(axis=1))
    paths = enumerated(generator, table, times, np.ones(3), {4: 2})
    found = alone.evaluate(np.log(rates[THREE > 0])).log_likelihood
    assert found == pytest.approx(np.log(sum(paths.values())), rel=1e-10)


def test_known_errors_and_likelihood_vectors_are_one() -> None:
    panel = simulated(TRUTH, 40, seed=2, errors=ERRORS)
    first = np.full(3, 1 / 3)
    by_matrix = fitted(panel, misclassification=ERRORS, initial=first)
    vectors = ERRORS[:, panel["state"]].T * 7.0  # any factor
    by_vector = PanelMarkov(THREE, initial=first).fit(panel["subject"], panel["time"], None, likelihood=vectors)
    np.testing.assert_allclose(by_vector.intensities_, by_matrix.intensities_, rtol=1e-4)
    # rows without a vector go by their state
    vectors[::2] = np.nan
    mixed = PanelMarkov(THREE, misclassification=ERRORS, initial=first)
    mixed.fit(panel["subject"], panel["time"], panel["state"], likelihood=vectors)
    np.testing.assert_allclose(mixed.intensities_, by_matrix.intensities_, rtol=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_gradient_is_the_slope(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    allowed = rng.random((n, n)) < 0.7
    allowed[np.arange(n - 1), np.arange(1, n)] = True
    errors = (rng.random((n, n)) < 0.5).astype(float)
    errors[0, 1] = 1
    rows = 6
    subject, time = np.repeat(np.arange(4), rows), np.tile(np.cumsum(rng.integers(1, 4, rows)), 4).astype(float)
    model = PanelMarkov(allowed, misclassification=errors, initial="estimate")
    states, covariates = rng.integers(0, n, 24), rng.normal(size=(24, 1)).round()
    weight = rng.integers(0, 3, 4).astype(float)
    likelihood = likelihood_of(model, subject, time, states, covariates=covariates, weight=weight)
    theta = rng.normal(-0.5, 0.8, likelihood.layout.size)
    found = likelihood.evaluate(theta)
    for k in range(theta.size):
        ahead, behind = theta.copy(), theta.copy()
        ahead[k] += 1e-5
        behind[k] -= 1e-5
        slope = (likelihood.evaluate(ahead).log_likelihood - likelihood.evaluate(behind).log_likelihood) / 2e-5
        assert found.gradient[k] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_generators_without_eigenvectors_are_no_trouble() -> None:
    """Equal rates in a row have one eigenvector only; the fit starts, and may stay, right there."""
    allowed = np.diag([1, 1, 1], 1)
    panel = simulated(np.diag([0.03] * 3, 1), 150, 6, seed=3)
    model = fitted(panel, allowed, start=np.diag([0.03] * 3, 1) + 1e-300)
    np.testing.assert_allclose(model.intensities_[allowed > 0], 0.03, rtol=0.25)
    from_counts = fitted(panel, allowed)
    assert model.minus2loglik_ == pytest.approx(from_counts.minus2loglik_, abs=1e-4)


# --- recovery -----------------------------------------------------------------------------------------------------
def test_rates_are_recovered_through_known_and_unknown_errors() -> None:
    # draws close together tell misreadings, which do not last, from moves
    panel = simulated(TRUTH, 300, 16, 5.0, seed=4, errors=ERRORS)
    known = fitted(panel, misclassification=ERRORS, initial="estimate")
    unknown = fitted(panel, misclassification=(ERRORS > 0).astype(int), initial="estimate")
    naive = fitted(panel)
    at = THREE > 0
    for model in (known, unknown):
        inside = (model.intensity_intervals_[at, 0] < TRUTH[at]) & (TRUTH[at] < model.intensity_intervals_[at, 1])
        assert inside.sum() >= 3
    np.testing.assert_allclose(known.intensities_[at], TRUTH[at], rtol=0.3)
    assert (naive.intensities_[at] > 1.15 * TRUTH[at]).all()  # misreadings look like moves
    wrong = unknown._structure.errors
    low, high = unknown.misclassification_intervals_[wrong].T
    assert ((low < ERRORS[wrong]) & (ERRORS[wrong] < high)).sum() >= 3
    np.testing.assert_allclose(unknown.misclassification_, ERRORS, atol=0.08)
    np.testing.assert_allclose(known.initial_, 1 / 3, atol=0.08)
    right = (known.most_probable_states() == panel["true"]).mean()
    assert right > (panel["state"] == panel["true"]).mean() + 0.02


def test_covariates_hold_from_the_start_of_an_interval() -> None:
    """A treatment switches on the way forward off; it is given in some intervals of every subject."""
    rng = np.random.default_rng(5)
    off, on = np.array([[0, 0.2], [0.1, 0]]), np.array([[0, 0.02], [0.1, 0]])
    rows = []
    for subject in range(300):
        state = 0
        for draw in range(8):
            treated = float((draw + subject) % 2)
            rows.append((f"p{subject}", 3.0 * draw, state, treated, rng.normal(50, 9)))
            moved = MarkovChain(on if treated else off).transition_probabilities(3.0)[state]
            state = int(rng.choice(2, p=moved))
    panel = pd.DataFrame(rows, columns=["subject", "time", "state", "treated", "age"])
    order = np.argsort(rng.random(len(panel)), kind="stable")
    mixed = panel.iloc[order].sort_values("time", kind="stable")  # subjects need not stand together
    model = PanelMarkov([[0, 1], [1, 0]]).fit(
        mixed["subject"], mixed["time"], mixed["state"], mixed[["treated", "age"]],
        effects={"age": np.array([[0, 1], [0, 0]])},
    )  # fmt: skip
    assert model.covariate_names_ == ("treated", "age")
    assert model.effects_[0, 0, 1] == pytest.approx(np.log(0.1), abs=0.4)
    low, high = model.effect_intervals_[1, 0, 1]
    assert low < 0 < high
    assert model.effect_identifiability_[1, 1, 0] == NOT_ALLOWED
    rates, intervals, _ = model.intensities([1.0, 50.0])
    assert intervals[0, 1, 0] < 0.02 < intervals[0, 1, 1]
    assert rates[0, 1] == pytest.approx(0.02, rel=0.4)
    last = mixed.groupby("subject")["time"].transform("max") == mixed["time"]
    changed = mixed.assign(treated=mixed["treated"].where(~last, np.nan))  # what holds after the last is not read
    again = PanelMarkov([[0, 1], [1, 0]]).fit(
        changed["subject"], changed["time"], changed["state"], changed[["treated", "age"]],
        effects={"age": np.array([[0, 1], [0, 0]])},
    )  # fmt: skip
    assert again.minus2loglik_ == pytest.approx(model.minus2loglik_, abs=1e-6)


@pytest.mark.statistical
def test_intervals_cover() -> None:
    rates = np.array([[0, 0.03], [0.05, 0]])
    covered, samples = np.zeros(2), 200
    for seed in range(samples):
        model = fitted(simulated(rates, 30, 5, seed=seed), np.array([[0, 1], [1, 0]]), level=0.9)
        truth = rates[[0, 1], [1, 0]]
        bounds = model.intensity_intervals_[[0, 1], [1, 0]]
        covered += (bounds[:, 0] < truth) & (truth < bounds[:, 1])
    assert (np.abs(covered / samples - 0.9) < 0.06).all()  # 2.8 standard errors


# --- what follows from a fit --------------------------------------------------------------------------------------
def test_profile_and_curvature_agree_where_there_is_much_data() -> None:
    model = fitted(simulated(TRUTH, 300, seed=6))
    at = THREE > 0
    np.testing.assert_allclose(model.profile_intervals()[at], model.intensity_intervals_[at], rtol=0.05)
    by_profile = fitted(simulated(TRUTH, 300, seed=6), intervals="profile")
    np.testing.assert_allclose(by_profile.intensity_intervals_[at], model.profile_intervals()[at], rtol=1e-6)


def test_a_profile_bound_is_where_the_likelihood_has_fallen() -> None:
    panel = simulated(np.array([[0, 0.05], [0, 0]]), 40, 3, seed=7)
    one_way = np.array([[0, 1], [0, 0]])
    model = fitted(panel, one_way, intervals="profile")
    for bound in model.intensity_intervals_[0, 1]:
        theta = np.log([bound * model.likelihood_.unit])
        fallen = -2 * model.likelihood_.evaluate(theta).log_likelihood - model.minus2loglik_
        assert fallen == pytest.approx(3.8415, abs=1e-3)


def test_bootstrap_is_over_subjects_and_repeatable() -> None:
    model = fitted(simulated(TRUTH, 200, seed=8))
    samples = model.bootstrap(100, seed=1)
    np.testing.assert_array_equal(samples.rates, model.bootstrap(100, seed=1).rates)
    assert samples.n_failed == 0
    at = THREE > 0
    assert (samples.lower[at] < model.intensities_[at]).all()
    assert (model.intensities_[at] < samples.upper[at]).all()
    width = np.log(samples.upper[at] / samples.lower[at])
    by_curvature = np.log(model.intensity_intervals_[at, 1] / model.intensity_intervals_[at, 0])
    np.testing.assert_allclose(width, by_curvature, rtol=0.4)
    assert len(samples.to_frame()) == 4
    assert "100 samples" in samples.summary()


def test_prevalence_of_a_good_fit_is_that_observed() -> None:
    model = fitted(simulated(TRUTH, 500, 6, seed=9))
    table = model.prevalence([0, 40, 80])
    assert list(table["time"].unique()) == [0, 40, 80]
    np.testing.assert_allclose(table.groupby("time")["expected"].sum(), table.groupby("time")["observed"].sum())
    start = table[table["time"] == 0]
    np.testing.assert_allclose(start["expected"], start["observed"], atol=1e-9)
    np.testing.assert_allclose(table["expected_share"], table["observed_share"], atol=0.06)


def test_rates_in_the_common_shape_and_in_words() -> None:
    model = fitted(simulated(TRUTH, 60, seed=10), level=0.9)
    rates = model.transition_rates(("HER2-0", "HER2-low", "HER2-positive"), unit="per day")
    assert rates.design == "panel"
    assert rates.numbers == {"subjects": 60, "intervals": 300}
    assert rates.identifiability[0, 2] == NOT_ALLOWED
    assert np.isnan(rates.rates[0, 2])
    assert rates.rates[0, 1] == model.intensities_[0, 1]
    assert "rate 0 -> 1: " in model.summary()
    assert list(model.to_frame()["kind"]) == ["rate"] * 4
