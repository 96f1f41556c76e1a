from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.text import Text

from her2plastic import datasets, pl, tl
from her2plastic._access import step_record
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.models import MarkovChain, TransitionRates
from her2plastic.models.transition_rates import IDENTIFIED, NOT_ALLOWED
from her2plastic.tl import switching_panel
from her2plastic.tl.draw_status import dominant_status

STATES = ("HER2-0", "HER2-low", "HER2-positive")
READING = np.array([[0.85, 0.12, 0.03], [0.1, 0.8, 0.1], [0.02, 0.08, 0.9]])


def biopsies(
    n: int = 30, draws: int = 5, *, rate: float = 0.02, errors: np.ndarray | None = None, seed: int = 0
) -> AnnData:  # fmt: skip
    """Return a cell per draw with the patient's status in obs["biopsy"]."""
    rng = np.random.default_rng(seed)
    step = MarkovChain(np.array([[0, rate, 0], [rate, 0, rate], [0, rate, 0]])).transition_probabilities(28.0)
    rows = []
    for patient in range(n):
        state = int(rng.integers(3))
        for draw in range(draws):
            seen = state if errors is None else int(rng.choice(3, p=errors[state]))
            rows.append((f"p{patient}", 28.0 * draw, STATES[seen]))
            state = int(rng.choice(3, p=step[state]))
    obs = pd.DataFrame(rows, columns=["donor_id", "draw_day", "biopsy"])
    obs.index = obs.index.astype(str)
    return with_posterior(AnnData(np.zeros((len(obs), 1)), obs=obs))


def with_posterior(adata: AnnData) -> AnnData:
    even = np.full((adata.n_obs, 3), 1 / 3)
    adata.obsm["her2_posterior"] = pd.DataFrame(even, index=adata.obs_names, columns=list(STATES))
    return adata


def ctcs(**options: Any) -> AnnData:
    simulated = datasets.simulate_draws(**({"n_patients": 20, "ctc_median": 20} | options))
    return simulated.to_anndata(accuracy=0.95)


# --- statuses of draws --------------------------------------------------------------------------------------------
def test_few_or_uncertain_cells_leave_a_status_open() -> None:
    sure, unsure = np.array([0.01, 0.02, 1.0]), np.array([0.9, 0.95, 1.0])
    cells = np.vstack([np.tile(sure, (20, 1)), np.tile(unsure, (3, 1)), sure])
    draws = dominant_status(np.zeros(24, dtype=int), np.repeat([0.0, 21, 42], [20, 3, 1]), cells)
    assert draws.n_cells.tolist() == [20, 3, 1]
    many, few, one = draws.likelihood
    np.testing.assert_array_equal(many[2], 1)
    assert many[:2].max() < 1e-5
    assert few.min() > 0.8
    assert 0.2 < one[:2].min()
    # a flat composition prior and one sure cell: 2 to 1 for the state it is in, by symmetry
    alone = dominant_status(np.zeros(1, dtype=int), np.zeros(1), np.array([[0.0, 0.0, 1.0]])).likelihood[0]
    assert alone[0] == pytest.approx(alone[1])
    assert alone[0] == pytest.approx((7 / 36) / (22 / 36), rel=0.02)  # means of a share where it is largest, or not


def test_two_states_share_evenly() -> None:
    likelihood = dominant_status(np.zeros(1, dtype=int), np.zeros(1), np.array([[1.0, 0.0]])).likelihood[0]
    assert likelihood[1] / likelihood[0] == pytest.approx(1 / 3, rel=0.01)


