"""How often cells of a depth get a call: how deep is deep enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import ParameterError
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._called_ctcs import called_ctcs

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: Steps of a decade at which a bin may begin.
STEPS: Final = (1, 2, 5)
#: Pieces of a bar below this share hold no number.
_LEAST_NAMED = 0.06


def prepare_calls_by_depth(adata: AnnData, *, min_cells: int = 20) -> pd.DataFrame:
    """Return what :func:`calls_by_depth` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state`.
    min_cells
        CTCs that a bin holds at least; bins with fewer are joined with the next deeper one, the deepest with the one
        before.

    Returns
    -------
    A row per bin of depth, from the shallowest: ``depth_from`` (inclusive) and ``depth_to`` (exclusive) in counts per
    cell, ``n_ctc``, and the shares of CTCs called ``one state``, narrowed to ``two states``, and ``not callable``,
    which add up to 1. Control cells are left out.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> data = hp.pl.prepare_calls_by_depth(cells)
    >>> print(data.round(2).to_string(index=False))
     depth_from  depth_to  n_ctc  one state  two states  not callable
          200.0    5000.0     28        0.0        0.64          0.36
         5000.0   10000.0     21        0.0        0.76          0.24
        10000.0  100000.0     24        0.0        0.62          0.38
    """
    if min_cells < 1:
        raise ParameterError(f"min_cells={min_cells!r}: expected a whole number above 0")
    cells = called_ctcs(adata, needed_by="pl.calls_by_depth")
    kinds = list(palette.CERTAINTY)
    if cells.empty:
        return pd.DataFrame(columns=["depth_from", "depth_to", "n_ctc", *kinds], dtype=float)
    kind = np.where(cells["call"].isin(_keys.STATES), kinds[0], kinds[1])
    kind = np.where(cells["call"] == _keys.NOT_CALLABLE, kinds[2], kind)
    edges = _edges(cells["depth"].to_numpy(), min_cells)
    bins = pd.Series(np.digitize(cells["depth"], edges), index=cells.index)
    table = pd.crosstab(bins, kind).reindex(columns=kinds, fill_value=0)
    n_ctc = table.sum(axis=1)
    frame = pd.DataFrame({"depth_from": edges[:-1], "depth_to": edges[1:], "n_ctc": n_ctc.to_numpy()})
    return pd.concat([frame, table.div(n_ctc, axis=0).reset_index(drop=True)], axis=1)


def calls_by_depth(adata: AnnData, *, min_cells: int = 20, ax: Axes | None = None) -> Axes:
    """Draw the share of CTCs with a call by how deeply they were sequenced.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state`.
    min_cells
        CTCs that a bin of depth holds at least; smaller ones are joined.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If there are no HER2 calls.
    ParameterError
        If ``min_cells`` is below 1.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> ax = hp.pl.calls_by_depth(cells)
    >>> ax.get_title(loc="left")
    '73 CTCs'
    """
    bins = prepare_calls_by_depth(adata, min_cells=min_cells)
    with drawing(ax, (6.4, 4.4)) as ax:
        ax.set(xlabel="depth (counts per cell)", ylabel="share of CTCs")
        if bins.empty:
            say(ax, f"no CTC with counts among {adata.n_obs:,} cells")
            return ax
        _draw_bars(ax, bins)
        edges = [*bins["depth_from"], bins["depth_to"].iloc[-1]]
        ax.set_xticks(np.arange(len(edges)) - 0.5, [_short(edge) for edge in edges])
        ax.set_yticks(np.linspace(0, 1, 5), [f"{share:.0%}" for share in np.linspace(0, 1, 5)])
        ax.set(ylim=(0, 1), xlim=(-0.6, len(bins) - 0.4))
        ax.annotate("CTCs", (0, 1.015), xycoords="axes fraction", xytext=(-6, 0), textcoords="offset points",
                    ha="right", va="bottom", fontsize=9)  # fmt: skip
        ax.set_title(f"{int(bins['n_ctc'].sum()):,} CTCs", loc="left", pad=20)
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0.0, reverse=True)
        return ax


def _draw_bars(ax: Axes, bins: pd.DataFrame) -> None:
    places, bottom = [float(place) for place in range(len(bins))], np.zeros(len(bins))
    for kind, look in palette.CERTAINTY.items():
        share = bins[kind].to_numpy(dtype=float)
        ax.bar(places, share, bottom=bottom, width=0.94, color=look.colour, edgecolor="white", linewidth=0.8,
               label=kind)  # fmt: skip
        for place, part, start in zip(places, share, bottom, strict=True):
            if part >= _LEAST_NAMED:
                ax.text(place, start + part / 2, f"{part:.0%}", ha="center", va="center", fontsize=9,
                        color="white" if kind == "one state" else "#1A1A1A")  # fmt: skip
        bottom += share
    for place, n_ctc in zip(places, bins["n_ctc"], strict=True):
        ax.text(place, 1.015, f"{int(n_ctc):,}", ha="center", va="bottom", fontsize=9)


def _edges(depth: np.ndarray, min_cells: int) -> np.ndarray:
    """Return edges of bins from the 1-2-5 series, each bin with enough cells where there are enough at all."""
    decades = np.arange(np.floor(np.log10(depth.min())), np.ceil(np.log10(depth.max())) + 1)
    series = np.multiply.outer(10.0**decades, STEPS).ravel()
    inner = series[(series > depth.min()) & (series <= depth.max())]
    edges = [float(series[series <= depth.min()][-1])]
    for edge in inner:
        below = ((depth >= edges[-1]) & (depth < edge)).sum()
        if below >= min_cells and (depth >= edge).sum() >= min_cells:
            edges.append(float(edge))
    return np.array([*edges, float(series[series > depth.max()][0])])


def _short(value: float) -> str:
    """Return a depth in few letters: 500, 20,000, 2 million."""
    return f"{value / 1e6:g} million" if value >= 1e6 else f"{value:,.0f}"
