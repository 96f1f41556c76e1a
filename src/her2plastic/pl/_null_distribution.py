"""What would be seen if nothing moved, beside what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.models import NullTest
from her2plastic.models.null_test import deciding_of, decisive_of, tests_from_records
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._transition_records import recorded

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

_NULL: Final = "#B9C2CE"
_SEEN: Final = "#8C1C4B"
_MOST_BINS: Final = 40


@runtime_checkable
class HoldsTests(Protocol):
    """A result with its nulls."""

    @property
    def tests(self) -> tuple[NullTest, ...]:
        """The nulls; the first decides, unless ``deciding`` says how many do together."""
        ...


@dataclass(frozen=True)
class NullDistributionData:
    """What :func:`null_distribution` draws.

    Attributes
    ----------
    test
        The test.
    edges, counts
        The histogram of its finite simulated values.
    """

    test: NullTest
    edges: np.ndarray
    counts: np.ndarray


def prepare_null_distribution(
    source: AnnData | HoldsTests | NullTest, *, step: str = "switching_draws", place: int | None = None
) -> NullDistributionData:
    """Return what :func:`null_distribution` draws.

    Parameters
    ----------
    source
        A test, any result with ``tests`` (rates, a direction, a trajectory, a conversion), or cells with the record of
        a step.
    step
        The step whose test it is, for cells: ``switching_draws``, ``direction``, ``trajectory``, ``conversion``, ...
    place
        Which of the tests, from 0; None for the one that decides: the first, or the one with the largest p of those
        that decide together.

    Returns
    -------
    The test with the histogram of its null.

    Raises
    ------
    MissingKeyError
        If the step was not run.
    ParameterError
        If there is no such test.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> moved = np.random.default_rng(0).chisquare(2, size=99)  # a statistic in 99 data sets in which nothing moves
    >>> test = hp.models.NullTest.by_simulation("shuffled draw order", "likelihood ratio", 12.4, moved)
    >>> data = hp.pl.prepare_null_distribution(test)
    >>> print(f"{data.test.name}, {data.counts.sum()} times: p = {data.test.p:.2f}")
    shuffled draw order, 99 times: p = 0.01
    """
    if isinstance(source, NullTest):
        test = source
    else:
        if isinstance(source, HoldsTests):
            tests, deciding = tuple(source.tests), int(getattr(source, "deciding", 1))
        else:
            record = recorded(source, step, remedy=f"Run the function of her2plastic.tl that records {step!r}.")
            tests, deciding = tests_from_records(record.get("tests", {})), deciding_of(record)
        if not 0 <= (place or 0) < len(tests):
            raise ParameterError(f"place={place!r}: there are {len(tests)} tests, counted from 0")
        test = tests[place] if place is not None else decisive_of(tests, deciding) or tests[0]
    known = test.simulated[np.isfinite(test.simulated)]
    n_bins = int(np.clip(np.sqrt(known.size) * 1.6, 8, _MOST_BINS))
    counts, edges = np.histogram(known, bins=n_bins) if known.size else (np.empty(0), np.empty(0))
    return NullDistributionData(test, edges, counts)


def null_distribution(
    source: AnnData | HoldsTests | NullTest,
    *,
    step: str = "switching_draws",
    place: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the values of a statistic where there is no transition, and the observed value beside them.

    Parameters
    ----------
    source
        A test, any result with ``tests`` (rates, a direction, a trajectory, a conversion), or cells with the record of
        a step.
    step
        The step whose test it is, for cells: ``switching_draws``, ``direction``, ``trajectory``, ``conversion``, ...
    place
        Which of the tests, from 0; None for the one that decides: the first, or the one with the largest p of those
        that decide together.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes. Where the test could not be made they hold the reason.

    Raises
    ------
    MissingKeyError
        If the step was not run.
    ParameterError
        If there is no such test.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> moved = np.random.default_rng(0).chisquare(2, size=99)  # a statistic in 99 data sets in which nothing moves
    >>> test = hp.models.NullTest.by_simulation("shuffled draw order", "likelihood ratio", 12.4, moved)
    >>> ax = hp.pl.null_distribution(test)
    >>> ax.get_title(loc="left")
    'Null: shuffled draw order'
    """
    data = prepare_null_distribution(source, step=step, place=place)
    test = data.test
    with drawing(ax, (6.4, 4.0)) as ax:
        ax.set_title(f"Null: {test.name}", loc="left", pad=20, parse_math=False)
        if test.status != "ok":
            say(ax, test.status)
            return ax
        if not data.counts.size:
            say(ax, f"{test.summary()}; a known distribution, nothing was simulated")
            return ax
        ax.set(xlabel=test.statistic, ylabel="data sets without transition")
        ax.stairs(data.counts, data.edges, fill=True, color=_NULL, zorder=1)
        ax.axvline(test.observed, color=_SEEN, linewidth=2.2, zorder=3)
        top = float(data.counts.max())
        ax.set_ylim(0, 1.18 * top)
        low, high = ax.get_xlim()
        at_right = test.observed > (low + high) / 2
        ax.annotate(
            f"observed {test.observed:.3g}", (test.observed, 1.12 * top), xytext=(-6 if at_right else 6, 0),
            textcoords="offset points", ha="right" if at_right else "left", va="center", color=_SEEN, fontweight="bold",
            fontsize=10.5, zorder=4,
        )  # fmt: skip
        lost = f"; {test.n_failed:,} without a value count against" if test.n_failed else ""
        lost += f"; in {test.n_empty:,} there was nothing to find" if test.n_empty else ""
        ax.annotate(f"p = {test.p:.2g} by {test.simulated.size:,} simulated data sets{lost}", (0, 1),
                    xycoords="axes fraction", xytext=(0, 5), textcoords="offset points", fontsize=9.5,
                    color="#666666")  # fmt: skip
        return ax
