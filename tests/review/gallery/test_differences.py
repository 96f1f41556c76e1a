from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys
from her2plastic.review.gallery import differences
from her2plastic.review.gallery.differences import DECISION_WORDS, DIFFERENCE_WORDS, fits, readings

ZERO, LOW, POSITIVE = _keys.STATES
Row = tuple[str, str, str, str]


def said(rows: list[Row], call: str | None = None, reviewer: str | None = None) -> tuple[str, str]:
    """Return decision and difference of the cell ``a``."""
    frame = pd.DataFrame(rows, columns=["cell_id", "reviewer", "round", "decision"])
    calls = None if call is None else np.array([call, call], dtype=object)
    found = readings(("a", "b"), frame, calls=calls, reviewer=reviewer)
    assert DECISION_WORDS[found.decision[1]] == DIFFERENCE_WORDS[found.difference[1]] == differences.UNDECIDED
    return DECISION_WORDS[found.decision[0]], DIFFERENCE_WORDS[found.difference[0]]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], (differences.UNDECIDED, differences.UNDECIDED)),
        ([("a", "AB", "review", LOW)], (LOW, differences.ALIKE)),
        ([("a", "AB", "review", LOW), ("a", "CD", "review", LOW)], (LOW, differences.ALIKE)),
        ([("a", "AB", "review", LOW), ("a", "CD", "review", ZERO)],
         (differences.VARIOUS, differences.BETWEEN_REVIEWERS)),
        ([("a", "AB", "review", LOW), ("a", "AB", "repeat", POSITIVE)], (LOW, differences.OF_ONE)),
        ([("a", "AB", "repeat", POSITIVE)], (POSITIVE, differences.ALIKE)),
        ([("a", "AB", "review", LOW), ("a", "CD", "review", ZERO), ("a", "EF", "adjudication", ZERO)],
         (ZERO, differences.SETTLED)),
        ([("a", "AB", "review", LOW), ("a", "AB", "review", POSITIVE)], (POSITIVE, differences.ALIKE)),
        ([("gone", "AB", "review", LOW)], (differences.UNDECIDED, differences.UNDECIDED)),
    ],
)  # fmt: skip
def test_what_stands_on_a_cell(rows: list[Row], expected: tuple[str, str]) -> None:
    assert said(rows) == expected


def test_one_reviewer_sees_their_own_decision_and_the_difference_of_all() -> None:
    rows = [("a", "AB", "review", LOW), ("a", "CD", "review", ZERO)]
    assert said(rows, reviewer="CD") == (ZERO, differences.BETWEEN_REVIEWERS)
    assert said(rows, reviewer="nobody") == (differences.UNDECIDED, differences.BETWEEN_REVIEWERS)


def test_a_reviewer_is_compared_with_the_model() -> None:
    assert said([("a", "AB", "review", LOW)], call=POSITIVE)[1] == differences.FROM_MODEL
    assert said([("a", "AB", "review", LOW)], call="HER2-0/low")[1] == differences.ALIKE
    assert said([("a", "AB", "review", _keys.UNSURE)], call=POSITIVE) == (_keys.UNSURE, differences.ALIKE)


@pytest.mark.parametrize("call", _keys.CALLS)
@pytest.mark.parametrize("decision", _keys.REVIEW_DECISIONS)
def test_a_decision_fits_a_call_that_leaves_it_open(decision: str, call: str) -> None:
    open_states = {
        ZERO: {ZERO}, "HER2-0/low": {ZERO, LOW}, LOW: {LOW}, "HER2-low/positive": {LOW, POSITIVE},
        POSITIVE: {POSITIVE}, _keys.NOT_A_CTC: {_keys.NOT_A_CTC},
    }  # fmt: skip
    expected = None if decision == _keys.UNSURE or call == _keys.NOT_CALLABLE else decision in open_states[call]
    assert fits(decision, call) is expected


def test_a_cell_without_a_call_is_compared_with_nobody() -> None:
    assert fits(LOW, "nan") is None
