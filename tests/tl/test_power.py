from __future__ import annotations

import numpy as np
import pytest

from her2plastic import pl, tl
from her2plastic._errors import ParameterError
from her2plastic.models.power import DrawPlan, PanelPlan, StudyFit, excess_p, share_interval, verdicts
from her2plastic.models.transition_rates import IDENTIFIED, TransitionRates

MISREAD = ((0.9, 0.1), (0.1, 0.9))
RATES = np.array([[0.0, 0.012], [0.020, 0.0]])


@pytest.fixture(scope="module")
def panel():
    return tl.power("panel", n_patients=(8, 30), n_draws=(4,), misclassification=MISREAD, n=19, seed=1)


def test_more_patients_see_more(panel):
    frame = panel.to_frame()
    assert list(frame["patients"]) == [8, 30]
    few, many = frame.to_dict("records")
    assert many["power"] > few["power"]
    assert many["power"] > 0.85
    assert many["interval_ratio"] < few["interval_ratio"]
    assert ((frame["power_lower"] <= frame["power"]) & (frame["power"] <= frame["power_upper"])).all()
    assert (frame["false_positive_lower"] <= 0.05).all()  # not above 5 %, as far as 38 data sets tell
    assert panel.enough(0.7)["patients"].tolist() == [30]
    assert frame["ctcs"].isna().all()


def test_summary_says_what_was_assumed(panel):
    text = panel.summary()
    assert "8 patients, 4 draws" in text
    assert "upper bound" in text
    assert "misreading is taken as known" in text
    assert "effective" not in text


def test_draws_are_fitted_by_their_model():
    found = tl.power(n_patients=(8,), n_draws=(3,), n_ctc=(30,), alpha=0.2, n=4, rates=((0, 0.03), (0.03, 0)))
    row = found.to_frame().iloc[0]
    assert row["ctcs"] == 30
    assert row["power"] > row["false_positive"]
    assert row["interval_ratio"] > 1
    assert "effective" in found.summary()
    assert "No misreading was simulated" in found.summary()


def test_a_study_of_a_hundred_cells_a_draw_is_not_taken_for_percentages():
    """Warnings are errors here: none may come of what was simulated in cells."""
    plan = DrawPlan(6, np.array([0.0, 40.0]), np.array([[0, 0.01], [0.02, 0]]), 100.0, 0.0, 0.0, 0.0, np.eye(2))
    assert (plan.counts(0, switching=True).sum(axis=2) == 100).all()
    assert plan.fitted(0, switching=True, level=0.9).gain > 0


def test_too_few_patients_are_insufficient():
    row = tl.power(n_patients=(3,), n_draws=(2,), n=19).to_frame().iloc[0]
    assert (row["power"], row["false_positive"], row["insufficient"]) == (0, 0, 1)
    assert np.isnan(row["interval_ratio"])


def test_same_seed_same_power():
    said = {"n_patients": (8,), "n_draws": (3,), "misclassification": MISREAD, "alpha": 0.2, "n": 4, "seed": 1}
    assert tl.power("panel", **said).to_frame().equals(tl.power("panel", **said).to_frame())


def test_figure_shows_every_size(panel):
    data = pl.prepare_power(panel)
    assert data.studies == ("4 draws",)
    assert list(data.rows["place"]) == [0, 1]
    ax = pl.power(panel)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["8", "30"]
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {
        "4 draws", "with switching", "without switching",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"design": "sorted"}, "design"),
        ({"n": 5}, "n=5"),
        ({"n_patients": (0,)}, "n_patients"),
        ({"n_patients": ()}, "n_patients"),
        ({"n_draws": (1,)}, "n_draws"),
        ({"rates": ((0, -1), (0, 0))}, "rates"),
        ({"rates": ((0,),)}, "rates"),
        ({"misclassification": ((1, 1), (0, 1))}, "misclassification"),
        ({"days_between": 0}, "days_between"),
        ({"n_ctc": (0.5,)}, "n_ctc"),
        ({"seed": -1}, "seed"),
        ({"alpha": 0}, "alpha"),
    ],
)
def test_faulty_parameters_are_named(said, named):
    design = said.pop("design", "draws")
    with pytest.raises(ParameterError, match=named):
        tl.power(design, **said)


# --- numerics -----------------------------------------------------------------------------------------------------
def test_plans_without_switching_share_all_else():
    draws = DrawPlan(50, np.arange(4) * 21.0, RATES, 7.0, 1.5, 0.0, 0.03, np.eye(2))
    moving, static = (draws.counts(3, switching=switching) for switching in (True, False))
    assert np.array_equal(moving.sum(axis=2), static.sum(axis=2))
    panel = PanelPlan(400, np.arange(4) * 21.0, RATES, 0.0, np.eye(2))
    moving, static = (panel.reads(3, switching=switching) for switching in (True, False))
    assert np.array_equal(moving[:, 0], static[:, 0])
    assert np.ptp(static, axis=1).max() == 0
    # 1 - P(0 stays 0) over 21 days of 0.012 and 0.020 per day
    left = moving[moving[:, 0] == 0, 1].mean()
    assert left == pytest.approx(0.012 / 0.032 * (1 - np.exp(-0.032 * 21)), abs=0.06)


def test_misreading_of_a_panel():
    plan = PanelPlan(4000, np.array([0.0, 1.0]), RATES * 0, 0.0, np.array(MISREAD))
    reads = plan.reads(0, switching=False)
    assert (reads[:, 0] != reads[:, 1]).mean() == pytest.approx(2 * 0.9 * 0.1, abs=0.02)


def fit(gain, lower, upper):
    table = [np.array([[np.nan, value], [np.nan, np.nan]]) for value in (lower, lower, upper)]
    words = np.full((2, 2), IDENTIFIED, dtype=object)
    rates, low, high = table
    return StudyFit(gain, TransitionRates("draws", ("a", "b"), rates, low, high, words, 0.9))


def test_verdicts_count_ranks_intervals_and_what_is_insufficient():
    reference = np.arange(19.0)
    fits = [fit(20.0, 0.01, 0.04), fit(17.5, 0.02, 0.04), StudyFit(float("nan"), None)]
    found = verdicts(fits, reference, RATES, alpha=0.05)
    assert (found.n, found.found, found.insufficient) == (3, 1, 1)
    assert found.interval_ratio == pytest.approx(3.0)  # the median of 4 and 2
    assert found.covered == pytest.approx(0.5)
    silent = verdicts(fits[:1], np.full(19, np.nan), RATES, alpha=0.05)
    assert silent.found == 1


def test_interval_and_excess_of_a_share():
    assert share_interval(0, 20) == pytest.approx((0.0, 0.1684), abs=1e-4)
    assert share_interval(20, 20) == pytest.approx((0.8316, 1.0), abs=1e-4)
    assert share_interval(10, 200) == pytest.approx((0.0242, 0.0900), abs=1e-4)
    assert excess_p(18, 200) == pytest.approx(0.0122, abs=1e-3)
    assert excess_p(0, 200) == excess_p(0, 0) == 1.0
