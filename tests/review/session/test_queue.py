"""Which cells are shown, in which order, which of them twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st
from tests.review.session.reviewed_cells import cells_of_slides

from her2plastic._errors import MissingKeyError, ParameterError, ReviewError
from her2plastic.review.session import ReviewSettings
from her2plastic.review.session.model_calls import model_calls
from her2plastic.review.session.ordering import BLOCK, REPEAT_DISTANCE, make_queue, with_repeats


def cells_shown(adata: AnnData, **settings: Any) -> list[str]:
    return [cell for cell, _ in make_queue(adata, ReviewSettings(**{"repeat_share": 0.0, **settings}))]


@pytest.mark.parametrize("order", ["uncertain", "random", "slide", "stratified"])
@pytest.mark.parametrize("blinded", [True, False])
def test_each_order_shows_each_cell_once_and_follows_its_seed(adata: AnnData, order: str, blinded: bool) -> None:
    queue = cells_shown(adata, order=order, blinded=blinded)
    assert sorted(queue) == sorted(adata.obs["cell_id"])
    assert queue == cells_shown(adata, order=order, blinded=blinded)
    assert (queue != cells_shown(adata, order=order, blinded=blinded, seed=1)) == (blinded or order != "uncertain")
    assert len(cells_shown(adata, order=order, target=7)) == 7


def test_most_uncertain_first(adata: AnnData) -> None:
    p = adata.obs["ctc_probability"].to_numpy()[:, None]
    classes = np.hstack([adata.obsm["her2_if_posterior"].to_numpy() * p, 1 - p])
    entropy = pd.Series(-(classes * np.log(classes)).sum(axis=1), index=adata.obs["cell_id"])
    expected = list(entropy.sort_values(ascending=False).index)
    assert cells_shown(adata, blinded=False) == expected
    hidden = cells_shown(adata, blinded=True)
    assert hidden != expected
    for start in range(0, len(expected), BLOCK):  # the rank tells no more than the block
        assert set(hidden[start : start + BLOCK]) == set(expected[start : start + BLOCK])


def test_a_cell_of_which_nothing_is_known_is_the_most_uncertain(adata: AnnData) -> None:
    adata.obs["ctc_probability"] = 1.0
    adata.obsm["her2_if_posterior"].iloc[7] = np.nan
    assert cells_shown(adata, blinded=False)[0] == adata.obs["cell_id"].iloc[7]
    assert model_calls(adata, model=None, needed_by="").entropy[7] == pytest.approx(np.log(3))


def test_slide_by_slide(adata: AnnData) -> None:
    slides = [cell.split(":")[0] for cell in cells_shown(adata, order="slide", blinded=False)]
    assert slides == sorted(slides)
    orders = {tuple(dict.fromkeys(cell.split(":")[0] for cell in cells_shown(adata, order="slide", seed=seed)))
              for seed in range(12)}  # fmt: skip
    assert len(orders) > 2  # blinded, the order of slides follows the seed
    assert {len(order) for order in orders} == {3}


def test_stratified_by_call_takes_as_many_of_each_as_there_are(adata: AnnData) -> None:
    call = adata.obs.set_index("cell_id")["her2_if_call"].astype(str)
    available = Counter(call)
    taken = Counter(call[cells_shown(adata, order="stratified", target=20)])
    assert sum(taken.values()) == 20
    short = {name for name, n in taken.items() if n == available[name]}
    assert max(taken.values()) - min(n for name, n in taken.items() if name not in short) <= 1
    first = [Counter(call[cells_shown(adata, order="stratified", target=8, blinded=False)])]
    assert set(first[0].values()) <= {2}
    assert len(first[0]) == 4


def test_the_order_of_rows_does_not_matter_to_whom_it_would_tell(adata: AnnData) -> None:
    """Controls come first in many a file; the first cells of a random queue are no controls for that."""
    first = {cells_shown(adata, order="random", seed=seed)[0] for seed in range(30)}
    assert len(first) > 15


def test_which_model_is_asked(adata: AnnData) -> None:
    with pytest.raises(ReviewError, match=r"obs\['her2_call'\]` with `obsm\['her2_posterior'\]`.*order='random'"):
        cells_shown(adata, model="her2_state")
    adata.obs["her2_consensus_call"] = "HER2-0"
    adata.obsm["her2_consensus_posterior"] = adata.obsm["her2_if_posterior"].iloc[:, ::-1].to_numpy()
    assert set(model_calls(adata, model=None, needed_by="").call) == {"HER2-0"}
    assert set(model_calls(adata, model="her2_if", needed_by="").call) > {"HER2-0"}


def test_what_an_order_needs_is_named(adata: AnnData) -> None:
    with pytest.raises(ReviewError, match="order='uncertain' goes by what a model says"):
        cells_shown(AnnData(obs=adata.obs[["cell_id"]]))
    with pytest.raises(MissingKeyError, match=r"obs\['slide_id'\]` not found.*order='slide' needs cells of slides"):
        cells_shown(AnnData(obs=adata.obs[["cell_id"]]), order="slide")
    assert len(cells_shown(AnnData(obs=adata.obs[["cell_id"]]), order="random")) == 60
    assert len(cells_shown(AnnData(obs=adata.obs[[]]), order="random")) == 60  # named by obs_names


@pytest.mark.parametrize("n", [1, 2, 3, 10, 45, 400])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_repeats_come_well_after_the_first_time(n: int, share: float) -> None:
    queue = with_repeats([str(number) for number in range(n)], share, np.random.default_rng(0))
    first = {cell: step for step, (cell, why) in enumerate(queue) if why == "review"}
    again = {cell: step for step, (cell, why) in enumerate(queue) if why == "repeat"}
    assert len(first) == n
    assert list(first) == [str(number) for number in range(n)]
    assert len(again) == (min(round(share * n), n - n // 2) if n > 1 else 0)
    between = [again[cell] - first[cell] - 1 for cell in again]
    assert min(between, default=REPEAT_DISTANCE) >= min(REPEAT_DISTANCE, n // 2)
    if n == 400:  # all over the rest of the queue, not heaped at its end
        spread = np.array(sorted(again.values())) / len(queue)
        assert spread.min() < 0.25
        assert np.mean(spread > 0.9) < 0.5


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (("slide_id=s1",), lambda obs: obs["slide_id"] == "s1"),
        (("slide_id=s1|s3", "is_ctc=True"), lambda obs: obs["slide_id"].isin(["s1", "s3"]) & obs["is_ctc"]),
        (("slide_id!=s1",), lambda obs: obs["slide_id"] != "s1"),
        (("treatment=",), lambda obs: obs["treatment"].isna()),
        (("treatment!=",), lambda obs: obs["treatment"].notna()),
        (("treatment=T-DXd|",), lambda obs: obs["slide_id"] != ""),
        (("ctc_probability=0.5..0.9",), lambda obs: obs["ctc_probability"].between(0.5, 0.9)),
        ((" ctc_probability = .. 5e-1 ",), lambda obs: obs["ctc_probability"] <= 0.5),
        (("ctc_probability=0.9..",), lambda obs: obs["ctc_probability"] >= 0.9),
        (("is_ctc=no",), lambda obs: ~obs["is_ctc"]),
        (("my_column=2|4",), lambda obs: obs["my_column"].isin([2, 4])),
        (("draw_day=60",), lambda obs: obs["draw_day"] == 60),
    ],
)
def test_filters(adata: AnnData, filters: tuple[str, ...], kept: Any) -> None:
    expected = set(adata.obs.loc[kept(adata.obs), "cell_id"])
    assert 0 < len(expected)
    assert set(cells_shown(adata, order="random", filters=filters)) == expected


@pytest.mark.parametrize(
    ("text", "fault", "message"),
    [
        ("slide_id=s9", ParameterError, "'s9' is not among its values: 's1', 's2', 's3'"),
        ("is_ctc=maybe", ParameterError, "'maybe' is not True or False"),
        ("my_column=two", ParameterError, "'two' is not a number, or a range"),
        ("slide_id=1..2", ParameterError, "a range, but the column holds no numbers"),
        ("nothing=1", MissingKeyError, r"obs\['nothing'\]` not found; available: 'cell_id'"),
        ("my_column=7..9", ReviewError, "none of the 60 cells fulfils 'my_column=7..9': there is nothing to review"),
    ],
)
def test_a_filter_that_cannot_hold_is_said(adata: AnnData, text: str, fault: type[Exception], message: str) -> None:
    with pytest.raises(fault, match=message):
        cells_shown(adata, filters=(text,))


def test_cells_that_cannot_be_shown(adata: AnnData) -> None:
    names = list(adata.obs["cell_id"])
    queue = make_queue(adata, ReviewSettings(order="random", target=None), without=names[:50])
    assert {cell for cell, _ in queue} == set(names[50:])
    with pytest.raises(ReviewError, match="none of the 60 cells to review has a picture"):
        make_queue(adata, ReviewSettings(order="random"), without=names)
    with pytest.raises(ReviewError, match="the data hold no cells"):
        make_queue(adata[:0], ReviewSettings(order="random"))
    adata.obs["cell_id"] = [names[0], *names[:-1]]
    with pytest.raises(ReviewError, match="the cell 's1:0' stands more than once"):
        make_queue(adata, ReviewSettings(order="random"))


@pytest.mark.parametrize(
    "settings",
    [
        {"order": "fast"}, {"filters": "a=b"}, {"filters": ("a",)}, {"filters": (3,)}, {"target": 0}, {"target": 2.5},
        {"repeat_share": 0.6}, {"repeat_share": -0.1}, {"repeat_share": True}, {"seed": -1}, {"model": "eye"},
        {"blinded": "yes"},
    ],
)  # fmt: skip
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        ReviewSettings(**settings)


@given(
    st.builds(
        ReviewSettings,
        order=st.sampled_from(["uncertain", "slide"]),
        filters=st.lists(st.sampled_from(["a=b", "c=1..2"]), max_size=2).map(tuple),
        target=st.none() | st.integers(1, 10**6),
        repeat_share=st.floats(0, 0.5),
        blinded=st.booleans(),
        seed=st.integers(0, 2**40),
        model=st.none() | st.just("her2_consensus"),
    )
)
def test_settings_come_back_from_a_journal(settings: ReviewSettings) -> None:
    import json

    stored = json.loads(json.dumps(settings.as_plain()))
    assert ReviewSettings.of_plain({**stored, "of a later version": 1}) == settings


def test_ten_thousand_cells_are_queued_at_once() -> None:
    import time

    adata = cells_of_slides(10_000)
    start = time.process_time()
    assert len(make_queue(adata, ReviewSettings(target=None))) == 11_000
    assert time.process_time() - start < 1.0


def test_a_probability_in_words_is_no_order(adata: AnnData) -> None:
    adata.obs["ctc_probability"] = "likely"
    with pytest.raises(ReviewError, match="ctc_probability.*holds no numbers"):
        cells_shown(adata, order="uncertain")
