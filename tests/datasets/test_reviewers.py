"""Simulated reviewers: who they are, what they see, and how often they are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, datasets
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets.reviewers import reading_matrix

COLUMNS = ["event", "session", "reviewer", "at", "cell_id", "round", "decision", "blinded"]


def cells(n: int = 400, *, none_every: int = 5) -> AnnData:
    words = np.array(_keys.STATES, dtype=object)[np.arange(n) % 3]
    if none_every:
        words[::none_every] = None
    obs = pd.DataFrame(
        {"cell_id": [f"s:{i}" for i in range(n)], "true_state": words}, index=[f"row {i}" for i in range(n)]
    )
    return AnnData(X=np.zeros((n, 1), dtype=np.float32), obs=obs)


def test_columns_are_those_of_a_journal() -> None:
    drawn = datasets.simulate_reviewers(cells(), accuracy=(0.8, 0.9), reviewers=("AB", "CD"))
    assert list(drawn.columns) == COLUMNS
    assert set(drawn["decision"]) == set(_keys.REVIEW_DECISIONS)
    assert set(drawn["round"]) == {"review", "repeat"}
    assert drawn["event"].is_unique
    assert drawn["at"].dt.tz is not None
    assert set(drawn["cell_id"]) == set(cells().obs["cell_id"])


def test_repeats_come_after_the_first_look() -> None:
    drawn = datasets.simulate_reviewers(cells(), accuracy=(0.8,), repeat_share=0.25)
    first = drawn[drawn["round"] == "review"].set_index("cell_id")["at"]
    again = drawn[drawn["round"] == "repeat"].set_index("cell_id")["at"]
    assert len(first) == 400
    assert len(again) == 100
    assert (again > first.loc[again.index]).all()


def test_accuracy_is_met_state_by_state() -> None:
    adata = cells(6000)
    drawn = datasets.simulate_reviewers(adata, accuracy=(0.75,), unsure=0.1, identity_error=0.04, repeat_share=0.0)
    truth = adata.obs.set_index("cell_id")["true_state"].fillna(_keys.NOT_A_CTC).loc[drawn["cell_id"]].to_numpy()
    said = drawn["decision"].to_numpy()
    assert np.mean(said == _keys.UNSURE) == pytest.approx(0.1, abs=0.015)
    sure = said != _keys.UNSURE
    found = pd.crosstab(truth[sure], said[sure], normalize="index")
    names = [*_keys.STATES, _keys.NOT_A_CTC]
    np.testing.assert_allclose(found.loc[names, names], reading_matrix(0.75, identity_error=0.04), atol=0.04)


def test_shared_errors_make_reviewers_err_alike() -> None:
    def alike(share: float) -> float:
        drawn = datasets.simulate_reviewers(
            cells(1500), accuracy=(0.7, 0.7), unsure=0.0, shared_error=share, repeat_share=0.0
        )
        table = drawn.pivot(index="cell_id", columns="reviewer", values="decision")
        return float((table["R1"] == table["R2"]).mean())

    assert alike(1.0) == 1.0
    assert alike(0.0) < 0.65
    assert alike(0.0) < alike(0.5) < 1.0


def test_same_seed_same_decisions_whoever_else_reads() -> None:
    alone = datasets.simulate_reviewers(cells(), accuracy=(0.8,), seed=3)
    both = datasets.simulate_reviewers(cells(), accuracy=(0.8, 0.6), seed=3)
    pd.testing.assert_frame_equal(both[both["reviewer"] == "R1"], alone)
    other = datasets.simulate_reviewers(cells(), accuracy=(0.8,), seed=4)
    assert not other["decision"].equals(alone["decision"])


def test_scores_of_fluorescence_are_a_truth_too() -> None:
    adata = cells(40, none_every=0)
    adata.obs["score"] = pd.Categorical(np.array(_keys.IF_SCORES)[np.arange(40) % 4])
    drawn = datasets.simulate_reviewers(
        adata, accuracy=(0.999,), truth_key="score", unsure=0.0, identity_error=0.0, repeat_share=0.0
    )
    said = drawn.set_index("cell_id")["decision"].loc[adata.obs["cell_id"]]
    assert list(said[:4]) == list(_keys.STATE_OF_SCORE)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"accuracy": ()}, "accuracy"), ({"accuracy": 0.8}, "accuracy"), ({"accuracy": (1.2,)}, "accuracy"),
        ({"accuracy": (1.0,)}, "accuracy"), ({"reviewers": ("A",)}, "reviewers"),
        ({"reviewers": ("A", "A", "B")}, "reviewers"), ({"n_cells": 0}, "n_cells"), ({"n_cells": 401}, "n_cells"),
        ({"unsure": 1.5}, "unsure"), ({"repeat_share": -0.1}, "repeat_share"), ({"seed": -1}, "seed"),
        ({"shared_error": float("nan")}, "shared_error"), ({"truth_key": "cell_id"}, "cell_id"),
    ],
)  # fmt: skip
def test_faults_are_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        datasets.simulate_reviewers(cells(), **given)


def test_without_truth_the_column_is_asked_for() -> None:
    with pytest.raises(MissingKeyError, match="truth_key"):
        datasets.simulate_reviewers(cells(), truth_key="nowhere")
