from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2plastic.review.gallery.sheet_layout import HEADING, Move, SheetLayout, layout_of

COUNTS = st.lists(st.integers(1, 60), min_size=1, max_size=6)
SIZES = {"width": st.integers(20, 900), "side": st.integers(8, 200), "headed": st.booleans()}


def boxes(layout: SheetLayout) -> np.ndarray:
    """Return left, top, right and bottom of every tile."""
    x, y = layout.corner(np.arange(layout.slots))
    return np.column_stack([x, y, x + layout.side, y + layout.side])


def test_tiles_lie_in_rows_under_their_headings() -> None:
    layout = layout_of([3, 2], width=2 * 8 + 2 * 50 + 3, side=50)
    assert layout.columns == 2
    x, y = layout.corner(np.arange(5))
    assert x.tolist() == [8, 61, 8, 8, 61]
    first = 8 + HEADING
    assert y.tolist()[:3] == [first, first, first + 53]
    assert y[3] == y[4] == y[2] + 53 + 10 + HEADING
    headings = [(heading.group, heading.y, heading.pinned) for heading in layout.headings(0, layout.height)]
    assert headings == [(0, 8, False), (1, y[3] - 30, False)]
    assert [layout.top_with(slot) for slot in (0, 2, 3)] == [0, y[2] - HEADING, y[3] - HEADING - 8]


def test_a_heading_is_held_at_the_top_until_the_next_pushes_it_out() -> None:
    layout = layout_of([40, 40], width=200, side=40)
    second = layout.headings(0, layout.height)[1].y
    assert [(h.group, h.y, h.pinned) for h in layout.headings(300, 600)][0] == (0, 300, True)
    pushed = layout.headings(second - 20, second + 100)
    assert [(h.group, h.pinned) for h in pushed] == [(0, True), (1, False)]
    assert pushed[0].y + HEADING <= pushed[1].y


@settings(max_examples=60)
@given(COUNTS, *SIZES.values(), st.integers(-50, 4000), st.integers(1, 700))
def test_what_is_seen_is_what_touches_the_view(
    counts: list[int], width: int, side: int, headed: bool, top: int, height: int
) -> None:
    layout = layout_of(counts, width=width, side=side, headed=headed)
    tiles = boxes(layout)
    touching = np.flatnonzero((tiles[:, 3] > top) & (tiles[:, 1] < top + height))
    assert list(layout.seen(top, top + height)) == touching.tolist()


@settings(max_examples=40)
@given(COUNTS, *SIZES.values())
def test_tiles_do_not_overlap_and_are_found_where_they_lie(
    counts: list[int], width: int, side: int, headed: bool
) -> None:
    layout = layout_of(counts, width=width, side=side, headed=headed)
    tiles = boxes(layout)
    assert tiles[:, 3].max() <= layout.height
    assert len({tuple(tile) for tile in tiles.tolist()}) == layout.slots == sum(counts)
    for slot in range(0, layout.slots, 7):
        left, top, right, bottom = tiles[slot].tolist()
        for x, y in ((left, top), (right - 1, bottom - 1), (left + side / 2, top + side / 2)):
            assert layout.slot_at(x, y) == slot
        assert layout.slot_at(left - 1, top) is None
        assert layout.slot_at(left, bottom) is None
    assert layout.slot_at(5, layout.height + 500) is None


@settings(max_examples=40)
@given(COUNTS, *SIZES.values(), st.tuples(*[st.integers(0, 900)] * 4))
def test_a_rectangle_holds_the_tiles_that_it_touches(
    counts: list[int], width: int, side: int, headed: bool, ends: tuple[int, int, int, int]
) -> None:
    layout = layout_of(counts, width=width, side=side, headed=headed)
    left, right = sorted(ends[:2])
    top, bottom = sorted(ends[2:])
    tiles = boxes(layout)
    touched = (tiles[:, 0] <= right) & (tiles[:, 2] > left) & (tiles[:, 1] <= bottom) & (tiles[:, 3] > top)
    assert layout.slots_within(left, top, right, bottom).tolist() == np.flatnonzero(touched).tolist()


MOVES: tuple[Move, ...] = (
    "left", "right", "up", "down", "page up", "page down", "row start", "row end", "start", "end",
)  # fmt: skip


@settings(max_examples=60)
@given(COUNTS, st.integers(20, 900), st.integers(8, 200), st.data())
def test_keys_lead_to_a_tile_that_there_is(counts: list[int], width: int, side: int, data: st.DataObject) -> None:
    layout = layout_of(counts, width=width, side=side)
    slot = data.draw(st.integers(0, layout.slots - 1))
    for move in MOVES:
        assert 0 <= layout.moved(slot, move, view_height=400) < layout.slots
    down = layout.moved(slot, "down", view_height=400)
    tiles = boxes(layout)
    assert tiles[down, 1] > tiles[slot, 1] or tiles[slot, 1] == tiles[:, 1].max()


def test_keys_go_from_group_to_group_and_keep_the_column() -> None:
    layout = layout_of([5, 4], width=2 * 8 + 3 * 20 + 2 * 3, side=20)  # rows 0 1 2 | 3 4 and 5 6 7 | 8
    assert layout.columns == 3
    assert layout.moved(1, "down", view_height=100) == 4
    assert layout.moved(2, "down", view_height=100) == 4  # the last of a shorter row
    assert layout.moved(3, "down", view_height=100) == 5
    assert layout.moved(7, "up", view_height=100) == 4
    assert layout.moved(6, "row end", view_height=100) == 7
    assert layout.moved(4, "row start", view_height=100) == 3
    assert layout.moved(0, "page down", view_height=23 * 3) == 5
    assert layout.moved(8, "end", view_height=100) == 8


@settings(max_examples=60)
@given(COUNTS, st.integers(60, 900), st.integers(8, 150), st.integers(0, 3000), st.data())
def test_a_tile_that_is_scrolled_to_is_seen_whole(
    counts: list[int], width: int, side: int, top: int, data: st.DataObject
) -> None:
    layout, view = layout_of(counts, width=width, side=side), 260
    slot = data.draw(st.integers(0, layout.slots - 1))
    there = layout.scrolled_to(slot, top=top, view_height=view)
    y = int(layout.corner(np.array([slot]))[1][0])
    assert there <= y
    assert y + side <= there + view


def test_an_empty_sheet_has_nothing() -> None:
    layout = layout_of([], width=400, side=64)
    assert (layout.slots, layout.height, list(layout.seen(0, 500)), layout.headings(0, 500)) == (0, 0, [], [])
    assert layout.slot_at(20, 20) is None
    assert layout.slots_within(0, 0, 100, 100).size == 0


@pytest.mark.parametrize("width", [0, 1, 15])
def test_a_narrow_view_has_one_column(width: int) -> None:
    assert layout_of([4], width=width, side=64).columns == 1
