"""Composition as bands: one per HER2 state, in it a dot with its interval per draw, and a table of numbers below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic.pl import palette
from her2plastic.pl._axes import why_empty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from her2plastic.pl._composition import CompositionData

#: Height of the space above a band, in bands; the name of the state stands there.
_GAP: Final = 0.26
#: Height of the band of bars that show the number of CTCs where numerals do not fit.
_STRIP: Final = 0.45
#: Points of width that a draw needs for: its share beside the dot, numerals upright, numerals turned.
_FOR_SHARES, _FOR_TURNED = 46.0, 9.5
_POINTS_PER_LETTER: Final = 5.6
#: The figure is at least this many draws wide, so that a single one does not fill it.
_LEAST_WIDTH: Final = 4.0
_LONGEST_NAME: Final = 24


def draw_intervals(ax: Axes, data: CompositionData) -> None:
    """Draw the bands from HER2-positive at the top to HER2-0, and what the draws are below them."""
    draws = data.draws
    centre, half = draws["position"].agg(["min", "max"]).mean(), np.ptp(draws["position"]) / 2 + 0.9
    half = max(half, _LEAST_WIDTH / 2)
    slot = 72 * ax.get_window_extent().width / ax.figure.dpi / (2 * half)
    states = [state for state in reversed(_keys.STATES) if draws[f"share_{state}"].notna().any()]
    bottoms = {state: (len(states) - 1 - place) * (1 + _GAP) for place, state in enumerate(states)}
    top, dense = max(bottoms.values()) + 1 + _GAP, slot < _FOR_TURNED
    strip = -_STRIP - _GAP if dense else 0.0
    ax.set(xlim=(centre - half, centre + half), ylim=(strip - 0.03, top), xticks=[])
    _shade_donors(ax, draws)
    for state, bottom in bottoms.items():
        _draw_band(ax, draws, state, bottom, slot)
        _name_band(ax, state, bottom)
    _say_empty(ax, draws, bottoms, dense=dense)
    ticks = [(bottom + share, f"{share:.0%}") for bottom in bottoms.values() for share in (0, 0.5, 1)]
    if dense:
        ticks += _draw_strip(ax, draws, strip)
    ax.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
    ax.hlines([place for place, _ in ticks], *ax.get_xlim(), color="#DDDDDD", linewidth=0.7, zorder=0.5)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    _label(ax, data, slot, dense=dense)


def _shade_donors(ax: Axes, draws: pd.DataFrame) -> None:
    """Set donors apart by a pale ground behind every other one."""
    places = draws.groupby("donor", sort=False)["position"].agg(["min", "max"])
    gaps = (places["min"].to_numpy()[1:] - places["max"].to_numpy()[:-1]) / 2
    margin = float(gaps[0]) if gaps.size else 0.5
    for first, last in places.to_numpy()[1::2]:
        ax.axvspan(first - margin, last + margin, color="#F4F2ED", linewidth=0, zorder=0)


def _draw_band(ax: Axes, draws: pd.DataFrame, state: str, bottom: float, slot: float) -> None:
    """Draw the dots of one state with their intervals; a draw without a share breaks its donor's line."""
    from matplotlib.patheffects import withStroke

    look = palette.STATES[state]
    place, share = draws["position"], bottom + draws[f"share_{state}"]
    for _, rows in draws.groupby("donor", sort=False):
        ax.plot(place[rows.index], share[rows.index], color=look.colour, linewidth=0.9, alpha=0.55, zorder=2)
    known = draws[f"lower_{state}"].notna()
    ax.vlines(place[known], bottom + draws.loc[known, f"lower_{state}"], bottom + draws.loc[known, f"upper_{state}"],
              color=look.colour, linewidth=float(np.clip(0.12 * slot, 0.9, 2.6)), alpha=0.55, zorder=3)  # fmt: skip
    size = float(np.clip(0.4 * slot, 2.6, 7.5))
    ax.scatter(place, share, s=size**2, color=look.colour, marker=look.marker, edgecolors="white",
               linewidths=0.15 * size if size > 4 else 0.0, zorder=4)  # fmt: skip
    if slot < _FOR_SHARES:
        return
    halo = [withStroke(linewidth=3, foreground="white")]
    for x, y, value in zip(place, share, draws[f"share_{state}"], strict=True):
        if np.isfinite(value):
            ax.annotate(f"{value:.0%}", (x, y), xytext=(size, 0), textcoords="offset points", va="center",
                        fontsize=9, path_effects=halo, zorder=5)  # fmt: skip


def _name_band(ax: Axes, name: str, bottom: float, *, height: float = 1.0) -> None:
    ax.annotate(name, (0, bottom + height), xycoords=ax.get_yaxis_transform(), xytext=(1, 3),
                textcoords="offset points", fontweight="bold", fontsize=10.5)  # fmt: skip


