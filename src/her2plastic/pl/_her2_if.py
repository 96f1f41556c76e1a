"""HER2 fluorescence of the CTCs, slide by slide, beside the control lines and the score that each intensity means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column, step_record
from her2plastic._errors import MissingKeyError
from her2plastic.pl import palette
from her2plastic.pl._axes import DENSE, drawing, say

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: More slides than this are drawn without their names.
_MOST_NAMED: Final = 40
_GRID: Final = 200
#: Moves of a slide's median that are shown, log10 (2 %), and their colour.
_LEAST_DRIFT: Final = 0.0086
#: Marker of a lower bound.
_BOUND: Final = r"$\uparrow$"
_DRIFT_INK: Final = "#333333"


@dataclass(frozen=True)
class HER2IfData:
    """What :func:`her2_if` draws.

    Attributes
    ----------
    cells
        A row per CTC with an intensity: ``slide``, ``intensity`` (leukocytes = 1), ``before`` (the same before the
        drift of its batch was taken off), ``call``, ``control`` (of a control line), ``censored`` (a lower bound).
    slides
        Names in the order of the figure, patients first; a control slide with its line.
    bounds
        Intensities at which the likeliest score changes, rising, and the scores between them.
    """

    cells: pd.DataFrame
    slides: dict[str, str]
    bounds: list[float]
    scores: list[str]


def prepare_her2_if(adata: AnnData) -> HER2IfData:
    """Return what :func:`her2_if` draws.

    Parameters
    ----------
    adata
        Objects after ``tl.her2_if``.

    Returns
    -------
    Cells, slides, and where the scores change.

    Raises
    ------
    MissingKeyError
        If HER2 was not called.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> cells = hp.im.measure(hp.im.segment(made.slide))
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> data = hp.pl.prepare_her2_if(cells)
    >>> print(data.cells[["slide", "intensity", "call"]].head(3).round(1).to_string(index=False))
    slide  intensity          call
    slide       20.9 HER2-positive
    slide        0.8        HER2-0
    slide        2.0    HER2-0/low
    """
    intensity = obs_column(adata, _keys.HER2_INTENSITY, remedy="Run her2plastic.tl.her2_if first.")
    obs: Any = adata.obs
    line = obs[_keys.CONTROL_LINE].astype(object).fillna("") if _keys.CONTROL_LINE in obs else pd.Series("", obs.index)
    cells = pd.DataFrame({
        "slide": obs[_keys.SLIDE_ID].astype(str), "intensity": intensity.astype(float),
        "before": intensity.astype(float) * 2.0 ** _drift(adata),
        "call": obs[_keys.HER2_IF_CALL].astype(str), "control": line.astype(str) != "",
        "censored": obs[_keys.HER2_IF_CENSORED].astype(bool),
    })  # fmt: skip
    cells = cells[obs[_keys.IS_CTC].to_numpy(dtype=bool) & (cells["intensity"] > 0).to_numpy()]
    first = line.astype(str).groupby(obs[_keys.SLIDE_ID].astype(str), sort=False).first()
    named = {
        str(slide): f"{slide} ({own})" if own and own not in str(slide) else str(slide) for slide, own in first.items()
    }
    order = sorted(named, key=lambda slide: bool(first[slide]))
    bounds, scores = _bounds(adata)
    return HER2IfData(cells.reset_index(drop=True), {slide: named[slide] for slide in order}, bounds, scores)


def her2_if(adata: AnnData, *, ax: Axes | None = None) -> Axes:
    """Draw the HER2 intensity of each CTC by slide, with control lines and the score that each intensity means.

    Where batches drifted apart, the median of each slide is shown before and after the drift was taken off.

    Parameters
    ----------
    adata
        Objects after ``tl.her2_if``.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If HER2 was not called.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> cells = hp.im.measure(hp.im.segment(made.slide))
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> ax = hp.pl.her2_if(cells)
    >>> ax.get_title(loc="left")
    '6 CTCs, 0 control cells'
    """
    data = prepare_her2_if(adata)
    with drawing(ax, (8.6, 4.8)) as ax:
        if data.cells.empty:
            say(ax, "insufficient: no CTC with a HER2 intensity")
            return ax
        values = np.log10(data.cells["intensity"].to_numpy())
        low, high = min(values.min(), -0.2) - 0.15, max(values.max(), 1.5) + 0.2
        _shade(ax, data, low, high)
        _points(ax, data, values, _medians(ax, data))
        ticks = [tick for tick in (0.1, 0.3, 1, 3, 10, 30, 100, 300) if low <= np.log10(tick) <= high]
        ax.set_yticks(np.log10(ticks), [f"{tick:g}" for tick in ticks])
        names = list(data.slides.values()) if len(data.slides) <= _MOST_NAMED else []
        ax.set_xticks(range(len(names)), names, rotation=35, ha="right", parse_math=False)
        ax.set(ylim=(low, high), xlim=(-0.6, len(data.slides) - 0.4), ylabel="HER2 (leukocytes of the slide = 1)")
        n_patients = int((~data.cells["control"]).sum())
        ax.set_title(f"{n_patients:,} CTCs, {len(data.cells) - n_patients:,} control cells", loc="left")
        return ax


def _drift(adata: AnnData) -> pd.Series:
    """Return the recorded drift of each object's batch, log2; 0 for a batch that has none."""
    record = step_record(adata, "her2_if")
    if not record:
        raise MissingKeyError("uns['her2plastic']", "her2_if", adata.uns.get(_keys.ROOT, {}), "Run tl.her2_if first.")
    batch = obs_column(adata, str(record["params"]["batch_key"])).astype(str)
    drifts = zip(np.asarray(record["batches"]["batch"], dtype=str), record["batches"]["drift_log2"], strict=True)
    return batch.map(dict(drifts)).astype(float).fillna(0.0)


