from __future__ import annotations

import numpy as np
from anndata import AnnData

from her2plastic import _keys
from her2plastic.review.gallery.cell_columns import CellColumns
from her2plastic.review.gallery.plot_scene import NEAR, PlotScene, frame_of, plot_of

FRAME = frame_of(480, 358)  # 400 by 300 pixels


def scene(x: list[float], y: list[float]) -> PlotScene:
    """Return a plot of points between 0 and 10."""
    from her2plastic.review.gallery.plot_axis import PlotAxis

    axis = PlotAxis(0.0, 10.0)
    return PlotScene(np.array(x), np.array(y), axis, axis, "x", "y", np.ones(len(x), dtype=bool))


def test_points_lie_where_their_values_are() -> None:
    plot = scene([0, 10, 5], [0, 10, 5])
    x, y = plot.pixels(FRAME)
    assert x.tolist() == [FRAME.left, FRAME.right, (FRAME.left + FRAME.right) / 2]
    assert y.tolist() == [FRAME.bottom, FRAME.top, (FRAME.top + FRAME.bottom) / 2]


def test_columns_are_plotted_and_cells_without_a_place_are_counted(cells: AnnData) -> None:
    columns, drawn = CellColumns(cells), np.ones(cells.n_obs, dtype=bool)
    plot = plot_of(columns, x="CK_cell_mean", y=_keys.KIND, drawn=drawn, x_scale="log")
    negative = int((columns.numbers("CK_cell_mean") <= 0).sum())
    assert plot.without_place == negative > 0
    assert (plot.x_name, plot.y_axis.words) == ("CK_cell_mean (intensity)", ("cell", "debris"))
    assert plot_of(columns, x="cell_area_um2", y="CK_cell_mean", drawn=drawn).x_name == "cell_area_um2 (µm²)"


def test_the_nearest_point_is_pointed_at_and_of_two_on_each_other_the_one_on_top() -> None:
    plot = scene([2, 8, 8], [2, 8, 8])
    x, y = plot.pixels(FRAME)
    assert plot.near(FRAME, x[0] + 3, y[0]) == 0
    assert plot.near(FRAME, x[0] + NEAR + 3, y[0]) is None
    assert plot.near(FRAME, x[1], y[1]) == plot.seen(FRAME)[np.isin(plot.seen(FRAME), [1, 2])][-1]


def test_a_lasso_holds_cells_that_are_drawn() -> None:
    plot = scene([2, 5, np.nan], [2, 5, 5])
    whole = np.array([[0, 0], [500, 0], [500, 400], [0, 400]])
    assert plot.within(FRAME, whole).tolist() == [0, 1]


def test_zoom_and_move_keep_what_is_under_the_hand() -> None:
    plot = scene([2, 5], [2, 5])
    x, y = plot.pixels(FRAME)
    nearer = plot.zoomed(FRAME, 0.5, x[0], y[0])
    after = nearer.pixels(FRAME)
    assert np.allclose((after[0][0], after[1][0]), (x[0], y[0]))
    assert np.allclose(after[0][1] - after[0][0], 2 * (x[1] - x[0]))
    moved = plot.moved(FRAME, 30, -12).pixels(FRAME)
    assert np.allclose(moved[0] - x, 30)
    assert np.allclose(moved[1] - y, -12)
    assert nearer.zoomed(FRAME, 0.1, x[0], y[0]).seen(FRAME).tolist() == [0]


def test_keys_go_from_point_to_point() -> None:
    plot = scene([1, 5, 9, 5], [5, 5, 5, 9])
    assert plot.beside(FRAME, None, across=1, down=0) == 1  # the one in the middle
    assert plot.beside(FRAME, 1, across=1, down=0) == 2
    assert plot.beside(FRAME, 1, across=-1, down=0) == 0
    assert plot.beside(FRAME, 1, across=0, down=-1) == 3
    assert plot.beside(FRAME, 2, across=1, down=0) == 2  # nothing further
    assert scene([np.nan], [1.0]).beside(FRAME, None, across=1, down=0) is None


def test_points_are_drawn_in_a_shuffled_order_that_does_not_change(cells: AnnData) -> None:
    columns, drawn = CellColumns(cells), np.ones(cells.n_obs, dtype=bool)
    first, second = (plot_of(columns, x="CK_cell_mean", y="HER2_cell_mean", drawn=drawn) for _ in range(2))
    order = first.seen(FRAME)
    assert np.array_equal(order, second.seen(FRAME))
    assert sorted(order) == list(range(cells.n_obs)) != order.tolist()
