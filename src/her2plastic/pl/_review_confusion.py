"""What reviewers decided against what the model called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import one_of
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._review_agreement import review_of
from her2plastic.tl import Review
from her2plastic.tl.review_model import HOLDS

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: From this share of a row on its number is white on the colour.
_DARK: Final = 0.55
_OTHER: Final = "#6B7480"
#: Decisions whose colour is too light for white.
_LIGHT: Final = ("HER2-low",)
#: Calls on two lines where they are long.
_ON_TWO_LINES: Final = {
    "HER2-0/low": "HER2-0/\nlow", "HER2-low/positive": "HER2-low/\npositive", "HER2-positive": "HER2-\npositive",
    _keys.NOT_CALLABLE: "not\ncallable", _keys.NOT_A_CTC: "not a\nCTC",
}  # fmt: skip


@dataclass(frozen=True)
class ReviewConfusionData:
    """What :func:`review_confusion` draws.

    Attributes
    ----------
    counts
        ``(decisions, calls)``: number of cells.
    decisions, calls
        Their names.
    inside
        ``(decisions, calls)``: whether the call holds the decision.
    reader, model
        Who decided; whose calls.
    headline
        Share of the decided states that lie in the call, in words.
    """

    counts: np.ndarray
    decisions: tuple[str, ...]
    calls: tuple[str, ...]
    inside: np.ndarray
    reader: str
    model: str
    headline: str


def prepare_review_confusion(source: AnnData | Review, *, reader: str | None = None) -> ReviewConfusionData:
    """Return what :func:`review_confusion` draws.

    Parameters
    ----------
    source, reader
        As of :func:`review_confusion`.

    Returns
    -------
    The table.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.
    ParameterError
        For a reader who decided nothing.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> found = hp.tl.review(cells, decisions=hp.datasets.simulate_reviewers(cells))
    >>> data = hp.pl.prepare_review_confusion(found)
    >>> data.headline
    '83% (56% to 96%) of 12 states lie in the call'
    >>> dict(zip(data.decisions, data.counts.sum(axis=1).astype(int).tolist(), strict=True))
    {'HER2-0': 2, 'HER2-low': 6, 'HER2-positive': 4, 'not a CTC': 12, 'unsure': 0}
    """
    found = review_of(source)
    table, decisions, calls = found.confusion, _keys.REVIEW_DECISIONS, _keys.CALLS
    if table.empty:
        empty = np.zeros((len(decisions), len(calls)))
        return ReviewConfusionData(empty, decisions, calls, empty.astype(bool), reader or "", found.model, "")
    readers = tuple(dict.fromkeys(table["reader"]))
    reader = reader if reader is not None else readers[-1]
    one_of("reader", reader, readers)
    own = table[table["reader"] == reader].set_index(["decision", "call"])["n"].astype(float)
    counts = np.array([[own.get((decision, call), 0.0) for call in calls] for decision in decisions])
    inside = np.array([[decision in HOLDS[call] for call in calls] for decision in decisions])
    row = found.held[found.held["reader"] == reader].to_dict("records")[0]
    headline = str(row["status"])
    if headline == "ok":
        share, low, high, n = (row[key] for key in ("share", "lower", "upper", "n"))
        headline = f"{share:.0%} ({low:.0%} to {high:.0%}) of {int(n):,} states lie in the call"
    return ReviewConfusionData(counts, decisions, calls, inside, reader, found.model, headline)


def review_confusion(source: AnnData | Review, *, reader: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a table of what was decided against what the model called, with the number of cells.

    The shade of a cell is its share of the row. A frame marks calls that hold the decision: a call of two states is
    right about either.

    Parameters
    ----------
    source
        A result of :func:`her2plastic.tl.review`, or the cells that it was recorded in.
    reader
        A reviewer, or ``"consensus"``; by default the consensus, or the only reviewer.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If the cells hold no record of the step.
    ParameterError
        For a reader who decided nothing.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> found = hp.tl.review(cells, decisions=hp.datasets.simulate_reviewers(cells))
    >>> ax = hp.pl.review_confusion(found)
    >>> ax.get_title(loc="left")
    '24 reviewed cells: 83% (56% to 96%) of 12 states lie in the call'
    """
    from matplotlib.patches import Rectangle

    data = prepare_review_confusion(source, reader=reader)
    with drawing(ax, (7.2, 4.0)) as ax:
        if not data.counts.any():
            say(ax, "insufficient: 0 cells with a decision and a call")
            return ax
        totals = np.maximum(data.counts.sum(axis=1, keepdims=True), 1)
        for (y, x), share in np.ndenumerate(data.counts / totals):
            look = palette.CALLS.get(data.decisions[y])
            colour = look.colour if look and y < len(_keys.STATES) else _OTHER
            ax.add_patch(Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, facecolor=colour, alpha=0.06 + 0.9 * share,
                                   linewidth=0))  # fmt: skip
            if data.inside[y, x]:
                ax.add_patch(Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, fill=False, edgecolor="#222222",
                                       linewidth=1.5))  # fmt: skip
            n = int(data.counts[y, x])
            ax.text(x, y, f"{n:,}" if n else "·", ha="center", va="center", fontsize=11,
                    color="white" if share > _DARK and data.decisions[y] not in _LIGHT else "#222222")  # fmt: skip
        ax.set(xlim=(-0.55, len(data.calls) - 0.45), ylim=(len(data.decisions) - 0.45, -0.55))
        ax.set_xticks(range(len(data.calls)), [_ON_TWO_LINES.get(call, call) for call in data.calls])
        ax.set_yticks(range(len(data.decisions)), data.decisions)
        ax.tick_params(length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        who = "consensus" if data.reader == "consensus" else data.reader
        ax.set(xlabel=f"call of the model ({data.model})", ylabel=f"decision ({who})")
        ax.set_title(f"{int(data.counts.sum()):,} reviewed cells: {data.headline}", loc="left", parse_math=False)
        return ax
