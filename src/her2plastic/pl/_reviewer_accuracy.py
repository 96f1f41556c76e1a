"""How often each reviewer is right, by hidden repeats and by the readings of all reviewers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic.pl import palette
from her2plastic.pl._axes import drawing
from her2plastic.pl._review_agreement import forest, review_of
from her2plastic.tl import Review

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes

_WAYS: Final = {"all": "by all readings together", "repeats": "by hidden repeats alone"}
_LOOKS: Final = {"all": palette.OTHER_STATES[0], "repeats": palette.OTHER_STATES[3]}


@dataclass(frozen=True)
class ReviewerAccuracyData:
    """What :func:`reviewer_accuracy` draws: a row per reviewer and way to know the accuracy, and the level."""

    rows: pd.DataFrame
    level: float


def prepare_reviewer_accuracy(source: AnnData | Review) -> ReviewerAccuracyData:
    """Return what :func:`reviewer_accuracy` draws.

    Parameters
    ----------
    source
        A result of :func:`her2plastic.tl.review`, or the cells that it was recorded in.

    Returns
    -------
    Two rows per reviewer.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=40)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> found = hp.tl.review(cells, decisions=hp.datasets.simulate_reviewers(cells))
    >>> data = hp.pl.prepare_reviewer_accuracy(found)
    >>> rows = data.rows[data.rows["kind"] == "all"]
    >>> print(rows[["label", "n", "value", "lower", "upper"]].round(2).to_string(index=False))
    label   n  value  lower  upper
       R1 119   0.74   0.63   0.84
       R2 119   0.84   0.72   0.93
       R3 119   0.88   0.76   0.98
    """
    import pandas as pd

    found = review_of(source)
    rows = [
        {
            "kind": kind, "label": f"{row['reviewer']}", "value": row[f"{prefix}accuracy"],
            "lower": row[f"{prefix}lower"], "upper": row[f"{prefix}upper"], "status": row[f"{prefix}status"],
            "n": row["n_repeats"] if prefix else row["n_cells"],
        }
        for row in found.readers.to_dict("records")
        for kind, prefix in (("all", ""), ("repeats", "repeat_"))
    ]  # fmt: skip
    return ReviewerAccuracyData(pd.DataFrame(rows), float(found.level))


def reviewer_accuracy(source: AnnData | Review, *, ax: Axes | None = None) -> Axes:
    """Draw how often each reviewer reads the state of a CTC as what it is, though nobody knows what it is.

    Parameters
    ----------
    source
        A result of :func:`her2plastic.tl.review`, or the cells that it was recorded in.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes. Where only a range is known there is no point on it.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=40)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> found = hp.tl.review(cells, decisions=hp.datasets.simulate_reviewers(cells))
    >>> ax = hp.pl.reviewer_accuracy(found)
    >>> ax.get_title(loc="left")
    'Accuracy of the reviewers, 95% intervals'
    """
    data = prepare_reviewer_accuracy(source)
    with drawing(ax, (6.8, 1.4 + 0.34 * len(data.rows))) as ax:
        low = float(np.nanmin([0.5, *data.rows["lower"]]))
        ax.set(xlim=(low - 0.02, 1.01), ylim=(len(data.rows) - 0.4, -0.6))
        forest(ax, data.rows, _LOOKS, _WAYS)
        labels = [name if place % 2 == 0 else "" for place, name in enumerate(data.rows["label"])]
        ax.set_yticks(range(len(labels)), labels, parse_math=False)
        ax.set(xlabel="share of states read as what they are", ylabel="")
        ax.set_title(f"Accuracy of the reviewers, {data.level:.0%} intervals", loc="left")
        return ax
