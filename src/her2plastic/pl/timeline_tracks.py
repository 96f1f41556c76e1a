"""The tracks of one patient's timeline, one above the other on one axis of days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic.pl import palette
from her2plastic.pl.timeline_data import PatientTimelineData

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Days of tissue far before the rest stand in a margin of their own: this share of the span, each.
_MARGIN: Final = 0.13
#: Tissue this much further off than the rest is long, in spans of it, stands in the margin.
_FAR: Final = 0.35
#: The axis of serum HER2 goes over this fold at least.
_LEAST_FOLD: Final = 6.0
#: Width of a draw's bar, and room at the ends, as shares of the span.
_BAR, _ROOM = 0.032, 0.06
#: Words of specimens that are nearer than this share of the span stand one above the other.
_NEAR: Final = 0.17
_NO_ROOM: Final = -1
#: Inches below the marks of tissue, and of a line of words.
_FOOT, _LINE = 0.3, 0.145
_SOFT: Final = palette.NOTE
_GRID: Final = "#E4E7EB"
_SERUM: Final = "#2F6F6B"
_NOT_KNOWN: Final = "#8A8A8A"


@dataclass(frozen=True)
class DayAxis:
    """Where days stand: as they are, but for tissue long before the rest, which stands in a margin at the left."""

    low: float
    high: float
    far: tuple[float, ...]

    @classmethod
    def of(cls, data: PatientTimelineData) -> DayAxis:
        """Return the axis of a patient."""
        tissue = np.unique(data.tissue["day"].to_numpy(dtype=float))
        rest = data.days(with_tissue=False)
        if not rest.size:
            rest = tissue if tissue.size else np.array([0.0])
        low, high = float(rest.min()), float(rest.max())
        span = max(high - low, 1.0)
        far = tissue[tissue < low - _FAR * span]
        near = tissue[tissue >= low - _FAR * span]
        if near.size:
            low, high = min(low, float(near.min())), max(high, float(near.max()))
        return cls(low, max(high, low + 1.0), tuple(float(day) for day in far))

    @property
    def span(self) -> float:
        """Days from the first to the last that stands at its own place."""
        return self.high - self.low

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis."""
        margin = (_MARGIN * len(self.far) + 0.03 if self.far else 0.0) + _ROOM
        return self.low - margin * self.span, self.high + _ROOM * self.span

    def place(self, day: float) -> float:
        """Return where a day stands."""
        if day in self.far:
            return self.low - (_MARGIN * (len(self.far) - self.far.index(day)) + 0.02) * self.span
        return day

    def mark_break(self, panel: Axes) -> None:
        """Draw where the axis leaves out days."""
        if self.far:
            at = self.low - (0.5 * _ROOM + 0.02) * self.span
            panel.axvline(at, color="#9AA3AE", linewidth=0.9, linestyle=(0, (2, 2)), zorder=0)


@dataclass(frozen=True)
class Track:
    """A track: its name, its height in inches, and what draws it."""

    name: str
    height: float
    draw: Callable[[Axes, PatientTimelineData, DayAxis], None]


def tracks_of(data: PatientTimelineData, cutoff: float | None) -> list[Track]:
    """Return the tracks that have something to show, from above."""
    found = []
    if len(data.tissue):
        found.append(Track("tissue", _tissue_height(data, DayAxis.of(data)), _tissue))
    if len(data.treatments):
        found.append(Track("treatment", 0.18 + 0.2 * data.treatments["treatment"].nunique(), _treatments))
    if len(data.draws):
        found.append(Track("HER2 state\nof CTCs", 1.5, _draws))
    if len(data.serum):
        found.append(Track("serum HER2\nng/mL", 1.4, lambda ax, d, axis: _serum(ax, d, axis, cutoff)))
    if len(data.alleles):
        found.append(Track("ERBB2 allele\nfraction", 1.25, _alleles))
    return found


# --- tissue and treatment -----------------------------------------------------------------------------------------
def _tissue(panel: Axes, data: PatientTimelineData, axis: DayAxis) -> None:
    levels = _levels(data, axis)
    foot = _FOOT / _tissue_height(data, axis)
    panel.axhline(foot, color=_GRID, linewidth=1.2, zorder=1)
    for day, rows in data.tissue.groupby("day", sort=True):
        at = axis.place(float(str(day)))
        for place, row in enumerate(rows.to_dict("records")):
            known = isinstance(row[_keys.TISSUE_STATE], str)
            look = palette.STATES[row[_keys.TISSUE_STATE]] if known else None
            panel.scatter(
                [at + 0.016 * axis.span * place], [foot], s=100, marker=look.marker if look else "D", zorder=3,
                facecolors=look.colour if look else "white", edgecolors="white" if look else _NOT_KNOWN, linewidths=1.3,
            )  # fmt: skip
        if levels[at] != _NO_ROOM:
            text = "\n".join(dict.fromkeys(_words_of(row) for row in rows.to_dict("records")))
            lift = 9 + 72 * sum(height for level, height in _level_heights(data, axis).items() if level < levels[at])
            panel.annotate(text, (at, foot), xytext=(0, lift), textcoords="offset points", ha="center", va="bottom",
                           fontsize=8.8, linespacing=1.05, parse_math=False,
                           bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8})  # fmt: skip
        if float(str(day)) in axis.far:
            panel.annotate(f"day {float(str(day)):g}", (at, foot), xytext=(0, -8), textcoords="offset points",
                           ha="center", va="top", fontsize=8, color=_SOFT)  # fmt: skip
    panel.set(ylim=(0, 1))


