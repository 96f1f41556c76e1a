"""Patients by first and second HER2 state, each cell split into what error alone gives and what is beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic.models.misclassification.conversion_result import Conversion
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._transition_records import recorded

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes

#: Parts of a cell, in its width: margin beside the bar, bottom of the bar, its height.
_MARGIN: Final = 0.08
_BOTTOM: Final = 0.14
_HEIGHT: Final = 0.26
#: Share of a row beyond error from which on its number is coloured.
_MARKED: Final = 0.02
#: Left and right edge of the bar of all patients, counted from the right edge of the table.
_BAR: Final = (0.72, 1.08)


@dataclass(frozen=True)
class ConversionData:
    """What :func:`conversion` draws.

    Attributes
    ----------
    result
        The conversion.
    cells
        A row per pair of states: ``row``, ``column``, ``patients``, ``error_alone``, and as shares of the patients of
        the row ``share_error`` (error alone, as far as it was seen), ``share_beyond`` and ``share_expected``. Where the
        readings are alike nothing is beyond error.
    bar
        Share of all patients whose readings differ, split by name of the part: ``error alone``; ``may be error``, where
        chance or less accurate readers may give it; ``beyond error``.
    excess
        The part that what is beyond error in a cell belongs to.
    headline
        What was found, in two lines.
    """

    result: Conversion
    cells: pd.DataFrame
    bar: dict[str, float]
    excess: str
    headline: tuple[str, str]


def prepare_conversion(source: AnnData | Conversion) -> ConversionData:
    """Return what :func:`conversion` draws.

    Parameters
    ----------
    source
        A result of :func:`her2plastic.tl.conversion`, or the cells that it was recorded in.

    Returns
    -------
    The table with its split.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> table = np.array([[40, 12, 2], [9, 30, 4], [1, 3, 20]])  # primary tumour in rows, relapse in columns
    >>> result = hp.tl.conversion(table, accuracies=(0.8, 0.9), n_null=99)
    >>> data = hp.pl.prepare_conversion(result)
    >>> print(data.cells[["row", "column", "patients", "error_alone"]].head(3).round(0).to_string(index=False))
     row  column  patients  error_alone
       0       0      40.0         37.0
       0       1      12.0         13.0
       0       2       2.0          0.0
    """
    import pandas as pd

    if isinstance(source, Conversion):
        result = source
    else:
        result = Conversion.from_record(recorded(source, "conversion", remedy="Run her2plastic.tl.conversion first."))
    k = len(result.states)
    row, column = np.divmod(np.arange(k * k), k)
    patients, error = result.table.ravel(), result.error_alone.ravel()
    of_row = np.maximum(result.table.sum(axis=1)[row], 1e-12)
    cells = pd.DataFrame(
        {
            "row": row, "column": column, "patients": patients, "error_alone": error,
            "share_error": np.where(row == column, patients, np.fmin(patients, error)) / of_row,
            "share_beyond": np.where(row == column, 0.0, np.maximum(patients - error, 0.0)) / of_row,
            "share_expected": error / of_row,
        }
    )  # fmt: skip
    value, low, high = result.expected
    seen = result.discordance
    sure = value if np.isfinite(value) else low
    by_error = float(np.fmin(sure, seen)) if np.isfinite(sure) else float("nan")
    unsure = 0.0 if np.isfinite(value) or not np.isfinite(high) else max(min(high, seen) - by_error, 0.0)
    excess = "beyond error" if result.found(1 - result.level) else "may be error"
    bar = {"error alone": by_error, "may be error": unsure, "beyond error": 0.0}
    bar[excess] += max(seen - by_error - unsure, 0.0)
    return ConversionData(result, cells, bar, excess, _headline(result))


def conversion(source: AnnData | Conversion, *, ax: Axes | None = None) -> Axes:
    """Draw a table of changed HER2 states, split into what reader error alone gives and what is beyond it.

    Each row is the patients of one first state, and a full bar is all of them. The grey part is what error alone gives,
    the coloured part what is beyond it; a tick shows error alone where it gives more than was seen. The upright bar is
    all patients whose two readings differ, with the interval of what error alone gives in as many patients.

    Parameters
    ----------
    source
        A result of :func:`her2plastic.tl.conversion`, or the cells that it was recorded in.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes. Where nothing can be said they hold the reason.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> table = np.array([[40, 12, 2], [9, 30, 4], [1, 3, 20]])  # primary tumour in rows, relapse in columns
    >>> result = hp.tl.conversion(table, accuracies=(0.8, 0.9), n_null=99)
    >>> ax = hp.pl.conversion(result)
    >>> ax.get_title(loc="left")
    '121 patients: the two readings differ in 26%'
    """
    data = prepare_conversion(source)
    k = len(data.result.states)
    with drawing(ax, (2.6 + 1.55 * (k + 1.0), 1.7 + 1.12 * k)) as ax:
        ax.set_title(data.headline[0], loc="left", pad=24, fontweight="bold")
        if not np.isfinite(data.result.error_alone).any():
            ax.spines[:].set_visible(False)
            say(ax, data.result.status)
            return ax
        ax.annotate(data.headline[1], (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points",
                    fontsize=10, color=palette.NOTE)  # fmt: skip
        ax.set(xlim=(0, k + 1.55), ylim=(k, -0.5))
        for _, cell in data.cells.astype(float).iterrows():
            _draw_cell(ax, cell, data.excess)
        _draw_all(ax, data, k)
        _name_states(ax, data.result)
        _explain(ax, data)
        return ax


def _headline(result: Conversion) -> tuple[str, str]:
    n = result.numbers.get("patients", 0)
    first = f"{n:,} patient{'' if n == 1 else 's'}"
    if np.isfinite(result.discordance):
        first += f": the two readings differ in {result.discordance:.0%}"
    value, low, high = result.expected
    if not np.isfinite(low):
        return first, result.status
    given = f"error alone gives {value:.0%} ({low:.0%} to {high:.0%})"
    if not np.isfinite(value):
        given = f"error alone gives {low:.0%} to {high:.0%}, by the readers' accuracy"
    p = result.tests[0].p if result.tests else float("nan")
    if not np.isfinite(p):
        return first, given
    verdict = "change beyond error" if p <= 1 - result.level else "no change beyond error shown"
    return first, f"{given}; {verdict}, p = {p:.2g}"


def _draw_cell(ax: Axes, cell: pd.Series, excess: str) -> None:
    """Draw the bar of one cell, its number of patients, and what error alone gives."""
    from matplotlib.patches import Rectangle

    left, top = cell["column"] + _MARGIN, cell["row"]
    width, bottom = 1 - 2 * _MARGIN, top + 1 - _BOTTOM - _HEIGHT
    same = cell["row"] == cell["column"]
    ax.add_patch(Rectangle((cell["column"] + 0.02, top + 0.03), 0.96, 0.94, linewidth=0, zorder=0,
                           facecolor="#F4F2ED" if same else "white", edgecolor="none"))  # fmt: skip
    ax.add_patch(Rectangle((left, bottom), width, _HEIGHT, facecolor="white", edgecolor="#C9C9C9", linewidth=0.7,
                           zorder=1))  # fmt: skip
    look, rest = palette.CONVERSION_PARTS["alike" if same else "error alone"], palette.CONVERSION_PARTS[excess]
    if np.isfinite(cell["error_alone"]):
        for start, share, part in ((0.0, cell["share_error"], look), (cell["share_error"], cell["share_beyond"], rest)):
            ax.add_patch(Rectangle((left + width * start, bottom), width * share, _HEIGHT, facecolor=part.colour,
                                   hatch=part.hatch, edgecolor="white", linewidth=0, zorder=2))  # fmt: skip
        if cell["share_expected"] > cell["share_error"] + 1e-9:
            place = left + width * min(cell["share_expected"], 1.0)
            ax.plot([place, place], [bottom - 0.06, bottom + _HEIGHT + 0.06], color="#333333", linewidth=1.4, zorder=3)
    marked = excess == "beyond error" and cell["share_beyond"] > _MARKED
    ax.text(left, bottom - 0.09, f"{cell['patients']:.0f}", fontsize=16, va="bottom", zorder=4,
            color=rest.colour if marked else "#222222")  # fmt: skip
    if np.isfinite(cell["error_alone"]):
        ax.text(left + width, bottom - 0.11, f"by error {cell['error_alone']:.0f}", fontsize=9, va="bottom",
                ha="right", color=palette.NOTE, zorder=4)  # fmt: skip


def _draw_all(ax: Axes, data: ConversionData, k: int) -> None:
    """Draw the upright bar of all patients whose readings differ, on a scale of its own."""
    from matplotlib.patches import Rectangle

    left, right = k + _BAR[0], k + _BAR[1]
    base, top = k - 0.06, 0.1
    _, low, high = data.result.expected
    highest = max(data.result.discordance, high if np.isfinite(high) else 0.0, 0.1)
    full = min(np.ceil(highest * 10 + 0.3) / 10, 1.0)

    def at(share: float) -> float:
        return float(base - (base - top) * share / full)

    start = 0.0
    for name, share in data.bar.items():
        look = palette.CONVERSION_PARTS[name]
        if np.isfinite(share) and share > 0:
            ax.add_patch(Rectangle((left, at(start + share)), right - left, at(start) - at(start + share),
                                   facecolor=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0,
                                   zorder=2))  # fmt: skip
            start += share
    middle = (left + right) / 2
    if np.isfinite(low):
        ax.vlines(middle, at(high), at(low), color="#111111", linewidth=1.6, zorder=4)
        ax.hlines([at(low), at(high)], middle - 0.07, middle + 0.07, color="#111111", linewidth=1.6, zorder=4)
        if np.isfinite(data.result.expected[0]):
            ax.plot(middle, at(data.result.expected[0]), marker="o", markersize=6, color="#111111", zorder=4)
    ax.hlines(at(data.result.discordance), left - 0.1, right + 0.1, color="#111111", linewidth=1.0, zorder=3)
    ax.text(right + 0.13, at(data.result.discordance), f"{data.result.discordance:.0%}\nseen", va="center",
            fontsize=10, zorder=4)  # fmt: skip
    ax.plot([left - 0.1] * 2, [base, at(full)], color="#888888", linewidth=0.8)
    for share in np.arange(0, full + 1e-9, 0.1 if full <= 0.5 else 0.2):
        ax.plot([left - 0.14, left - 0.1], [at(share)] * 2, color="#888888", linewidth=0.8)
        ax.text(left - 0.17, at(share), f"{share:.0%}", ha="right", va="center", fontsize=9, color=palette.NOTE)
    ax.text(middle, -0.06, "readings\ndiffer", ha="center", va="bottom", fontsize=10)


def _name_states(ax: Axes, result: Conversion) -> None:
    k = len(result.states)
    places = np.arange(k) + 0.5
    ax.set_xticks([])
    for place, name in zip(places, result.states, strict=True):
        ax.text(place, -0.06, name, ha="center", va="bottom", fontsize=10.5)
    totals = result.table.sum(axis=1)
    ax.set_yticks(places, [f"{name}\n{total:.0f}" for name, total in zip(result.states, totals, strict=True)])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylabel("first reading")
    ax.text(k / 2, -0.28, "second reading", ha="center", va="bottom", fontsize=11)


def _explain(ax: Axes, data: ConversionData) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    labels = {"may be error": "may be error: chance, or less accurate readers"}
    handles: list[Patch | Line2D] = [
        Patch(facecolor=palette.CONVERSION_PARTS[name].colour, hatch=palette.CONVERSION_PARTS[name].hatch,
              edgecolor="white", linewidth=0, label=labels.get(name, name))
        for name, share in data.bar.items() if share > 0 or name == "error alone"
    ]  # fmt: skip
    alike = palette.CONVERSION_PARTS["alike"].colour
    handles.append(Patch(facecolor=alike, edgecolor="white", linewidth=0, label="readings alike"))
    if (data.cells["share_expected"] > data.cells["share_error"] + 1e-9).any():
        handles.append(Line2D([], [], color="#333333", linewidth=1.4, linestyle="", marker="|", markersize=11,
                              markeredgewidth=1.4, label="error alone gives more than was seen"))  # fmt: skip
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.0, -0.02), ncols=2, frameon=False,
              borderaxespad=0.0, handletextpad=0.4, columnspacing=1.4)  # fmt: skip
