from __future__ import annotations

import numpy as np

from her2plastic.review.gallery.selection import CellSelection


def test_cells_are_selected_added_taken_away_and_toggled() -> None:
    selection = CellSelection(6)
    selection.select([1, 3])
    assert selection.places.tolist() == [1, 3]
    selection.select([3, 4], how="add")
    assert selection.places.tolist() == [1, 3, 4]
    selection.select([1, 5], how="toggle")
    assert selection.places.tolist() == [3, 4, 5]
    selection.select(np.array([4]), how="remove")
    assert selection.places.tolist() == [3, 5]
    selection.invert(among=np.array([0, 3]))
    assert selection.places.tolist() == [0]
    selection.clear()
    assert len(selection) == 0


def test_a_range_goes_along_the_sheet_and_begins_where_it_was_pointed_at() -> None:
    order = np.array([4, 2, 0, 1, 3])
    selection = CellSelection(5)
    selection.point_at(2)
    selection.extend_to(1, order=order)
    assert selection.places.tolist() == [0, 1, 2]
    selection.extend_to(4, order=order)
    assert selection.places.tolist() == [2, 4]
    assert (selection.current, selection.anchor) == (4, 2)
    selection.move_to(3)
    assert selection.places.tolist() == [2, 4]
    assert selection.current == 3


def test_a_range_without_a_beginning_on_the_sheet_is_one_cell() -> None:
    selection = CellSelection(5)
    selection.extend_to(3, order=np.arange(5))
    assert selection.places.tolist() == [3]
    selection.extend_to(1, order=np.array([0, 1]))  # the range began at a cell that is no longer on the sheet
    assert (selection.places.tolist(), selection.anchor) == ([1], 1)


def test_listeners_hear_changes_only() -> None:
    selection, heard = CellSelection(4), []
    stop = selection.listen(lambda: heard.append(selection.places.tolist()))
    selection.point_at(1)
    selection.point_at(1)
    selection.select([1])
    selection.select([2], how="add")
    assert heard == [[1], [1, 2]]
    stop()
    stop()
    selection.clear()
    assert len(heard) == 2


def test_cells_that_leave_take_their_keys_along() -> None:
    selection = CellSelection(4)
    selection.point_at(2)
    selection.select([0, 2, 3])
    selection.keep(np.array([0, 1]))
    assert selection.places.tolist() == [0]
    assert selection.current is None
    assert selection.anchor is None


def test_what_is_handed_out_cannot_be_written_to() -> None:
    chosen = CellSelection(3).chosen
    assert not chosen.flags.writeable