def _levels(data: PatientTimelineData, axis: DayAxis) -> dict[float, int]:
    """Return how high the words of each day stand: a level up where those before are near, nowhere above the third."""
    last: dict[int, float] = {}
    found = {}
    for day in np.unique(data.tissue["day"].to_numpy(dtype=float)):
        at = axis.place(float(day))
        level = next((k for k in range(3) if at - last.get(k, -np.inf) > _NEAR * axis.span), _NO_ROOM)
        found[at] = level
        if level != _NO_ROOM:
            last[level] = at
    return found


def _level_heights(data: PatientTimelineData, axis: DayAxis) -> dict[int, float]:
    """Return the inches that the words of each level need."""
    heights: dict[int, float] = {}
    levels = _levels(data, axis)
    for day, rows in data.tissue.groupby("day"):
        lines = "\n".join(dict.fromkeys(_words_of(row) for row in rows.to_dict("records"))).count("\n") + 1
        level = levels[axis.place(float(str(day)))]
        if level == _NO_ROOM:
            continue
        heights[level] = max(heights.get(level, 0.0), _LINE * lines + 0.06)
    return heights


def _tissue_height(data: PatientTimelineData, axis: DayAxis) -> float:
    return _FOOT + 0.14 + sum(_level_heights(data, axis).values())


def _words_of(row: Any) -> str:
    """Return what a specimen says: site, class and what it rests on, or the step that is missing."""
    score = f"IHC {row['ihc_score']}" if row["ihc_score"] else ""
    ish = "" if row["ish_group"] == "not done" else f"ISH {row['ish_group']}"
    basis = ", ".join(filter(None, (score, ish)))
    known = isinstance(row["tissue_class"], str)
    word = str(row["tissue_class"]).replace(" (ultralow/null unresolved)", "") if known else ""
    if not known:
        word = str(row["step"]).replace("_", " ") or f"HER2-{row['status']}"
    return "\n".join(filter(None, (str(row["site"]), word, basis)))


def _treatments(panel: Axes, data: PatientTimelineData, axis: DayAxis) -> None:
    names = list(dict.fromkeys(data.treatments["treatment"]))
    low, high = axis.limits
    for row in data.treatments.to_dict("records"):
        place = names.index(row["treatment"])
        look = palette.TREATMENTS[place % len(palette.TREATMENTS)]
        start, end = max(float(row["start_day"]), low), min(float(row["end_day"]), high)
        panel.broken_barh([(start, max(end - start, 0.0))], (-place - 0.36, 0.72), facecolor=look.colour,
                          edgecolor="white", hatch=look.hatch, linewidth=0.5, zorder=2)  # fmt: skip
    for place, name in enumerate(names):
        first = float(data.treatments.loc[data.treatments["treatment"] == name, "start_day"].min())
        panel.annotate(str(name), (max(first, low), -place), xytext=(4, 0), textcoords="offset points", va="center",
                       fontsize=8.8, zorder=4, parse_math=False,
                       bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.88})  # fmt: skip
    panel.set(ylim=(-len(names) + 0.35, 0.65))


# --- draws --------------------------------------------------------------------------------------------------------
def _draws(panel: Axes, data: PatientTimelineData, axis: DayAxis) -> None:
    days = data.draws["day"].to_numpy(dtype=float)
    apart = np.diff(np.unique(days)).min() if np.unique(days).size > 1 else np.inf
    width = min(_BAR * axis.span, 0.6 * apart)
    for row in data.draws.to_dict("records"):
        day, n = float(row["day"]), int(row["n_ctc"])
        shares = [float(row[f"share_{state}"]) for state in reversed(_keys.STATES)]
        if not np.isfinite(shares).any():
            panel.text(day, 0.04, "no CTC" if not n else "not\ncallable", ha="center", va="bottom", fontsize=8.5,
                       color=_SOFT)  # fmt: skip
            continue
        below = 0.0
        for state, share in zip(reversed(_keys.STATES), np.nan_to_num(shares), strict=True):
            look = palette.STATES[state]
            panel.bar(day, share, width, bottom=below, color=look.colour, hatch=look.hatch, edgecolor="white",
                      linewidth=0.6, zorder=2)  # fmt: skip
            below += share
        top = _keys.STATES[-1]
        lower, upper = float(row[f"lower_{top}"]), float(row[f"upper_{top}"])
        if np.isfinite(lower) and np.isfinite(upper):
            at = day + 0.5 * width + 0.008 * axis.span
            panel.vlines(at, lower, upper, color=palette.STATES[top].colour, linewidth=1.8, zorder=3)
            panel.scatter([at], [shares[0]], s=20, color=palette.STATES[top].colour, edgecolors="white",
                          linewidths=0.6, zorder=4)  # fmt: skip
        panel.text(day, 1.03, f"{n:,}", ha="center", va="bottom", fontsize=8.8, color=_SOFT)
    panel.set(ylim=(0, 1.2))
    panel.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])