def _bounds(adata: AnnData) -> tuple[list[float], list[str]]:
    """Return where the likeliest score changes, by the recorded scale and its priors."""
    scale = step_record(adata, "her2_if")["calibration"]["scale"]
    mean, sd, prior = (np.asarray(scale[key], dtype=float) for key in ("mean_log2", "sd_log2", "share_prior"))
    grid = np.linspace(mean[0], mean[-1], _GRID)
    density = prior / sd * np.exp(-0.5 * ((grid[:, None] - mean) / sd) ** 2)
    best = np.maximum.accumulate(density.argmax(axis=1))
    changes = np.flatnonzero(np.diff(best)) + 1
    kept = [int(best[0]), *(int(best[change]) for change in changes)]
    return [float(2.0 ** grid[change]) for change in changes], [str(scale["score"][place]) for place in kept]


def _shade(ax: Axes, data: HER2IfData, low: float, high: float) -> None:
    """Shade the range of each score in the colour of its state, with its name at the right."""
    state_of = dict(zip(_keys.IF_SCORES, _keys.STATE_OF_SCORE, strict=True))
    edges = [low, *np.log10(data.bounds), high]
    for score, start, end in zip(data.scores, edges, edges[1:], strict=False):
        ax.axhspan(start, end, color=palette.STATES[state_of[score]].colour, alpha=0.10, linewidth=0, zorder=0)
        ax.text(1.01, (start + end) / 2, score, transform=ax.get_yaxis_transform(), va="center", fontsize=10)
    for edge in edges[1:-1]:
        ax.axhline(edge, color="white", linewidth=1.2, zorder=1)


def _medians(ax: Axes, data: HER2IfData) -> list[Any]:
    """Draw what taking the drift off did to the median of each slide, and return the legend's word for it."""
    from matplotlib.lines import Line2D

    medians = np.log10(data.cells.groupby("slide")[["before", "intensity"]].median())
    moved = medians[(medians["before"] - medians["intensity"]).abs() > _LEAST_DRIFT]
    if moved.empty:
        return []
    x = np.array([list(data.slides).index(str(slide)) for slide in moved.index]) + 0.36
    ax.vlines(x, moved["before"], moved["intensity"], color=_DRIFT_INK, linewidth=1.0, zorder=4)
    note: list[Any] = []
    for column, face, label in (
        ("before", "white", "median as stained"), ("intensity", _DRIFT_INK, "median, drift taken off"),
    ):  # fmt: skip
        ax.plot(x, moved[column], linestyle="", marker="o", markersize=4.5, markerfacecolor=face,
                markeredgecolor=_DRIFT_INK, zorder=5)  # fmt: skip
        note.append(Line2D([], [], linestyle="", marker="o", markersize=5, markerfacecolor=face,
                           markeredgecolor=_DRIFT_INK, label=label))  # fmt: skip
    return note


def _points(ax: Axes, data: HER2IfData, values: np.ndarray, notes: list[Any]) -> None:
    """Draw each cell beside the others of its slide; an arrow where its intensity is a lower bound."""
    from matplotlib.lines import Line2D

    place = data.cells["slide"].map({slide: x for x, slide in enumerate(data.slides)}).to_numpy(dtype=float)
    spread = place + 0.5 * (np.random.default_rng(0).random(len(place)) - 0.5)
    control, censored = (data.cells[key].to_numpy(dtype=bool) for key in ("control", "censored"))
    group = np.where(control, palette.CONTROL_CELL, data.cells["call"].to_numpy(dtype=object))
    size = float(np.clip(6000 / max(len(place), 1), 6, 34))
    handles: list[Any] = []
    for name, look in (palette.CALLS | palette.CONTROLS).items():
        own = group == name
        if not own.any():
            continue
        for points, marker, area, edge in (
            (own & ~censored, look.marker, size, "white"), (own & censored, _BOUND, 3 * size, "none"),
        ):  # fmt: skip
            ax.scatter(spread[points], values[points], s=area, marker=marker, color=look.colour, edgecolors=edge,
                       linewidths=0.3, zorder=3, rasterized=len(place) > DENSE)  # fmt: skip
        handles.append(
            Line2D([], [], linestyle="", marker=look.marker, markersize=7, markerfacecolor=look.colour,
                   markeredgecolor="white", label=f"{name} ({int(own.sum()):,})")
        )  # fmt: skip
    if censored.any():
        handles.append(
            Line2D([], [], linestyle="", marker=_BOUND, markersize=8, color="#555555", label="at least so bright")
        )
    ax.legend(handles=[*handles, *notes], loc="upper left", bbox_to_anchor=(1.06, 1.0), frameon=False,
              borderaxespad=0.0, handletextpad=0.3)  # fmt: skip
