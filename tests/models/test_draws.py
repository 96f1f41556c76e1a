"""Effective rates from the composition of successive blood draws."""

from __future__ import annotations

import numpy as np
import pytest

from her2plastic._errors import ConvergenceError, DataWarning, ParameterError
from her2plastic.datasets import DrawTreatment, DropOut, SimulatedDraws, simulate_draws
from her2plastic.models import DrawComposition, TreatmentPeriod
from her2plastic.models.draws import estimator
from her2plastic.models.draws.drop_out import drop_out_sensitivity
from her2plastic.models.draws.fitted import fitted_draws
from her2plastic.models.draws.nulls import no_switch_test
from her2plastic.models.draws.rows import cells_of_counts
from her2plastic.models.quasi_newton import Maximum
from her2plastic.models.transition_rates import NOT_ALLOWED, NOT_IDENTIFIED

TRUTH = np.array([[0.0, 0.012], [0.020, 0.0]])
OFF = ~np.eye(2, dtype=bool)
CHAIN = ((0.0, 0.016, 0.0), (0.012, 0.0, 0.012), (0.0, 0.020, 0.0))


def table(draws: SimulatedDraws) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    patient, draw = np.nonzero(draws.seen)
    return draws.patients[patient], draws.days[draw], draws.counts[patient, draw]


@pytest.fixture(scope="module")
def moving() -> DrawComposition:
    return DrawComposition().fit(*table(simulate_draws(seed=3, drop_out=DropOut(0.15, 2.0))))


# --- recovery -----------------------------------------------------------------------------------------------------
@pytest.mark.statistical
def test_recovers_the_rates_within_the_published_ranges() -> None:
    """The golden set-up; 200 cohorts in benchmarks/draws_recovery.py."""
    models = [DrawComposition().fit(*table(simulate_draws(seed=seed))) for seed in range(12)]
    rates = np.array([model.rates_[OFF] for model in models])
    low, middle, high = np.nanquantile(rates, [0.1, 0.5, 0.9], axis=0)
    np.testing.assert_allclose(middle, TRUTH[OFF], rtol=0.2)
    assert (low > [0.007, 0.012]).all()
    assert (high < [0.028, 0.047]).all()
    covered = np.array([((m.lower_ <= TRUTH) & (TRUTH <= m.upper_))[OFF] for m in models])
    # of 24 intervals that hold with 0.9, fewer than 16 in 1 of 2,000 studies
    assert covered.sum() >= 16
    assert np.mean([model.deviance_ for model in models]) > 15


def test_a_patient_who_never_came_back_changes_little(moving: DrawComposition) -> None:
    """Rates rest on patients with two draws; the first compositions of the others are pooled alone."""
    followed = moving.numbers_["patients with two draws"]
    assert 6 <= followed <= moving.numbers_["patients"]
    assert moving.status_ == "ok"


def test_misreading_is_no_move() -> None:
    error = np.array([[0.9, 0.1], [0.3, 0.7]])
    cohort = simulate_draws(seed=8, misclassification=error.tolist(), n_ctc=30)
    model = DrawComposition(misclassification=error).fit(*table(cohort))
    assert ((model.lower_ <= TRUTH) & (TRUTH <= model.upper_))[OFF].all()
    # what each read says of a cell is the same evidence, cell by cell
    cells = cohort.to_anndata()
    by_cell = DrawComposition().fit_cells(
        cells.obs["donor_id"].astype(str).to_numpy(), cells.obs["draw_day"].to_numpy(),
        cells.obsm["her2_posterior"][["HER2-0", "HER2-positive"]].to_numpy(),
    )  # fmt: skip
    np.testing.assert_allclose(by_cell.rates_[OFF], model.rates_[OFF], rtol=1e-2)


def test_uncertain_cells_widen_the_intervals() -> None:
    cohort = simulate_draws(seed=3, n_ctc=20)
    widths = []
    for accuracy in (1.0, 0.75):
        cells = cohort.to_anndata(accuracy=accuracy)
        model = DrawComposition().fit_cells(
            cells.obs["donor_id"].astype(str).to_numpy(), cells.obs["draw_day"].to_numpy(),
            cells.obsm["her2_posterior"][["HER2-0", "HER2-positive"]].to_numpy(),
        )  # fmt: skip
        assert ((model.lower_ <= TRUTH) & (TRUTH <= model.upper_))[OFF].all()
        widths.append(np.log(model.upper_ / np.maximum(model.lower_, 1e-6))[OFF])
    assert (widths[1] > widths[0]).all()