# --- serum and alleles --------------------------------------------------------------------------------------------
def _serum(panel: Axes, data: PatientTimelineData, axis: DayAxis, cutoff: float | None) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    day, value = (data.serum[name].to_numpy(dtype=float) for name in ("day", "value"))
    below = data.serum["below_lod"].to_numpy(dtype=bool)
    panel.set_yscale("log")
    panel.plot(day, value, color=_SERUM, linewidth=1.3, zorder=2)
    panel.scatter(day[~below], value[~below], s=34, color=_SERUM, edgecolors="white", linewidths=0.7, zorder=3)
    panel.scatter(day[below], value[below], s=40, marker="v", facecolors="white", edgecolors=_SERUM, linewidths=1.2,
                  zorder=3)  # fmt: skip
    shown = np.append(value, cutoff) if cutoff is not None else value
    low, high = float(shown.min()) / 1.35, float(shown.max()) * 1.35
    wider = max(np.sqrt(_LEAST_FOLD * low / high), 1.0)  # changes within the assay's error do not look large
    low, high = low / wider, high * wider
    if cutoff is not None:
        panel.axhline(cutoff, color=_SOFT, linewidth=0.9, linestyle=(0, (5, 3)), zorder=1)
        panel.annotate(f"{cutoff:g}", (1, cutoff), xycoords=("axes fraction", "data"), xytext=(3, 0),
                       textcoords="offset points", va="center", fontsize=8.5, color=_SOFT)  # fmt: skip
    ticks = [t * 10.0**e for e in range(-3, 6) for t in (1, 2, 5) if low <= t * 10.0**e <= high]
    panel.set(ylim=(low, high))
    panel.yaxis.set_major_locator(FixedLocator(ticks))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    if np.isfinite(data.progression_day):
        panel.annotate("progression", (data.progression_day, 0), xycoords=("data", "axes fraction"), xytext=(-4, 4),
                       textcoords="offset points", ha="right", va="bottom", fontsize=8.5, color="#333333")  # fmt: skip


def _alleles(panel: Axes, data: PatientTimelineData, axis: DayAxis) -> None:
    ends: list[tuple[float, float, str, str]] = []
    for place, (name, rows) in enumerate(data.alleles.groupby("variant", sort=True)):
        look = palette.OTHER_STATES[(place + 3) % len(palette.OTHER_STATES)]
        own: pd.DataFrame = rows.sort_values("day")
        seen = (own["call"] == "mutated").to_numpy(dtype=bool)
        day, share = own["day"].to_numpy(dtype=float), own["fraction"].to_numpy(dtype=float)
        panel.plot(day, share, color=look.colour, linewidth=1.3, zorder=2)
        panel.vlines(day, own["lower"].astype(float), own["upper"].astype(float), color=look.colour, linewidth=1.1,
                     alpha=0.6, zorder=2)  # fmt: skip
        panel.scatter(day[seen], share[seen], s=34, marker=look.marker, color=look.colour, edgecolors="white",
                      linewidths=0.7, zorder=3)  # fmt: skip
        panel.scatter(day[~seen], share[~seen], s=34, marker=look.marker, facecolors="white", edgecolors=look.colour,
                      linewidths=1.2, zorder=3)  # fmt: skip
        ends.append((float(share[-1]), float(day[-1]), str(name), look.colour))
    top = float(max(0.1, np.nanmax(data.alleles[["fraction", "upper"]].to_numpy(dtype=float))))
    top = min(1.05, 1.12 * top)
    height = float("-inf")
    for end, at, name, colour in sorted(ends):
        height = max(end, height + 0.15 * top)
        panel.annotate(name, (at, height), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9,
                       color=colour, fontweight="bold", parse_math=False, zorder=5,
                       bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85})  # fmt: skip
    panel.set(ylim=(-0.04 * top, max(top, height + 0.1 * top)))
    panel.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
