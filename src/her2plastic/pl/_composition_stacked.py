"""Composition as stacked bars, with the intervals of HER2-positive and HER2-0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic.pl import palette
from her2plastic.pl._axes import why_empty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from her2plastic.pl._composition import CompositionData

#: How far the whiskers stand beside the middle of the bar.
_WHISKER: Final = 0.16


def draw_stacked(ax: Axes, data: CompositionData) -> None:
    """Draw a bar per draw with the number of CTCs above it."""
    _draw_bars(ax, data.draws)
    _draw_whiskers(ax, data.draws)
    _label(ax, data)


def _draw_bars(ax: Axes, draws: pd.DataFrame) -> None:
    known = draws[draws["share_HER2-positive"].notna()]
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
    empty = draws[draws["share_HER2-positive"].isna()]
    ax.bar(empty["position"], np.ones(len(empty)), width=0.86, color="none", edgecolor="#AAAAAA", linewidth=0.8,
           linestyle=(0, (3, 3)))  # fmt: skip
    for position, n_ctc, note in zip(empty["position"], empty["n_ctc"], empty["note"], strict=True):
        ax.text(
            position, 0.5, why_empty(n_ctc, note), rotation=90, ha="center", va="center", fontsize=8, color=palette.NOTE
        )


def _draw_whiskers(ax: Axes, draws: pd.DataFrame) -> None:
    from matplotlib import patheffects

    bar_points = 72 * ax.get_window_extent().width / ax.figure.dpi / (draws["position"].max() + 2)
    line = float(np.clip(0.08 * bar_points, 0.7, 1.3))
    outline = [patheffects.Stroke(linewidth=2.2 * line, foreground="white"), patheffects.Normal()]
    for state, side, from_top in (("HER2-positive", -_WHISKER, False), ("HER2-0", _WHISKER, True)):
        known = draws[draws[f"lower_{state}"].notna()]
        low, high = known[f"lower_{state}"], known[f"upper_{state}"]
        if from_top:
            low, high = 1.0 - high, 1.0 - low
        lines = ax.vlines(known["position"] + side, low, high, color="#222222", linewidth=line, zorder=3)
        lines.set_path_effects(outline)


def _label(ax: Axes, data: CompositionData) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    draws, n_bars = data.draws, len(data.draws)
    many = n_bars > 20
    for position, n_ctc in zip(draws["position"], draws["n_ctc"], strict=True):
        ax.text(position, 1.02, f"{n_ctc:,}", ha="center", va="bottom", fontsize=8 if many else 9,
                rotation=90 if many else 0)  # fmt: skip
    centres = draws.groupby("donor", sort=False)["position"].mean()
    turned = len(centres) > 14 or (len(data.by) == 1 and max(map(len, centres.index)) * len(centres) > 80)
    if len(data.by) == 2:
        ax.set_xticks(draws["position"], draws["draw"], fontsize=7 if many else 9, rotation=90 if many else 0,
                      parse_math=False)  # fmt: skip
        ax.xaxis.remove_overlapping_locs = False  # a donor's name stands below its middle draw
        ax.set_xticks(centres, centres.index, minor=True, rotation=90 if turned else 0, parse_math=False)
        ax.tick_params(axis="x", which="minor", length=0, pad=8 + 6 * draws["draw"].str.len().max() if many else 17)
        ax.tick_params(axis="x", which="major", length=2, pad=2)
        ax.set_xlabel("day of draw, donor" if data.by[1] == _keys.DRAW_DAY else f"{data.by[1]}, {data.by[0]}")
    else:
        ax.set_xticks(centres, centres.index, rotation=90 if turned else 0, parse_math=False)
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("donor" if data.by[0] == _keys.DONOR_ID else data.by[0])
    ax.set(xlim=(draws["position"].min() - 0.7, draws["position"].max() + 0.7), ylim=(0, 1))
    ax.set_yticks(np.linspace(0, 1, 5), [f"{share:.0%}" for share in np.linspace(0, 1, 5)])
    looks = {state: palette.STATES[state] for state in _keys.STATES if draws[f"share_{state}"].notna().any()}
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
    total = int(draws["n_ctc"].sum())
    ax.set_title(
        f"{total:,} CTCs, {len(centres):,} donors",
        loc="left",
        pad=8 + 6 * len(f"{draws['n_ctc'].max():,}") if many else 18,
    )
    ax.annotate("CTCs", (0, 1.02), xycoords="axes fraction", xytext=(-6, 0), textcoords="offset points", ha="right",
                va="bottom", fontsize=9)  # fmt: skip
