"""``tl.switching``: the door, and the design of blood draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad

from her2plastic import tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets import DrawTreatment, DropOut, simulate_cohort, simulate_draws
from her2plastic.datasets.parameters import Composition, Contamination
from her2plastic.models import TransitionRates
from her2plastic.tl.state_likelihoods import of_posterior

RATES = ((0.0, 0.016, 0.0008), (0.012, 0.0, 0.012), (0.0008, 0.020, 0.0))


@pytest.fixture(scope="module")
def two_states() -> AnnData:
    return simulate_draws(seed=3, drop_out=DropOut(0.1, 2.0)).to_anndata()


@pytest.fixture(scope="module")
def three_states() -> AnnData:
    return simulate_draws(seed=5, rates=RATES, n_ctc=40).to_anndata(accuracy=0.7)


# --- the door -----------------------------------------------------------------------------------------------------
def test_unknown_designs_and_options_list_what_there_is(two_states: AnnData) -> None:
    with pytest.raises(ParameterError, match="'draws', 'panel', 'sorted', 'clones'"):
        tl.switching(two_states, design="velocity")
    with pytest.raises(ParameterError, match="does not take 'root'; it takes 'donor_key', 'day_key'"):
        tl.switching(two_states, design="draws", options={"root": 1})
    with pytest.raises(ParameterError, match="level"):
        tl.switching(two_states, design="draws", level=90)


# --- what is returned and recorded --------------------------------------------------------------------------------
def test_rates_come_back_and_survive_a_file(two_states: AnnData, tmp_path: Path) -> None:
    rates = tl.switching(two_states, design="draws", seed=1, options={"n_null": 19, "drop_out": "HER2-positive"})
    assert rates.states == ("HER2-0", "HER2-positive")  # no cell can be HER2-low, and the notes say so
    assert rates.effective
    assert rates.found()
    assert any("shedding and clearance" in note for note in rates.notes)
    assert any("left early" in note for note in rates.notes)
    assert rates.lower[0, 1] <= 0.012 <= rates.upper[0, 1]
    two_states.write_h5ad(tmp_path / "draws.h5ad")
    record = read_h5ad(tmp_path / "draws.h5ad").uns["her2plastic"]["switching_draws"]
    again = TransitionRates.from_record(record)
    np.testing.assert_allclose(again.rates, rates.rates)
    assert again.notes == rates.notes
    assert again.numbers == rates.numbers
    assert [test.name for test in rates.tests] == ["shuffled draw order", "shuffled labels"]
    assert again.deciding == rates.deciding == 2
    assert [test.p for test in again.tests] == [test.p for test in rates.tests] == [0.05, 0.05]
    fitted = pd.DataFrame({name: np.asarray(column) for name, column in record["fitted"].items()})
    sums = fitted.groupby(["group", "day"])[["observed", "fitted"]].sum()
    np.testing.assert_allclose(sums, 1)
    assert len(fitted) == 2 * rates.numbers["draws"]
    assert fitted["n"].sum() == 2 * rates.numbers["cells"] == 2 * two_states.n_obs
    assert {"log_odds", "rate", "tipping_point"} <= set(record["drop_out"])


def test_same_seed_same_result(two_states: AnnData) -> None:
    first, again = (tl.switching(two_states, design="draws", seed=4, options={"n_null": 5}) for _ in range(2))
    np.testing.assert_array_equal(first.tests[0].simulated, again.tests[0].simulated)
    np.testing.assert_array_equal(first.rates, again.rates)


def test_every_null_that_is_run_decides(two_states: AnnData) -> None:
    rates = tl.switching(two_states, design="draws", options={"n_null": 3, "null": "no switching"})
    assert [test.name for test in rates.tests] == ["shuffled draw order", "shuffled labels", "no switching"]
    assert rates.deciding == 3
    assert rates.decisive is not None
    assert rates.decisive.p == max(test.p for test in rates.tests)


def test_merged_states_are_told_where_three_are_not(three_states: AnnData) -> None:
    merged = tl.switching(three_states, design="draws", options={"merge": "positive", "n_null": 0})
    assert merged.states == ("HER2-0/low", "HER2-positive")
    assert set(merged.identifiability[~np.eye(2, dtype=bool)]) == {"identified"}
    other = tl.switching(
        three_states, design="draws",
        options={"merge": (("HER2-0",), ("HER2-low", "HER2-positive")), "n_null": 0, "patient_sd": 0.0},
    )  # fmt: skip
    assert other.states == ("HER2-0", "HER2-low/positive")


def test_calls_with_their_error_and_without(three_states: AnnData) -> None:
    error = np.array([[0.7, 0.3, 0.0], [0.2, 0.6, 0.2], [0.0, 0.3, 0.7]])
    options = {"state_key": "her2_state", "merge": "positive", "n_null": 0}
    bare = tl.switching(three_states, design="draws", options=options)
    assert any("intervals are too narrow" in note for note in bare.notes)
    known = tl.switching(three_states, design="draws", options={**options, "misclassification": error})
    assert not any("too narrow" in note for note in known.notes)
    assert not np.allclose(known.rates[0, 1], bare.rates[0, 1], rtol=0.02)


def test_treatment_of_the_interval_before_a_draw() -> None:
    cohort = simulate_draws(
        seed=2, n_patients=30, n_ctc=30, treatment=DrawTreatment(factor=((1.0, 5.0), (1.0, 1.0)), day=21.0)
    )
    cells = cohort.to_anndata()
    start = dict(zip(cohort.patients, cohort.treated_from, strict=True))
    treated = [day > start[donor] for donor, day in zip(cells.obs["donor_id"], cells.obs["draw_day"], strict=True)]
    cells.obs["treatment"] = pd.Categorical(np.where(treated, "drug", "none"))
    by_column = tl.switching(cells, design="draws", options={"treatment_key": "treatment", "n_null": 0})
    assert any(note.startswith("drug multiplies HER2-0 -> HER2-positive") for note in by_column.notes)
    record = cells.uns["her2plastic"]["switching_draws"]
    assert set(record["treatments"]["treatment"]) == {"drug"}
    assert list(record["effects"]["treatment"]) == ["drug"]
    factor, lower, upper = record["effects"]["factor"][0]
    assert lower[0, 1] <= 5 <= upper[0, 1]
    table = pd.DataFrame(
        {"donor": [d for d in start if np.isfinite(start[d])], "start_day": 21, "end_day": np.nan, "treatment": "drug"}
    )
    by_table = tl.switching(cells, design="draws", options={"treatments": table, "n_null": 0})
    np.testing.assert_allclose(by_table.rates, by_column.rates, rtol=1e-6)
    cells.obs["treatment"] = ["drug", "none"] * (cells.n_obs // 2)
    with pytest.raises(ParameterError, match="expected one per draw"):
        tl.switching(cells, design="draws", options={"treatment_key": "treatment", "n_null": 0})


# --- the donor's share in a posterior -------------------------------------------------------------------------------
def test_shares_of_the_donor_are_divided_out() -> None:
    """Posteriors under a donor's shares and under even odds are the same evidence."""
    rng = np.random.default_rng(0)
    evidence = rng.dirichlet([0.5, 0.5, 0.5], 400)
    shares = np.array([0.6, 0.1, 0.3])
    posterior = evidence * shares
    # cells of the state itself, so that the donor's cells do have these shares
    kept = rng.random(400) < posterior.sum(axis=1) / posterior.sum(axis=1).max()
    posterior = (posterior / posterior.sum(axis=1, keepdims=True))[kept]
    frame = pd.DataFrame(posterior, columns=pd.Index(("HER2-0", "HER2-low", "HER2-positive")))
    frame.index = frame.index.astype(str)
    cells = AnnData(np.zeros((len(posterior), 0), dtype=np.float32), obs=pd.DataFrame(index=frame.index))
    cells.obsm["her2_posterior"] = frame
    used, donor = np.ones(len(posterior), dtype=bool), np.zeros(len(posterior), dtype=int)
    found = of_posterior(cells, used, donor, key="her2_posterior", prior="donor").values
    # the same factor between two states in every cell, but for the cell itself among some 200
    factor = (found[:, 1:] / found[:, :1]) / (evidence[kept, 1:] / evidence[kept, :1])
    np.testing.assert_allclose(factor, np.tile(np.median(factor, axis=0), (len(factor), 1)), rtol=0.05)
    # which shows how far the donor's cells are from the shares that they were drawn with
    assert np.abs(np.log(np.median(factor, axis=0))).max() < 0.3
    even = of_posterior(cells, used, donor, key="her2_posterior", prior=None)
    assert even.prior == "even"  # nothing is recorded that would have put the donor's shares in


