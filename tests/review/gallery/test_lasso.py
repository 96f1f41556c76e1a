from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from matplotlib.path import Path

from her2plastic.review.gallery import lasso
from her2plastic.review.gallery.lasso import inside, thinned

PLACES = st.floats(-10, 10, allow_nan=False, width=32)


def test_a_square_holds_what_lies_in_it() -> None:
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]])
    x, y = np.array([2, -1, 5, 2, np.nan]), np.array([2, 2, 2, 9, 2])
    assert inside(x, y, square).tolist() == [True, False, False, False, False]


def test_where_a_line_crosses_itself_the_inner_loop_is_outside() -> None:
    angles = np.arange(5) * 4 * np.pi / 5  # a pentagram
    star = np.column_stack([np.cos(angles), np.sin(angles)])
    assert inside(np.array([0.0, 0.7]), np.array([0.0, 0.0]), star).tolist() == [False, True]


def test_a_line_too_short_holds_nothing() -> None:
    x = np.zeros(3)
    for line in (np.zeros((0, 2)), np.array([[0, 0], [1, 1]]), np.array([[-1, 0], [0, 0], [1, 0]])):
        assert not inside(x, x, line).any()


@settings(max_examples=60)
@given(
    npst.arrays(float, st.tuples(st.integers(3, 9), st.just(2)), elements=PLACES),
    npst.arrays(float, st.tuples(st.integers(1, 40), st.just(2)), elements=PLACES),
)
def test_simple_polygons_hold_what_matplotlib_says(corners: np.ndarray, points: np.ndarray) -> None:
    middle = corners.mean(axis=0)
    away = corners - middle
    order = np.argsort(np.arctan2(away[:, 1], away[:, 0]), kind="stable")
    line = corners[order]  # around the middle: it does not cross itself
    edge = Path(line).contains_points(points, radius=1e-6) != Path(line).contains_points(points, radius=-1e-6)
    expected = Path(line).contains_points(points)
    distinct = len(np.unique(np.round(np.arctan2(*(line - middle).T[::-1]), 6))) == len(line)
    if distinct:
        assert (inside(points[:, 0], points[:, 1], line) == expected)[~edge].all()


def test_points_are_looked_at_in_parts_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 500))
    line = rng.normal(size=(40, 2))
    whole = inside(x, y, line)
    assert whole.any()
    monkeypatch.setattr(lasso, "_AT_ONCE", 100)
    assert np.array_equal(inside(x, y, line), whole)


def test_a_line_is_thinned_and_keeps_its_ends() -> None:
    line = np.column_stack([np.linspace(0, 10, 101), np.zeros(101)])
    kept = thinned(line, least=1.0)
    assert len(kept) < 15
    assert kept[0].tolist() == [0, 0]
    assert kept[-1].tolist() == [10, 0]
    assert np.diff(kept[:-1, 0]).min() >= 1.0 - 1e-9
    assert len(thinned(line[:2], least=5.0)) == 2
