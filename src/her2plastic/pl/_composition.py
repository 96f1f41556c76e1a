"""Shares of the HER2 states per donor and draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys, tl
from her2plastic._errors import ParameterError
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: More bars than this are not readable: draws are then shown together, one bar per donor.
MOST_BARS = 60
#: Space between donors, in bars.
_GAP = 0.8
_WHISKER = 0.16


@dataclass(frozen=True)
class CompositionData:
    """What :func:`composition` draws.

    Parameters
    ----------
    bars
        A row per bar: the grouping columns, ``donor``, ``draw`` (text), ``position``, ``n_ctc``, per state ``share_``,
        ``lower_`` and ``upper_``, and ``note``.
    by
        The grouping columns.
    level
        Coverage of the intervals.
    """

    bars: pd.DataFrame
    by: tuple[str, ...]
    level: float


def prepare_composition(
    adata: AnnData, *, by: Sequence[str] | None = None, level: float = 0.9, shares: tl.HER2Shares | None = None
) -> CompositionData:
    """Return what :func:`composition` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state`.
    by
        One or two columns of ``obs``: the donor, or the donor and the draw. By default both where there are several
        draws and at most 60 bars, else the donor.
    level
        Coverage of the intervals.
    shares
        Shares that were computed before; then ``by`` and ``level`` are theirs.

    Returns
    -------
    Bars in order of donor and draw, with their places.
    """
    if shares is None:
        shares = tl.her2_shares(adata, by=_default_by(adata) if by is None else tuple(by), level=level)
    columns = tuple(shares.by)
    if len(columns) not in (1, 2):
        raise ParameterError(f"by={columns!r}: expected one or two columns, the donor and the draw")
    bars = shares.to_frame().sort_values(list(columns), kind="stable").reset_index(drop=True)
    bars["donor"] = bars[columns[0]].astype(str)
    bars["draw"] = [_short(value) for value in bars[columns[1]]] if len(columns) == 2 else ""
    new_donor = bars["donor"].ne(bars["donor"].shift()).to_numpy()
    gap = _GAP if len(columns) == 2 else 0.0
    bars["position"] = np.arange(len(bars)) + gap * (np.cumsum(new_donor) - 1.0)
    return CompositionData(bars, columns, shares.level)


def composition(
    adata: AnnData,
    *,
    by: Sequence[str] | None = None,
    level: float = 0.9,
    shares: tl.HER2Shares | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of each HER2 state per donor and draw, with intervals and the number of CTCs.

    HER2-positive stands at the foot of each bar and HER2-0 at its top; the whisker on each of the two borders is the
    interval of that share. The number above a bar is its number of CTCs.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state`.
    by
        One or two columns of ``obs``: the donor, or the donor and the draw. By default both where there are several
        draws and at most 60 bars, else the donor.
    level
        Coverage of the intervals.
    shares
        Shares that were computed before by :func:`her2plastic.tl.her2_shares`; then ``by`` and ``level`` are theirs.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If the HER2 states or a column of ``by`` are not there.
    ParameterError
        If ``by`` holds more than two columns.
    """
    data = prepare_composition(adata, by=by, level=level, shares=shares)
    bars = data.bars
    with drawing(ax, (float(np.clip(3.4 + 0.24 * len(bars), 6.0, 15.0)), 4.6)) as ax:
        ax.set(ylabel="share of CTCs")
        if bars.empty or not (bars["n_ctc"] > 0).any():
            say(ax, f"no CTC among {adata.n_obs:,} cells")
            return ax
        _draw_bars(ax, bars)
        _draw_whiskers(ax, bars)
        _label(ax, data)
        return ax


def _default_by(adata: AnnData) -> tuple[str, ...]:
    donor = (_keys.DONOR_ID,)
    if _keys.DRAW_DAY not in adata.obs or _keys.DONOR_ID not in adata.obs or adata.obs[_keys.DRAW_DAY].isna().any():
        return donor
    pairs = pd.DataFrame({key: adata.obs[key] for key in (_keys.DONOR_ID, _keys.DRAW_DAY)}).drop_duplicates()
    several = pairs[_keys.DRAW_DAY].nunique() > 1
    return (*donor, _keys.DRAW_DAY) if several and len(pairs) <= MOST_BARS else donor


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)


def _draw_bars(ax: Axes, bars: pd.DataFrame) -> None:
    known = bars[bars["share_HER2-positive"].notna()]
    bottom = np.zeros(len(known))
    for state in reversed(_keys.STATES):
        share = known[f"share_{state}"].to_numpy(dtype=float)
        if np.isnan(share).all():
            continue
        look = palette.STATES[state]
        ax.bar(known["position"], np.nan_to_num(share), bottom=bottom, width=0.86, color=look.colour,
               hatch=look.hatch, edgecolor="white", linewidth=0.5)  # fmt: skip
        bottom = bottom + np.nan_to_num(share)
    rest = 1.0 - bottom
    if (rest > 1e-6).any():  # a published rule knows the positive share alone
        ax.bar(known["position"], rest, bottom=bottom, width=0.86, color=palette.MISSING.colour, edgecolor="white")
    empty = bars[bars["share_HER2-positive"].isna()]
    ax.bar(empty["position"], np.ones(len(empty)), width=0.86, color="none", edgecolor="#AAAAAA", linewidth=0.8,
           linestyle=(0, (3, 3)))  # fmt: skip
    for position, n_ctc in zip(empty["position"], empty["n_ctc"], strict=True):
        text = "no CTC" if n_ctc == 0 else "insufficient"
        ax.text(position, 0.5, text, rotation=90, ha="center", va="center", fontsize=8, color="#666666")


def _draw_whiskers(ax: Axes, bars: pd.DataFrame) -> None:
    from matplotlib import patheffects

    bar_points = 72 * ax.get_window_extent().width / ax.figure.dpi / (bars["position"].max() + 2)
    line = float(np.clip(0.08 * bar_points, 0.7, 1.3))
    outline = [patheffects.Stroke(linewidth=2.2 * line, foreground="white"), patheffects.Normal()]
    for state, side, from_top in (("HER2-positive", -_WHISKER, False), ("HER2-0", _WHISKER, True)):
        known = bars[bars[f"lower_{state}"].notna()]
        low, high = known[f"lower_{state}"], known[f"upper_{state}"]
        if from_top:
            low, high = 1.0 - high, 1.0 - low
        lines = ax.vlines(known["position"] + side, low, high, color="#222222", linewidth=line, zorder=3)
        lines.set_path_effects(outline)


def _label(ax: Axes, data: CompositionData) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    bars, n_bars = data.bars, len(data.bars)
    many = n_bars > 20
    for position, n_ctc in zip(bars["position"], bars["n_ctc"], strict=True):
        ax.text(position, 1.02, f"{n_ctc:,}", ha="center", va="bottom", fontsize=8 if many else 9,
                rotation=90 if many else 0)  # fmt: skip
    centres = bars.groupby("donor", sort=False)["position"].mean()
    turned = len(centres) > 14 or (len(data.by) == 1 and max(map(len, centres.index)) * len(centres) > 80)
    if len(data.by) == 2:
        ax.set_xticks(bars["position"], bars["draw"], fontsize=7 if many else 9, rotation=90 if many else 0)
        ax.xaxis.remove_overlapping_locs = False  # a donor's name stands below its middle draw
        ax.set_xticks(centres, centres.index, minor=True, rotation=90 if turned else 0)
        ax.tick_params(axis="x", which="minor", length=0, pad=8 + 6 * bars["draw"].str.len().max() if many else 17)
        ax.tick_params(axis="x", which="major", length=2, pad=2)
        ax.set_xlabel("day of draw, donor" if data.by[1] == _keys.DRAW_DAY else f"{data.by[1]}, {data.by[0]}")
    else:
        ax.set_xticks(centres, centres.index, rotation=90 if turned else 0)
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("donor" if data.by[0] == _keys.DONOR_ID else data.by[0])
    ax.set(xlim=(bars["position"].min() - 0.7, bars["position"].max() + 0.7), ylim=(0, 1))
    ax.set_yticks(np.linspace(0, 1, 5), [f"{share:.0%}" for share in np.linspace(0, 1, 5)])
    looks = {state: palette.STATES[state] for state in _keys.STATES if bars[f"share_{state}"].notna().any()}
    handles: list[Any] = [Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", label=state)
               for state, look in looks.items()]  # fmt: skip
    if len(looks) < len(_keys.STATES):
        handles.insert(0, Patch(facecolor=palette.MISSING.colour, label="not positive"))
    told = f"{data.level:.0%} interval of\nHER2-positive (left)\nand HER2-0 (right)"
    if len(looks) < len(_keys.STATES):
        told = f"{data.level:.0%} interval of\nHER2-positive"
    whisker = Line2D([], [], color="#222222", linestyle="", marker="|", markersize=12, label=told)
    handles.append(whisker)
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0.0)
    total = int(bars["n_ctc"].sum())
    ax.set_title(
        f"{total:,} CTCs, {len(centres):,} donors",
        loc="left",
        pad=8 + 6 * len(f"{bars['n_ctc'].max():,}") if many else 18,
    )
    ax.annotate("CTCs", (0, 1.02), xycoords="axes fraction", xytext=(-6, 0), textcoords="offset points", ha="right",
                va="bottom", fontsize=9)  # fmt: skip
