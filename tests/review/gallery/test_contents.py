from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys
from her2plastic._errors import ParameterError
from her2plastic.review.gallery import GalleryContents
from her2plastic.review.gallery.contents import ALL, DECIDED, IN_SESSION, OPEN, SHUFFLED
from her2plastic.review.gallery.differences import BETWEEN_REVIEWERS, DECISION_WORDS, DIFFERENCE_WORDS, UNDECIDED
from her2plastic.review.gallery.grouping import BY_DECISION, BY_DIFFERENCE, BY_FILE, BY_NOTHING
from her2plastic.review.session import ReviewSession, ReviewSettings

ZERO, LOW, POSITIVE = _keys.STATES


@pytest.fixture
def blinded(cells: AnnData, tmp_path: Path) -> Iterator[ReviewSession]:
    settings = ReviewSettings(order="random", blinded=True, target=20, repeat_share=0.2, seed=3)
    with ReviewSession(cells, tmp_path / "review.journal", "AB", settings) as session:
        yield session


def decision_of(contents: GalleryContents, cell_id: str) -> str:
    assert contents.readings is not None
    place = contents.place_of(cell_id)
    assert place is not None
    return DECISION_WORDS[contents.readings.decision[place]]


def test_results_without_a_review_are_grouped_by_call(cells: AnnData) -> None:
    contents = GalleryContents(cells)
    assert contents.first_grouping == contents.call_column == _keys.HER2_IF_CALL
    assert BY_DECISION not in contents.groupings
    assert (contents.scopes, contents.sortings[0]) == ((ALL,), BY_FILE)
    assert contents.first_axes == ("CK_cell_mean", "HER2_cell_mean")
    scales = [contents.first_scale(name) for name in ("CK_cell_mean", "cell_area_um2", "")]
    assert scales == ["asinh", "linear", "linear"]
    assert cells.obs[_keys.CELL_ID].iloc[3] in contents.words_of(3, also=("cell_area_um2",))
    assert contents.shown(ALL).all()


def test_decisions_are_shown_without_a_review_too(cells: AnnData) -> None:
    names = list(cells.obs[_keys.CELL_ID][:2])
    rows = [(names[0], "AB", "review", LOW), (names[0], "CD", "review", ZERO), (names[1], "AB", "review", ZERO)]
    frame = pd.DataFrame(rows, columns=["cell_id", "reviewer", "round", "decision"])
    contents = GalleryContents(cells, decisions=frame)
    assert contents.groupings[:3] == (BY_NOTHING, BY_DECISION, BY_DIFFERENCE)
    assert contents.readings is not None
    assert DIFFERENCE_WORDS[contents.readings.difference[0]] == BETWEEN_REVIEWERS
    assert np.flatnonzero(contents.shown(DECIDED)).tolist() == [0, 1]
    assert contents.shown(OPEN).sum() == cells.n_obs - 2


def test_a_blinded_review_shows_neither_call_nor_patient_nor_draw(cells: AnnData, blinded: ReviewSession) -> None:
    contents = GalleryContents(cells, session=blinded)
    assert contents.blind
    assert contents.call_column is None
    offered = {*contents.groupings, *contents.sortings, *contents.axes}
    harmless = {
        BY_NOTHING, BY_DECISION, _keys.KIND, _keys.TOUCHES_EDGE, SHUFFLED, "spatial: x", "spatial: y",
        "CK_cell_mean", "HER2_cell_mean", "cell_area_um2",
    }  # fmt: skip
    assert offered == harmless
    with pytest.raises(ParameterError, match="group by"):
        contents.groups(_keys.HER2_IF_CALL)
    with pytest.raises(ParameterError, match="group by"):
        contents.groups(BY_DIFFERENCE)
    with pytest.raises(ParameterError, match="sort by"):
        contents.ordered(contents.groups(BY_NOTHING), shown=contents.shown(ALL), sort=BY_FILE, falling=False)
    for cell in range(cells.n_obs):
        words = contents.words_of(cell, also=contents.first_axes)
        assert not any(told in words for told in ("D01", "D02", "call"))