def test_treatment_multiplies_a_rate() -> None:
    cohort = simulate_draws(
        seed=2, n_patients=40, n_ctc=40, treatment=DrawTreatment(factor=((1.0, 5.0), (1.0, 1.0)), day=21.0)
    )
    treated = np.flatnonzero(np.isfinite(cohort.treated_from))
    periods = [TreatmentPeriod(cohort.patients[p], 21.0, np.inf, "drug") for p in treated]
    model = DrawComposition().fit(*table(cohort), periods=periods)
    factor, lower, upper = model.effects_["drug"]
    assert lower[0, 1] < 5.0 < upper[0, 1]
    assert lower[0, 1] > 1.0
    assert lower[1, 0] < 1.0 < upper[1, 0]
    assert any("drug multiplies" in note for note in model.transition_rates().notes)


def test_three_states_move_along_the_allowed_chain() -> None:
    cohort = simulate_draws(seed=4, rates=CHAIN, n_ctc=40)
    allowed = np.array(CHAIN) > 0
    model = DrawComposition(allowed.astype(int), patient_sd=0.0).fit(*table(cohort))
    truth = np.array(CHAIN)
    assert ((model.lower_ <= truth) & (truth <= model.upper_))[allowed].sum() >= 3
    assert set(model.identifiability_[~allowed & ~np.eye(3, dtype=bool)]) == {NOT_ALLOWED}
    assert np.isnan(model.rates_[~allowed]).all()


def test_same_data_in_another_order_and_unit_of_time() -> None:
    patient, day, counts = table(simulate_draws(seed=6))
    model = DrawComposition().fit(patient, day, counts)
    order = np.random.default_rng(0).permutation(len(day))
    again = DrawComposition().fit(patient[order], day[order] - 400.0, counts[order])
    np.testing.assert_allclose(again.rates_[OFF], model.rates_[OFF], rtol=1e-6)
    weeks = DrawComposition().fit(patient, day / 7, counts)
    np.testing.assert_allclose(weeks.rates_[OFF], 7 * model.rates_[OFF], rtol=1e-2)


# --- nulls, drop-out, fitted values --------------------------------------------------------------------------------
@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["shuffled draw order", "shuffled labels", "no switching"])
def test_static_twins_move_no_more_often_than_the_level_says(kind: str) -> None:
    """With nine data sets each, p is 0.1 where the data gain most: 4 or more of 8 in 5 of 1,000 studies."""
    p = []
    for seed in range(8):
        still = simulate_draws(seed=seed, switching=False, n_patients=10)
        model = DrawComposition().fit(*table(still), intervals=False)
        p.append(no_switch_test(model, kind=kind, n_null=9, seed=seed, enough=1).p)
    assert np.sum(np.array(p) <= 0.1) < 4


def test_moves_are_found_and_the_seed_repeats(moving: DrawComposition) -> None:
    test = no_switch_test(moving, n_null=19, seed=1)
    assert test.p == 0.05
    np.testing.assert_array_equal(test.simulated, no_switch_test(moving, n_null=19, seed=1).simulated)
    assert (test.simulated >= 0).all()


def test_cells_are_dealt_as_counts_are(moving: DrawComposition) -> None:
    """Cells that are sure and counts without misreading are the same data, dealt by the same seed."""
    patient, day, counts = table(simulate_draws(seed=3, n_patients=8))
    draw, state = cells_of_counts(counts)
    by_counts = DrawComposition().fit(patient, day, counts, intervals=False)
    by_cells = DrawComposition().fit_cells(patient[draw], day[draw], np.eye(2)[state], intervals=False)
    one, other = (no_switch_test(model, kind="shuffled labels", n_null=5, seed=2) for model in (by_counts, by_cells))
    np.testing.assert_allclose(one.simulated, other.simulated)
    assert len(set(one.simulated)) == 5


def test_dealt_cells_stay_with_their_patient() -> None:
    """Where each patient has only cells of one state, there is nothing to deal: every gain is the observed one."""
    patient, day = np.repeat(np.arange(8), 3), np.tile([0.0, 21.0, 42.0], 8)
    counts = np.where((patient % 2)[:, None] == np.arange(2), 6, 0)
    model = DrawComposition().fit(patient, day, counts, intervals=False)
    test = no_switch_test(model, kind="shuffled labels", n_null=4)
    np.testing.assert_allclose(test.simulated, test.observed)
    assert test.p == 1.0


