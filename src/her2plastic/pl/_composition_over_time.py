"""Composition of each patient over its draws, with treatments and the fitted curve: a small panel per patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic._errors import ParameterError
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._panels import Grid
from her2plastic.pl._transition_records import FITTED, TREATMENTS, switching_record, table_from

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: More patients than this are too small to read: those with the most cells are shown.
MOST_GROUPS: Final = 24
#: Heights within a panel: the lines for numbers of cells, and the bars of treatments.
_NUMBERS_AT: Final = (-0.10, -0.23)
_TREATED_FROM, _TREATED_HIGH = 1.06, 0.09
_SOFT: Final = "#666666"


@dataclass(frozen=True)
class CompositionOverTimeData:
    """What :func:`composition_over_time` draws.

    Attributes
    ----------
    fitted
        A row per group, day and state: ``group``, ``day``, ``state``, ``observed`` share with ``lower`` and ``upper``,
        ``fitted`` share with ``fitted_lower`` and ``fitted_upper``, ``n`` cells. Days between draws have no
        ``observed``.
    treatments
        A row per treatment of a group: ``group``, ``start_day``, ``end_day``, ``treatment``.
    states
        Names of the states in order.
    n_groups
        Groups that there are, also those that are not shown.
    chosen
        Whether the groups shown were named; otherwise they are all, or those with the most cells.
    status
        ``"ok"``, or what fell short; there is then no fitted curve.
    level
        Probability that an interval holds.
    quantity
        What ``observed`` and ``fitted`` are: the share of the state, or the probability of the status.
    counted
        What ``n`` counts.
    """

    fitted: pd.DataFrame
    treatments: pd.DataFrame
    states: tuple[str, ...]
    n_groups: int
    chosen: bool
    status: str
    level: float
    quantity: str = "share"
    counted: str = "cells"


def prepare_composition_over_time(
    adata: AnnData, *, design: str = "draws", groups: Sequence[str] | None = None
) -> CompositionOverTimeData:
    """Return what :func:`composition_over_time` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.switching`.
    design
        Which of the recorded fits.
    groups
        Patients to show, in this order. By default all, or the 24 with the most cells.

    Returns
    -------
    Observed and fitted shares and the treatments of the patients shown.

    Raises
    ------
    MissingKeyError
        If no fit of this design was recorded.
    ParameterError
        If a patient of ``groups`` is not in the fit.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_draws(n_patients=6, draws=(0, 30), n_ctc=20, seed=1).to_anndata()
    >>> _ = hp.tl.switching(cells, design="draws", options={"merge": "positive", "n_null": 9})
    >>> data = hp.pl.prepare_composition_over_time(cells, groups=["P01"])
    >>> print(data.fitted[["day", "state", "n", "observed", "fitted"]].head(4).round(2).to_string(index=False))
     day         state    n  observed  fitted
     0.0    HER2-0/low 20.0      0.85    0.80
     0.0 HER2-positive 20.0      0.15    0.20
    30.0    HER2-0/low 20.0      0.60    0.67
    30.0 HER2-positive 20.0      0.40    0.33
    """
    record = switching_record(adata, design)
    fitted = table_from(record, "fitted", FITTED)
    there = list(dict.fromkeys(fitted["group"]))
    if groups is None:
        cells = fitted.drop_duplicates(["group", "day"]).groupby("group")["n"].sum()
        largest = set(cells.sort_values(ascending=False, kind="stable").index[:MOST_GROUPS])
        shown = [group for group in there if group in largest]
    else:
        shown = [str(group) for group in groups]
        unknown = [group for group in shown if group not in there]
        if unknown:
            raise ParameterError(f"groups: {unknown[0]!r} is not among those fitted: {', '.join(map(repr, there))}")
    treatments = table_from(record, "treatments", TREATMENTS)
    order = {group: place for place, group in enumerate(shown)}
    fitted = fitted[fitted["group"].isin(shown)].assign(order=lambda rows: rows["group"].map(order))
    fitted = fitted.sort_values(["order", "day"], kind="stable", ignore_index=True).drop(columns="order")
    return CompositionOverTimeData(
        fitted, treatments[treatments["group"].isin(shown)].reset_index(drop=True), tuple(map(str, record["states"])),
        len(there), groups is not None, str(record["status"]), float(record["level"]),
        str(record.get("quantity", "share")), str(record.get("counted", "cells")),
    )  # fmt: skip


def composition_over_time(
    adata: AnnData, *, design: str = "draws", groups: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the shares of the states over the draws of each patient, with treatments and the fitted curve.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.switching`.
    design
        Which of the recorded fits: ``draws``, ``panel``, ``sorted`` or ``clones``.
    groups
        Patients to show, in this order. By default all, or the 24 with the most cells.
    ax
        Axes to draw on, which the panels share; new ones by default.

    Returns
    -------
    The axes that hold the panels. Where nothing was observed they hold the reason.

    Raises
    ------
    MissingKeyError
        If no fit of this design was recorded.
    ParameterError
        If a patient of ``groups`` is not in the fit.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_draws(n_patients=6, draws=(0, 30), n_ctc=20, seed=1).to_anndata()
    >>> _ = hp.tl.switching(cells, design="draws", options={"merge": "positive", "n_null": 9})
    >>> ax = hp.pl.composition_over_time(cells, groups=["P01", "P02"])
    >>> ax.get_title(loc="left")
    'Shares over time, 2 of 6 patients'
    """
    data = prepare_composition_over_time(adata, design=design, groups=groups)
    names = list(dict.fromkeys(data.fitted["group"]))
    with drawing(ax, size_of(len(names))) as ax:
        grid = Grid(ax, len(names))
        if data.fitted.empty or not np.isfinite(data.fitted["observed"]).any():
            say(ax, data.status if data.status != "ok" else f"insufficient: 0 draws with cells in the design {design}")
            return ax
        ax.set_title(_title(data, len(names)), loc="left", pad=8)
        span = _span(data)
        looks = dict(zip(dict.fromkeys(data.treatments["treatment"]), palette.TREATMENTS * 9, strict=False))
        for place, name in enumerate(names):
            panel = grid.panel(place, title=name)
            _draw_panel(panel, data, name, span, looks)
            grid.label(panel, place, x="day", y=data.quantity)
        _legend(ax, grid, data, looks)
        return ax


def size_of(n_groups: int) -> tuple[float, float]:
    """Return width and height in inches at which the panels of so many patients can be read."""
    return Grid.size_for(n_groups, panel=(2.45, 2.05), below=1.0)


def _title(data: CompositionOverTimeData, n_shown: int) -> str:
    shown = f"{n_shown} patient{'' if n_shown == 1 else 's'}"
    if n_shown < data.n_groups:
        shown = f"{n_shown} of {data.n_groups} patients{'' if data.chosen else ', those with the most {data.counted}'}"
    shares = "Shares" if data.quantity == "share" else data.quantity.capitalize()
    return f"{shares} over time, {shown}"


def _span(data: CompositionOverTimeData) -> tuple[float, float]:
    days = data.fitted["day"].to_numpy(dtype=float)
    low, high = float(np.nanmin(days)), float(np.nanmax(days))
    margin = 0.09 * (high - low) if high > low else 1.0
    return low - margin, high + margin


def _draw_panel(panel: Axes, data: CompositionOverTimeData, group: str, span: tuple[float, float], looks: Any) -> None:
    """Draw one patient: dots with intervals per draw, fitted curves with bands, treatments above, numbers below."""
    rows = data.fitted[data.fitted["group"] == group]
    dodge = 0.014 * (span[1] - span[0])
    for place, state in enumerate(data.states):
        look = palette.look_of_state(state, place=place)
        own = rows[rows["state"] == state].sort_values("day", kind="stable")
        curve = own[np.isfinite(own["fitted"])].drop_duplicates("day")
        panel.fill_between(curve["day"], curve["fitted_lower"], curve["fitted_upper"], color=look.colour, alpha=0.15,
                           linewidth=0, zorder=1)  # fmt: skip
        panel.plot(curve["day"], curve["fitted"], color=look.colour, linewidth=1.5, zorder=2)
        seen = own[np.isfinite(own["observed"])]
        x = seen["day"] + (place - (len(data.states) - 1) / 2) * dodge
        panel.vlines(x, seen["lower"], seen["upper"], color=look.colour, linewidth=1.2, alpha=0.75, zorder=3)
        panel.scatter(x, seen["observed"], s=24, marker=look.marker, color=look.colour, edgecolors="white",
                      linewidths=0.5, zorder=4)  # fmt: skip
    _number_draws(panel, rows, span)
    for treatment in data.treatments[data.treatments["group"] == group].to_dict("records"):
        start, end = (float(treatment[key]) for key in ("start_day", "end_day"))
        left = max(start, span[0]) if np.isfinite(start) else span[0]
        right = min(end, span[1]) if np.isfinite(end) else span[1]
        look = looks[treatment["treatment"]]
        panel.broken_barh([(left, max(right - left, 0.0))], (_TREATED_FROM, _TREATED_HIGH), facecolor=look.colour,
                          edgecolor="white", hatch=look.hatch, linewidth=0.4, zorder=3)  # fmt: skip
    panel.set(xlim=span, ylim=(_NUMBERS_AT[-1] - 0.08, 1.2 if looks else 1.05))
    panel.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    panel.axhline(0, color="#DDDDDD", linewidth=0.7, zorder=0)


def _number_draws(panel: Axes, rows: pd.DataFrame, span: tuple[float, float]) -> None:
    """Write the number of cells below each draw, in a second line where the draw before is near."""
    ends = [-np.inf] * len(_NUMBERS_AT)
    for day, n in rows[np.isfinite(rows["observed"])].groupby("day")["n"].max().items():
        at, text = float(str(day)), f"{n:,.0f}"
        half = 0.021 * len(text) * (span[1] - span[0])
        free = [line for line, end in enumerate(ends) if at - half > end]
        line = free[0] if free else int(np.argmin(ends))
        ends[line] = at + half
        panel.text(at, _NUMBERS_AT[line], text, ha="center", va="center", fontsize=8, color=_SOFT)


def _legend(ax: Axes, grid: Grid, data: CompositionOverTimeData, looks: Any) -> None:
    """Say below the panels what dots, curves, bars and numbers are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    states: list[Any] = [
        Line2D([], [], color=look.colour, marker=look.marker, markeredgecolor="white", markersize=7, label=state)
        for state, look in ((s, palette.look_of_state(s, place=k)) for k, s in enumerate(data.states))
    ]
    treatments: list[Any] = [
        Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", label=str(name))
        for name, look in looks.items()
    ]
    banded, barred = (np.isfinite(data.fitted[column]).any() for column in ("fitted_lower", "lower"))
    lacking = "no rate is identified" if data.status == "ok" else data.status
    fit = (
        f"line{' and band' if banded else ''}: fit"
        if np.isfinite(data.fitted["fitted"]).any()
        else f"no fit ({lacking})"
    )
    seen = (
        f"dot and bar: {data.quantity} and its {data.level:.0%} interval"
        if barred
        else (f"dot: {data.quantity} by the draw alone")
    )
    told = f"{seen}; {fit}; numbers: {data.counted} of the draw"
    grid.legend([[*states, *treatments]], told)
