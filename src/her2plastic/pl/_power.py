"""Power by size of study, with what would be found without switching beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from her2plastic import tl
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WANTED: Final = 0.8
#: Kinds of study in turn: from light to dark with a marker each.
_LINES: Final = (
    ("#0072B2", "o"), ("#8C1C4B", "s"), ("#D0603A", "D"), ("#117733", "^"), ("#5B5B5B", "v"), ("#9A6FB0", "P"),
)  # fmt: skip
#: By how much lines are moved apart, as a share of the smallest step between numbers of patients.
_APART: Final = 0.16


@dataclass(frozen=True)
class PowerData:
    """What :func:`power` draws.

    Parameters
    ----------
    rows
        The rows of the result with ``study`` (draws and CTCs, in words), ``place`` (of the number of patients) and
        ``x`` (the place, moved a little per study).
    studies
        The studies in the order of their lines.
    alpha
        Nominal false positive rate.
    title
        Design and true rates.
    """

    rows: pd.DataFrame
    studies: tuple[str, ...]
    alpha: float
    title: str


def prepare_power(result: tl.Power) -> PowerData:
    """Return what :func:`power` draws.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.power` returned.

    Returns
    -------
    A row per size of study, with its place.

    Examples
    --------
    >>> import her2plastic as hp
    >>> study = hp.tl.power(n_patients=(5, 10), n_draws=(2,), alpha=0.2, n=4)  # n: 100 or more for a real study
    >>> data = hp.pl.prepare_power(study)
    >>> print(data.rows[["patients", "draws", "power", "power_lower", "power_upper"]].round(2).to_string(index=False))
     patients  draws  power  power_lower  power_upper
            5      2   0.00         0.00         0.60
           10      2   0.25         0.01         0.81
    """
    rows = result.to_frame().sort_values(["ctcs", "draws", "patients"], kind="stable").reset_index(drop=True)
    rows["study"] = [
        f"{draws:g} draws" + ("" if np.isnan(ctcs) else f", {ctcs:g} CTCs")
        for draws, ctcs in zip(rows["draws"], rows["ctcs"], strict=True)
    ]
    studies = tuple(dict.fromkeys(rows["study"]))
    numbers = sorted(set(rows["patients"]))
    rows["place"] = rows["patients"].map({number: place for place, number in enumerate(numbers)}).astype(float)
    shift = _APART * (np.arange(len(studies)) - (len(studies) - 1) / 2) / max(1.0, (len(studies) - 1) / 2)
    rows["x"] = rows["place"] + rows["study"].map(dict(zip(studies, shift, strict=True)))
    edges = [
        f"{result.states[i]} to {result.states[j]} {result.rates[i, j]:.3g}"
        for i, j in zip(*np.nonzero(result.rates), strict=True)
    ]
    return PowerData(rows, studies, result.alpha, "per day: " + "; ".join(edges) if edges else "no switching")


def power(result: tl.Power, *, ax: Axes | None = None) -> Axes:
    """Draw the power by number of patients, a line per number of draws and of CTCs.

    Filled marks: a transition was found where cells switch. Open marks: it was found where they do not, which should
    happen as often as the grey line says. Bars are Monte-Carlo intervals.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.power` returned.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Examples
    --------
    >>> import her2plastic as hp
    >>> study = hp.tl.power(n_patients=(5, 10), n_draws=(2,), alpha=0.2, n=4)  # n: 100 or more for a real study
    >>> ax = hp.pl.power(study)
    >>> ax.get_title(loc="left")
    'per day: HER2-0 to HER2-positive 0.012; HER2-positive to HER2-0 0.02'
    """
    from matplotlib.lines import Line2D

    data = prepare_power(result)
    with drawing(ax, (7.6, 4.4)) as ax:
        ax.axhline(_WANTED, color=palette.NOTE, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        ax.axhline(data.alpha, color=palette.NOTE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        handles = []
        for number, study in enumerate(data.studies):
            colour, marker = _LINES[number % len(_LINES)]
            rows = data.rows[data.rows["study"] == study]
            for what, face, style in (("power", colour, "-"), ("false_positive", "white", ":")):
                spread = np.abs(rows[[f"{what}_lower", f"{what}_upper"]].to_numpy().T - rows[what].to_numpy())
                ax.errorbar(rows["x"], rows[what], yerr=spread, color=colour, marker=marker, markerfacecolor=face,
                            linestyle=style, linewidth=1.4, elinewidth=1.0, markersize=6, zorder=3)  # fmt: skip
            handles.append(Line2D([], [], color=colour, marker=marker, markersize=6, label=study))
        handles += [
            Line2D([], [], color=palette.NOTE, marker="o", linestyle="-", markersize=6, label="with switching"),
            Line2D([], [], color=palette.NOTE, marker="o", linestyle=":", markerfacecolor="white", markersize=6,
                   label="without switching"),
        ]  # fmt: skip
        numbers = data.rows.drop_duplicates("place").sort_values("place")
        ax.set_xticks(numbers["place"], [f"{number:g}" for number in numbers["patients"]])
        ax.set_xlim(-0.4, numbers["place"].max() + 0.4)
        ax.set(xlabel="patients", ylabel="share of studies that find a transition", ylim=(-0.02, 1.02))
        ax.set_yticks([0, data.alpha, 0.2, 0.4, 0.6, _WANTED, 1.0])
        ax.set_yticklabels(["0", f"{data.alpha:g}", "0.2", "0.4", "0.6", f"{_WANTED:g}", "1"])
        ax.set_title(data.title, loc="left", fontsize=10)
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0.0)
        return ax