def test_a_blinded_sheet_does_not_stand_in_the_order_of_the_slides(cells: AnnData, blinded: ReviewSession) -> None:
    contents = GalleryContents(cells, session=blinded)
    groups = contents.groups(BY_NOTHING)
    order = contents.ordered(groups, shown=contents.shown(ALL), sort=SHUFFLED, falling=False)
    again = contents.ordered(groups, shown=contents.shown(ALL), sort=SHUFFLED, falling=False)
    assert np.array_equal(order.cells, again.cells)
    assert sorted(order.cells) == list(range(cells.n_obs)) != order.cells.tolist()


def test_decisions_of_the_session_come_in_and_its_cells_alone_can_be_shown(
    cells: AnnData, blinded: ReviewSession
) -> None:
    contents = GalleryContents(cells, session=blinded)
    assert contents.scopes == (IN_SESSION, ALL, DECIDED, OPEN)
    assert contents.shown(IN_SESSION).sum() == len({cell for cell, _ in blinded.queue}) < cells.n_obs
    first = blinded.current[0]
    blinded.decide(LOW)
    assert decision_of(contents, first) == UNDECIDED
    contents.reread()
    assert decision_of(contents, first) == LOW
    blinded.undo()
    contents.reread()
    assert decision_of(contents, first) == UNDECIDED


def test_while_a_hidden_repeat_is_on_the_screen_nothing_tells_that_it_is_one(
    cells: AnnData, blinded: ReviewSession
) -> None:
    contents = GalleryContents(cells, session=blinded)
    repeated = next(cell for cell, why in blinded.queue if why == "repeat")
    while blinded.current != (repeated, "repeat"):
        blinded.decide(POSITIVE)
    contents.reread()
    assert blinded.decisions()[repeated] == POSITIVE
    assert decision_of(contents, repeated) == UNDECIDED
    blinded.decide(LOW)
    contents.reread()
    assert decision_of(contents, repeated) == POSITIVE


def test_after_the_session_is_closed_nothing_is_hidden(cells: AnnData, blinded: ReviewSession, tmp_path: Path) -> None:
    settings = ReviewSettings(order="random", blinded=False, target=None, repeat_share=0.0)
    with ReviewSession(cells, tmp_path / "review.journal", "CD", settings) as other:
        for _ in range(cells.n_obs):
            other.decide(ZERO)
    contents = GalleryContents(cells, session=blinded)
    first = blinded.current[0]
    blinded.decide(POSITIVE)
    blinded.close()
    contents.reload()
    assert contents.call_column == _keys.HER2_IF_CALL
    assert contents.readings is not None
    assert DIFFERENCE_WORDS[contents.readings.difference[contents.place_of(first)]] == BETWEEN_REVIEWERS
    assert decision_of(contents, first) == POSITIVE  # the reviewer's own
    assert contents.name_of(0) == cells.obs[_keys.CELL_ID].iloc[0]


def test_an_open_session_that_hides_nothing_is_beside_the_decisions_of_others(cells: AnnData, tmp_path: Path) -> None:
    settings = ReviewSettings(order="random", blinded=False, target=None, repeat_share=0.0)
    with ReviewSession(cells, tmp_path / "j", "CD", settings) as other:
        other.decide(ZERO)
        decided = other.queue[0][0]
    with ReviewSession(cells, tmp_path / "j", "AB", settings) as own:
        assert own.go_to(decided)
        own.decide(LOW)
        contents = GalleryContents(cells, session=own)
        assert contents.readings is not None
        assert DIFFERENCE_WORDS[contents.readings.difference[contents.place_of(decided)]] == BETWEEN_REVIEWERS


def test_the_table_is_not_changed(cells: AnnData, blinded: ReviewSession) -> None:
    before = cells.copy()
    contents = GalleryContents(cells, session=blinded)
    for name in contents.axes:
        contents.columns.text(name, 0)
    pd.testing.assert_frame_equal(cells.obs, before.obs)
    assert np.array_equal(cells.X, before.X)
