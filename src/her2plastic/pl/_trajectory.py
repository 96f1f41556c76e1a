"""The order of cells by likeness: the diffusion map, and how the states are joined in the graph of like cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import one_of
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, headed, say
from her2plastic.pl._matrices import Score, draw_scores
from her2plastic.pl._transition_records import recorded
from her2plastic.tl.trajectory_result import AS_BY_CHANCE, INSUFFICIENT, NOT_TOLD_APART, Trajectory

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

Color = Literal["state", "pseudotime"]
COLORS: Final = ("state", "pseudotime")
_REMEDY: Final = "Run her2plastic.tl.trajectory first."


@dataclass(frozen=True)
class TrajectoryData:
    """What :func:`trajectory` draws.

    Attributes
    ----------
    cells
        A row per cell that was laid out: ``x``, ``y`` (the first two moving diffusion components), ``state``,
        ``pseudotime``; without rows for a result alone.
    states
        Names of the states.
    connectivity, expected, p, relation
        ``(states, states)``: of the graph that decides.
    left_out
        Features that this graph was made without.
    status
        ``"ok"``, or what fell short.
    line
        On how much it rests, and whether states lie in the graph more than chance has it.
    """

    cells: pd.DataFrame
    states: tuple[str, ...]
    connectivity: np.ndarray
    expected: np.ndarray
    p: np.ndarray
    relation: np.ndarray
    left_out: tuple[str, ...]
    status: str
    line: str


def prepare_trajectory(source: AnnData | Trajectory) -> TrajectoryData:
    """Return what :func:`trajectory` draws.

    Parameters
    ----------
    source
        Cells after :func:`her2plastic.tl.trajectory`, or its result; then without a map.

    Returns
    -------
    The cells on the map, and how the states are joined.

    Raises
    ------
    MissingKeyError
        If the step was not run.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=3, draws=(0,), n_ctc=60, n_genes=900)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> hp.tl.programmes(cells)
    >>> _ = hp.tl.trajectory(cells, n_null=19)
    >>> data = hp.pl.prepare_trajectory(cells)
    >>> data.cells["state"].value_counts().to_dict()
    {'HER2-0': 94, 'HER2-low': 55, 'HER2-positive': 16}
    """
    if isinstance(source, Trajectory):
        record: Mapping[str, Any] = source.record()
    else:
        record = recorded(source, "trajectory", remedy=_REMEDY)
    links = record.get("links_without") or record["links"]
    status = str(record["status"])
    cells = pd.DataFrame(columns=["x", "y", "state", "pseudotime"])
    if not isinstance(source, Trajectory) and status == "ok" and _keys.DIFFMAP in source.obsm:
        cells = _cells(source)
    return TrajectoryData(
        cells, tuple(map(str, record["states"])), np.asarray(links["connectivity"], dtype=float),
        np.asarray(links["expected"], dtype=float), np.asarray(links["p_adjusted"], dtype=float),
        np.asarray(links["relation"], dtype=object), tuple(map(str, record.get("left_out", ()))), status,
        _line(record, links),
    )  # fmt: skip


def trajectory(source: AnnData | Trajectory, *, color: Color = "state", ax: Axes | None = None) -> Axes:
    """Draw the diffusion map of the cells, and how the states are joined in the graph of like cells.

    The order along the map is one of likeness; it knows neither time nor direction. Connectivity is 1 where two states
    are joined as if at random; beside it stands what shuffled states give.

    Parameters
    ----------
    source
        Cells after :func:`her2plastic.tl.trajectory`, or its result; then without a map.
    color
        What the colours of the map mean: ``state`` or ``pseudotime``.
    ax
        Axes to draw on, which map and matrix share; new ones by default.

    Returns
    -------
    The axes. Where the data are insufficient they hold the reason.

    Raises
    ------
    MissingKeyError
        If the step was not run.
    ParameterError
        If ``color`` is not known.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=3, draws=(0,), n_ctc=60, n_genes=900)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> hp.tl.programmes(cells)
    >>> _ = hp.tl.trajectory(cells, n_null=19)
    >>> ax = hp.pl.trajectory(cells)
    >>> ax.get_title(loc="left")
    'Order of cells by likeness'
    """
    one_of("color", color, COLORS)
    data = prepare_trajectory(source)
    mapped = not data.cells.empty
    with drawing(ax, (10.2, 4.6) if mapped else (5.6, 4.6)) as ax:
        headed(ax, "Order of cells by likeness", data.line)
        if data.status != "ok":
            say(ax, data.status)
            return ax
        if mapped:
            _draw_map(ax.inset_axes((0.03, 0.12, 0.44, 0.86)), data, color)
        panel = ax.inset_axes((0.66, 0.14, 0.34, 0.72) if mapped else (0.26, 0.14, 0.72, 0.72))
        without = f" without {', '.join(data.left_out)}" if data.left_out else ""
        draw_scores(panel, data.states, _scores(data), title=f"connectivity{without} (shuffled)")
        return ax


def _cells(adata: AnnData) -> pd.DataFrame:
    """Return the cells that were laid out, by the first two components that are not the stationary one."""
    components = np.asarray(adata.obsm[_keys.DIFFMAP], dtype=float)
    first = 1 if components.shape[1] > 2 else 0
    pseudotime = adata.obs[_keys.HER2_PSEUDOTIME].to_numpy(dtype=float)
    state = adata.obs[_keys.HER2_STATE].astype(object).to_numpy() if _keys.HER2_STATE in adata.obs else None
    cells = pd.DataFrame({"x": components[:, first], "y": components[:, first + 1], "state": state,
                          "pseudotime": pseudotime})  # fmt: skip
    return cells[np.isfinite(cells["x"])].reset_index(drop=True)


def _line(record: Mapping[str, Any], links: Mapping[str, Any]) -> str:
    numbers = record.get("numbers", {})
    counted = ", ".join(f"{int(n):,} {what}" for what, n in list(numbers.items())[:2])
    if str(record["status"]) != "ok":
        return counted
    test = links["test"]
    found = "cells of one state lie together" if bool(record["found"]) else "states are mixed as by chance"
    return f"{counted}; p = {float(test['p']):.2g}: {found}; likeness, not time"


def _scores(data: TrajectoryData) -> dict[tuple[int, int], Score]:
    """Return what stands in each field: connectivity, what shuffled states give, and the word; each pair once."""
    from textwrap import fill

    scores = {}
    for i in range(len(data.states)):
        for j in range(i + 1, len(data.states)):
            word = str(data.relation[i, j])
            if not np.isfinite(data.connectivity[i, j]) or word == INSUFFICIENT:
                scores[i, j] = Score(np.nan, INSUFFICIENT)
                continue
            sure = word not in (AS_BY_CHANCE, NOT_TOLD_APART)
            value, expected = data.connectivity[i, j], data.expected[i, j]
            shade = float(np.log2(max(value, 1e-3) / max(expected, 1e-3)))
            detail = fill(word, 16) + (f"\np = {data.p[i, j]:.2g}" if np.isfinite(data.p[i, j]) else "")
            scores[i, j] = Score(shade, f"{value:.2f} ({expected:.2f})", detail, bold=sure)
    return scores


def _draw_map(panel: Axes, data: TrajectoryData, color: Color) -> None:
    size = float(np.clip(9000 / max(len(data.cells), 1), 2.5, 24))
    if color == "pseudotime":
        known = data.cells[np.isfinite(data.cells["pseudotime"])]
        drawn = panel.scatter(known["x"], known["y"], c=known["pseudotime"], s=size, cmap="viridis", linewidths=0,
                              rasterized=True)  # fmt: skip
        bar = panel.inset_axes((1.02, 0.0, 0.03, 1.0))
        panel.figure.colorbar(drawn, cax=bar)
        bar.tick_params(labelsize=8)
        bar.set_ylabel("pseudotime", fontsize=8)
    else:
        for place, state in enumerate(data.states):
            look = palette.look_of_state(state, place=place)
            own = data.cells[data.cells["state"] == state]
            panel.scatter(own["x"], own["y"], s=size, color=look.colour, marker=look.marker, alpha=0.7, linewidths=0,
                          rasterized=True, label=state)  # fmt: skip
        panel.legend(loc="upper left", bbox_to_anchor=(0.0, -0.10), ncols=3, frameon=False, borderaxespad=0.0,
                     handletextpad=0.2, columnspacing=1.0, markerscale=1.6)  # fmt: skip
    panel.set(xticks=[], yticks=[], xlabel="diffusion component 1", ylabel="diffusion component 2")
    panel.spines[["top", "right"]].set_visible(False)
