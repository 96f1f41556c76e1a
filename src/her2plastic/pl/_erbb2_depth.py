"""ERBB2 against depth, with what would be called there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import counts, obs_column, row_sums, step_record
from her2plastic.pl import palette
from her2plastic.pl._axes import ZERO_GAP, drawing, floor_decade, log_position, log_ticks, say, scatter_groups
from her2plastic.pl._her2_regions import region_calls

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

REMEDY = "Run her2plastic.tl.her2_state first."
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
        A row per CTC with counts: ``depth``, ``erbb2_count``, ``call``, ``confidence``.
    regions
        Calls over depth and count; None where there are several assays, or the calibration has none.
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
    """
    frame = pd.DataFrame(
        {
            "erbb2_count": obs_column(adata, _keys.ERBB2_COUNT, remedy=REMEDY).to_numpy(dtype=float),
            "depth": _depth(adata),
            "call": obs_column(adata, _keys.HER2_CALL, remedy=REMEDY).astype(object).to_numpy(),
            "confidence": obs_column(adata, _keys.HER2_CONFIDENCE, remedy=REMEDY).to_numpy(dtype=float),
        },
        index=adata.obs_names,
    )
    kept = (frame["call"] != _keys.NOT_A_CTC) & (frame["depth"] > 0) & frame["erbb2_count"].notna()
    cells = frame[kept]
    return ERBB2DepthData(cells, None if cells.empty else _regions(adata, cells))


def erbb2_depth(adata: AnnData, *, ax: Axes | None = None) -> Axes:
    """Draw each CTC's ERBB2 count against its depth, over what would be called there.

    The shading is the call of a cell of which nothing else is known; a cell's own call (its colour) also rests on the
    other cells of its donor.

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
    """
    data = prepare_erbb2_depth(adata)
    with drawing(ax, (7.4, 4.8)) as ax:
        ax.set(xlabel="depth (counts per cell)", ylabel="ERBB2 (counts)")
        if data.cells.empty:
            say(ax, f"no CTC with counts among {adata.n_obs:,} cells")
            return ax
        cells = data.cells.assign(
            x=np.log10(data.cells["depth"]), y=log_position(data.cells["erbb2_count"].to_numpy(), 0)
        )
        if data.regions is not None:
            _shade(ax, data.regions)
        shaded = () if data.regions is None else tuple(np.unique(data.regions.call.astype(str)))
        scatter_groups(ax, cells, "call", palette.CALLS, behind=(_keys.NOT_CALLABLE,), listed=shaded)
        log_ticks(ax, "y", np.append(cells["y"].to_numpy(), [-ZERO_GAP, 1.0]), 0)
        log_ticks(ax, "x", cells["x"].to_numpy(), floor_decade(cells["depth"].to_numpy()))
        margin = 0.08
        ax.set_xlim(cells["x"].min() - margin, cells["x"].max() + margin)
        ax.set_title(f"{len(cells):,} CTCs{'; shading: call from count and depth alone' if shaded else ''}", loc="left")
        return ax


def _depth(adata: AnnData) -> np.ndarray:
    if _keys.DEPTH in adata.obs:
        return adata.obs[_keys.DEPTH].to_numpy(dtype=float)
    return row_sums(counts(adata, needed_by="pl.erbb2_depth"))


def _regions(adata: AnnData, cells: pd.DataFrame) -> Regions | None:
    record = step_record(adata, "her2_state")
    assays = list(record.get("assays", {})) or [""]
    if "calibration" not in record or len(assays) > 1:
        return None
    low, high = np.log10(cells["depth"].min()) - 0.1, np.log10(cells["depth"].max()) + 0.1
    depth = np.logspace(low, high, _STEPS + 1)
    top = np.log10(max(float(cells["erbb2_count"].max()), 10.0)) + 0.2
    count = np.logspace(-0.15, top, _STEPS + 1)
    middle_depth = np.sqrt(depth[1:] * depth[:-1])
    middle_count = np.concatenate([[0.0], np.sqrt(count[1:] * count[:-1])])
    grid_count, grid_depth = np.meshgrid(middle_count, middle_depth, indexing="ij")
    call = region_calls(record, str(assays[0]), grid_count.ravel(), grid_depth.ravel())
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
