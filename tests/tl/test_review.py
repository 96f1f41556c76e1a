"""Decisions of reviewers back in the AnnData: columns, consensus, agreement, accuracy, reviewer against model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, datasets, tl
from her2plastic._errors import JournalError, MissingKeyError, ParameterError, ReviewError
from her2plastic.io.journal.recording import Journal
from her2plastic.models import cohen_kappa, fleiss_kappa

WORDS = {"0": "HER2-0", "1": "HER2-low", "2": "HER2-positive", "n": _keys.NOT_A_CTC, "u": _keys.UNSURE}


def cells(n: int = 200, *, calls: bool = True) -> AnnData:
    codes = np.random.default_rng(0).choice(4, size=n, p=(0.3, 0.35, 0.25, 0.1))
    words = np.array([*_keys.STATES, None], dtype=object)[codes]
    obs = pd.DataFrame({_keys.TRUE_STATE: words}, index=[f"s:{i}" for i in range(n)])
    obs[_keys.CELL_ID] = obs.index.to_numpy()
    if calls:
        obs[_keys.HER2_IF_STATE] = pd.Categorical(words, categories=_keys.STATES, ordered=True)
        named = [_keys.NOT_A_CTC if word is None else str(word) for word in words]
        obs[_keys.HER2_IF_CALL] = pd.Categorical(named, categories=_keys.CALLS)
    return AnnData(X=np.zeros((n, 1), dtype=np.float32), obs=obs)


def decided(**said: str) -> pd.DataFrame:
    """Return decisions of reviewers on the first cells, a letter each; a space is a cell not seen."""
    rows = [
        {"reviewer": name.split("_")[0], "cell_id": f"s:{i}", "decision": WORDS[letter],
         "round": {"": "review", "again": "repeat", "settled": "adjudication"}[name.partition("_")[2]]}
        for name, letters in said.items() for i, letter in enumerate(letters) if letter != " "
    ]  # fmt: skip
    return pd.DataFrame(rows)


def rows_of(found: tl.Review, **wanted: str) -> pd.DataFrame:
    table = found.to_frame()
    return table[np.logical_and.reduce([table[key] == value for key, value in wanted.items()])]


# --- columns and consensus ----------------------------------------------------------------------------------------
def test_columns_say_what_was_decided() -> None:
    adata = cells()
    tl.review(adata, decisions=decided(AB="012nu0 ", CD="0n2nu1 1"))
    obs = adata.obs
    assert list(obs["reviewer_AB"][:5].astype(str)) == [WORDS[letter] for letter in "012nu"]
    assert list(obs["reviewer_AB"][5:8].isna()) == [False, True, True]
    status = ["agreed", "differ", "agreed", "agreed", "agreed", "differ", "not reviewed", "one reviewer"]
    assert list(obs[_keys.REVIEW_STATUS][:8]) == status
    assert list(obs[_keys.REVIEW_CONSENSUS][:5].astype(object).fillna("-")) == [
        "HER2-0", "-", "HER2-positive", _keys.NOT_A_CTC, _keys.UNSURE,
    ]  # fmt: skip
    assert list(obs[_keys.REVIEW_STATE].cat.categories) == list(_keys.STATES)
    assert obs[_keys.REVIEW_STATE].notna().sum() == 3


def test_order_of_the_categories_means_what_it_says() -> None:
    adata = cells()
    tl.review(adata, decisions=decided(AB="012nu"))
    higher = adata.obs["reviewer_AB"] > "HER2-0"
    assert list(higher[:6]) == [False, True, True, False, False, False]
    assert adata.obs[_keys.REVIEW_STATE].cat.ordered


def test_an_adjudication_settles_and_its_author_is_no_reviewer() -> None:
    adata = cells()
    found = tl.review(adata, decisions=decided(AB="01", CD="11", EF_settled="1"))
    assert list(adata.obs[_keys.REVIEW_STATUS][:2]) == ["adjudicated", "agreed"]
    assert adata.obs[_keys.REVIEW_CONSENSUS].iloc[0] == "HER2-low"
    assert found.reviewers == ("AB", "CD")
    assert "reviewer_EF" not in adata.obs
    assert not found.to_frame()["first"].eq("EF").any()


def test_majority_settles_two_against_one_and_not_one_against_one() -> None:
    adata = cells()
    given = decided(A="00u0", B="0110", C="1010")
    tl.review(adata, decisions=given, consensus="majority")
    assert list(adata.obs[_keys.REVIEW_CONSENSUS][:4].astype(object)) == ["HER2-0", "HER2-0", "HER2-low", "HER2-0"]
    tl.review(adata, decisions=decided(A="0", B="1"), consensus="majority")
    assert adata.obs[_keys.REVIEW_STATUS].iloc[0] == "differ"


def test_one_who_is_unsure_leaves_the_word_to_the_other() -> None:
    adata = cells()
    tl.review(adata, decisions=decided(A="u", B="2"))
    assert adata.obs[_keys.REVIEW_CONSENSUS].iloc[0] == "HER2-positive"
    assert adata.obs[_keys.REVIEW_STATUS].iloc[0] == "one reviewer"


def test_a_cell_decided_anew_in_a_session_counts_once() -> None:
    given = decided(A="0" * 12).assign(session="x", at=pd.Timestamp("2026-01-05T08:00Z"))
    changed = given.iloc[:1].assign(decision="HER2-positive", at=pd.Timestamp("2026-01-05T09:00Z"))
    adata = cells()
    found = tl.review(adata, decisions=pd.concat([given, changed], ignore_index=True))
    assert adata.obs["reviewer_A"].iloc[0] == "HER2-positive"
    assert found.readers["n_repeats"].tolist() == [0]


def test_hidden_repeats_are_not_what_the_reviewer_decided() -> None:
    adata = cells()
    tl.review(adata, decisions=decided(A="0" * 30, A_again="1" * 30))
    assert set(adata.obs["reviewer_A"].dropna()) == {"HER2-0"}


def test_cells_that_are_gone_are_reported() -> None:
    adata = cells()
    given = decided(A="0" * 20)
    found = tl.review(adata[10:].copy(), decisions=given)
    assert found.gone == tuple(f"s:{i}" for i in range(10))
    assert "10 reviewed cells are not in this table" in found.summary()
    assert found.statuses["one reviewer"] == 10


# --- agreement ----------------------------------------------------------------------------------------------------
def test_coefficients_are_those_of_the_tables() -> None:
    adata = cells()
    drawn = datasets.simulate_reviewers(adata, accuracy=(0.7, 0.8, 0.9), seed=1)
    found = tl.review(adata, decisions=drawn)
    first = drawn[drawn["round"] == "review"].pivot(index="cell_id", columns="reviewer", values="decision")
    both = first[first[["R1", "R2"]].isin(_keys.STATES).all(axis=1)]
    table = pd.crosstab(both["R1"], both["R2"]).reindex(index=_keys.STATES, columns=_keys.STATES, fill_value=0)
    expected = cohen_kappa(table.to_numpy(dtype=float), weights="linear")
    row = rows_of(found, first="R1", second="R2", what="state", statistic="kappa, linear weights").iloc[0]
    assert (row["value"], row["lower"], row["upper"]) == (expected.value, expected.lower, expected.upper)
    assert row["n"] == len(both)
    counts = np.stack([(first == state).sum(axis=1) for state in _keys.STATES], axis=1)
    every = rows_of(found, first="all", what="state").iloc[0]
    assert every["value"] == fleiss_kappa(counts[counts.sum(axis=1) >= 2]).value
    unsure = first[["R1", "R2"]].eq(_keys.UNSURE).any(axis=1).sum()
    assert row["n_unsure"] == unsure


@pytest.mark.parametrize(
    ("accuracy", "discordance", "kappa"), [(0.7, 0.40, 0.38), (0.8, 0.29, 0.53), (0.9, 0.16, None)]
)
def test_two_readers_of_known_accuracy_agree_as_far_as_they_must(
    accuracy: float, discordance: float, kappa: float | None
) -> None:
    """Shares 0.45, 0.40, 0.15, the highest state misread four times less often: the brief's worked example."""
    adata = cells(20_000, calls=False)
    states = np.random.default_rng(1).choice(3, size=adata.n_obs, p=(0.45, 0.40, 0.15))
    adata.obs[_keys.TRUE_STATE] = np.array(_keys.STATES)[states]
    drawn = datasets.simulate_reviewers(
        adata, accuracy=(accuracy, accuracy), error_of_highest=0.25, identity_error=0.0, unsure=0.0, repeat_share=0.0
    )
    row = rows_of(tl.review(adata, decisions=drawn), what="state", statistic="Cohen's kappa", kind="between").iloc[0]
    assert 1 - row["observed"] == pytest.approx(discordance, abs=0.015)
    if kappa is not None:
        assert row["value"] == pytest.approx(kappa, abs=0.02)


