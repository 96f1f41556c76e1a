"""States as boxes with their shares, rates between them as arrows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic.models import TransitionRates
from her2plastic.models.transition_rates import IDENTIFIED, NOT_ALLOWED, NOT_IDENTIFIED, WEAK
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._transition_records import rates_of, switching_record, table_from

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: Height and width of a box where boxes stand one apart.
_BOX: Final = (0.66, 0.34)
#: Height of the apex of an arrow above the boxes, for the nearest neighbours and for every state between.
_APEX: Final = (0.30, 0.60)
#: Where an arrow leaves its box, from the middle, and how much farther out for every state between.
_LEAVES: Final = (0.18, 0.28)
#: Height of a line of a label.
_LINE: Final = 0.115
_INK: Final = "#2E3440"
_FAINT: Final = "#9AA0A8"
_THICKEST: Final = 6.0
#: Letters of a line below or above the diagram.
_LONGEST: Final = 84


@dataclass(frozen=True)
class StateDiagramData:
    """What :func:`state_diagram` draws.

    Attributes
    ----------
    states
        A row per state: ``state``, ``share`` of the cells (missing where it is not known), ``position``.
    edges
        A row per arrow: ``from``, ``to`` (places of states), ``rate``, ``lower``, ``upper``, ``word``
        (identifiability), ``width`` in points, ``label``.
    rates
        What the rates are and rest on.
    counted
        What ``share`` is of: cells, or draws where each has one status.
    """

    states: pd.DataFrame
    edges: pd.DataFrame
    rates: TransitionRates
    counted: str = "cells"


def prepare_state_diagram(
    source: AnnData | TransitionRates, *, design: str = "draws", shares: Mapping[str, float] | None = None
) -> StateDiagramData:
    """Return what :func:`state_diagram` draws.

    Parameters
    ----------
    source
        Rates, or cells after :func:`her2plastic.tl.switching`.
    design
        Which of the recorded rates, for cells.
    shares
        Share of each state by its name. By default that of the cells that the recorded fit rests on.

    Returns
    -------
    States, arrows, and the rates. Arrows that the structure does not allow are left out.

    Raises
    ------
    MissingKeyError
        If no rates of this design were recorded.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_draws(n_patients=6, draws=(0, 30), n_ctc=20, seed=1).to_anndata()
    >>> rates = hp.tl.switching(cells, design="draws", options={"merge": "positive", "n_null": 9})
    >>> data = hp.pl.prepare_state_diagram(rates)
    >>> print(data.edges[["from", "to", "rate", "lower", "upper", "word"]].round(3).to_string(index=False))
     from  to  rate  lower  upper       word
        0   1 0.011  0.004  0.025 identified
        1   0 0.015  0.006  0.032 identified
    """
    rates = rates_of(source, design)
    if shares is None:
        shares = {} if isinstance(source, TransitionRates) else _recorded_shares(source, design)
    states = pd.DataFrame({
        "state": list(rates.states), "share": [float(shares.get(state, np.nan)) for state in rates.states],
        "position": np.arange(len(rates.states), dtype=float),
    })  # fmt: skip
    known = rates.rates[np.isfinite(rates.rates)]
    largest = float(known.max()) if known.size and known.max() > 0 else 1.0
    rows = [
        _edge(rates, i, j, largest)
        for i in range(len(rates.states))
        for j in range(len(rates.states))
        if i != j and rates.identifiability[i, j] != NOT_ALLOWED
    ]
    columns = ["from", "to", "rate", "lower", "upper", "word", "width", "label"]
    return StateDiagramData(
        states, pd.DataFrame(rows, columns=columns), rates, "draws" if rates.design == "panel" else "cells"
    )


def state_diagram(
    source: AnnData | TransitionRates,
    *,
    design: str = "draws",
    shares: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the states with their shares, and the rates between them with intervals.

    An arrow is as thick as its rate. One that the data do not identify is grey and dashed and says so instead of a
    number. Rates that are effective (of switching, growth, shedding and clearance together) are called so.

    Parameters
    ----------
    source
        Rates, or cells after :func:`her2plastic.tl.switching`.
    design
        Which of the recorded rates, for cells: ``draws``, ``panel``, ``sorted`` or ``clones``.
    shares
        Share of each state by its name. By default that of the cells that the recorded fit rests on.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes. Where the data are insufficient they hold the reason.

    Raises
    ------
    MissingKeyError
        If no rates of this design were recorded.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_draws(n_patients=6, draws=(0, 30), n_ctc=20, seed=1).to_anndata()
    >>> rates = hp.tl.switching(cells, design="draws", options={"merge": "positive", "n_null": 9})
    >>> ax = hp.pl.state_diagram(rates)
    >>> ax.get_title(loc="left")
    'Effective rates between states, per day (draws)'
    """
    data = prepare_state_diagram(source, design=design, shares=shares)
    n = len(data.states)
    with drawing(ax, size_of(data)) as ax:
        for spine in ax.spines.values():
            spine.set_visible(False)
        if data.rates.status != "ok":
            say(ax, data.rates.status)
            ax.set_title(_title(data.rates), loc="left")
            return ax
        reach = _reach(data)
        ax.set(xlim=(-0.46, n - 0.54), ylim=(-reach, reach), xticks=[], yticks=[])
        for edge in data.edges.to_dict("records"):
            _draw_edge(ax, edge)
        for state in data.states.to_dict("records"):
            _draw_state(ax, state, data.counted)
        ax.set_title(_title(data.rates), loc="left", pad=20)
        ax.annotate(_subtitle(data.rates), (0, 1), xycoords="axes fraction", xytext=(0, 5),
                    textcoords="offset points", fontsize=9.5, color=palette.NOTE)  # fmt: skip
        ax.set_xlabel(_footer(data.rates), fontsize=9.5, color=palette.NOTE, loc="left")
        return ax


