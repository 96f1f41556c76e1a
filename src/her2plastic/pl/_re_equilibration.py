"""Sorted populations that return to their mixture: observed shares beside what each model makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._panels import Grid
from her2plastic.pl._transition_records import FITTED, switching_record, table_from

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

_MODELS: Final = ("model", "weight")
#: Models of a smaller weight than this are drawn thin.
_LEAST_WEIGHT: Final = 0.05


@dataclass(frozen=True)
class ReEquilibrationData:
    """What :func:`re_equilibration` draws.

    Attributes
    ----------
    observed
        A row per sorted start, day and state: ``group``, ``day``, ``state``, ``observed`` with ``lower``, ``upper``.
    curves
        A row per model, sorted start, day and state: ``model``, ``group``, ``day``, ``state``, ``fitted``.
    models
        Name and weight of each model, the heaviest first.
    states
        Names of the states in order.
    status
        ``"ok"``, or what fell short.
    level
        Probability that an interval holds.
    """

    observed: pd.DataFrame
    curves: pd.DataFrame
    models: dict[str, float]
    states: tuple[str, ...]
    status: str
    level: float


def prepare_re_equilibration(adata: AnnData, *, design: str = "sorted") -> ReEquilibrationData:
    """Return what :func:`re_equilibration` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.switching` with sorted populations.
    design
        Which of the recorded fits.

    Returns
    -------
    Observed and fitted shares with the weights of the models.

    Raises
    ------
    MissingKeyError
        If no fit of this design was recorded.

    Examples
    --------
    >>> import her2plastic as hp
    >>> rates, growth = ((0, 0.05), (0.03, 0)), (0.3, 0.35)  # two states, per day
    >>> assay = hp.datasets.simulate_sorted_assay(days=(0, 4, 14), cells=500, rates=rates, growth=growth)
    >>> cells = assay.to_anndata()
    >>> _ = hp.tl.switching(cells, design="sorted", options={"n_null": 9})
    >>> data = hp.pl.prepare_re_equilibration(cells)
    >>> {model: round(weight, 2) for model, weight in data.models.items()}
    {'switching and growth': 0.99, 'equal growth and impurity': 0.01, 'growth and impurity': 0.0, 'equal growth': 0.0}
    """
    record = switching_record(adata, design)
    fitted = table_from(record, "fitted", (*FITTED, "model"))
    weights = table_from(record, "models", _MODELS).dropna(subset=["weight"])
    models = dict(zip(weights["model"], weights["weight"].astype(float), strict=True))
    for model in dict.fromkeys(fitted["model"]):
        models.setdefault(model, np.nan)
    curves = fitted[np.isfinite(fitted["fitted"])]
    models = {name: weight for name, weight in models.items() if (curves["model"] == name).any()}
    models = dict(sorted(models.items(), key=lambda item: -np.nan_to_num(item[1])))
    observed = fitted[np.isfinite(fitted["observed"])].drop_duplicates(["group", "day", "state", "observed"])
    return ReEquilibrationData(
        observed.reset_index(drop=True), curves.reset_index(drop=True), models, tuple(map(str, record["states"])),
        str(record["status"]), float(record["level"]),
    )  # fmt: skip


def re_equilibration(adata: AnnData, *, design: str = "sorted", ax: Axes | None = None) -> Axes:
    """Draw what sorted populations became, and what each model makes of them: a panel per sorted start.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.switching` with sorted populations.
    design
        Which of the recorded fits.
    ax
        Axes to draw on, which the panels share; new ones by default.

    Returns
    -------
    The axes that hold the panels. Where nothing was observed they hold the reason.

    Raises
    ------
    MissingKeyError
        If no fit of this design was recorded.

    Examples
    --------
    >>> import her2plastic as hp
    >>> rates, growth = ((0, 0.05), (0.03, 0)), (0.3, 0.35)  # two states, per day
    >>> assay = hp.datasets.simulate_sorted_assay(days=(0, 4, 14), cells=500, rates=rates, growth=growth)
    >>> cells = assay.to_anndata()
    >>> _ = hp.tl.switching(cells, design="sorted", options={"n_null": 9})
    >>> ax = hp.pl.re_equilibration(cells)
    >>> ax.get_title(loc="left")
    'After the sort, 2 sorted starts'
    """
    data = prepare_re_equilibration(adata, design=design)
    starts = list(dict.fromkeys([*data.observed["group"], *data.curves["group"]]))
    with drawing(ax, size_of(len(starts))) as ax:
        grid = Grid(ax, len(starts))
        if data.observed.empty:
            say(ax, data.status if data.status != "ok" else "insufficient: 0 shares observed after the sort")
            return ax
        ax.set_title(f"After the sort, {len(starts)} sorted starts", loc="left", pad=8)
        days = data.observed["day"].to_numpy(dtype=float)
        margin = 0.06 * max(float(np.ptp(days)), 1.0)
        for place, start in enumerate(starts):
            panel = grid.panel(place, title=f"sorted {start}")
            _draw_start(panel, data, start)
            panel.set(xlim=(days.min() - margin, days.max() + margin), ylim=(-0.03, 1.05))
            panel.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
            grid.label(panel, place, x="days after the sort", y="share")
        _legend(grid, data)
        return ax


def size_of(n_starts: int) -> tuple[float, float]:
    """Return width and height in inches at which the panels of so many sorted starts can be read."""
    return Grid.size_for(n_starts, panel=(2.9, 2.6), below=1.3)


def _draw_start(panel: Axes, data: ReEquilibrationData, start: str) -> None:
    observed, curves = (frame[frame["group"] == start] for frame in (data.observed, data.curves))
    for place, state in enumerate(data.states):
        look = palette.look_of_state(state, place=place)
        for line, (model, weight) in zip(palette.MODEL_LINES * 3, data.models.items(), strict=False):
            own = curves[(curves["model"] == model) & (curves["state"] == state)].sort_values("day", kind="stable")
            faint = weight < _LEAST_WEIGHT
            panel.plot(own["day"], own["fitted"], color=look.colour, linestyle=line, linewidth=1.0 if faint else 1.8,
                       alpha=0.6 if faint else 1.0, zorder=2)  # fmt: skip
        own = observed[observed["state"] == state]
        panel.vlines(own["day"], own["lower"], own["upper"], color=look.colour, linewidth=1.2, alpha=0.75, zorder=3)
        panel.scatter(own["day"], own["observed"], s=30, marker=look.marker, color=look.colour, edgecolors="white",
                      linewidths=0.6, zorder=4)  # fmt: skip


def _legend(grid: Grid, data: ReEquilibrationData) -> None:
    from matplotlib.lines import Line2D

    states: list[Any] = [
        Line2D([], [], linestyle="", color=look.colour, marker=look.marker, markeredgecolor="white", markersize=8,
               label=state)
        for state, look in ((s, palette.look_of_state(s, place=k)) for k, s in enumerate(data.states))
    ]  # fmt: skip
    models: list[Any] = [
        Line2D([], [], color="#444444", linestyle=line, linewidth=1.8,
               label=name if np.isnan(weight) else f"{name} (weight {weight:.2f})")
        for line, (name, weight) in zip(palette.MODEL_LINES * 3, data.models.items(), strict=False)
    ]  # fmt: skip
    told = f"dot and bar: share and its {data.level:.0%} interval; line: fit"
    told += "" if data.status == "ok" else f" ({data.status})"
    grid.legend([states, models], told)