def test_few_cells_are_insufficient() -> None:
    found = tl.review(cells(), decisions=decided(A="012012012", B="012012012"))
    row = rows_of(found, kind="between", what="state").iloc[0]
    assert row["status"] == "insufficient: 9 cells with two sure readings, 10 needed"
    assert np.isnan(row["value"])
    assert set(found.readers["status"]) == {"insufficient: 0 cells with 3 sure readings, 30 needed"}


def test_a_word_that_hardly_anybody_said_is_no_ground_for_an_interval() -> None:
    found = tl.review(cells(), decisions=decided(A="0" * 40 + "n" * 4, B="0" * 42 + "n" * 2))
    row = rows_of(found, kind="between", what="CTC or not").iloc[0]
    assert row["status"] == "insufficient: the rarer word was said 2 times, 5 needed"
    state = rows_of(found, kind="between", what="state").iloc[0]
    assert state["status"].startswith("insufficient: 1 word in all readings")


# --- model --------------------------------------------------------------------------------------------------------
def test_reviewer_against_model() -> None:
    adata = cells()
    calls = adata.obs[_keys.HER2_IF_CALL].astype(str).to_numpy(dtype=object)
    calls[calls == "HER2-0"] = "HER2-0/low"
    adata.obs[_keys.HER2_IF_CALL] = pd.Categorical(calls, categories=_keys.CALLS)
    drawn = datasets.simulate_reviewers(adata, accuracy=(0.8,), unsure=0.1, repeat_share=0.0, seed=2)
    found = tl.review(adata, decisions=drawn)
    assert found.model == "her2_if"
    table = found.confusion.set_index(["decision", "call"])["n"]
    said = drawn.set_index("cell_id")["decision"].loc[adata.obs_names].to_numpy()
    for decision in _keys.REVIEW_DECISIONS:
        for call in _keys.CALLS:
            assert table[decision, call] == np.sum((said == decision) & (calls == call))
    states = np.isin(said, _keys.STATES) & (calls != _keys.NOT_A_CTC)
    inside = [call == word or (call == "HER2-0/low" and word in _keys.STATES[:2])
              for call, word in zip(calls[states], said[states], strict=True)]  # fmt: skip
    held = found.held.iloc[0]
    assert held["share"] == pytest.approx(np.mean(inside))
    assert held["lower"] < held["share"] < held["upper"]
    assert len(rows_of(found, kind="model")) == 5


