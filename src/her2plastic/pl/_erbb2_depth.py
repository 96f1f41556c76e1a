"""ERBB2 against depth, with what would be called there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column, step_record
from her2plastic.pl import palette
from her2plastic.pl._axes import ZERO_GAP, drawing, floor_decade, log_position, log_ticks, say, scatter_groups
from her2plastic.pl._called_ctcs import REMEDY, called_ctcs
from her2plastic.pl._her2_regions import region_calls

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

_STEPS = 200
#: Share of white in the shading.
_PALE = 0.74


@dataclass(frozen=True)
class Regions:
    """Calls on a grid.

    Parameters
    ----------
    depth, count
        Edges of the grid; the first row of calls is that of count 0 and has no edges.
    call
        Shape ``(counts, depths)``: words of ``her2_call``.
    """

    depth: np.ndarray
    count: np.ndarray
    call: np.ndarray


@dataclass(frozen=True)
class ERBB2DepthData:
    """What :func:`erbb2_depth` draws.

    Parameters
    ----------
    cells
        A row per CTC with counts, without control cells: ``depth``, ``erbb2_count``, ``call``, ``confidence``,
        ``call_alone`` (the call that count and depth alone would give) and ``by_donor`` (the call is another one,
        because of the donor's other cells).
    regions
        Calls over depth and count; None where there are several assays, or the calibration has none. Then
        ``call_alone`` is missing.
    """

    cells: pd.DataFrame
    regions: Regions | None


def prepare_erbb2_depth(adata: AnnData) -> ERBB2DepthData:
    """Return what :func:`erbb2_depth` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state` on counts.

    Returns
    -------
    The CTCs and the shading.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> data = hp.pl.prepare_erbb2_depth(cells)
    >>> print(data.cells[["depth", "erbb2_count", "call", "by_donor"]].head(3).round(2).to_string(index=False))
      depth  erbb2_count         call  by_donor
     9331.0          0.0   HER2-0/low     False
    11131.0          3.0 not callable      True
    19889.0          2.0 not callable     False
    """
    count = obs_column(adata, _keys.ERBB2_COUNT, remedy=REMEDY).astype(float)
    confidence = obs_column(adata, _keys.HER2_CONFIDENCE, remedy=REMEDY).astype(float)
    cells = called_ctcs(adata, needed_by="pl.erbb2_depth")
    cells = cells.assign(erbb2_count=count.loc[cells.index], confidence=confidence.loc[cells.index])
    cells = cells[cells["erbb2_count"].notna()]
    alone = None if cells.empty else _calls_alone(adata, cells["erbb2_count"].to_numpy(), cells["depth"].to_numpy())
    cells["call_alone"] = pd.Series(alone, index=cells.index, dtype=object)
    cells["by_donor"] = cells["call_alone"].notna() & (cells["call_alone"] != cells["call"])
    return ERBB2DepthData(cells, None if alone is None else _regions(adata, cells))


def erbb2_depth(adata: AnnData, *, ax: Axes | None = None) -> Axes:
    """Draw each CTC's ERBB2 count against its depth, over what would be called there.

    The shading is the call of a cell of which nothing else is known; a cell's own call (its colour) also rests on the
    other cells of its donor. Where these change the call, the marker is open. Control cells are left out.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state` on counts.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If there are no HER2 states, or they are not from counts.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> ax = hp.pl.erbb2_depth(cells)
    >>> ax.get_title(loc="left")
    '73 CTCs'
    """
    data = prepare_erbb2_depth(adata)
    with drawing(ax, (7.4, 4.8)) as ax:
        ax.set(xlabel="depth (counts per cell)", ylabel="ERBB2 (counts)")
        if data.cells.empty:
            say(ax, f"no CTC with counts among {adata.n_obs:,} cells")
            return ax
        cells = data.cells.assign(
            x=np.log10(data.cells["depth"]), y=_spread(log_position(data.cells["erbb2_count"].to_numpy(), 0))
        )
        shaded: tuple[str, ...] = ()
        if data.regions is not None:
            _shade(ax, data.regions)
            shaded = tuple(np.unique(data.regions.call.astype(str)))
        scatter_groups(ax, cells, "call", palette.CALLS, behind=(_keys.NOT_CALLABLE,), listed=shaded,
                       hollow="by_donor", notes=_notes(int(cells["by_donor"].sum())) if shaded else ())  # fmt: skip
        log_ticks(ax, "y", np.append(cells["y"].to_numpy(), [-ZERO_GAP, 1.0]), 0)
        log_ticks(ax, "x", cells["x"].to_numpy(), floor_decade(cells["depth"].to_numpy()))
        margin = 0.08
        ax.set_xlim(cells["x"].min() - margin, cells["x"].max() + margin)
        ax.set_title(f"{len(cells):,} CTCs", loc="left")
        return ax


def _spread(position: np.ndarray) -> np.ndarray:
    """Move points of one small count apart, by far less than the way to the next count."""
    counted = position >= 0  # those of count 0 lie below and are spread already
    step = np.log10(1.0 + 10.0 ** -position[counted])
    spread = np.zeros(position.shape)
    spread[counted] = 0.4 * step * (np.random.default_rng(0).random(int(counted.sum())) - 0.5)
    return position + spread


def _notes(n_by_donor: int) -> list[Any]:
    """Return what the legend says of open markers and of the shading."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shading = Patch(facecolor="#E4E4E4", label="shading: call from\ncount and depth alone")
    if n_by_donor == 0:
        return [shading]
    label = f"open: changed by the\ndonor's other cells ({n_by_donor:,})"
    marker = Line2D([], [], linestyle="", marker="o", markersize=7, markerfacecolor="white", markeredgecolor="#555555",
                    label=label)  # fmt: skip
    return [shading, marker]


def _calls_alone(adata: AnnData, count: np.ndarray, depth: np.ndarray) -> np.ndarray | None:
    """Return the calls of cells of which nothing but count and depth is known, None where there are several assays."""
    record = step_record(adata, "her2_state")
    assays = list(record.get("assays", {})) or [""]
    if "calibration" not in record or len(assays) > 1:
        return None
    return region_calls(record, str(assays[0]), count, depth)


def _regions(adata: AnnData, cells: pd.DataFrame) -> Regions | None:
    low, high = np.log10(cells["depth"].min()) - 0.1, np.log10(cells["depth"].max()) + 0.1
    depth = np.logspace(low, high, _STEPS + 1)
    top = np.log10(max(float(cells["erbb2_count"].max()), 10.0)) + 0.2
    count = np.logspace(-0.15, top, _STEPS + 1)
    middle_depth = np.sqrt(depth[1:] * depth[:-1])
    middle_count = np.concatenate([[0.0], np.sqrt(count[1:] * count[:-1])])
    grid_count, grid_depth = np.meshgrid(middle_count, middle_depth, indexing="ij")
    call = _calls_alone(adata, grid_count.ravel(), grid_depth.ravel())
    return None if call is None else Regions(depth, count, call.reshape(grid_count.shape))


def _shade(ax: Axes, regions: Regions) -> None:
    from matplotlib.colors import to_rgb

    names = list(palette.CALLS)
    colours = np.array([to_rgb(palette.CALLS[name].colour) for name in names])
    shades = 1.0 - (1.0 - colours[pd.Index(names).get_indexer(pd.Index(regions.call.ravel()))]) * (1.0 - _PALE)
    shades = shades.reshape(*regions.call.shape, 3)
    depth = np.log10(regions.depth)
    zero = [-ZERO_GAP - 0.4, np.log10(regions.count[0])]
    ax.pcolormesh(depth, zero, shades[:1], rasterized=True, zorder=0)
    ax.pcolormesh(depth, np.log10(regions.count), shades[1:], rasterized=True, zorder=0)