def test_without_intervals_rates_are_missing_and_the_gain_is_the_same(moving: DrawComposition) -> None:
    short = DrawComposition().fit(*table(simulate_draws(seed=3)), intervals=False)
    assert np.isnan(short.rates_).all()
    assert set(short.identifiability_[OFF]) == {"not identified"}
    assert short.deviance_ == DrawComposition().fit(*table(simulate_draws(seed=3))).deviance_


def test_fewer_data_sets_do_where_few_are_enough() -> None:
    still = simulate_draws(seed=4, switching=False, n_patients=8)
    model = DrawComposition().fit(*table(still), intervals=False)
    test = no_switch_test(model, n_null=30, enough=2)
    assert test.simulated.size < 30
    assert (test.simulated >= test.observed).sum() == 2
    with pytest.raises(ParameterError, match="enough=0"):
        no_switch_test(model, enough=0)


def test_drop_out_is_looked_at_over_a_range(moving: DrawComposition) -> None:
    found = drop_out_sensitivity(moving, log_odds=(-4.0, 0.0, 4.0))
    frame = found.to_frame()
    uninformative = frame[frame["log_odds"] == 0]["rate"].to_numpy()
    np.testing.assert_allclose(uninformative, moving.rates_[OFF], rtol=0.02)
    to_positive = frame[(frame["from"] == 0)].set_index("log_odds")["rate"]
    # if patients of many positive cells leave, those who stay show less of the moves to positive than there are
    assert to_positive[4.0] != pytest.approx(to_positive[0.0], rel=1e-3)
    assert "left early" in found.summary()
    assert found.dropped > 0


def test_drop_out_needs_somebody_who_left() -> None:
    model = DrawComposition().fit(*table(simulate_draws(seed=3)))
    with pytest.raises(ParameterError, match="no patient left"):
        drop_out_sensitivity(model)


def test_fitted_composition_lies_between_the_draw_and_the_others(moving: DrawComposition) -> None:
    found = fitted_draws(moving)
    for part in (found.observed, found.fitted):
        np.testing.assert_allclose(part.sum(axis=1), 1)
    assert (found.fitted_lower <= found.fitted).all()
    assert (found.fitted <= found.fitted_upper).all()
    many = found.n_cells >= 20
    apart = np.abs(found.fitted - found.observed)
    assert 0 < apart[many].max() < apart[~many].max()


# --- bad input ----------------------------------------------------------------------------------------------------
def test_too_few_patients_say_so() -> None:
    for patients in (1, 5):
        model = DrawComposition().fit(*table(simulate_draws(seed=1, n_patients=patients)))
        assert model.status_.startswith(f"insufficient: {patients} patients")
        rates = model.transition_rates(("HER2-0", "HER2-positive"))
        assert np.isnan(rates.rates).all()
        assert rates.effective
        assert no_switch_test(model).status.startswith("insufficient")
        with pytest.raises(ParameterError, match="could not be fitted"):
            drop_out_sensitivity(model)
        assert np.isnan(fitted_draws(model).fitted).all()


def test_one_draw_each_says_so() -> None:
    patient, day, counts = table(simulate_draws(seed=1))
    model = DrawComposition().fit(patient[day == 0], day[day == 0], counts[day == 0])
    assert model.status_.startswith("insufficient: 0 patients with CTCs at two draws")


def test_draws_without_a_cell_count_for_nothing() -> None:
    patient, day, counts = table(simulate_draws(seed=1))
    more = (np.append(patient, ["P01", "P99"]), np.append(day, [500.0, 0.0]), np.vstack([counts, [[0, 0], [0, 0]]]))
    assert DrawComposition().fit(*more).deviance_ == DrawComposition().fit(patient, day, counts).deviance_
    none = DrawComposition().fit(patient, day, 0 * counts)
    assert none.status_.startswith("insufficient: 0 patients")


def test_one_state_says_so() -> None:
    patient, day, counts = table(simulate_draws(seed=1))
    model = DrawComposition().fit(patient, day, np.stack([counts.sum(axis=1), 0 * counts[:, 0]], axis=1))
    assert model.status_ == f"insufficient: all {counts.sum()} cells are of 1 state, 2 needed"


def test_a_state_never_visited_has_no_rate_out_of_it() -> None:
    patient, day, counts = table(simulate_draws(seed=1, n_ctc=20))
    model = DrawComposition(patient_sd=0.0).fit(patient, day, np.insert(counts, 1, 0, axis=1))
    assert model.identifiability_[1, 0] == model.identifiability_[1, 2] == NOT_IDENTIFIED
    assert np.isnan(model.rates_[1]).all()