def test_without_calls_there_is_no_model() -> None:
    found = tl.review(cells(calls=False), decisions=decided(A="012" * 5))
    assert found.model == ""
    assert found.confusion.empty
    assert found.held.empty
    assert rows_of(found, kind="model").empty
    with pytest.raises(MissingKeyError, match="her2_state first"):
        tl.review(cells(calls=False), decisions=decided(A="0"), model="her2_state")


def test_disagreements_are_all_listed() -> None:
    adata = cells()
    truth = [next((k for k, w in WORDS.items() if w == word), "n") for word in adata.obs[_keys.TRUE_STATE].fillna("")]
    letters = "".join("n" if t == "n" else t for t in truth[:30])
    flipped = ("1" if letters[0] != "1" else "2") + letters[1:]
    found = tl.review(adata, decisions=decided(A=flipped, B=letters))
    assert found.differing[_keys.CELL_ID].tolist() == ["s:0"]
    assert found.differing["between"].tolist() == ["reviewers"]
    found = tl.review(adata, decisions=decided(A=flipped, B=flipped))
    assert found.differing["between"].tolist() == ["model"]
    assert tl.review(adata, decisions=decided(A=letters, B=letters)).differing.empty


# --- accuracy -----------------------------------------------------------------------------------------------------
def test_accuracy_is_found_without_the_truth() -> None:
    adata = cells(500)
    drawn = datasets.simulate_reviewers(adata, accuracy=(0.7, 0.8, 0.9), seed=4)
    readers = tl.review(adata, decisions=drawn).readers
    assert (readers["status"] == "ok").all()
    assert ((readers["lower"] <= [0.7, 0.8, 0.9]) & (readers["upper"] >= [0.7, 0.8, 0.9])).all()
    assert readers["accuracy"].is_monotonic_increasing
    posterior = adata.obsm[_keys.REVIEW_POSTERIOR]
    assert list(posterior.columns) == [*_keys.STATES, _keys.NOT_A_CTC]
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    best = posterior.idxmax(axis=1).to_numpy()
    truth = adata.obs[_keys.TRUE_STATE].astype(object).fillna(_keys.NOT_A_CTC).to_numpy()
    assert (best == truth).mean() > 0.88


