from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from her2plastic import _keys, pl, tl
from her2plastic._errors import ParameterError

TOP_TO_BOTTOM = tuple(reversed(_keys.STATES))


def drawn(adata: Any, size: tuple[float, float] = (9.6, 5.8), **arguments: Any) -> Axes:
    figure = Figure(figsize=size, layout="constrained")
    ax = pl.composition(adata, ax=figure.subplots(), **arguments)
    figure.savefig(BytesIO(), format="png", dpi=50)
    return ax


def made_up_shares(n_donors: int, n_draws: int) -> tl.HER2Shares:
    """Shares of donors and draws; the second draw of the first donor has no CTC."""
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        [(f"P{donor:02d}", 21.0 * draw) for donor in range(n_donors) for draw in range(n_draws)],
        columns=["donor_id", "draw_day"],
    )
    rows["n_ctc"] = generator.integers(1, 2000, len(rows))
    shares = generator.dirichlet([1, 1, 1], len(rows))
    for state, share in zip(_keys.STATES, shares.T, strict=True):
        rows[f"share_{state}"], rows[f"lower_{state}"], rows[f"upper_{state}"] = share, share / 2, (1 + share) / 2
    if n_draws > 1:
        rows.loc[1, "n_ctc"] = 0
        rows.loc[1, list(rows.columns[3:])] = np.nan
    return tl.HER2Shares(rows, ("donor_id", "draw_day"), 0.9)


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def below(ax: Axes) -> list[Annotation]:
    """What is written below the bands, but for the names of the rows."""
    notes = [text for text in ax.texts if isinstance(text, Annotation)]
    return [note for note in notes if note.get_horizontalalignment() == "center" and note.xy[1] == 0]


def test_dots_and_bars_stand_at_shares_and_intervals(cells):
    shares = made_up_shares(4, 2)
    ax, draws = drawn(cells, shares=shares), pl.prepare_composition(cells, shares=shares).draws
    bottoms = ax.get_yticks()[::3]
    dots = [np.asarray(points.get_offsets()) for points in ax.collections if points.get_zorder() == 4]
    for state, points, bottom in zip(TOP_TO_BOTTOM, dots, bottoms, strict=True):
        known = draws[draws[f"share_{state}"].notna()]
        points = points[np.isfinite(points[:, 1])]
        assert np.allclose(points[:, 0], known["position"])
        assert np.allclose(points[:, 1] - bottom, known[f"share_{state}"])
    bars = [lines for lines in ax.collections if lines.get_zorder() == 3]
    for state, lines, bottom in zip(TOP_TO_BOTTOM, bars, bottoms, strict=True):
        ends = np.array([np.asarray(path.vertices)[:, 1] for path in lines.get_paths()]) - bottom
        assert np.allclose(ends, draws[[f"lower_{state}", f"upper_{state}"]].dropna())
    assert [word for word in words(ax) if word in _keys.STATES] == list(TOP_TO_BOTTOM)


@pytest.mark.parametrize("n_draws", [2, 3])
def test_numbers_days_and_donors_stand_below(cells, n_draws):
    shares = made_up_shares(4, n_draws)
    ax, draws = drawn(cells, shares=shares), pl.prepare_composition(cells, shares=shares).draws
    notes = below(ax)
    for row in draws.to_dict("records"):
        column = [note.get_text() for note in notes if note.xy[0] == row["position"]]
        assert column[:2] == [f"{row['n_ctc']:,}", row["draw"]]
    assert [note.get_text() for note in notes[-4:]] == ["P00", "P01", "P02", "P03"]
    assert {"CTCs", "day", "donor"} <= set(words(ax))
    assert ax.get_title(loc="left") == f"{draws['n_ctc'].sum():,} CTCs, 4 donors, {4 * n_draws} draws"


def test_draws_of_one_donor_are_joined_and_a_draw_without_ctc_breaks_the_line(cells):
    ax = drawn(cells, shares=made_up_shares(3, 3))
    assert words(ax).count("no CTC") == 3
    joined = [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]
    assert len(joined) == 3 * 3
    broken = [line for line in joined if np.isnan(line).any()]
    assert len(broken) == 3
    assert all(np.isnan(line).tolist() == [False, True, False] for line in broken)


def test_a_rule_has_one_band(cells):
    tl.her2_state(cells, calibration="jordan2016")
    ax = drawn(cells)
    assert [word for word in words(ax) if word in _keys.STATES] == ["HER2-positive"]
    assert len([points for points in ax.collections if points.get_zorder() == 4]) == 1


