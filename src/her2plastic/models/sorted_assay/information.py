"""What a design can tell of rates and growth: rank, standard errors and undetermined directions of the information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic.models.sorted_assay.data import USUAL_CELLS, assay_data
from her2plastic.models.sorted_assay.explanations import SWITCHING, Layout
from her2plastic.models.sorted_assay.fit import centred

if TYPE_CHECKING:
    import pandas as pd

#: Eigenvalues below this share of the largest are rounding.
_ROUNDING: Final = 1e-13
#: A parameter with more than this part in undetermined directions is undetermined itself.
_UNDETERMINED: Final = 1e-4


@dataclass(frozen=True)
class AssayInformation:
    """What data determine of a model's parameters.

    Attributes
    ----------
    names
        The parameters.
    rank
        How many independent combinations of them the data determine.
    eigenvalues
        Of the Fisher information, falling.
    standard_errors
        One per parameter; infinite where the data do not determine it.
    undetermined
        The combinations that no amount of such data determines, in words.
    """

    names: tuple[str, ...]
    rank: int
    eigenvalues: np.ndarray
    standard_errors: np.ndarray
    undetermined: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return a row per parameter with its standard error."""
        import pandas as pd

        return pd.DataFrame({"parameter": self.names, "standard_error": self.standard_errors})

    def summary(self) -> str:
        """Return the rank and what is undetermined."""
        lines = [f"{self.rank} of {len(self.names)} parameters determined"]
        return "\n".join([*lines, *(f"not determined: {words}" for words in self.undetermined)])


def information_of(matrix: np.ndarray, names: Sequence[str]) -> AssayInformation:
    """Return rank, standard errors and undetermined directions of an information matrix."""
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1], vectors[:, ::-1]
    known = values > _ROUNDING * max(values[0], 1e-300)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=known)
    errors = np.sqrt(vectors**2 @ inverse)
    lost = (vectors[:, ~known] ** 2).sum(axis=1)
    return AssayInformation(
        tuple(names), int(known.sum()), values, np.where(lost > _UNDETERMINED, np.inf, errors),
        _in_words(vectors[:, ~known], names),
    )  # fmt: skip


def _in_words(directions: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    """Return directions as signed sums of the parameters that make them up."""
    number = directions.shape[1]
    if number == 0:
        return ()
    if number > 2:  # any basis of so large a space would be arbitrary
        part = (directions**2).sum(axis=1)
        free = [name for name, share in zip(names, part, strict=True) if share > _UNDETERMINED]
        return (f"{number} combinations of {', '.join(free)}",)
    words = []
    for direction in directions.T:
        direction = direction * np.sign(direction[np.abs(direction).argmax()])
        large = np.flatnonzero(np.abs(direction) > 0.1 * np.abs(direction).max())
        growths = [k for k, name in enumerate(names) if name.startswith("growth")]
        if set(large) == set(growths) and np.ptp(direction[large]) < 1e-3:
            words.append("the growth of all states together (only its differences show)")
            continue
        terms = [f"{direction[k]:+.2g} x {names[k]}" for k in large]
        words.append(" ".join(terms))
    return tuple(words)


def sorted_information(
    rates: np.ndarray,
    *,
    growth: np.ndarray,
    composition: np.ndarray,
    days: Sequence[float],
    cells: float = USUAL_CELLS,
    replicates: int = 1,
    overdispersion: float = 0.0016,
    count_cv: float | None = None,
    states: Sequence[str] | None = None,
) -> AssayInformation:
    """Return what a planned sorted assay would tell of its rates and growth.

    Parameters
    ----------
    rates
        ``(S, S)`` per day from row to column; the diagonal is not used.
    growth
        ``(S,)`` net growth per day.
    composition
        ``(starts, S)`` composition of each starting population, taken as known.
    days
        Days on which every start is measured.
    cells
        Cells behind each measured composition.
    replicates
        Wells per start and day.
    overdispersion
        Variance of shares between replicate wells in units of ``p (1 - p)``: 0.0016 is a standard deviation of 0.02 at
        one half.
    count_cv
        Coefficient of variation of cell counts; None where the cells are not counted.
    states
        Names of the states, for the parameters' names.

    Returns
    -------
    Rank, standard errors and undetermined directions of all rates and all growths, ``S * S`` parameters.

    Examples
    --------
    >>> import her2plastic as hp
    >>> sorts = [[0.95, 0.05], [0.05, 0.95]]  # composition of each sort
    >>> asked = {"growth": [0.1, 0.2], "composition": sorts, "days": (0, 7, 14)}
    >>> for count_cv in (None, 0.1):  # cells not counted, counted
    ...     print(hp.models.sorted_information([[0, 0.03], [0.05, 0]], count_cv=count_cv, **asked).summary())
    3 of 4 parameters determined
    not determined: the growth of all states together (only its differences show)
    4 of 4 parameters determined
    """
    composition = np.atleast_2d(np.asarray(composition, dtype=float))
    starts, size = composition.shape
    start = np.tile(np.repeat(np.arange(starts), len(days)), replicates)
    day = np.tile(np.asarray(days, dtype=float), starts * replicates)
    data = assay_data(
        start, day, composition[start], cells=cells, sorted_to=composition.argmax(axis=1),
        totals=None if count_cv is None else np.ones(len(day)),
    )  # fmt: skip
    layout = Layout(
        SWITCHING, data, known=composition / composition.sum(axis=1, keepdims=True), largest_impurity=0.5,
        misclassification=np.eye(size), common=True,
    )  # fmt: skip
    growth = np.asarray(growth, dtype=float)
    rates = np.asarray(rates, dtype=float)
    values = np.concatenate([[rates[i, j] for i, j in layout.pairs], growth[1:] - growth[0], growth[:1]])
    expected = layout.expected(values)
    # growth of each state in place of growth against the first, and of the first
    turn = np.eye(layout.n)
    first = layout.n_rates
    turn[first:, first:] = 0.0
    turn[first : first + size - 1, first + 1 :] = np.eye(size - 1)
    turn[first : first + size - 1, first] = -1.0
    turn[-1, first] = 1.0
    weight = 1 / (1 / data.cells + overdispersion)
    slopes = np.einsum("wpk,pq->wqk", expected.slopes, turn)
    scaled = slopes * np.sqrt(weight[:, None] / expected.shares)[:, None, :]
    flat = scaled.transpose(1, 0, 2).reshape(layout.n, -1)
    matrix = flat @ flat.T
    if count_cv is not None:
        totals = centred(expected.total_slopes @ turn, data) / count_cv
        matrix = matrix + totals.T @ totals
    names = states or [str(k) for k in range(size)]
    return information_of(
        matrix, [*(f"rate {names[i]} -> {names[j]}" for i, j in layout.pairs), *(f"growth of {n}" for n in names)]
    )