def _recorded_shares(adata: AnnData, design: str) -> dict[str, float]:
    """Return the share of each state among all cells that the recorded fit rests on."""
    fitted = table_from(switching_record(adata, design), "fitted", ("state", "observed", "n"))
    fitted = fitted[np.isfinite(fitted["observed"]) & (fitted["n"] > 0)].drop_duplicates(
        [column for column in ("group", "day", "state") if column in fitted]
    )
    if fitted.empty:
        return {}
    weight = fitted["n"].clip(upper=1) if design == "panel" else fitted["n"]  # a panel has one status per draw
    cells = (fitted["observed"] * weight).groupby(fitted["state"]).sum()
    return {str(state): float(share) for state, share in (cells / cells.sum()).items()}


def _edge(rates: TransitionRates, i: int, j: int, largest: float) -> dict[str, object]:
    rate, lower, upper = (float(matrix[i, j]) for matrix in (rates.rates, rates.lower, rates.upper))
    word = str(rates.identifiability[i, j])
    width = 1.3 + (_THICKEST - 1.3) * rate / largest if np.isfinite(rate) else 1.3
    return {"from": i, "to": j, "rate": rate, "lower": lower, "upper": upper, "word": word, "width": width,
            "label": _label(rate, lower, upper, word)}  # fmt: skip


def _label(rate: float, lower: float, upper: float, word: str) -> str:
    if np.isfinite(rate):
        interval = f"{lower:.2g} to {upper:.2g}" if np.isfinite(lower) and np.isfinite(upper) else "no interval"
        return f"{rate:.2g}\n{interval}" + (f"\n{word}" if word == WEAK else "")
    bound = f"\nbelow {upper:.2g}" if np.isfinite(upper) and word in (NOT_IDENTIFIED, WEAK) else ""
    return word + bound


def size_of(data: StateDiagramData) -> tuple[float, float]:
    """Return width and height in inches at which the diagram can be read."""
    return max(6.4, 2.15 * len(data.states)), 1.2 + 2.6 * _reach(data) if data.rates.status == "ok" else 3.0


def _reach(data: StateDiagramData) -> float:
    """Return how far the arrows and their labels reach above and below the middle."""
    return max([_height(edge) for edge in data.edges.to_dict("records")], default=2 * _BOX[1])


def _height(edge: Mapping[Any, Any]) -> float:
    """Return how far an arrow and the lines of its label reach from the middle of the boxes."""
    lines = str(edge["label"]).count("\n") + 1
    return _BOX[1] / 2 + _apex(abs(int(edge["to"]) - int(edge["from"]))) + 0.05 + _LINE * lines