@pytest.mark.parametrize(("n_donors", "n_draws"), [(1, 1), (1, 4), (6, 3), (12, 4), (40, 1), (40, 4)])
def test_every_donor_is_named_once_and_nothing_runs_into_its_neighbour(cells, n_donors, n_draws):
    figure = Figure(figsize=(9.6, 5.8), layout="constrained")
    ax = pl.composition(cells, shares=made_up_shares(n_donors, n_draws), ax=figure.subplots())
    figure.draw_without_rendering()
    notes = below(ax)
    named = [note.get_text() for note in notes if note.get_text().startswith("P")]
    assert named == [f"P{donor:02d}" for donor in range(n_donors)]
    boxes = [note.get_window_extent() for note in notes]
    assert sum(one.overlaps(other) for k, one in enumerate(boxes) for other in boxes[:k]) == 0
    inside = ax.get_window_extent()
    assert all(box.x0 > inside.x0 - 20 and box.x1 < inside.x1 + 20 for box in boxes)


def test_numbers_become_bars_where_they_do_not_fit(cells):
    shares = made_up_shares(40, 4)
    ax = drawn(cells, shares=shares)
    n_ctc = shares.frame["n_ctc"].to_numpy()
    bars = [patch for patch in ax.patches if patch.get_zorder() == 2]
    heights = np.array([bar.get_height() for bar in bars])  # type: ignore[attr-defined]
    assert len(bars) == len(n_ctc)
    assert (heights > 0).tolist() == (n_ctc > 0).tolist()
    assert np.argsort(heights).tolist() == np.argsort(n_ctc).tolist()
    assert any("dotted: no CTC" in word for word in words(ax))


def test_few_draws_show_their_shares(cells):
    shares = made_up_shares(1, 2)
    wanted = [f"{shares.frame[f'share_{state}'].iloc[0]:.0%}" for state in TOP_TO_BOTTOM]
    assert [word for word in words(drawn(cells, shares=shares)) if word.endswith("%")] == wanted


def test_names_are_shown_as_they_are_and_long_ones_shortened(cells):
    shares = made_up_shares(2, 2)
    names = {"P00": r"<b>$\frac$</b>", "P01": "a-very-long-name-of-a-donor-that-fits-nowhere"}
    shares.frame["donor_id"] = shares.frame["donor_id"].map(names)
    shown = words(drawn(cells, shares=shares))
    assert names["P00"] in shown
    assert "a-very-long-\N{HORIZONTAL ELLIPSIS}its-nowhere" in shown
    assert names["P01"] not in shown
    stacked = drawn(cells, shares=shares, kind="stacked")
    assert [label.get_text() for label in stacked.get_xticklabels(minor=True)] == list(names.values())


# --- stacked ------------------------------------------------------------------------------------------------------
def test_stacked_numbers_stand_above_bars_and_donors_below(cells):
    shares = made_up_shares(4, 2)
    ax, draws = drawn(cells, shares=shares, kind="stacked"), pl.prepare_composition(cells, shares=shares).draws
    above = {text.get_position()[0]: text.get_text() for text in ax.texts if text.get_text()[0].isdigit()}
    assert above == {position: f"{n:,}" for position, n in zip(draws["position"], draws["n_ctc"], strict=True)}
    assert [label.get_text() for label in ax.get_xticklabels(minor=True)] == ["P00", "P01", "P02", "P03"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "21"] * 4


def test_stacked_bars_add_up(cells):
    heights: dict[float, float] = {}
    for patch in drawn(cells, shares=made_up_shares(4, 2), kind="stacked").patches:
        centre = round(patch.get_x() + patch.get_width() / 2, 6)  # type: ignore[attr-defined]
        heights[centre] = heights.get(centre, 0) + patch.get_height()  # type: ignore[attr-defined]
    assert np.allclose(list(heights.values()), 1, atol=1e-6)


def test_stacked_bars_of_a_rule_and_of_a_draw_without_ctc(cells):
    first = (cells.obs["donor_id"] == "D01") & (cells.obs[_keys.DRAW_DAY] == 0)
    cells.obs.loc[first, _keys.IS_CTC] = False
    tl.her2_state(cells, calibration="jordan2016")
    ax = drawn(cells, kind="stacked")
    legend = ax.get_legend()
    assert legend is not None
    assert "no CTC" in words(ax)
    assert [text.get_text() for text in legend.get_texts()][:2] == ["not positive", "HER2-positive"]


def test_an_unknown_kind_is_refused(cells):
    with pytest.raises(ParameterError, match="'intervals', 'stacked'"):
        pl.composition(cells, kind="pie")