def _say_empty(ax: Axes, draws: pd.DataFrame, bottoms: dict[str, float], *, dense: bool) -> None:
    """Say in each band which draws have no CTC, or too little to say."""
    empty = draws[draws["share_HER2-positive"].isna()]
    for bottom in bottoms.values():
        if dense:
            ax.vlines(empty["position"], bottom, bottom + 1, color="#999999", linewidth=0.8, linestyle=":", zorder=1)
            continue
        for place, n_ctc, note in zip(empty["position"], empty["n_ctc"], empty["note"], strict=True):
            ax.text(place, bottom + 0.5, why_empty(n_ctc, note), rotation=90, ha="center", va="center", fontsize=8.5,
                    color=palette.NOTE)  # fmt: skip


def _why_dotted(draws: pd.DataFrame) -> str:
    empty = draws[draws["n_ctc"] == 0]
    return " or ".join(sorted({why_empty(0, note) for note in empty["note"]}))


def _draw_strip(ax: Axes, draws: pd.DataFrame, bottom: float) -> list[tuple[float, str]]:
    """Draw the numbers of CTCs as bars on a logarithmic scale; return its ticks."""
    log = np.log10(draws["n_ctc"].clip(lower=1).to_numpy(dtype=float))
    highest = max(int(np.ceil(log.max())), 1)
    # a single CTC still has a bar
    ax.bar(draws["position"], np.where(draws["n_ctc"] > 0, (log + 0.1) / (highest + 0.1), 0.0) * _STRIP, bottom=bottom,
           width=0.7, color="#777777", zorder=2)  # fmt: skip
    _name_band(ax, "CTCs (logarithmic)", bottom, height=_STRIP)
    return [(bottom + (power + 0.1) / (highest + 0.1) * _STRIP, f"{10**power:,}") for power in {0, highest}]


def _label(ax: Axes, data: CompositionData, slot: float, *, dense: bool) -> None:
    """Write the number of CTCs, the draw and the donor below the bands, as a table whose rows are named at the left."""
    draws, below = data.draws, 5.0
    places = draws["position"].tolist()
    if not dense:
        below = _row(ax, places, [f"{n:,}" for n in draws["n_ctc"]], "CTCs", below, slot)
        if len(data.by) == 2:
            named = "day" if data.by[1] == _keys.DRAW_DAY else data.by[1]
            below = _row(ax, places, draws["draw"].tolist(), named, below, slot)
    donors = draws.groupby("donor", sort=False)["position"].agg(["mean", "size"])
    width = slot * (donors["size"].min() + (0.6 if len(data.by) == 2 else 0.0))
    every = max(1, int(np.ceil(_FOR_TURNED / width)))
    names = [_shortened(name) for name in donors.index]
    heading = "donor" if data.by[0] == _keys.DONOR_ID else data.by[0]
    _row(ax, donors["mean"].tolist()[::every], names[::every], heading, below, width * every, size=10)
    counted = [f"{draws['n_ctc'].sum():,} CTCs", _number(len(donors), "donor")]
    counted += [_number(len(draws), "draw")] if len(data.by) == 2 else []
    ax.set_title(", ".join(counted), loc="left", pad=20)
    told = f"dot: estimated share; bar: its {data.level:.0%} interval"
    told += "; thin line: draws of one donor" if len(data.by) == 2 else ""
    told += f"; dotted: {_why_dotted(draws)}" if dense and (draws["n_ctc"] == 0).any() else ""
    ax.annotate(told, (0, 1), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points", fontsize=9.5,
                color=palette.NOTE)  # fmt: skip


def _row(
    ax: Axes, places: Sequence[float], texts: list[str], heading: str, below: float, width: float, *, size: float = 9
) -> float:
    """Write one row of the table, turned where ``width`` points are too few; return where the next one begins."""
    longest = max(map(len, texts)) * _POINTS_PER_LETTER * size / 9
    turned = longest + 4 > width
    for place, text in zip(places, texts, strict=True):
        ax.annotate(text, (place, 0), xycoords=ax.get_xaxis_transform(), xytext=(0, -below), ha="center", va="top",
                    textcoords="offset points", annotation_clip=False, fontsize=size - turned, parse_math=False,
                    rotation=90 if turned else 0)  # fmt: skip
    ax.annotate(heading, (0, 0), xycoords="axes fraction", xytext=(-6, -below), ha="right", va="top",
                textcoords="offset points", annotation_clip=False, fontsize=9, color=palette.NOTE,
                parse_math=False)  # fmt: skip
    return below + (longest + 8 if turned else 1.5 * size)


def _shortened(name: str) -> str:
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}\N{HORIZONTAL ELLIPSIS}{name[-half + 1 :]}"


def _number(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
