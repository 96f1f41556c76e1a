"""How well serum HER2 tells response at each look: ROC curves, and what the cut-offs do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from her2plastic import tl
from her2plastic._errors import check_made_by
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BEFORE: Final = palette.Look("#8A8A8A", "v")


@dataclass(frozen=True)
class SerumRocData:
    """What :func:`serum_roc` draws.

    Attributes
    ----------
    curves
        A row per point of a curve: ``look``, ``false_positive``, ``sensitivity``.
    looks
        A row per look with its area, intervals and numbers.
    rules
        A row per cut-off with an answer: ``look``, ``kind``, ``false_positive``, ``sensitivity``.
    """

    curves: pd.DataFrame
    looks: pd.DataFrame
    rules: pd.DataFrame


def prepare_serum_roc(result: tl.Serum) -> SerumRocData:
    """Return what :func:`serum_roc` draws.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.serum` returned.

    Returns
    -------
    Curves, areas and cut-offs by look.

    Examples
    --------
    >>> import her2plastic as hp
    >>> visits = hp.io.read_serum(hp.datasets.simulate_serum(n_patients=40).to_frame())
    >>> result = hp.tl.serum(visits, looks=(2,), dependence=None, repeats=2, n_bootstrap=99)
    >>> data = hp.pl.prepare_serum_roc(result)
    >>> print(data.looks[["look", "marker", "n", "n_positive", "area"]].round(3).to_string(index=False))
     look                      marker  n  n_positive  area
      0.0      level before treatment 40          20 0.385
      2.0 fall since before treatment 32          17 0.863
    """
    check_made_by("result", result, tl.Serum, "tl.serum")
    parts = [
        pd.DataFrame({"look": float(look.look), "false_positive": look.curve.false_positive,
                      "sensitivity": look.curve.sensitivity})
        for look in result.curves if look.curve is not None
    ]  # fmt: skip
    curves = pd.concat(parts) if parts else pd.DataFrame(columns=["look", "false_positive", "sensitivity"])
    rules = result.cutoffs[(result.cutoffs["status"] == "ok") & (result.cutoffs["kind"] != "optimised, as found")]
    rules = rules.assign(false_positive=1 - rules["specificity"])
    return SerumRocData(curves, result.roc, rules[["look", "kind", "cutoff", "unit", "false_positive", "sensitivity"]])


def serum_roc(result: tl.Serum, *, ax: Axes | None = None) -> Axes:
    """Draw the ROC of each look, with the cut-offs said beforehand and those of nested resampling.

    Before treatment a high level is expected with response, at a look a fall since. Filled marks are cut-offs said
    beforehand; open ones what a cut-off chosen on other patients does.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.serum` returned.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Examples
    --------
    >>> import her2plastic as hp
    >>> visits = hp.io.read_serum(hp.datasets.simulate_serum(n_patients=40).to_frame())
    >>> result = hp.tl.serum(visits, looks=(2,), dependence=None, repeats=2, n_bootstrap=99)
    >>> ax = hp.pl.serum_roc(result)
    >>> [text.get_text().splitlines()[0] for text in ax.get_legend().get_texts()][:2]
    ['before treatment, level: 0.39 (0.22 to 0.58)', 'fall until cycle 2: 0.86 (0.69 to 0.95)']
    """
    data = prepare_serum_roc(result)
    with drawing(ax, (9.8, 4.7)) as ax:
        if data.curves.empty:
            say(ax, "; ".join(data.looks["status"].unique()))
            return ax
        ax.plot([0, 1], [0, 1], color="#BBBBBB", linewidth=0.9, zorder=1)
        handles: list[Any] = []
        for place, row in enumerate(data.looks.to_dict("records")):
            look = _BEFORE if row["look"] == 0 else palette.LOOKS[(place - 1) % len(palette.LOOKS)]
            handles.append(_handle(row, look))
            curve = data.curves[data.curves["look"] == row["look"]]
            ax.plot(curve["false_positive"], curve["sensitivity"], color=look.colour, linewidth=1.8,
                    linestyle=(0, (4, 2)) if row["look"] == 0 else "-", zorder=2)  # fmt: skip
            for rule in data.rules[data.rules["look"] == row["look"]].to_dict("records"):
                given = rule["kind"] == "given"
                ax.plot(rule["false_positive"], rule["sensitivity"], marker=look.marker, markersize=9,
                        color=look.colour, markerfacecolor=look.colour if given else "white", markeredgewidth=1.5,
                        markeredgecolor="white" if given else look.colour, linestyle="", zorder=4 if given else 3,
                        clip_on=False)  # fmt: skip
        handles += _mark_handles(data.rules)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="patients without response called responders",
               ylabel="responders called so", aspect="equal", anchor="W")  # fmt: skip
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.04, 1.0), frameon=False, borderaxespad=0.0,
                  labelspacing=0.7)  # fmt: skip
        return ax


def _handle(row: dict[Any, Any], look: palette.Look) -> Any:
    from matplotlib.lines import Line2D

    when = "before treatment, level" if row["look"] == 0 else f"fall until cycle {row['look']:g}"
    if row["status"] != "ok":
        said = f"{when}: insufficient, {row['n_positive']} + {row['n'] - row['n_positive']} patients"
    else:
        gone = f", {row['not_seen']} no longer seen" if row["not_seen"] else ""
        said = (
            f"{when}: {row['area']:.2f} ({row['lower_all']:.2f} to {row['upper_all']:.2f})\n"
            f"{row['n']} patients{gone}; p = {row['p_all']:.2g}"
        )
    return Line2D(
        [], [], color=look.colour, linewidth=1.8, linestyle=(0, (4, 2)) if row["look"] == 0 else "-", label=said
    )


def _mark_handles(rules: pd.DataFrame) -> list[Any]:
    from matplotlib.lines import Line2D

    given = rules[rules["kind"] == "given"]
    handles = []
    if len(given):
        said = [f"{row['cutoff']:g} {row['unit']}" if row["look"] == 0 else f"{row['cutoff']:.0f} {row['unit']}"
                for row in given.to_dict("records")]  # fmt: skip
        handles.append(Line2D([], [], linestyle="", marker="o", markersize=7, color="#444444",
                              label=f"said beforehand: {', '.join(dict.fromkeys(said))}"))  # fmt: skip
    if (rules["kind"] == "optimised, nested").any():
        handles.append(Line2D([], [], linestyle="", marker="o", markersize=7, markerfacecolor="white",
                              markeredgecolor="#444444", markeredgewidth=1.5,
                              label="optimised on other patients (nested)"))  # fmt: skip
    return handles
