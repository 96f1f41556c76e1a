from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from her2plastic._errors import ParameterError
from her2plastic.models.censored_mixed.drop_out import fit_joint
from her2plastic.models.censored_mixed.estimator import CensoredMixed, start_of
from her2plastic.models.censored_mixed.exact import fit_exact
from her2plastic.models.censored_mixed.likelihood import Leaving, SharedCounts, SharedLikelihood
from her2plastic.models.censored_mixed.rows import mixed_rows

NAMES = ("intercept", "group", "time", "time:group")
FACTOR = np.array([[0.5, 0.0], [0.02, 0.05]])


def cohort(seed, n=50, times=(0, 2, 4, 6), factor=FACTOR, sigma=0.15, effects=(2.4, 0.0, 0.05, -0.175)):
    """Return patient, design of fixed and random effects, and values."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n), len(times))
    time, group = np.tile(np.asarray(times, float), n), (patient % 2).astype(float)
    x = np.stack([np.ones(len(time)), group, time, time * group], axis=1)
    z = x[:, [0, 2]]
    own = rng.normal(size=(n, 2)) @ factor.T
    return patient, x, z, x @ np.array(effects) + (z * own[patient]).sum(axis=1) + rng.normal(0, sigma, len(time))


def limited(y, limit):
    return np.maximum(y, limit), y < limit


@pytest.mark.parametrize("restricted", [True, False])
def test_complete_values_as_statsmodels_has_them(restricted):
    formula = pytest.importorskip("statsmodels.formula.api", reason="statsmodels (extra clinical) is not installed")
    patient, x, z, y = cohort(4)
    keep = np.random.default_rng(0).random(len(y)) < 0.8
    fit = CensoredMixed(NAMES, restricted=restricted).fit(patient[keep], x[keep], z[keep], y[keep]).fitted_
    frame = pd.DataFrame({"y": y, "g": x[:, 1], "t": x[:, 2], "p": patient})[keep]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        # its other searches stop below the top on data like these, and say that they did not converge
        other = formula.mixedlm("y ~ g * t", frame, groups=frame["p"], re_formula="~t").fit(
            reml=restricted, method="powell"
        )
    assert fit.effects == pytest.approx(other.fe_params.to_numpy(), abs=1e-4)
    assert fit.loglik == pytest.approx(other.llf, abs=1e-3)
    assert fit.random_covariance == pytest.approx(other.cov_re.to_numpy(), rel=0.01, abs=1e-5)


def test_quadrature_is_exact_without_limits():
    patient, x, z, y = cohort(1, n=12)
    rows = mixed_rows(patient, x, z, y)
    exact = fit_exact(rows, restricted=False)
    function = SharedLikelihood(rows)
    height, slope = function(start_of(rows, exact.effects, exact.sigma, exact.factor))
    assert height == pytest.approx(exact.loglik, abs=1e-6)
    assert np.abs(slope).max() < 0.05


def test_values_below_a_limit_count_with_their_probability():
    """Against the density of the values seen and the normal distribution function of those below, given them."""
    x = np.array([[1.0, 0], [1, 2], [1, 4], [1, 6]])
    y, below = np.array([1.9, 1.6, 1.6, 1.6]), np.array([False, False, True, True])
    rows = mixed_rows(["a"] * 4, x, x, y, below)
    effects, sigma = np.array([2.1, -0.1]), 0.2
    place = np.concatenate([effects, [np.log(sigma)], FACTOR[np.tril_indices(2)]])
    mean, covariance = x @ effects, x @ FACTOR @ FACTOR.T @ x.T + sigma**2 * np.eye(4)
    seen = multivariate_normal(mean[:2], covariance[:2, :2]).logpdf(y[:2])
    back = np.linalg.solve(covariance[:2, :2], covariance[:2, 2:])
    left = covariance[2:, 2:] - covariance[2:, :2] @ back
    low = multivariate_normal(mean[2:] + back.T @ (y[:2] - mean[:2]), left).logcdf(y[2:])
    assert SharedLikelihood(rows, nodes=15)(place)[0] == pytest.approx(seen + low, abs=1e-4)


@pytest.mark.parametrize("dependence", [None, 0.8])
def test_gradient_of_everything_together(dependence):
    patient, x, z, y = cohort(2, n=10)
    values, below = limited(y, 2.2)
    rows = mixed_rows(patient, x, z, values, below)
    rng = np.random.default_rng(3)
    people = np.arange(10)
    late = np.tile([0.0, 6.0], (10, 1))
    leaving = Leaving(people, np.ones((10, 1)), 6 * x[::4], late, people % 3 == 0)
    counts = SharedCounts(people, np.ones((10, 1)), np.ones((10, 1)), rng.binomial(9, 0.4, 10) * 1.0, np.full(10, 9.0))
    function = SharedLikelihood(rows, leaving=leaving, counts=counts, dependence=dependence, nodes=13)
    place = np.concatenate([[2.4, 0, 0.05, -0.17, np.log(0.2)], [0.5, 0.02, 0.06, 0.3, 0.1, 0.8],
                            [-0.5, *([0.7] if dependence is None else [])], [-0.3]])  # fmt: skip
    slope = function(place)[1]
    step = 1e-5 * np.eye(len(place))
    numeric = [(function(place + one)[0] - function(place - one)[0]) / 2e-5 for one in step]
    assert slope == pytest.approx(np.array(numeric), rel=2e-3, abs=2e-3)


def test_limit_in_place_of_the_value_is_worse():
    """What is common, half or all of the limit for a value below it, flattens the slope that the model finds."""
    errors = []
    for seed in range(4):
        patient, x, z, y = cohort(seed, n=60)
        values, below = limited(y, np.log(8.0))
        right = CensoredMixed(NAMES).fit(patient, x, z, values, below).fitted_
        naive = CensoredMixed(NAMES).fit(patient, x, z, values).fitted_
        errors.append((right.effects[3] + 0.175, naive.effects[3] + 0.175))
        assert right.n_below == below.sum()
    mean = np.mean(errors, axis=0)
    assert abs(mean[0]) < 0.02
    assert mean[1] > 0.04


def test_limit_above_all_values_changes_nothing():
    patient, x, z, y = cohort(5)
    plain = CensoredMixed(NAMES, restricted=False).fit(patient, x, z, y).fitted_
    # a value somewhere below a limit that lies far above its mean says next to nothing
    again = CensoredMixed(NAMES).fit(
        np.append(patient, 0), np.vstack([x, x[1]]), np.vstack([z, z[1]]), np.append(y, 60.0), np.append(y > 99, True)
    )
    assert again.fitted_.n_below == 1
    assert again.fitted_.effects == pytest.approx(plain.effects, abs=2e-3)
    assert again.fitted_.loglik == pytest.approx(plain.loglik, abs=1e-3)


def test_order_and_names_of_patients_do_not_matter():
    patient, x, z, y = cohort(6)
    values, below = limited(y, 2.0)
    order = np.random.default_rng(1).permutation(len(y))
    one = CensoredMixed(NAMES).fit(patient, x, z, values, below).fitted_
    other = CensoredMixed(NAMES).fit([f"p{900 - k}" for k in patient[order]], x[order], z[order], values[order],
                                     below[order]).fitted_  # fmt: skip
    assert other.effects == pytest.approx(one.effects, abs=1e-4)


def test_no_slopes_between_patients_is_said():
    patient, x, z, y = cohort(7, factor=np.array([[0.5, 0.0], [0.0, 0.0]]))
    fit = CensoredMixed(NAMES).fit(patient, x, z, y).fitted_
    flat = CensoredMixed(NAMES, random=("intercept",)).fit(patient, x, z[:, :1], y).fitted_
    assert fit.random_sd["time"] < 0.05
    assert fit.effects == pytest.approx(flat.effects, abs=0.02)


def test_two_visits_a_patient_have_no_slopes_of_their_own():
    patient, x, z, y = cohort(8, times=(0, 2))
    fit = CensoredMixed(NAMES).fit(patient, x, z, y).fitted_
    assert fit.random == ("intercept",)
    assert "0 patients have three values or more" in " ".join(fit.notes)


@pytest.mark.parametrize(
    ("rows", "said"),
    [(range(12), "patients for 4 effects"), (range(0, 200, 4), "two values or more"), (range(100), None)],
)
def test_insufficient_says_which_number_fell_short(rows, said):
    patient, x, z, y = cohort(9)
    model = CensoredMixed(NAMES).fit(patient[list(rows)], x[list(rows)], z[list(rows)], y[list(rows)])
    assert (model.fitted_ is None) == (said is not None)
    assert said is None or (said in model.status_ and model.status_.startswith("insufficient"))


def test_all_below_is_insufficient():
    patient, x, z, y = cohort(9)
    model = CensoredMixed(NAMES).fit(patient, x, z, np.full(len(y), 3.0), np.ones(len(y), dtype=bool))
    assert "0 values above detection" in model.status_


def test_values_without_noise_do_not_break_the_fit():
    patient, x, z, y = cohort(9, sigma=1e-7)
    fit = CensoredMixed(NAMES).fit(patient, x, z, y)
    assert fit.status_ == "ok"
    assert np.isfinite(fit.fitted_.covariance).all()
    flat = CensoredMixed(NAMES).fit(patient, x, z, patient.astype(float))
    assert "no patient differ" in flat.status_
    # most patients stay at one value, as if the limit stood in place of what lies below it
    most = CensoredMixed(NAMES).fit(patient, x, z, np.where(patient > 3, 2.0, y))
    assert most.status_ == "ok" or most.status_.startswith("insufficient") or "converge" in most.status_


def test_missing_numbers_and_shapes_are_refused():
    patient, x, z, y = cohort(9)
    with pytest.raises(ParameterError, match="missing or infinite"):
        CensoredMixed(NAMES).fit(patient, x, z, np.where(y > 2.5, np.nan, y))
    with pytest.raises(ParameterError, match="rows"):
        CensoredMixed(NAMES).fit(patient[1:], x, z, y)
    with pytest.raises(ParameterError, match="columns"):
        CensoredMixed(NAMES[:3]).fit(patient, x, z, y)


def test_leaving_that_depends_on_what_was_seen_only_changes_nothing():
    """Without a dependence the two likelihoods part, and the effects are those of the values alone."""
    patient, x, z, y = cohort(3, n=30)
    rows = mixed_rows(patient, x, z, y)
    base = CensoredMixed(NAMES, restricted=False).fit(patient, x, z, y).fitted_
    people = np.arange(30)
    leaving = Leaving(people, np.ones((30, 1)), 6 * x[::4], np.tile([0.0, 6.0], (30, 1)), people % 4 == 0)
    joint = fit_joint(rows, leaving, base, dependence=0.0)
    assert joint.fit.effects == pytest.approx(base.effects, abs=1e-4)
    assert np.diag(joint.fit.covariance) == pytest.approx(np.diag(base.covariance), rel=0.02)


@pytest.mark.statistical
@pytest.mark.parametrize(("limit", "studies"), [(None, 25), (2.0, 12)])
def test_intervals_cover(limit, studies):
    """In studies of 50 patients the intervals of all effects hold the truth about 95 times of 100."""
    held = []
    for seed in range(studies):
        patient, x, z, y = cohort(100 + seed)
        values, below = (y, None) if limit is None else limited(y, limit)
        frame = CensoredMixed(NAMES).fit(patient, x, z, values, below).fitted_.to_frame()
        truth = np.array([2.4, 0.0, 0.05, -0.175])
        held.append(((frame["lower"] <= truth) & (truth <= frame["upper"])).to_numpy())
    # four intervals a study
    assert 0.88 <= np.mean(held) <= 0.99