def _apex(span: int) -> float:
    return _APEX[0] + _APEX[1] * (span - 1)


def _draw_edge(ax: Axes, edge: Mapping[Any, Any]) -> None:
    """Draw one arrow: to the right above the boxes, to the left below."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path
    from matplotlib.patheffects import withStroke

    start, end = float(edge["from"]), float(edge["to"])
    side, span = (1.0, int(end - start)) if end > start else (-1.0, int(start - end))
    offset = side * max(_LEAVES[0] - _LEAVES[1] * (span - 1), -0.28)
    base, apex = side * _BOX[1] / 2, side * _apex(span)
    # a cubic whose handles stand upright reaches three quarters of their height
    handle = base + apex / 0.75
    points = [(start + offset, base), (start + offset, handle), (end - offset, handle), (end - offset, base)]
    identified = edge["word"] in (IDENTIFIED, WEAK)
    width = float(edge["width"])
    colour = _INK if identified else _FAINT
    ax.add_patch(FancyArrowPatch(
        path=Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]), arrowstyle="-|>", facecolor=colour,
        edgecolor=colour, linewidth=width, linestyle="-" if identified else (0, (4, 2.5)), capstyle="butt",
        mutation_scale=11 + 1.6 * width, shrinkA=0, shrinkB=1, zorder=2,
    ))  # fmt: skip
    ax.annotate(
        str(edge["label"]), ((start + end) / 2, base + apex), xytext=(0, side * (3 + width / 2)),
        textcoords="offset points", ha="center", va="bottom" if side > 0 else "top", fontsize=9.5, linespacing=1.15,
        color="#1B2230" if identified else "#6A7078", style="normal" if identified else "italic",
        path_effects=[withStroke(linewidth=3, foreground="white")], zorder=4,
    )  # fmt: skip


def _draw_state(ax: Axes, state: Mapping[Any, Any], counted: str) -> None:
    """Draw one state: its name and share in a box that is filled as far as its share goes."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch, Rectangle

    name, share, x = str(state["state"]), float(state["share"]), float(state["position"])
    colour = np.array(to_rgb(palette.look_of_state(name, place=int(x)).colour))
    width, height = _BOX
    corner = (x - width / 2, -height / 2)
    box = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.05",
                         facecolor=1 - 0.18 * (1 - colour), edgecolor=colour, linewidth=1.8, zorder=3)  # fmt: skip
    ax.add_patch(box)
    if np.isfinite(share):
        bar = Rectangle(corner, width * share, 0.06, facecolor=colour, linewidth=0, zorder=3.5)
        ax.add_patch(bar)
        bar.set_clip_path(box)
    ax.text(x, 0.055 if np.isfinite(share) else 0.0, name, ha="center", va="center", fontweight="bold", fontsize=11,
            color="#1B2230", zorder=4, parse_math=False)  # fmt: skip
    if np.isfinite(share):
        ax.text(x, -0.055, f"{share:.0%} of {counted}", ha="center", va="center", fontsize=9.5, color="#1B2230",
                zorder=4)  # fmt: skip


def _title(rates: TransitionRates) -> str:
    kind = "Effective rates" if rates.effective else "Rates"
    return f"{kind} between states, {rates.unit} ({rates.design})"


def _subtitle(rates: TransitionRates) -> str:
    """Return what the rates rest on, as much of it as fits a line."""
    counted = ""
    for what, number in rates.numbers.items():
        longer = f"{counted}, {number:,} {what}" if counted else f"{number:,} {what}"
        if len(longer) > _LONGEST:
            break
        counted = longer
    return counted


def _footer(rates: TransitionRates) -> str:
    """Return what the arrows are, whether a transition was found, and what effective rates are."""
    from textwrap import fill

    said = [f"arrows: rate and its {rates.level:.0%} interval"]
    said += [test.summary() for test in rates.tests[:1]]
    if rates.effective:
        said.append("effective: switching, growth, shedding and clearance cannot be told apart")
    return "\n".join(fill(line, _LONGEST) for line in said)
