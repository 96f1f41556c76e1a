"""What a run asks of its data, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import Her2plasticError
from her2plastic.run.clock import StepClock
from her2plastic.run.config import RunConfig
from her2plastic.run.pipeline import STEPS
from her2plastic.run.transitions import DESIGNS, Answers, ask

N_DONORS, N_CELLS = 8, 6


def cells(**columns: Any) -> AnnData:
    """Eight donors with two draws of six CTCs whose states are plain."""
    rng = np.random.default_rng(3)
    rows = [(f"P{donor}", day) for donor in range(N_DONORS) for day in (0.0, 30.0) for _ in range(N_CELLS)]
    obs = pd.DataFrame(rows, columns=[_keys.DONOR_ID, _keys.DRAW_DAY], index=[f"c{k}" for k in range(len(rows))])
    obs[_keys.DONOR_ID] = obs[_keys.DONOR_ID].astype("category")
    obs[_keys.IS_CTC] = True
    state = np.where(rng.random(len(obs)) < 0.5, 2, 0)
    obs[_keys.HER2_STATE] = pd.Categorical(np.array(_keys.STATES)[state], categories=_keys.STATES, ordered=True)
    for name, values in columns.items():
        obs[name] = values
    posterior = pd.DataFrame(0.9 * np.eye(3)[state] + 0.1 / 3, columns=list(_keys.STATES), index=obs.index)
    adata = AnnData(np.zeros((len(obs), 1), dtype=np.float32), obs=obs)
    adata.obsm[_keys.HER2_POSTERIOR] = posterior
    return adata


def asked(adata: AnnData, **told: Any) -> Answers:
    config = RunConfig(samples="samples.csv", transitions={"n_null": 19, **told})
    return ask(adata, config, StepClock(None, STEPS))


def test_what_the_data_lack_is_said_in_a_line_each() -> None:
    adata = cells()
    answers = asked(adata)
    assert list(answers.results) == ["draws"]
    assert answers.not_asked == {
        "panel": "the sample sheet has no tissue (ihc)",
        "sorted": "no sorted cultures: the sample sheet has no sorted_from",
        "clones": "no clones: the sample sheet has no clone_id",
        "trajectory": "the programmes were not scored",
        "direction": "the files hold no spliced and unspliced counts",
        "conversion": "the sample sheet has no tissue (ihc)",
    }
    assert "\n" not in "".join(answers.not_asked.values())
    record = step_record(adata, "transitions")
    assert dict(record["not_asked"]) == answers.not_asked
    assert list(record["asked"]) == ["draws"]


def test_tables_hold_what_was_found_and_the_nulls() -> None:
    answers = asked(cells())
    tables = answers.tables()
    assert set(tables) == {"transitions.csv", "nulls.csv"}
    rates = tables["transitions.csv"]
    assert rates["from"].tolist() == ["HER2-0/low", "HER2-positive"], "two states: RNA hardly tells the lower two apart"
    assert set(rates["status"]) == {"ok"}
    assert set(rates["unit"]) == {"per day"}
    nulls = tables["nulls.csv"]
    assert nulls["null"].tolist() == ["shuffled draw order", "shuffled labels"]
    assert nulls["n_null"].between(1, 19).all()
    assert nulls["p"].between(0, 1, inclusive="right").all()
    pd.testing.assert_frame_equal(asked(cells()).tables()["transitions.csv"], rates)


def test_three_states_on_demand() -> None:
    rates = asked(cells(), designs=("draws",), states="three").tables()["transitions.csv"]
    assert len(rates) == 6


def test_tissue_at_two_times_is_a_panel_and_a_conversion() -> None:
    adata = cells()
    day, donor = adata.obs[_keys.DRAW_DAY], adata.obs[_keys.DONOR_ID].astype(str)
    adata.obs[_keys.IHC] = np.where((day > 0) & donor.isin(["P0", "P1", "P2"]).to_numpy(), "3+", "1+")
    answers = asked(adata)
    assert {"panel", "conversion"} <= set(answers.results)
    assert answers.results["conversion"].numbers["patients"] == N_DONORS
    assert {"conversion.csv", "nulls.csv", "transitions.csv"} == set(answers.tables())
    assert set(answers.tables()["transitions.csv"]["design"]) == {"draws", "panel"}


def test_tissue_that_was_copied_to_every_draw_is_no_second_reading() -> None:
    answers = asked(cells(**{_keys.IHC: "2+", _keys.ISH_RATIO: 2.5, _keys.ISH_COPIES: 7.0}))
    assert answers.not_asked["conversion"].startswith("every patient has one tissue state (ihc) on all days")
    assert answers.not_asked["panel"] == answers.not_asked["conversion"]


def test_one_draw_each_is_not_asked() -> None:
    adata = cells()
    first = adata[(adata.obs[_keys.DRAW_DAY] == 0).to_numpy()].copy()
    assert asked(first).not_asked["draws"] == "no patient has CTCs in two draws"


def test_fault_of_the_data_is_a_line_where_the_run_chose_and_an_error_where_a_person_did() -> None:
    faulty = cells(**{_keys.SORTED_FROM: "HER2-0"})  # no day after the sort
    reason = asked(faulty).not_asked["sorted"]
    assert _keys.DAYS_AFTER_SORT in reason
    with pytest.raises(Her2plasticError, match=_keys.DAYS_AFTER_SORT):
        asked(faulty, designs=("sorted",))


def treated(adata: AnnData, *donors: str) -> AnnData:
    """Give these donors a treatment between their two draws."""
    given = adata.obs[_keys.DONOR_ID].isin(donors).to_numpy() & (adata.obs[_keys.DRAW_DAY] > 0).to_numpy()
    adata.obs[_keys.TREATMENT] = np.where(given, "trastuzumab", "none")
    return adata


def test_effect_of_a_treatment_is_estimated_where_enough_patients_had_it() -> None:
    adata = treated(cells(), "P0", "P1", "P2", "P3")
    rates = asked(adata).results["draws"]
    record = step_record(adata, "switching_draws")
    assert list(record["treatments"]["group"]) == ["P0", "P1", "P2", "P3"], "bars of the figure"
    assert list(record["effects"]["treatment"]) == ["trastuzumab"]
    factor, lower, upper = record["effects"]["factor"][0]
    known = np.isfinite(factor)
    assert (lower[known] <= factor[known]).all()
    assert (factor[known] <= upper[known]).all()
    assert any("rates are those without treatment" in note for note in record["notes"])
    assert list(record["notes"])[:-1] == list(rates.notes)


@pytest.mark.parametrize(
    ("donors", "reason"),
    [
        (("P0",), "trastuzumab was given between draws of 1 patients and not given between draws of 7; 3 of either"),
        (
            tuple(f"P{donor}" for donor in range(8)),
            "given between draws of 8 patients and not given between draws of 0",
        ),
    ],
)
def test_why_no_effect_of_a_treatment_is_said_in_a_line(donors: tuple[str, ...], reason: str) -> None:
    adata = treated(cells(), *donors)
    untreated = asked(cells()).results["draws"]
    np.testing.assert_array_equal(asked(adata).results["draws"].rates, untreated.rates)
    record = step_record(adata, "switching_draws")
    assert "effects" not in record
    assert list(record["treatments"]["group"]) == list(donors)
    assert list(record["notes"])[-1].startswith("effects of treatments were not estimated: trastuzumab was")
    assert reason in list(record["notes"])[-1]


def test_cells_of_cultures_are_of_no_draw() -> None:
    adata = cells()
    adata.obs[_keys.CLONE_ID] = ["clone 1" if donor == "P0" else None for donor in adata.obs[_keys.DONOR_ID]]
    assert asked(adata, designs=("draws",)).results["draws"].numbers["patients"] == N_DONORS - 1
    adata.obs[_keys.CLONE_ID] = "clone 1"
    assert asked(adata).not_asked["draws"] == "no patient has CTCs in two draws"


def test_switched_off_and_left_out() -> None:
    off = asked(cells(), enabled=False)
    assert not off.results
    assert set(off.not_asked) == set(DESIGNS)
    assert set(off.not_asked.values()) == {"switched off in the configuration"}
    assert off.tables() == {}
    some = asked(cells(), designs=("draws",))
    assert set(some.not_asked.values()) == {"not among the designs of the configuration"}
