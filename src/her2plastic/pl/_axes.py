"""What all figures share: the style, the axes, an axis on which 0 has its place, scatters of groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic._access import NOT_READ
from her2plastic.pl import palette

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from her2plastic.pl.palette import Look

#: From this many points on, points are drawn as one image within a vector figure, and in a mixed order.
DENSE = 2_000
STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.6,
}
#: Where 0 stands on a logarithmic axis: this far below the smallest decade shown.
ZERO_GAP = 0.6


@contextmanager
def drawing(ax: Axes | None, size: tuple[float, float]) -> Iterator[Axes]:
    """Give the axes to draw on, new ones if none are given, within the package's style."""
    from matplotlib import rc_context

    figure: Any = None
    if ax is None:
        from matplotlib import pyplot

        # a notebook switches to its display with the first figure, which must outlive the style
        figure = pyplot.figure(figsize=size, layout="constrained")
    with rc_context(STYLE):
        ax = figure.subplots() if ax is None else ax
        ax.spines[["top", "right"]].set_visible(False)
        yield ax


def without_frame(ax: Axes) -> None:
    """Take ticks, background and frame away from axes that hold panels or shapes."""
    ax.set(xticks=[], yticks=[], facecolor="none")
    for spine in ax.spines.values():
        spine.set_visible(False)


def headed(ax: Axes, title: str, line: str) -> None:
    """Put a title above axes that hold panels, and below it the line that says what they rest on."""
    without_frame(ax)
    ax.set_title(title, loc="left", pad=20)
    ax.annotate(line, (0, 1), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points", fontsize=9.5,
                color=palette.NOTE)  # fmt: skip


def say(ax: Axes, text: str) -> None:
    """Write why there is nothing to draw."""
    from textwrap import fill

    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, fill(text, 44), ha="center", va="center", transform=ax.transAxes, color="#444444")


def log_position(values: np.ndarray, floor: int) -> np.ndarray:
    """Return log10 of the values; 0 stands ``ZERO_GAP`` below the ``floor`` decade, spread a little."""
    values = np.asarray(values, dtype=float)
    position = np.full(values.shape, np.nan)
    above = values > 0
    position[above] = np.log10(values[above])
    zero = np.flatnonzero(values == 0)
    # the spread has no meaning; it only keeps points from hiding each other
    position[zero] = floor - ZERO_GAP + 0.3 * (np.random.default_rng(0).random(zero.size) - 0.5)
    return position


def floor_decade(values: np.ndarray) -> int:
    """Return the decade at or below the smallest value above 0; 0 where there is none."""
    values = np.asarray(values, dtype=float)
    above = values[values > 0]
    return int(np.floor(np.log10(above.min()))) if above.size else 0


def log_ticks(ax: Axes, which: str, positions: np.ndarray, floor: int) -> None:
    """Label an axis of :func:`log_position` in the values themselves."""
    known = positions[np.isfinite(positions)]
    highest = float(known.max()) if known.size else floor
    with_zero = known.size > 0 and float(known.min()) < floor
    decades = np.arange(floor, max(int(np.ceil(highest)), floor + 1) + 1)
    minor = np.log10(np.outer(10.0 ** decades[:-1], np.arange(2, 10)).ravel())
    ticks, labels = list(decades.astype(float)), [f"{10.0**decade:,.10g}" for decade in decades]
    if with_zero:
        ticks, labels = [floor - ZERO_GAP, *ticks], ["0", *labels]
    low = (floor - 2 * ZERO_GAP + 0.2) if with_zero else floor - 0.1
    high = max(highest + 0.15, floor + 0.5)
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_ticks(ticks, labels)
    axis.set_ticks(minor[minor < high], minor=True)
    (ax.set_xlim if which == "x" else ax.set_ylim)(low, high)


def scatter_groups(
    ax: Axes,
    frame: pd.DataFrame,
    group: str,
    looks: Mapping[str, Look],
    *,
    behind: tuple[str, ...] = (),
    listed: tuple[str, ...] = (),
    hollow: str = "",
    notes: Sequence[Any] = (),
) -> None:
    """Draw the points ``x``, ``y`` of each group with its look and a legend that counts them.

    Groups named in ``behind`` are drawn first; those ``listed`` stand in the legend even without a point. Points whose
    column ``hollow`` is True are open. ``notes`` are further handles of the legend. Many points are drawn in a mixed
    order, so that no group hides another.
    """
    n = len(frame)
    size, alpha = _point(n)
    present = [name for name in looks if (frame[group] == name).any()]
    if n < DENSE:
        for order, name in enumerate(sorted(present, key=lambda name: name not in behind)):
            points = frame[frame[group] == name]
            face, edge, width = _ink(points, looks, group, hollow, thin=0.3)
            ax.scatter(points["x"], points["y"], s=size, marker=looks[name].marker, alpha=alpha, facecolors=face,
                       edgecolors=edge, linewidths=width, zorder=2 + 0.01 * order)  # fmt: skip
    else:
        last = np.random.default_rng(0).random(n) + np.where(frame[group].isin(list(behind)), 0.0, 1.0)
        points = frame.iloc[np.argsort(last, kind="stable")]
        face, edge, width = _ink(points, looks, group, hollow, thin=0.0)
        ax.scatter(points["x"], points["y"], s=size, marker="o", alpha=alpha, facecolors=face, edgecolors=edge,
                   linewidths=width, rasterized=True, zorder=2)  # fmt: skip
    numbers = {name: int((frame[group] == name).sum()) for name in looks if name in present or name in listed}
    _legend(ax, numbers, looks, notes, dense=n >= DENSE)


def _ink(
    points: pd.DataFrame, looks: Mapping[str, Look], group: str, hollow: str, *, thin: float
) -> tuple[Any, Any, Any]:
    """Return face colours, edge colours and edge widths of points; open ones are white with an edge of their colour."""
    from matplotlib.colors import to_rgb

    rgb = {name: to_rgb(look.colour) for name, look in looks.items()}
    colour = np.array([rgb[name] for name in points[group]]).reshape(-1, 3)
    is_open = points[hollow].to_numpy(dtype=bool) if hollow else np.zeros(len(points), dtype=bool)
    white = np.ones(3)
    return (
        np.where(is_open[:, None], white, colour),
        np.where(is_open[:, None], colour, white),
        np.where(is_open, 0.9, thin),
    )


def _legend(
    ax: Axes, numbers: Mapping[str, int], looks: Mapping[str, Look], notes: Sequence[Any], *, dense: bool
) -> None:
    """Put a legend with the number of cells of each group beside the axes."""
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], linestyle="", marker="o" if dense else looks[name].marker, markersize=7,
               markerfacecolor=looks[name].colour, markeredgecolor="white", label=f"{name} ({number:,})")
        for name, number in numbers.items()
    ]  # fmt: skip
    handles += notes
    if handles:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0.0,
                  handletextpad=0.3)  # fmt: skip


def _point(n: int) -> tuple[float, float]:
    """Return marker area and opacity for a number of points."""
    size = float(np.clip(18000 / max(n, 1), 3.0, 55.0))
    return size, float(np.clip(0.95 - 0.15 * np.log10(max(n, 10) / 10), 0.35, 0.95))


def why_empty(n_ctc: int, note: str) -> str:
    """Return the word that stands where a group has no shares."""
    if n_ctc:
        return "insufficient"
    return "not read" if NOT_READ in note else "no CTC"
