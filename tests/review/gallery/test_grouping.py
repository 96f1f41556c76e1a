from __future__ import annotations

import numpy as np
from anndata import AnnData

from her2plastic import _keys
from her2plastic.pl.palette import ON_BLACK
from her2plastic.review.gallery import looks
from her2plastic.review.gallery.cell_columns import CellColumns
from her2plastic.review.gallery.differences import DECISION_WORDS, DIFFERENCE_WORDS
from her2plastic.review.gallery.grouping import BY_NOTHING, Groups, groups_of, ordered

WORDS = Groups(np.array([1, 0, 1, 2, 0]), ("a", "b", "c", "d"), (looks.NOTHING,) * 4)
ALL = np.ones(5, dtype=bool)


def test_cells_stand_in_groups_in_the_order_of_the_file() -> None:
    order = ordered(WORDS, shown=ALL)
    assert order.cells.tolist() == [1, 4, 0, 2, 3]
    assert order.slots.tolist() == [2, 0, 3, 4, 1]
    assert (order.groups, order.counts) == ((0, 1, 2), (2, 2, 1))
    assert ordered(WORDS, shown=ALL, falling=True).cells.tolist() == [4, 1, 2, 0, 3]


def test_cells_are_sorted_by_a_value_and_those_without_one_come_last() -> None:
    values = np.array([5.0, np.nan, 2.0, 1.0, 7.0])
    assert ordered(WORDS, shown=ALL, values=values).cells.tolist() == [4, 1, 2, 0, 3]
    assert ordered(WORDS, shown=ALL, values=values, falling=True).cells.tolist() == [4, 1, 0, 2, 3]


def test_cells_that_are_not_shown_have_no_slot() -> None:
    order = ordered(WORDS, shown=np.array([True, False, True, False, False]))
    assert order.cells.tolist() == [0, 2]
    assert order.slots.tolist() == [0, -1, 1, -1, -1]
    assert (order.groups, order.counts) == ((1,), (2,))
    none = ordered(WORDS, shown=~ALL)
    assert (none.cells.size, none.groups, none.counts) == (0, (), ())


def test_known_words_look_as_everywhere_else_and_no_two_others_alike(cells: AnnData) -> None:
    columns = CellColumns(cells)
    calls = groups_of(_keys.HER2_IF_CALL, columns, None)
    assert list(calls.looks) == [ON_BLACK[word] for word in calls.words]
    assert groups_of(BY_NOTHING, columns, None).words == ("all cells",)
    others = looks.looks_of([f"slide {n}" for n in range(8)])
    assert len({look.colour for look in others}) == len({look.marker for look in others}) == 8
    many = looks.looks_of([f"slide {n}" for n in range(40)])
    assert len({(look.colour, look.marker) for look in many}) == 40


def test_every_decision_and_difference_has_a_look_of_its_own() -> None:
    for words, table in ((DECISION_WORDS, looks.DECISIONS), (DIFFERENCE_WORDS, looks.DIFFERENCES)):
        assert set(words) == set(table)
        assert len({(look.colour, look.marker) for look in table.values()}) == len(words)
        assert len({look.marker for look in table.values()}) == len(words)  # told apart without colour, too