@pytest.mark.statistical
def test_cohort_that_rests_does_not_move_after_its_states_were_called() -> None:
    """Real calls of counts; more cohorts in benchmarks/draws_recovery.py."""
    still = Composition(rates=((0.0,) * 3,) * 3, ctc_median=12.0, ctc_sd_log=0.5)
    cells = simulate_cohort(
        seed=1, n_donors=8, draws=(0, 21, 42), n_genes=818, composition=still, contamination=Contamination.none()
    )
    tl.her2_state(cells)
    rates = tl.switching(cells, design="draws", options={"merge": "positive", "n_null": 9})
    assert any("divided out" in note for note in rates.notes)
    assert not rates.found(alpha=0.1)
    assert "identified" not in set(rates.identifiability.ravel())


# --- bad input ----------------------------------------------------------------------------------------------------
def test_missing_columns_say_what_to_do(two_states: AnnData) -> None:
    for key in ("donor_id", "draw_day"):
        cells = two_states[:, :].copy()
        del cells.obs[key]
        with pytest.raises(MissingKeyError, match=f"{key}.*sample sheet"):
            tl.switching(cells, design="draws")
    cells = two_states.copy()
    del cells.obsm["her2_posterior"]
    with pytest.raises(MissingKeyError, match=r"Run tl\.her2_state first"):
        tl.switching(cells, design="draws")