def test_an_absorbing_state_and_no_allowed_move() -> None:
    patient, day, counts = table(simulate_draws(seed=1, rates=((0, 0.02), (0, 0)), n_ctc=20))
    model = DrawComposition(((0, 1), (0, 0))).fit(patient, day, counts)
    assert model.lower_[0, 1] <= 0.02 <= model.upper_[0, 1]
    assert model.identifiability_[1, 0] == NOT_ALLOWED
    still = DrawComposition(np.zeros((2, 2))).fit(patient, day, counts)
    assert still.status_ == "insufficient: 0 transitions are allowed, 1 needed"


def test_ten_cells_give_no_rate_that_looks_known() -> None:
    patient = np.array(["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f", "f"])
    counts = np.array([[1, 0], [0, 1]] * 5 + [[0, 1], [1, 0]])
    model = DrawComposition().fit(patient, np.tile([0.0, 21.0], 6), counts)
    assert "identified" not in set(model.identifiability_[OFF])


def test_thousandfold_numbers_of_cells() -> None:
    cohort = simulate_draws(seed=2, ctc_range=(1, 5000), ctc_sd_log=3.0)
    model = DrawComposition().fit(*table(cohort))
    assert cohort.counts.sum(axis=2).max() > 1000
    assert ((model.lower_ <= TRUTH) & (TRUTH <= model.upper_))[OFF].all()


def test_equilibrium_within_an_interval_bounds_rates_from_below_only() -> None:
    model = DrawComposition().fit(*table(simulate_draws(seed=2, rates=((0, 3.0), (3.0, 0)), n_ctc=50)))
    assert (model.lower_[OFF] > 0.02).all()
    assert np.isinf(model.upper_[OFF]).all()
    assert "identified" not in set(model.identifiability_[OFF])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, d, c: (p, np.where(d == 21, 0, d), c), "two draws on day 0"),
        (lambda p, d, c: (p, np.where(d == 21, np.nan, d), c), "expected the day of the draw"),
        (lambda p, d, c: (p[1:], d, c), "one entry for each of 80 rows"),
        (lambda p, d, c: (p, d, c - 1), "whole numbers of cells of at least 0"),
        (lambda p, d, c: (p, d, c + 0.5), "whole numbers of cells"),
        (lambda p, d, c: (p, d, c[:, :1]), "2 or 3 states"),
    ],
)
def test_faulty_draws_are_refused(change: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        DrawComposition().fit(*change(*table(simulate_draws(seed=1))))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"level": 1.0}, "level"),
        ({"patient_sd": -1.0}, "patient_sd"),
        ({"overdispersion": 0.9}, "overdispersion"),
        ({"allowed": [[0, 1, 0]]}, "allowed: expected 2 x 2"),
        ({"misclassification": [[0.5, 0.4], [0, 1]]}, "misclassification"),
    ],
)
def test_faulty_parameters_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        DrawComposition(**parameters).fit(*table(simulate_draws(seed=1)))


def test_faulty_likelihoods_and_treatments_are_refused() -> None:
    patient, day, counts = table(simulate_draws(seed=1))
    with pytest.raises(ParameterError, match="one above 0 per cell"):
        DrawComposition().fit_cells(patient, day, np.zeros((len(day), 2)))
    with pytest.raises(ParameterError, match="all of the intervals"):
        DrawComposition().fit(
            patient, day, counts, periods=[TreatmentPeriod(name, -1, np.inf) for name in np.unique(patient)]
        )
    with pytest.raises(ParameterError, match="end after the start"):
        DrawComposition().fit(patient, day, counts, periods=[TreatmentPeriod("P01", 5, 5)])
    with pytest.raises(ParameterError, match="at least 1"):
        no_switch_test(DrawComposition().fit(patient, day, counts), n_null=0)


def test_a_climb_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*args: object, **options: object) -> tuple[Maximum, Maximum]:
        top = Maximum(np.zeros(6), 0.0, np.ones(6), np.eye(6), False, 200)
        return top, top

    monkeypatch.setattr(estimator, "climb", lost)
    with pytest.raises(ConvergenceError, match="could not be maximised in 200 evaluations"):
        DrawComposition().fit(*table(simulate_draws(seed=1)))


def test_percentages_are_told() -> None:
    """Whole ones pass for counts: a draw of four cells would weigh as much as a hundred."""
    patient, day = np.repeat(np.arange(3), 2), np.tile([0.0, 40.0], 3)
    percent = np.array([[50, 50], [33, 66], [100, 0], [75, 25], [20, 80], [60, 40]])
    with pytest.warns(DataWarning, match="all 6 draws sum to about 100 and are taken as cells"):
        DrawComposition().fit(patient, day, percent, intervals=False)
