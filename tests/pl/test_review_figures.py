"""Figures of a review: what is drawn is what was found, and what cannot be said is said so."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2plastic import _keys, datasets, pl, tl
from her2plastic._errors import MissingKeyError, ParameterError

FIGURES = ("review_agreement", "review_confusion", "reviewer_accuracy")


def cells(n: int = 160) -> AnnData:
    words = np.array([*_keys.STATES, None], dtype=object)[np.arange(n) % 4]
    obs = pd.DataFrame({_keys.TRUE_STATE: words}, index=[f"s:{i}" for i in range(n)])
    obs[_keys.HER2_IF_STATE] = pd.Categorical(words, categories=_keys.STATES, ordered=True)
    named = [_keys.NOT_A_CTC if word is None else str(word) for word in words]
    obs[_keys.HER2_IF_CALL] = pd.Categorical(named, categories=_keys.CALLS)
    return AnnData(X=np.zeros((n, 1), dtype=np.float32), obs=obs)


@pytest.fixture(scope="module")
def reviewed() -> AnnData:
    adata = cells()
    drawn = datasets.simulate_reviewers(adata, accuracy=(0.7, 0.8, 0.9), reviewers=("AB", "$CD$", "EF"), seed=1)
    tl.review(adata, decisions=drawn)
    return adata


def drawn(name: str, source: AnnData | tl.Review, **given: object) -> Axes:
    figure = Figure(layout="constrained")
    ax = getattr(pl, name)(source, ax=figure.subplots(), **given)
    figure.savefig(BytesIO(), format="png", dpi=60)
    return ax


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", FIGURES)
def test_cells_and_result_give_the_same_picture(reviewed: AnnData, name: str) -> None:
    result = tl.Review.from_record(reviewed.uns[_keys.ROOT]["review"]["review"])
    pictures = []
    for source in (reviewed, result):
        figure, buffer = Figure(layout="constrained"), BytesIO()
        getattr(pl, name)(source, ax=figure.subplots())
        figure.savefig(buffer, format="png", dpi=50, metadata={"Software": None})
        pictures.append(buffer.getvalue())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("name", FIGURES)
def test_without_a_review_it_is_asked_for(name: str) -> None:
    with pytest.raises(MissingKeyError, match=r"tl\.review first"):
        getattr(pl, name)(cells())


def test_each_comparison_has_a_row(reviewed: AnnData) -> None:
    data = pl.prepare_review_agreement(reviewed)
    assert list(data.rows["kind"]) == ["within"] * 3 + ["between"] * 4 + ["model"] * 4
    assert data.rows["label"].tolist()[3:7] == ["$CD$ and AB", "$CD$ and EF", "AB and EF", "all (Fleiss' kappa)"]
    ax = drawn("review_agreement", reviewed)
    assert [label.get_text() for label in ax.get_yticklabels()] == data.rows["label"].tolist()
    assert words(ax) == [f"{int(n):,} cells" for n in data.rows["n"]]


def test_what_is_insufficient_is_said_in_its_place() -> None:
    adata = cells()
    few = datasets.simulate_reviewers(adata, accuracy=(0.8, 0.8), n_cells=8, repeat_share=0.0)
    ax = drawn("review_agreement", tl.review(adata, decisions=few))
    assert any(text.startswith("insufficient: ") for text in words(ax))
    ax = drawn("reviewer_accuracy", adata)
    assert sum(text.startswith("insufficient: ") for text in words(ax)) == 4


def test_numbers_of_the_table_are_those_of_the_cells(reviewed: AnnData) -> None:
    data = pl.prepare_review_confusion(reviewed)
    assert data.reader == "consensus"
    consensus = reviewed.obs[_keys.REVIEW_CONSENSUS].astype(object)
    expected = pd.crosstab(consensus, reviewed.obs[_keys.HER2_IF_CALL].astype(object))
    expected = expected.reindex(index=_keys.REVIEW_DECISIONS, columns=_keys.CALLS, fill_value=0)
    np.testing.assert_array_equal(data.counts, expected)
    assert data.inside[1].tolist() == [False, True, True, True, False, True, False]
    assert sorted(words(drawn("review_confusion", reviewed))) == sorted(
        f"{int(n):,}" if n else "·" for n in data.counts.ravel()
    )
    assert pl.prepare_review_confusion(reviewed, reader="AB").counts.sum() == 160


def test_without_calls_the_table_says_so() -> None:
    adata = cells()
    del adata.obs[_keys.HER2_IF_CALL]
    found = tl.review(adata, decisions=datasets.simulate_reviewers(adata, accuracy=(0.8,)))
    assert "insufficient" in " ".join(words(drawn("review_confusion", found)))


def test_faulty_choices_are_named(reviewed: AnnData) -> None:
    with pytest.raises(ParameterError, match="what"):
        pl.review_agreement(reviewed, what="colour")
    with pytest.raises(ParameterError, match="statistic"):
        pl.review_agreement(reviewed, what="CTC or not")
    with pytest.raises(ParameterError, match="all reviewers"):
        pl.review_agreement(reviewed, statistic="Fleiss' kappa")
    with pytest.raises(ParameterError, match="reader"):
        pl.review_confusion(reviewed, reader="XY")


def test_a_range_without_a_point_is_drawn_as_a_range(reviewed: AnnData) -> None:
    data = pl.prepare_reviewer_accuracy(reviewed)
    assert len(data.rows) == 6
    assert data.rows["lower"].notna().all()
    drawn("reviewer_accuracy", reviewed)
