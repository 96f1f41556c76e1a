"""Direction by RNA velocity: arrows on the map of the cells, and the scores between states with what they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, headed, say
from her2plastic.pl._matrices import Score, draw_scores
from her2plastic.pl._transition_records import recorded
from her2plastic.tl.direction_result import FOUND, INSUFFICIENT, Direction

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: Arrows along the longer side of the map, and the cells that an arrow needs around it.
_ARROWS: Final = 22
_LEAST_CELLS: Final = 4
_REMEDY: Final = "Run her2plastic.tl.direction first."


@dataclass(frozen=True)
class DirectionData:
    """What :func:`direction` draws.

    Attributes
    ----------
    result
        The scores and what they rest on.
    cells
        A row per cell on the map: ``x``, ``y``, ``state``; without rows where there is no map with arrows.
    arrows
        A row per arrow of the field: ``x``, ``y``, ``dx``, ``dy`` (the mean of the cells around it).
    """

    result: Direction
    cells: pd.DataFrame
    arrows: pd.DataFrame


def prepare_direction(source: AnnData | Direction) -> DirectionData:
    """Return what :func:`direction` draws.

    Parameters
    ----------
    source
        Cells after :func:`her2plastic.tl.direction`, or its result; then without a map.

    Returns
    -------
    The scores, the cells on the map, and the field of arrows.

    Raises
    ------
    MissingKeyError
        If the step was not run.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> scores = np.array([[np.nan, 0.21, 0.04], [-0.21, np.nan, 0.08], [-0.04, -0.08, np.nan]])  # invented
    >>> p = np.array([[np.nan, 0.005, 0.4], [0.005, np.nan, 0.12], [0.4, 0.12, np.nan]])
    >>> verdict = np.where(p < 0.05, "direction found", "no direction found")
    >>> shuffled = np.random.default_rng(0).normal(0, 0.06, size=199)
    >>> null = hp.models.NullTest.by_simulation("shuffled unspliced counts", "largest score", 0.21, shuffled)
    >>> states = ("HER2-0", "HER2-low", "HER2-positive")
    >>> found = hp.tl.Direction(states, scores, scores - 0.07, scores + 0.07, p, verdict, 0.95, tests=(null,))
    >>> data = hp.pl.prepare_direction(found)
    >>> str(data.result.verdict[0, 1])
    'direction found'
    """
    cells, arrows = pd.DataFrame(columns=["x", "y", "state"]), pd.DataFrame(columns=["x", "y", "dx", "dy"])
    if isinstance(source, Direction):
        return DirectionData(source, cells, arrows)
    result = Direction.from_record(recorded(source, "direction", remedy=_REMEDY))
    if result.status == "ok" and _keys.UMAP in source.obsm and _keys.DIRECTION_UMAP in source.obsm:
        place = np.asarray(source.obsm[_keys.UMAP], dtype=float)
        moves = np.asarray(source.obsm[_keys.DIRECTION_UMAP], dtype=float)
        known = np.isfinite(place).all(axis=1) & np.isfinite(moves).all(axis=1)
        state = source.obs[_keys.HER2_STATE].astype(object) if _keys.HER2_STATE in source.obs else pd.Series()
        cells = pd.DataFrame({"x": place[known, 0], "y": place[known, 1]})
        cells["state"] = state.to_numpy()[known] if len(state) else None
        arrows = _field(place[known], moves[known])
    return DirectionData(result, cells, arrows)


def direction(source: AnnData | Direction, *, ax: Axes | None = None) -> Axes:
    """Draw where RNA velocity points on the map of the cells, and the direction scores between the states.

    The scores have no unit: they say which way, not how fast. The line below them says how many cells and patients
    they rest on, how often as much is seen where nothing moves, and whether a direction was found.

    Parameters
    ----------
    source
        Cells after :func:`her2plastic.tl.direction`, or its result; then without a map.
    ax
        Axes to draw on, which map and scores share; new ones by default.

    Returns
    -------
    The axes. Where the data are insufficient they hold the reason.

    Raises
    ------
    MissingKeyError
        If the step was not run.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> scores = np.array([[np.nan, 0.21, 0.04], [-0.21, np.nan, 0.08], [-0.04, -0.08, np.nan]])  # invented
    >>> p = np.array([[np.nan, 0.005, 0.4], [0.005, np.nan, 0.12], [0.4, 0.12, np.nan]])
    >>> verdict = np.where(p < 0.05, "direction found", "no direction found")
    >>> shuffled = np.random.default_rng(0).normal(0, 0.06, size=199)
    >>> null = hp.models.NullTest.by_simulation("shuffled unspliced counts", "largest score", 0.21, shuffled)
    >>> states = ("HER2-0", "HER2-low", "HER2-positive")
    >>> found = hp.tl.Direction(states, scores, scores - 0.07, scores + 0.07, p, verdict, 0.95, tests=(null,))
    >>> ax = hp.pl.direction(found)  # or of cells after hp.tl.direction
    >>> ax.get_title(loc="left")
    'Direction by RNA velocity'
    """
    data = prepare_direction(source)
    mapped = not data.cells.empty
    with drawing(ax, (10.2, 4.6) if mapped else (5.6, 4.6)) as ax:
        headed(ax, "Direction by RNA velocity", honesty_line(data.result))
        if data.result.status != "ok":
            say(ax, data.result.status)
            return ax
        if mapped:
            _draw_map(ax.inset_axes((0.0, 0.10, 0.47, 0.88)), data)
        panel = ax.inset_axes((0.66, 0.14, 0.34, 0.72) if mapped else (0.26, 0.14, 0.72, 0.72))
        draw_scores(panel, data.result.states, _scores(data.result), title="score from row to column (* found)")
        return ax


def honesty_line(result: Direction) -> str:
    """Return on how much a direction rests, whether it was found, and that it is no rate."""
    counted = ", ".join(f"{number:,.10g} {what}" for what, number in list(result.numbers.items())[:2])
    if result.status != "ok":
        return counted
    p = f"p = {result.tests[0].p:.2g}" if result.tests else "no null was run"
    found = "direction found" if result.found() else "no direction found"
    return f"{counted + '; ' if counted else ''}{p}: {found}; no rate per day"


def _field(place: np.ndarray, moves: np.ndarray) -> pd.DataFrame:
    """Return the mean move of the cells around each point of a grid, where there are enough of them."""
    if not len(place):
        return pd.DataFrame(columns=["x", "y", "dx", "dy"])
    low, high = place.min(axis=0), place.max(axis=0)
    step = float((high - low).max()) / _ARROWS
    if step == 0:
        return pd.DataFrame(columns=["x", "y", "dx", "dy"])
    corner = np.floor((place - low) / step).astype(int)
    frame = pd.DataFrame({"i": corner[:, 0], "j": corner[:, 1], "x": place[:, 0], "y": place[:, 1],
                          "dx": moves[:, 0], "dy": moves[:, 1]})  # fmt: skip
    boxes = frame.groupby(["i", "j"])
    means = boxes[["x", "y", "dx", "dy"]].mean()
    return means[boxes.size() >= _LEAST_CELLS].reset_index(drop=True)


def _draw_map(panel: Axes, data: DirectionData) -> None:
    for place, state in enumerate(data.result.states):
        look = palette.look_of_state(state, place=place)
        own = data.cells[data.cells["state"] == state]
        size = float(np.clip(9000 / max(len(data.cells), 1), 2.5, 22))
        panel.scatter(own["x"], own["y"], s=size, color=look.colour, alpha=0.35, linewidths=0, rasterized=True,
                      marker=look.marker, label=state, zorder=1)  # fmt: skip
    others = data.cells[~data.cells["state"].isin(list(data.result.states))]
    panel.scatter(others["x"], others["y"], s=3, color=palette.MISSING.colour, linewidths=0, rasterized=True, zorder=0)
    if not data.arrows.empty:
        length = np.hypot(data.arrows["dx"], data.arrows["dy"])
        longest = float(np.quantile(length, 0.95)) or 1.0
        reach = float(np.ptp(data.cells["x"]) + np.ptp(data.cells["y"])) / 2 / _ARROWS * 1.5
        panel.quiver(data.arrows["x"], data.arrows["y"], data.arrows["dx"] / longest * reach,
                     data.arrows["dy"] / longest * reach, angles="xy", scale_units="xy", scale=1, width=0.0042,
                     headwidth=4.2, color="#1B2230", zorder=3)  # fmt: skip
    panel.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    panel.spines[["top", "right"]].set_visible(False)
    legend = panel.legend(loc="upper left", bbox_to_anchor=(0.0, -0.09), ncols=3, frameon=False, borderaxespad=0.0,
                          handletextpad=0.2, columnspacing=1.0, markerscale=2.0)  # fmt: skip
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


def _scores(result: Direction) -> dict[tuple[int, int], Score]:
    """Return what stands in each field: the score from row to column, p and interval, or that nothing can be said."""
    scores = {}
    for i in range(len(result.states)):
        for j in range(len(result.states)):
            score, low, high = (float(matrix[i, j]) for matrix in (result.scores, result.lower, result.upper))
            if i == j:
                continue
            if not np.isfinite(score):
                scores[i, j] = Score(np.nan, INSUFFICIENT)
                continue
            found = result.verdict[i, j] == FOUND
            interval = f"\n{_signed(low)} to {_signed(high)}" if np.isfinite(low) and np.isfinite(high) else ""
            detail = f"p = {result.p[i, j]:.2g}{interval}"
            scores[i, j] = Score(score, _signed(score) + ("*" if found else ""), detail, bold=found)
    return scores


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
