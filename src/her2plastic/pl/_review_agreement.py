"""How far reviewers agree with themselves, with each other and with the model, and how often each is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic._errors import ParameterError, one_of
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._transition_records import recorded
from her2plastic.tl import Review

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes

#: Height of a row and of what stands above and below the rows, inches.
_ROW: Final = 0.34
_AROUND: Final = 1.3
_KINDS: Final = {
    "within": "the same reviewer, a cell again", "between": "two reviewers", "model": "reviewer and model",
}  # fmt: skip
_LOOKS: Final = dict(zip(_KINDS, (palette.OTHER_STATES[3], palette.OTHER_STATES[0], palette.OTHER_STATES[2]),
                         strict=True))  # fmt: skip
_ALL: Final = "Fleiss' kappa"


@dataclass(frozen=True)
class ReviewAgreementData:
    """What :func:`review_agreement` draws.

    Attributes
    ----------
    rows
        A row per comparison, in the order of the figure: ``kind``, ``label``, ``value``, ``lower``, ``upper``, ``n``,
        ``status``.
    what
        What is compared.
    statistic
        The coefficient.
    level
        Probability that an interval holds.
    """

    rows: pd.DataFrame
    what: str
    statistic: str
    level: float


def prepare_review_agreement(
    source: AnnData | Review, *, what: str = "state", statistic: str = "kappa, linear weights"
) -> ReviewAgreementData:
    """Return what :func:`review_agreement` draws.

    Parameters
    ----------
    source, what, statistic
        As of :func:`review_agreement`.

    Returns
    -------
    The comparisons in order.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.
    ParameterError
        For something that is not compared, or a coefficient that is not computed for it.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=40)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> found = hp.tl.review(cells, decisions=hp.datasets.simulate_reviewers(cells))
    >>> data = hp.pl.prepare_review_agreement(found)
    >>> print(data.rows[["label", "n", "value", "lower", "upper"]].head(4).round(2).to_string(index=False))
        label  n  value  lower  upper
     R1 again 14   0.50   0.05   0.78
     R2 again 13   0.81   0.42   0.95
     R3 again 14   1.00   0.60   1.00
    R1 and R2 70   0.57   0.41   0.70
    """
    found = review_of(source)
    table = found.agreement
    one_of("what", what, dict.fromkeys(table["what"]))
    one_of("statistic", statistic, dict.fromkeys(table["statistic"][table["what"] == what]))
    if statistic == _ALL:
        raise ParameterError(f"statistic={statistic!r}: one number for all reviewers; see tl.review(...).summary()")
    rows = table[(table["what"] == what) & table["statistic"].isin([statistic, _ALL])]
    order = rows["kind"].map({kind: place for place, kind in enumerate(_KINDS)})
    rows = rows.assign(order=order).sort_values("order", kind="stable")
    labels = [_label(row) for row in rows.to_dict("records")]
    columns = ["kind", "value", "lower", "upper", "n", "status"]
    return ReviewAgreementData(
        rows[columns].assign(label=labels).reset_index(drop=True), what, statistic, float(found.level)
    )


def review_agreement(
    source: AnnData | Review,
    *,
    what: str = "state",
    statistic: str = "kappa, linear weights",
    ax: Axes | None = None,
) -> Axes:
    """Draw how far reviewers agree beyond chance: with themselves, with each other, and with the model.

    Parameters
    ----------
    source
        A result of :func:`her2plastic.tl.review`, or the cells that it was recorded in.
    what
        ``"state"``, ``"CTC or not"`` or ``"state or no CTC"``.
    statistic
        ``"kappa, linear weights"`` (of states), ``"kappa, quadratic weights"`` or ``"Cohen's kappa"``. Of all reviewers
        together it is Fleiss' kappa.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes. A comparison about which nothing can be said holds the reason.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.
    ParameterError
        For something that is not compared, or a coefficient that is not computed for it.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=40)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> found = hp.tl.review(cells, decisions=hp.datasets.simulate_reviewers(cells))
    >>> ax = hp.pl.review_agreement(found)
    >>> ax.get_title(loc="left")
    'Agreement on the HER2 state, 95% intervals'
    """
    data = prepare_review_agreement(source, what=what, statistic=statistic)
    with drawing(ax, (6.8, _AROUND + _ROW * max(len(data.rows), 3))) as ax:
        if data.rows.empty:
            say(ax, "insufficient: 1 reading of each cell, 2 needed for an agreement")
            return ax
        low = float(np.nanmin([0.0, *data.rows["lower"]]))
        ax.set(xlim=(max(low - 0.05, -1.05), 1.03), ylim=(len(data.rows) - 0.4, -0.6))
        ax.axvline(0, color="#999999", linewidth=0.8, zorder=1)
        forest(ax, data.rows, {kind: look for kind, look in _LOOKS.items() if (data.rows["kind"] == kind).any()},
               _KINDS)  # fmt: skip
        ax.set(xlabel=f"{data.statistic} (0: chance, 1: full agreement)", ylabel="")
        ax.set_title(f"Agreement on {_words(data.what)}, {data.level:.0%} intervals", loc="left")
        return ax


def review_of(source: AnnData | Review) -> Review:
    """Return the review itself, or the one recorded in the cells."""
    if isinstance(source, Review):
        return source
    return Review.from_record(recorded(source, "review", remedy="Run her2plastic.tl.review first.")["review"])


def forest(ax: Axes, rows: pd.DataFrame, looks: dict[str, palette.Look], words: dict[str, str]) -> None:
    """Draw a row for each value with its interval; the reason where there is none."""
    from matplotlib.lines import Line2D

    for y, row in enumerate(rows.to_dict("records")):
        look = looks[row["kind"]]
        ax.plot([row["lower"], row["upper"]], [y, y], color=look.colour, linewidth=2.2, solid_capstyle="round",
                zorder=2)  # fmt: skip
        ax.plot(row["value"], y, marker=look.marker, color=look.colour, markersize=7.5, markeredgecolor="white",
                markeredgewidth=0.7, zorder=3)  # fmt: skip
        if row["status"] != "ok" and not np.isfinite(row["lower"]):
            ax.text(0.02, y, str(row["status"]), transform=ax.get_yaxis_transform(), va="center", fontsize=8.5,
                    color=palette.NOTE)  # fmt: skip
        number = f"{int(row['n']):,} cells"
        ax.text(1.015, y, number, transform=ax.get_yaxis_transform(), va="center", fontsize=9, color=palette.NOTE)
    ax.set_yticks(range(len(rows)), rows["label"], parse_math=False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#E6E6E6", linewidth=0.7)
    handles = [
        Line2D([], [], linestyle="", marker=look.marker, markersize=7, color=look.colour, markeredgecolor="white",
               label=words[kind])
        for kind, look in looks.items()
    ]  # fmt: skip
    if len(handles) > 1:
        # a fixed way below the axis, whatever its height
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.45, 0), borderaxespad=4.6, frameon=False,
                  ncols=len(handles), handletextpad=0.1, columnspacing=1.2, fontsize=9)  # fmt: skip


def _label(row: dict[Any, Any]) -> str:
    if row["first"] == "all":
        return "all (Fleiss' kappa)"
    if row["kind"] == "within":
        return f"{row['first']} again"
    return f"{row['first']} and {row['second']}"


def _words(what: str) -> str:
    return {"state": "the HER2 state", "CTC or not": "CTC or not", "state or no CTC": "the state, or no CTC"}[what]
