from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, datasets, tl
from her2plastic._errors import MissingKeyError, ParameterError


@pytest.fixture(scope="module")
def study():
    return datasets.simulate_serum(seed=0, correlation=0.6)


@pytest.fixture(scope="module")
def linked(study):
    return tl.serum_ctc_link(study.visits, ctcs=study.ctcs, slopes=False)


def test_link_is_found(study, linked):
    row = linked.to_frame().iloc[0]
    assert row["quantity"] == "correlation, serum level"
    assert row["lower"] < 0.6 < row["upper"]
    assert linked.p < 0.01
    assert linked.n_patients == study.visits["donor_id"].nunique()
    assert "nothing shared: p" in linked.summary()


def test_slopes_of_patients_have_a_row_of_their_own(study):
    found = tl.serum_ctc_link(study.visits, ctcs=study.ctcs)
    assert found.to_frame()["quantity"].tolist()[:2] == ["correlation, serum level", "correlation, serum slope"]
    assert found.to_frame()["estimate"].between(-1, 30).all()


def test_cells_count_as_their_draws_do(study, linked):
    rows = study.ctcs
    state = np.concatenate([[1] * k + [0] * (n - k) for n, k in zip(rows["n_ctc"], rows["n_positive"], strict=True)])
    obs = pd.DataFrame({
        _keys.DONOR_ID: np.repeat(rows["donor_id"], rows["n_ctc"]),
        _keys.DRAW_DAY: np.repeat(rows["day"], rows["n_ctc"]),
        _keys.HER2_STATE: pd.Categorical(np.where(state == 1, _keys.STATES[2], _keys.STATES[0]), list(_keys.STATES)),
    }).reset_index(drop=True)  # fmt: skip
    obs.index = obs.index.astype(str)
    cells = anndata.AnnData(obs=obs)
    found = tl.serum_ctc_link(study.visits, ctcs=cells, slopes=False)
    assert found.p == pytest.approx(linked.p, rel=1e-3)
    assert found.n_ctc == linked.n_ctc


def test_fractions_of_few_cells_would_pull_it_to_nothing():
    """Over studies the model comes near the correlation of the patients, that of raw fractions to less than half."""
    model, naive, true = [], [], []
    for seed in range(6):
        study = datasets.simulate_serum(seed=seed, correlation=0.7, n_patients=60, ctc_median=3.0, drop_out=0.05)
        model.append(tl.serum_ctc_link(study.visits, ctcs=study.ctcs, slopes=False).frame["estimate"][0])
        both = study.visits.merge(study.ctcs[study.ctcs["n_ctc"] > 0], on=["donor_id", "day"])
        naive.append(np.corrcoef(np.log(both["value"]), both["n_positive"] / both["n_ctc"])[0, 1])
        true.append(np.corrcoef(study.truth["level"], study.truth["ctc_level"])[0, 1])
    assert np.mean(model) == pytest.approx(np.mean(true), abs=0.12)
    assert np.mean(naive) < np.mean(true) / 2


def test_too_little_is_insufficient(study):
    few = study.ctcs[study.ctcs["donor_id"] < "P06"]
    assert "5 patients have serum HER2 and CTCs" in tl.serum_ctc_link(study.visits, ctcs=few).status
    none = study.ctcs.assign(n_positive=0)
    found = tl.serum_ctc_link(study.visits, ctcs=none)
    assert "0 of" in found.status
    assert found.to_frame().empty
    assert "insufficient" in found.summary()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda t: t.drop(columns="n_ctc"), MissingKeyError),
        (lambda t: t.assign(n_positive=t["n_ctc"] + 1), ParameterError),
        (lambda t: t.assign(n_ctc=t["n_ctc"] + 0.5), ParameterError),
        (lambda t: t.assign(n_ctc=-1), ParameterError),
        (lambda t: t.assign(day="two"), ParameterError),
    ],
    ids=["no column", "more positive than there are", "half a cell", "below 0", "a word for a day"],
)
def test_bad_counts(study, change, error):
    with pytest.raises(error):
        tl.serum_ctc_link(study.visits, ctcs=change(study.ctcs))


def test_few_patients_are_said_to_make_it_rough(linked):
    few = datasets.simulate_serum(n_patients=30, seed=0, correlation=0.6)
    found = tl.serum_ctc_link(few.visits, ctcs=few.ctcs, slopes=False)
    assert found.status == "ok"
    assert any(note.startswith("30 patients: intervals are too narrow") for note in found.notes)
    assert "too narrow" in found.summary() and "too narrow" not in linked.summary()