# --- through the door ---------------------------------------------------------------------------------------------
def test_moving_ctcs_are_found_and_recorded(tmp_path: Path) -> None:
    adata = ctcs(seed=4)
    before = adata.obs.copy()
    rates = tl.switching(adata, design="panel", options={"merge": "positive", "n_null": 39})
    assert rates.status == "ok"
    assert rates.states == ("HER2-0/low", "HER2-positive")
    assert rates.unit == "per day"
    assert rates.effective
    assert [test.name for test in rates.tests] == ["shuffled draw order", "no switching"]
    assert rates.found()
    assert rates.numbers == {"patients": 20, "draws": 80, "cells": adata.n_obs}
    record = step_record(adata, "switching_panel")
    fitted = {key: np.asarray(values) for key, values in record["fitted"].items()}
    assert {len(values) for values in fitted.values()} == {160}
    np.testing.assert_allclose(fitted["fitted"].reshape(-1, 2).sum(axis=1), 1)
    pd.testing.assert_frame_equal(adata.obs, before)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    again = TransitionRates.from_record(step_record(anndata.read_h5ad(tmp_path / "cells.h5ad"), "switching_panel"))
    np.testing.assert_array_equal(again.rates, rates.rates)
    assert again.tests[0].p == rates.tests[0].p
    same = tl.switching(ctcs(seed=4), design="panel", options={"merge": "positive", "n_null": 39})
    np.testing.assert_array_equal(same.upper, rates.upper)
    assert switching_panel.statistic(adata, merge="positive") == pytest.approx(rates.tests[0].observed)


def test_a_static_twin_is_not_found() -> None:
    rates = tl.switching(ctcs(seed=4, switching=False), design="panel", options={"merge": "positive", "n_null": 39})
    assert not rates.found()


def test_statuses_on_file_with_known_errors_give_the_rates_back() -> None:
    adata = biopsies(120, 6, errors=READING, seed=1)
    options = {"state_key": "biopsy", "misclassification": READING, "n_null": 0}
    rates = tl.switching(adata, design="panel", options=options)
    assert not rates.effective
    assert rates.identifiability[0, 2] == NOT_ALLOWED
    for edge in ((0, 1), (1, 0), (1, 2), (2, 1)):
        assert rates.identifiability[edge] == IDENTIFIED
        assert rates.rates[edge] == pytest.approx(0.02, rel=0.5)
    naive = tl.switching(adata, design="panel", options={"state_key": "biopsy", "n_null": 0})
    neighbours = np.abs(np.subtract.outer(np.arange(3), np.arange(3))) == 1
    assert (naive.rates[neighbours] > 1.2 * rates.rates[neighbours]).all()
    assert any("without misclassification" in note for note in naive.notes)


def test_errors_can_be_estimated_from_the_statuses() -> None:
    adata = biopsies(150, 8, rate=0.004, errors=READING, seed=2)
    estimated = tl.switching(
        adata, design="panel", options={"state_key": "biopsy", "misclassification": np.ones((3, 3)), "n_null": 0}
    )
    known = tl.switching(
        adata, design="panel", options={"state_key": "biopsy", "misclassification": READING, "n_null": 0}
    )
    assert estimated.rates[0, 1] == pytest.approx(known.rates[0, 1], rel=0.6)


def test_a_treatment_that_stops_the_way_up_is_seen() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for patient in range(200):
        state = 0
        for draw in range(6):
            treated = bool((draw + patient) % 2)
            rows.append((f"p{patient}", 28.0 * draw, ("HER2-low", "HER2-positive")[state], "T-DXd" if treated else ""))
            # the treatment of the interval that ends at the next draw
            rates = np.array([[0, 0.002 if (draw + 1 + patient) % 2 else 0.02], [0.01, 0]])
            state = int(rng.random() < MarkovChain(rates).transition_probabilities(28.0)[state, 1])
    obs = pd.DataFrame(rows, columns=["donor_id", "draw_day", "biopsy", "given"]).rename(index=str)
    adata = with_posterior(AnnData(np.zeros((len(obs), 1)), obs=obs))
    options = {"state_key": "biopsy", "treatment_key": "given", "merge": "positive", "n_null": 0}
    tl.switching(adata, design="panel", options=options)
    record = step_record(adata, "switching_panel")
    assert record["effects"]["T-DXd"][0, 1] == pytest.approx(np.log(0.1), abs=0.6)
    assert set(record["treatments"]["treatment"]) == {"T-DXd"}


