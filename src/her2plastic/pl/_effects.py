"""Forest of the effects on serum HER2 and of serum HER2, all of them ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import tl
from her2plastic._errors import check_made_by
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say, without_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK: Final = {"serum": "#1D4E57", "drop-out": "#7A6A9B", "progression": "#8C1C4B"}
_HEADS: Final = {
    "serum": "Serum HER2: factor",
    "drop-out": "Factor per cycle between groups if leaving depends on the true change",
    "progression": "Progression after the landmark: hazard ratio",
}
#: Inches of a row, of a heading with the axis below its panel, and of the labels at both sides.
_ROW: Final = 0.27
_HEAD: Final = 0.72
_LABELS: Final = (0.39, 0.21)
_FINE: Final = (1.0, 1.2, 1.4, 1.7, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0, 9.0)


@dataclass(frozen=True)
class EffectsData:
    """What :func:`effects` draws.

    Attributes
    ----------
    rows
        A row per effect: ``part``, ``label``, ``ratio``, ``lower``, ``upper``.
    status
        Why there is nothing to draw; empty if there is.
    level
        Probability that an interval holds.
    """

    rows: pd.DataFrame
    status: str
    level: float


def prepare_effects(result: tl.Serum) -> EffectsData:
    """Return what :func:`effects` draws.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.serum` returned.

    Returns
    -------
    Effects as ratios.

    Examples
    --------
    >>> import her2plastic as hp
    >>> visits = hp.io.read_serum(hp.datasets.simulate_serum(n_patients=40).to_frame())
    >>> result = hp.tl.serum(visits, looks=(2,), dependence=None, repeats=2, n_bootstrap=99)
    >>> data = hp.pl.prepare_effects(result)
    >>> print(data.rows[["label", "ratio", "lower", "upper"]].round(2).to_string(index=False))
                                             label  ratio  lower  upper
    before treatment, response against no response   0.78   0.56   1.08
                            per cycle, no response   1.03   1.00   1.06
           per cycle, response against no response   0.85   0.82   0.88
                               change, per halving   0.77   0.32   1.87
              level before treatment, per doubling   0.79   0.46   1.35
    """
    check_made_by("result", result, tl.Serum, "tl.serum")
    rows: list[dict[str, Any]] = []
    reference = str(result.means["group"].iloc[0]) if len(result.means) else ""
    for row in result.to_frame().to_dict("records"):
        if row["effect"] != "intercept":
            rows.append({"part": "serum", "label": _label(str(row["effect"]), reference), "ratio": row["factor"],
                         "lower": row["factor_lower"], "upper": row["factor_upper"]})  # fmt: skip
    rows += _drop_out_rows(result, reference)
    for row in result.landmark.frame.to_dict("records"):
        rows.append({"part": "progression", "label": row["effect"], **{name: row[name] for name in
                                                                       ("ratio", "lower", "upper")}})  # fmt: skip
    status = "" if rows else f"{result.status}; {result.landmark.status}"
    return EffectsData(pd.DataFrame(rows, columns=["part", "label", "ratio", "lower", "upper"]), status, result.level)


def _drop_out_rows(result: tl.Serum, reference: str) -> list[dict[str, Any]]:
    frame = result.drop_out.frame
    if frame.empty:
        return []
    frame = frame[frame["effect"].str.contains(":")]
    several = frame["effect"].nunique() > 1
    rows = []
    for row in frame.to_dict("records"):
        how = "estimated" if row["estimated"] else "none" if row["dependence"] == 0 else "assumed"
        name = f"{_label(str(row['effect']), reference)}, " if several else ""
        said = f"{name}dependence {row['dependence']:+.1f}, {how}" if how != "none" else f"{name}no dependence"
        said += "" if row["fits"] else ", fits badly"
        bounds = {key: float(np.exp(row[at])) for key, at in
                  (("ratio", "estimate"), ("lower", "lower"), ("upper", "upper"))}  # fmt: skip
        rows.append({"part": "drop-out", "label": said, **bounds})
    return rows


def _label(effect: str, reference: str) -> str:
    when, _, group = effect.partition(":")
    when = "per cycle" if when == "time" else when
    if group:
        return f"{when}, {group} against {reference}"
    if effect == "time" or effect.startswith("cycle "):
        return f"{when}, {reference}"
    return effect if effect.startswith("assay ") else f"before treatment, {effect} against {reference}"


def effects(result: tl.Serum, *, ax: Axes | None = None) -> Axes:
    """Draw the effects of the mixed model, of drop-out, and on progression as a forest of ratios with intervals.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.serum` returned.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes, with a panel for each kind of effect within.

    Examples
    --------
    >>> import her2plastic as hp
    >>> visits = hp.io.read_serum(hp.datasets.simulate_serum(n_patients=40).to_frame())
    >>> result = hp.tl.serum(visits, looks=(2,), dependence=None, repeats=2, n_bootstrap=99)
    >>> ax = hp.pl.effects(result)
    >>> [panel.get_title(loc="left") for panel in ax.child_axes]
    ['Serum HER2: factor', 'Progression after the landmark: hazard ratio']
    """
    data = prepare_effects(result)
    parts = [part for part in _HEADS if (data.rows["part"] == part).any()]
    heights = {part: _HEAD + _ROW * int((data.rows["part"] == part).sum()) for part in parts}
    total = sum(heights.values()) or 3.0
    with drawing(ax, (8.8, total + 0.2)) as ax:
        if data.status:
            say(ax, data.status)
            return ax
        without_frame(ax)
        top = 1.0
        for part in parts:
            rows = data.rows[data.rows["part"] == part]
            share = heights[part] / total
            inner = (_LABELS[0], top - share + 0.40 / total, 1 - sum(_LABELS), _ROW * len(rows) / total)
            _forest(ax.inset_axes(inner), rows, _INK[part], _HEADS[part])
            top -= share
        ax.annotate(f"{data.level:.0%} intervals", (1, 0), xycoords="axes fraction", xytext=(0, -6), ha="right",
                    va="top", textcoords="offset points", fontsize=9, color=palette.NOTE)  # fmt: skip
        return ax


def _forest(panel: Axes, rows: pd.DataFrame, ink: str, head: str) -> None:
    """Draw the rows of one part, from the top."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = _limits(rows)
    panel.set_xscale("log")
    panel.axvline(1.0, color="#999999", linewidth=0.9, zorder=1)
    for place, row in enumerate(rows.to_dict("records")):
        panel.plot(
            [max(row["lower"], low), min(row["upper"], high)], [place, place], color=ink, linewidth=1.6, zorder=2
        )
        for beyond, mark, at in ((row["lower"] < low, "<", low), (row["upper"] > high, ">", high)):
            if beyond:
                panel.plot(at, place, marker=mark, color=ink, markersize=5, linestyle="", clip_on=False)
        panel.plot(row["ratio"], place, marker="s", color=ink, markersize=5.5, linestyle="", zorder=3)
        panel.annotate(f"{row['ratio']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})", (1.03, place),
                       xycoords=("axes fraction", "data"), va="center", fontsize=9.5)  # fmt: skip
    panel.set_title(head, loc="left", fontsize=10.5, color=ink, pad=5, x=-_LABELS[0] / (1 - sum(_LABELS)))
    panel.set_yticks(range(len(rows)), rows["label"].tolist())
    panel.tick_params(axis="y", length=0, labelsize=9.5)
    panel.tick_params(axis="x", labelsize=8.5)
    panel.spines[["left", "top", "right"]].set_visible(False)
    panel.set(xlim=(low, high), ylim=(len(rows) - 0.5, -0.5))
    fine = high / low < 5
    panel.xaxis.set_major_locator(LogLocator(base=10, subs=_FINE if fine else (1.0, 2.0, 5.0), numticks=20))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return limits as far below as above 1 that show all of narrow intervals and the middle of wide ones."""
    reach = float(np.nanmax(np.abs(np.log(rows[["ratio", "lower", "upper"]].to_numpy(dtype=float)))))
    reach = float(np.clip(reach * 1.08, np.log(1.25), np.log(20)))
    return float(np.exp(-reach)), float(np.exp(reach))
