"""Serum HER2 of each patient over the cycles of treatment, apart by response, with the mean of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys, tl
from her2plastic._errors import check_made_by
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._panels import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches of a panel, and below the panels.
_PANEL: Final = (3.7, 3.5)
_BELOW: Final = 1.25
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class SerumTrajectoriesData:
    """What :func:`serum_trajectories` draws.

    Attributes
    ----------
    visits
        A row per value: ``donor_id``, ``cycle``, ``value`` (ng/mL), ``below_lod``, ``group``, ``progressed`` (the last
        value of a patient whose disease progressed).
    means
        Geometric mean of each group by the model, with bounds.
    groups
        The groups in the order of their panels.
    group
        Column that parts the patients.
    cutoff
        The cut-off said beforehand, ng/mL.
    level
        Probability that the band holds.
    """

    visits: pd.DataFrame
    means: pd.DataFrame
    groups: tuple[str, ...]
    group: str
    cutoff: float
    level: float


def prepare_serum_trajectories(result: tl.Serum) -> SerumTrajectoriesData:
    """Return what :func:`serum_trajectories` draws.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.serum` returned.

    Returns
    -------
    Values by patient, and the means of the groups.

    Examples
    --------
    >>> import her2plastic as hp
    >>> visits = hp.io.read_serum(hp.datasets.simulate_serum(n_patients=40).to_frame())
    >>> result = hp.tl.serum(visits, looks=(2,), dependence=None, repeats=2, n_bootstrap=99)
    >>> data = hp.pl.prepare_serum_trajectories(result)
    >>> print(data.means[data.means["cycle"].isin([0, 2])].round(1).to_string(index=False))
          group  cycle  mean  lower  upper
    no response    0.0  14.6   11.5   18.4
    no response    2.0  15.4   12.1   19.5
       response    0.0  11.3    9.0   14.3
       response    2.0   8.6    6.8   10.9
    """
    check_made_by("result", result, tl.Serum, "tl.serum")
    visits = result.visits.sort_values([_keys.DONOR_ID, "cycle"], kind="stable").reset_index(drop=True)
    visits["group"] = visits["group"].astype(object).where(visits["group"].notna(), _UNKNOWN).astype(str)
    last = ~visits.duplicated(_keys.DONOR_ID, keep="last")
    visits["progressed"] = last & visits["progression_day"].notna()
    there = set(visits["group"])
    known = [name for name in _keys.RESPONSES if name in there]
    groups = [*known, *sorted(there - set(known) - {_UNKNOWN}), *([_UNKNOWN] if _UNKNOWN in there else [])]
    return SerumTrajectoriesData(visits, result.means, tuple(groups), result.group, result.cutoff, result.level)


def serum_trajectories(result: tl.Serum, *, ax: Axes | None = None) -> Axes:
    """Draw serum HER2 of each patient over the cycles, a panel per group.

    Thin lines are patients; an open triangle is a value below detection, drawn at the limit; a cross is the last value
    of a patient whose disease progressed. The thick line and its band are the geometric mean by the model.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.serum` returned.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes, with a panel per group within.

    Examples
    --------
    >>> import her2plastic as hp
    >>> visits = hp.io.read_serum(hp.datasets.simulate_serum(n_patients=40).to_frame())
    >>> result = hp.tl.serum(visits, looks=(2,), dependence=None, repeats=2, n_bootstrap=99)
    >>> ax = hp.pl.serum_trajectories(result)
    >>> len(ax.child_axes)  # a panel for each group
    2
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    data = prepare_serum_trajectories(result)
    size = Grid.size_for(len(data.groups), panel=_PANEL, below=_BELOW)
    with drawing(ax, size) as ax:
        if data.visits.empty:
            say(ax, "no value of serum HER2")
            return ax
        grid = Grid(ax, len(data.groups))
        low, high = data.visits["value"].min() / 1.3, data.visits["value"].max() * 1.3
        cycles = np.unique(np.round(data.visits["cycle"]))
        for place, name in enumerate(data.groups):
            rows = data.visits[data.visits["group"] == name]
            panel = grid.panel(place, title=f"{name} ({rows[_keys.DONOR_ID].nunique()} patients)")
            panel.set_yscale("log")
            _patients(panel, rows, look_of_group(name, place))
            _mean(panel, data.means[data.means["group"] == name], look_of_group(name, place))
            if low < data.cutoff < high:
                panel.axhline(data.cutoff, color=palette.NOTE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
            panel.set(ylim=(low, high), xlim=(cycles.min() - 0.4, cycles.max() + 0.4))
            panel.set_xticks(cycles)
            panel.yaxis.set_major_locator(_locator())
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
            grid.label(panel, place, x="cycles completed", y="serum HER2, ng/mL")
        grid.legend([_handles(data)], "Groups by what happened later describe; they do not predict."
                    if data.group == "response" else "")  # fmt: skip
        return ax


def look_of_group(name: str, place: int) -> palette.Look:
    """Return how a group of patients is drawn."""
    if name == _UNKNOWN:
        return palette.Look("#8A8A8A", "X")
    return palette.RESPONSES.get(name, palette.OTHER_STATES[place % len(palette.OTHER_STATES)])


def _locator() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=12)


def _patients(panel: Axes, rows: pd.DataFrame, look: palette.Look) -> None:
    for _, own in rows.groupby(_keys.DONOR_ID, sort=False):
        panel.plot(own["cycle"], own["value"], color=look.colour, linewidth=0.8, alpha=0.4, zorder=2)
    seen = rows[~rows["below_lod"] & ~rows["progressed"]]
    panel.plot(seen["cycle"], seen["value"], linestyle="", marker=look.marker, markersize=3.4, alpha=0.65,
               color=look.colour, markeredgewidth=0, zorder=3)  # fmt: skip
    below = rows[rows["below_lod"]]
    panel.plot(below["cycle"], below["value"], linestyle="", marker="v", markersize=6, markerfacecolor="white",
               markeredgecolor=look.colour, markeredgewidth=1.0, zorder=4)  # fmt: skip
    ended = rows[rows["progressed"] & ~rows["below_lod"]]
    panel.plot(ended["cycle"], ended["value"], linestyle="", marker="x", markersize=5, color=look.colour,
               markeredgewidth=1.3, zorder=4)  # fmt: skip


def _mean(panel: Axes, means: pd.DataFrame, look: palette.Look) -> None:
    if means.empty:
        return
    panel.fill_between(means["cycle"], means["lower"], means["upper"], color=look.colour, alpha=0.18, linewidth=0,
                       zorder=4)  # fmt: skip
    panel.plot(means["cycle"], means["mean"], color="white", linewidth=4.6, zorder=5)
    panel.plot(means["cycle"], means["mean"], color=look.colour, linewidth=2.6, zorder=6)


def _handles(data: SerumTrajectoriesData) -> list[Any]:
    from matplotlib.lines import Line2D

    ink = "#444444"
    handles = [
        Line2D([], [], color=ink, linewidth=2.6, label=f"geometric mean, {data.level:.0%} interval"),
        Line2D([], [], color=palette.NOTE, linewidth=0.9, linestyle=(0, (4, 3)), label=f"{data.cutoff:g} ng/mL"),
    ]
    if data.visits["below_lod"].any():
        handles.append(Line2D([], [], linestyle="", marker="v", markersize=6, markerfacecolor="white",
                              markeredgecolor=ink, label="below detection"))  # fmt: skip
    if data.visits["progressed"].any():
        handles.append(Line2D([], [], linestyle="", marker="x", markersize=5, color=ink, markeredgewidth=1.3,
                              label="last value, progressed later"))  # fmt: skip
    return handles