# --- what cannot be answered --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("adata", "words"),
    [
        (biopsies(20, 1), "0 patients with two draws or more, 6 needed"),
        (biopsies(1, 8), "1 patients with two draws or more, 6 needed"),
        (biopsies(5, 8), "5 patients with two draws or more, 6 needed"),
        (biopsies(0), "0 draws, 2 needed"),
    ],
)
def test_too_few_patients_or_draws_are_insufficient(adata: AnnData, words: str) -> None:
    rates = tl.switching(adata, design="panel", options={"state_key": "biopsy"})
    assert rates.status == f"insufficient: {words}"
    assert np.isnan(rates.rates).all()
    assert not rates.found()
    assert np.isnan(switching_panel.statistic(adata, state_key="biopsy"))
    assert TransitionRates.from_record(step_record(adata, "switching_panel")).status == rates.status


def test_one_status_only_is_insufficient() -> None:
    adata = biopsies(10, 4)
    adata.obs["biopsy"] = "HER2-low"
    rates = tl.switching(adata, design="panel", options={"state_key": "biopsy"})
    assert rates.status == "insufficient: 1 statuses among 40 draws, 2 needed"
    flat = tl.switching(adata, design="panel")  # posteriors that say nothing
    assert flat.status.startswith("insufficient: 0 statuses among 40 draws")


def test_a_rare_status_leaves_its_rates_open() -> None:
    adata = biopsies(20, 5, seed=5)
    status = adata.obs["biopsy"].replace("HER2-positive", "HER2-low")
    adata.obs["biopsy"] = status
    rates = tl.switching(adata, design="panel", options={"state_key": "biopsy", "n_null": 0})
    assert np.isnan(rates.rates[2, 1])
    assert np.isnan(rates.rates[1, 2])
    assert np.isposinf(rates.upper[1, 2])  # any rate will do if the way back is fast enough
    assert "never observed: state 2" in rates.notes


def test_faulty_input_is_named() -> None:
    adata = biopsies(6, 3)
    fit = switching_panel.fit
    for options, words in (
        ({"state_key": "biopsy", "misclassification": np.eye(2)}, r"expected \(3, 3\)"),
        ({"misclassification": np.eye(3)}, "name its column with state_key"),
        ({"state_key": "biopsy", "allowed": np.ones((2, 2))}, "expected .3, 3. for HER2-0"),
        ({"state_key": "biopsy", "n_null": -1}, "n_null=-1"),
        ({"state_key": "donor_id"}, "'p0'; expected 'HER2-0'"),
        ({"merge": "low"}, "merge='low'"),
    ):
        with pytest.raises(ParameterError, match=words):
            fit(adata, **options)
    with pytest.raises(MissingKeyError, match="draw_day2"):
        fit(adata, day_key="draw_day2")
    adata.obs["draw_day"] -= 1.0
    with pytest.raises(ParameterError, match="has the day -1"):
        fit(adata, state_key="biopsy")
    adata.obs["draw_day"] = 0.0
    with pytest.raises(ParameterError, match="several statuses; expected one per draw"):
        fit(adata, state_key="biopsy")


def test_the_order_of_the_cells_does_not_matter() -> None:
    adata = biopsies(30, 5, errors=READING, seed=6)
    mixed = adata[np.random.default_rng(0).permutation(adata.n_obs)].copy()
    options = {"state_key": "biopsy", "misclassification": READING, "n_null": 0}
    first, second = (tl.switching(a, design="panel", options=options) for a in (adata, mixed))
    np.testing.assert_allclose(first.rates, second.rates, rtol=1e-6)


