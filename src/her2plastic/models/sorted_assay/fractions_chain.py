"""Discrete-time chains of sorted fractions under equal growth, as Gupta et al. 2011 and later work use them.

With all states growing alike and pure sorts, the matrix of fractions after t days is the t-th power of a matrix of
transition probabilities per day. Nothing in such fractions tests the two assumptions; :class:`SortedAssay` does, where
the data allow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import fractional_matrix_power, logm
from scipy.optimize import least_squares

from her2plastic._errors import ParameterError, one_of

ESTIMATORS: Final = ("mean of roots", "least squares")
#: Entries of a generator above this negative number are 0 up to rounding of the fractions.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class FractionsChain:
    """A chain fitted to fractions.

    Attributes
    ----------
    per_day
        ``(S, S)`` transition probabilities per day, rows from.
    roots
        ``(days, S, S)`` the chain of each day alone, moved to the nearest probabilities where the root is none.
    moved
        ``(days,)`` how far each root had to be moved (largest entry); above 0 no chain gives that day's fractions.
    days
        The days that were used.
    stationary
        ``(S,)`` composition that the chain moves to.
    embeddable
        Whether the chain is one of a process in continuous time.
    generator
        ``(S, S)`` rates per day of that process; missing if there is none.
    estimator
        How the days were brought together.
    """

    per_day: np.ndarray
    roots: np.ndarray
    moved: np.ndarray
    days: np.ndarray
    stationary: np.ndarray
    embeddable: bool
    generator: np.ndarray
    estimator: str

    def composition(self, begin: np.ndarray, day: float) -> np.ndarray:
        """Return the composition on a day from the composition at the sort."""
        return np.asarray(begin, dtype=float) @ np.real(fractional_matrix_power(self.per_day, day))

    def summary(self) -> str:
        """Return the chain in words."""
        shares = ", ".join(f"{share:.3f}" for share in self.stationary)
        time = "has" if self.embeddable else "has no"
        lines = [f"chain per day by {self.estimator} of {len(self.days)} days; it moves to ({shares})"]
        lines.append(f"it {time} rates in continuous time")
        if (self.moved > 1e-3).any():
            days = ", ".join(f"{day:g}" for day in self.days[self.moved > 1e-3])
            lines.append(f"the fractions of day {days} are those of no chain; the nearest one was taken")
        return "\n".join(lines)


def chain_of_fractions(
    fractions: np.ndarray,
    *,
    days: np.ndarray,
    begin: np.ndarray | None = None,
    estimator: str = "mean of roots",
) -> FractionsChain:
    """Return the chain per day that sorted fractions follow if all states grow alike.

    Parameters
    ----------
    fractions
        ``(days, S, S)`` or, for one day, ``(S, S)``: row k holds the shares in the culture that started as row k of
        ``begin``.
    days
        ``(days,)`` days after the sort, above 0.
    begin
        ``(S, S)`` compositions at the sort; pure by default.
    estimator
        ``"mean of roots"``: the average of the day-th roots, which gives every day the same weight, as in Buder et al.
        2017; late days, close to equilibrium, drag it. ``"least squares"``: the one chain closest to all fractions.

    Returns
    -------
    The chain; see :class:`FractionsChain`.

    Raises
    ------
    ParameterError
        Shapes do not fit, a row holds no shares, a day is not above 0, or the starts are not independent.

    Examples
    --------
    >>> import her2plastic as hp
    >>> fractions = [[[0.9, 0.1], [0.2, 0.8]], [[0.84, 0.16], [0.31, 0.69]]]  # sorted state by state, a table a day
    >>> found = hp.models.chain_of_fractions(fractions, days=[7, 14])
    >>> print(found.summary())
    chain per day by mean of roots of 2 days; it moves to (0.663, 0.337)
    it has rates in continuous time
    """
    one_of("estimator", estimator, ESTIMATORS)
    tables = np.asarray(fractions, dtype=float)
    tables = tables[None] if tables.ndim == 2 else tables
    times = np.atleast_1d(np.asarray(days, dtype=float))
    if tables.ndim != 3 or tables.shape[1] != tables.shape[2] or tables.shape[0] != times.shape[0]:
        raise ParameterError(f"fractions: expected days x starts x states, as many starts as states; is {tables.shape}")
    if not (np.isfinite(times).all() and (times > 0).all()):
        raise ParameterError(f"days={times}: expected days after the sort, above 0")
    tables = _rows("fractions", tables)
    size = tables.shape[1]
    origin = np.eye(size) if begin is None else _rows("begin", np.asarray(begin, dtype=float))
    if origin.shape != (size, size) or np.linalg.cond(origin) > 1e8:
        raise ParameterError("begin: expected as many compositions as states, none of them a mixture of the others")
    raw = np.array([_root(np.linalg.solve(origin, table), day) for table, day in zip(tables, times, strict=True)])
    roots = np.apply_along_axis(nearest_shares, 2, raw)
    moved = np.abs(roots - raw).max(axis=(1, 2))
    chain = roots.mean(axis=0) if estimator == "mean of roots" else _closest(tables, times, origin, roots.mean(axis=0))
    generator = generator_of(chain)
    return FractionsChain(
        chain, roots, moved, times, stationary_of(chain), bool(np.isfinite(generator).all()), generator, estimator
    )


def _rows(name: str, tables: np.ndarray) -> np.ndarray:
    sums = tables.sum(axis=-1, keepdims=True)
    if not np.isfinite(tables).all() or (tables < 0).any() or (sums <= 0).any():
        raise ParameterError(f"{name}: expected shares of at least 0, with some cells in every row")
    return tables / sums


def _root(table: np.ndarray, day: float) -> np.ndarray:
    """Return the principal root; of a table with an eigenvalue of 0 or below, its real part."""
    return np.real(fractional_matrix_power(table, 1.0 / day))


def nearest_shares(row: np.ndarray) -> np.ndarray:
    """Return the shares (at least 0, sum 1) closest to a row of numbers."""
    falling = np.sort(row)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(row) + 1)
    return np.maximum(row - excess[np.flatnonzero(falling > excess)[-1]], 0.0)


def _closest(tables: np.ndarray, times: np.ndarray, origin: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return the chain whose powers are closest to the tables by least squares."""
    size = len(guess)

    def chain(values: np.ndarray) -> np.ndarray:
        odds = np.exp(values.reshape(size, size) - values.reshape(size, size).max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def distance(values: np.ndarray) -> np.ndarray:
        powers = [np.real(fractional_matrix_power(chain(values), time)) for time in times]
        return (origin @ np.array(powers) - tables).ravel()

    start = np.log(np.clip(guess, 1e-6, 1.0)).ravel()
    return chain(least_squares(distance, start, x_scale=1.0, xtol=1e-12, ftol=1e-12, gtol=1e-12).x)


def stationary_of(chain: np.ndarray) -> np.ndarray:
    """Return the composition that a chain leaves as it is."""
    size = len(chain)
    system = np.vstack([chain.T - np.eye(size), np.ones(size)])
    shares = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
    return np.clip(shares, 0, None) / np.clip(shares, 0, None).sum()


def generator_of(chain: np.ndarray) -> np.ndarray:
    """Return the rates whose process, seen daily, is this chain; missing values if its principal logarithm has none."""
    values = np.linalg.eigvals(chain)
    if (np.abs(values) < 1e-12).any() or ((values.real <= 0) & (np.abs(values.imag) < 1e-12)).any():
        return np.full(chain.shape, np.nan)
    rates = logm(chain)
    off = ~np.eye(len(chain), dtype=bool)
    if np.abs(np.imag(rates)).max() > 1e-9 or (np.real(rates)[off] < -_ROUNDING).any():
        return np.full(chain.shape, np.nan)
    return np.where(off, np.maximum(np.real(rates), 0.0), np.real(rates))