# --- record, files, faults ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_review_survives_files(kind: str, tmp_path: Path) -> None:
    adata = cells(60)
    found = tl.review(adata, decisions=datasets.simulate_reviewers(adata, accuracy=(0.7, 0.9), reviewers=("A/B", "ä")))
    path = tmp_path / f"cells.{kind}"
    getattr(adata, f"write_{kind}")(path)
    back = anndata.read_h5ad(path) if kind == "h5ad" else anndata.read_zarr(path)
    again = tl.Review.from_record(back.uns[_keys.ROOT]["review"]["review"])
    assert again.summary() == found.summary()
    pd.testing.assert_frame_equal(again.agreement, found.agreement, check_dtype=False)
    pd.testing.assert_series_equal(back.obs["reviewer_A_B"], adata.obs["reviewer_A_B"])
    assert again.statuses == found.statuses


def test_same_seed_same_review_and_nothing_else_is_touched() -> None:
    one, two = cells(80), cells(80)
    drawn = datasets.simulate_reviewers(one)
    before = one.obs.copy()
    tables = [tl.review(adata, decisions=drawn, seed=5).readers for adata in (one, two)]
    pd.testing.assert_frame_equal(*tables)
    pd.testing.assert_frame_equal(one.obs[before.columns], before)


def test_a_former_reviewer_leaves_no_column_behind() -> None:
    adata = cells()
    adata.obs["reviewer_mine"] = "kept"
    tl.review(adata, decisions=decided(A="012", B="012"))
    tl.review(adata, decisions=decided(B="012"))
    assert [name for name in map(str, adata.obs) if name.startswith("reviewer_")] == ["reviewer_mine", "reviewer_B"]


def test_adjudications_alone_settle_cells() -> None:
    adata = cells()
    found = tl.review(adata, decisions=decided(A_settled="012"))
    assert found.statuses["adjudicated"] == 3
    assert found.reviewers == ()
    assert found.readers.empty
    assert "0 reviewers" in found.summary()


def test_columns_of_categories_are_read_alike() -> None:
    one, other = cells(), cells()
    given = datasets.simulate_reviewers(one, accuracy=(0.7, 0.8, 0.9), n_cells=60)
    same = given.astype(dict.fromkeys(["reviewer", "cell_id", "round", "decision"], "category"))
    tables = [tl.review(adata, decisions=table).agreement for adata, table in ((one, given), (other, same))]
    pd.testing.assert_frame_equal(*tables)


def test_unblinded_readings_are_said() -> None:
    found = tl.review(cells(), decisions=decided(A="012" * 5).assign(blinded=[False] * 4 + [True] * 11))
    assert found.n_unblinded == 4
    assert "4 readings were not blinded" in found.summary()


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        (lambda t: t.drop(columns="decision"), ParameterError, "no column decision"),
        (lambda t: t.assign(decision="HER2-3"), ParameterError, "'HER2-3' is not known"),
        (lambda t: t.assign(round="second"), ParameterError, "round 'second'"),
        (lambda t: t.assign(reviewer=None), ParameterError, "no reviewer"),
        (lambda t: t.iloc[:0], ReviewError, "there is none"),
        (lambda t: t.assign(cell_id="other"), ReviewError, "another data set"),
        (lambda t: t.assign(reviewer="model"), ParameterError, "'model'"),
        (lambda t: t.to_dict(), ParameterError, "not a dict"),
        (lambda t: pd.concat([t.assign(reviewer="a/b"), t.assign(reviewer="a_b")]), ParameterError, "share the column"),
    ],
)  # fmt: skip
def test_faulty_decisions_are_named(change: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        tl.review(cells(), decisions=change(decided(A="0" * 12)))


@pytest.mark.parametrize("given", [{"level": 1.0}, {"consensus": "loudest"}, {"seed": -1}, {"model": "eye"}])
def test_faulty_parameters_are_named(given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(given))):
        tl.review(cells(), decisions=decided(A="0" * 12), **given)


def test_a_journal_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "ab.journal"
    with Journal(path, create=True) as journal:
        queue = [(f"s:{i}", "review") for i in range(3)]
        session = journal.begin_session(reviewer="AB", settings={"blinded": True}, queue=queue, data={}).session
        for i, word in enumerate(_keys.STATES):
            journal.append(session, "decision", cell_id=f"s:{i}", round="review", value=word)
    adata = cells()
    found = tl.review(adata, decisions=path)
    assert list(adata.obs["reviewer_AB"][:3]) == list(_keys.STATES)
    assert found.n_unblinded == 0
    with pytest.raises(JournalError):
        tl.review(adata, decisions=tmp_path / "nowhere.journal")


def test_cells_with_one_name_are_refused() -> None:
    adata = cells()
    adata.obs[_keys.CELL_ID] = "s:0"
    with pytest.raises(ReviewError, match="twice"):
        tl.review(adata, decisions=decided(A="0"))