# --- what the fit may not pretend ---------------------------------------------------------------------------------
def between(*states: tuple[str, ...]) -> AnnData:
    """Return a cell per draw, 42 days apart, with the statuses of each patient."""
    rows = [(f"p{k}", 42.0 * draw, word) for k, own in enumerate(states) for draw, word in enumerate(own)]
    obs = pd.DataFrame(rows, columns=["donor_id", "draw_day", "biopsy"]).rename(index=str)
    return AnnData(np.zeros((len(obs), 1)), obs=obs)


def test_no_curve_and_no_number_where_no_rate_is_identified() -> None:
    up, down, still = (STATES[0], STATES[2]), (STATES[2], STATES[0]), (STATES[0], STATES[0])
    adata = between(up, down, still, up, down, still)
    options = {"state_key": "biopsy", "misclassification": READING, "n_null": 9}
    rates = tl.switching(adata, design="panel", options=options)
    assert rates.status == "ok"
    assert np.isnan(rates.rates).all()
    assert any("order tells of a common direction" in note for note in rates.notes)
    record = step_record(adata, "switching_panel")
    assert np.isnan(record["fitted"]["fitted"]).all()
    data = pl.prepare_composition_over_time(adata, design="panel")
    assert (data.quantity, data.counted) == ("probability of the status", "readings")
    ax = pl.composition_over_time(adata, design="panel")
    texts = [text.get_text() for text in ax.figure.findobj(match=Text)]
    assert "probability of the status" in texts
    assert any("no fit (no rate is identified)" in text.replace("\n", " ") for text in texts)
    assert not any("cells" in text or "share" in text.lower() for text in texts)
    plt.close(ax.figure)


def test_three_draws_need_no_word_about_their_order() -> None:
    rates = tl.switching(biopsies(12, 3), design="panel", options={"state_key": "biopsy", "n_null": 9})
    assert not any("common direction" in note for note in rates.notes)


def test_words_of_pathology_are_states() -> None:
    adata = biopsies(30, 4, seed=7)
    options = {"state_key": "biopsy", "n_null": 0}
    named = tl.switching(adata, design="panel", options=options)
    words = dict(zip(STATES, (("0", "ultralow"), ("1+", "low"), ("3+", "positive")), strict=True))
    adata.obs["biopsy"] = [words[state][k % 2] for k, state in enumerate(adata.obs["biopsy"])]
    np.testing.assert_array_equal(tl.switching(adata, design="panel", options=options).rates, named.rates)


def test_a_word_for_two_states_leaves_the_status_open() -> None:
    adata = biopsies(40, 4, seed=8)
    low = np.flatnonzero(adata.obs["biopsy"] == "HER2-low")[:3]
    column = adata.obs["biopsy"].astype(object)
    column.iloc[low] = ["2+", "negative", "2+"]
    adata.obs["biopsy"] = column
    rates = tl.switching(adata, design="panel", options={"state_key": "biopsy", "n_null": 0})
    assert np.isfinite(rates.rates[1, 0])
    assert any(note.startswith("3 draws have a status that is left open") for note in rates.notes)
    observed = step_record(adata, "switching_panel")["fitted"]["observed"].reshape(-1, 3)
    assert sorted(map(tuple, observed[(observed == 0.5).any(axis=1)])) == [(0, 0.5, 0.5), (0, 0.5, 0.5), (0.5, 0.5, 0)]
    merged = tl.switching(adata, design="panel", options={"state_key": "biopsy", "merge": "positive", "n_null": 0})
    assert any(note.startswith("2 draws have") for note in merged.notes)  # negative is one state there


def test_the_diagram_of_a_panel_speaks_of_draws() -> None:
    adata = biopsies(12, 4, seed=9)
    tl.switching(adata, design="panel", options={"state_key": "biopsy", "n_null": 0})
    ax = pl.state_diagram(adata, design="panel")
    texts = [text.get_text() for text in ax.texts]
    assert sum(text.endswith("% of draws") for text in texts) == 3
    assert not any("of cells" in text for text in texts)
    plt.close(ax.figure)