def test_cells_that_are_no_patients_ctcs_are_left_out(two_states: AnnData) -> None:
    cells = two_states.copy()
    cells.obs["is_ctc"] = np.arange(cells.n_obs) % 2 == 0
    cells.obs["label"] = pd.Categorical(["HER2-0"] * 10 + [None] * (cells.n_obs - 10))
    rates = tl.switching(cells, design="draws", options={"n_null": 0})
    assert rates.numbers["cells"] == int(cells.obs["is_ctc"].sum()) - 5


def test_few_patients_and_few_states_are_said_to_be(two_states: AnnData) -> None:
    few = two_states[two_states.obs["donor_id"].isin(["P01", "P02"])].copy()
    rates = tl.switching(few, design="draws", options={"n_null": 19, "drop_out": "HER2-positive"})
    assert rates.status.startswith("insufficient: 2 patients")
    assert rates.tests[0].status.startswith("insufficient")
    fitted = few.uns["her2plastic"]["switching_draws"]["fitted"]
    assert np.isnan(fitted["fitted"]).all()
    assert np.isfinite(fitted["observed"]).all()
    one = two_states.copy()
    one.obsm["her2_posterior"] = one.obsm["her2_posterior"].assign(**{"HER2-0": 0.0, "HER2-positive": 1.0})
    rates = tl.switching(one, design="draws")
    assert rates.status.endswith("cells of 1 states, 2 states needed")
    none = two_states[:0].copy()
    assert tl.switching(none, design="draws").status.startswith("insufficient: 0 cells")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"merge": "low"}, "merge='low'"),
        ({"merge": (("HER2-0",), ("HER2-low",))}, "two or three groups"),
        ({"misclassification": np.eye(3)}, "name their column with state_key"),
        (
            {"state_key": "her2_state", "misclassification": np.eye(2)},
            "misclassification: expected a matrix of 3 true by 3 observed",
        ),
        ({"state_key": "her2_state", "likelihood_key": "x"}, "one of the two"),
        ({"null": "impurity"}, "shuffled draw order"),
        ({"prior": "flat"}, "prior='flat'"),
        ({"drop_out": "HER2-2"}, "drop_out='HER2-2'"),
        ({"state_key": "donor_id"}, "holds 'P01'"),
        ({"day_key": "cell_id"}, "must hold days as numbers"),
        ({"n_null": -1}, "n_null=-1"),
        ({"treatments": pd.DataFrame({"donor": ["P01"]})}, "start_day"),
    ],
)
def test_faulty_options_are_refused(two_states: AnnData, options: dict[str, object], message: str) -> None:
    with pytest.raises((ParameterError, MissingKeyError), match=message):
        tl.switching(two_states, design="draws", options={"n_null": 0, **options})


def test_posteriors_that_are_none_are_refused(two_states: AnnData) -> None:
    cells = two_states.copy()
    cells.obsm["her2_posterior"] = cells.obsm["her2_posterior"] * 2
    with pytest.raises(ParameterError, match="rows must sum to 1"):
        tl.switching(cells, design="draws")
    cells.obsm["her2_posterior"] = cells.obsm["her2_posterior"].rename(columns={"HER2-low": "low"})
    with pytest.raises(ParameterError, match="expected the columns"):
        tl.switching(cells, design="draws")
