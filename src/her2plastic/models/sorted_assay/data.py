"""What was measured in a sorted assay, checked; and the same experiment measured again in a simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlogy
from scipy.stats import chi2

from her2plastic._errors import ParameterError, as_numbers
from her2plastic.models.draws.sampling import sample_states

#: Cells behind a share where nobody says how many: a usual number of cytometer events.
USUAL_CELLS = 10_000.0
#: Starting populations whose shares differ by less than this are one population.
_ALIKE = 0.05


@dataclass(frozen=True)
class AssayData:
    """Shares of the states in wells, by the population that was sorted and by day.

    Attributes
    ----------
    start
        ``(wells,)`` number of the starting population, from 0.
    day
        ``(wells,)`` days after the sort; infinite for a culture that is said to be at its equilibrium.
    shares
        ``(wells, states)``, rows sum to 1.
    cells
        ``(wells,)`` cells behind the shares.
    totals
        ``(wells,)`` cells in the whole culture; missing where not counted.
    sorted_to
        ``(starts,)`` state that each population was sorted for; -1 for a mixture.
    cells_assumed
        Whether nobody said how many cells are behind the shares.
    """

    start: np.ndarray
    day: np.ndarray
    shares: np.ndarray
    cells: np.ndarray
    totals: np.ndarray
    sorted_to: np.ndarray
    cells_assumed: bool = False

    @property
    def n_states(self) -> int:
        """Number of states."""
        return int(self.shares.shape[1])

    @property
    def n_starts(self) -> int:
        """Number of starting populations."""
        return len(self.sorted_to)

    @property
    def counted(self) -> np.ndarray:
        """Which wells have a total number of cells."""
        return np.isfinite(self.totals)

    @property
    def has_growth_information(self) -> bool:
        """Whether some population was counted on two days, so that its growth can be seen."""
        pairs = [len(np.unique(self.day[self.counted & (self.start == group)])) > 1 for group in range(self.n_starts)]
        return any(pairs)

    @property
    def measured_at_sort(self) -> np.ndarray:
        """Which starting populations were measured on day 0, ``(starts,)``."""
        return np.isin(np.arange(self.n_starts), self.start[self.day == 0])

    @property
    def begins_alike(self) -> bool:
        """Whether the starts cannot be told apart on their first days, so that nothing can re-equilibrate."""
        first = np.full(self.n_starts, np.inf)
        np.minimum.at(first, self.start, self.day)
        here = self.day == first[self.start]
        seen = np.array([
            (self.shares * self.cells[:, None])[here & (self.start == group)].sum(axis=0)
            for group in range(self.n_starts) if np.isfinite(first[group])
        ])  # fmt: skip
        shares, pooled = seen / seen.sum(axis=1, keepdims=True), seen.sum(axis=0) / seen.sum()
        if np.ptp(shares, axis=0).max() < _ALIKE:
            return True
        deviance = 2 * (xlogy(seen, shares) - xlogy(seen, np.maximum(pooled, 1e-300))).sum()
        return bool(chi2.sf(deviance, (len(seen) - 1) * (self.n_states - 1)) > 0.01)

    @property
    def n_values(self) -> int:
        """Independent numbers in the data: the shares but one of each well, and the totals beyond one a start."""
        counts = int(self.counted.sum()) - len(np.unique(self.start[self.counted]))
        return int(self.shares.shape[0] * (self.n_states - 1) + (counts if self.has_growth_information else 0))

    def measured_again(
        self, expected: np.ndarray, log_totals: np.ndarray, overdispersion: float, spread: float,
        rng: np.random.Generator,
    ) -> AssayData:  # fmt: skip
        """Return the same wells with shares and totals drawn around the expected ones."""
        numbers = np.maximum(np.round(self.cells), 1).astype(np.int64)
        counts = sample_states(rng, expected / expected.sum(axis=1, keepdims=True), numbers, overdispersion)
        totals = np.exp(log_totals + spread * rng.standard_normal(len(log_totals)))
        return replace(
            self, shares=counts / counts.sum(axis=1, keepdims=True), totals=np.where(self.counted, totals, np.nan)
        )


def assay_data(
    start: np.ndarray,
    day: np.ndarray,
    observed: np.ndarray,
    *,
    totals: np.ndarray | None = None,
    cells: np.ndarray | float | None = None,
    sorted_to: np.ndarray | None = None,
) -> AssayData:
    """Return the checked data of a sorted assay.

    Parameters
    ----------
    start
        ``(wells,)`` starting population, whole numbers from 0.
    day
        ``(wells,)`` days after the sort, at least 0, in any order; infinite for a culture at equilibrium.
    observed
        ``(wells, states)`` counts of the cells by state, shares, or percentages.
    totals
        ``(wells,)`` cells in the whole culture; missing where not counted.
    cells
        Cells behind each well's shares, if ``observed`` holds shares or percentages; ``USUAL_CELLS`` if not given.
        Without it, rows must be shares (they sum to 1), percentages (to 100, not all whole), or whole counts.
    sorted_to
        ``(starts,)`` state that each start was sorted for, -1 for a mixture; by default start k was sorted for state k.

    Raises
    ------
    ParameterError
        Shapes differ, a value is negative or missing, a well has no cells, the starts do not count from 0, or rows
        without ``cells`` are neither counts, shares nor percentages, or could be two of these.
    """
    shares = as_numbers("observed", observed)
    if shares.ndim != 2 or shares.shape[1] < 2 or shares.shape[0] == 0:
        raise ParameterError(f"observed: expected wells x states with at least two states, got shape {shares.shape}")
    n, states = shares.shape
    groups = _whole(start, n)
    times = _vector("day", day, n)
    if np.isnan(times).any() or (times < 0).any():
        place = int(np.flatnonzero(np.isnan(times) | (times < 0))[0])
        raise ParameterError(f"day[{place}]={times[place]:g}: expected days after the sort, at least 0")
    if not np.isfinite(shares).all() or (shares < 0).any():
        place = int(np.flatnonzero(~(np.isfinite(shares) & (shares >= 0)).all(axis=1))[0])
        raise ParameterError(f"observed[{place}]: expected counts or shares of at least 0, got {shares[place]}")
    sums = shares.sum(axis=1)
    if (sums <= 0).any():
        place = int(np.flatnonzero(sums <= 0)[0])
        raise ParameterError(f"observed[{place}] has no cells: leave out wells in which nothing was measured")
    behind, assumed = _cells(shares, sums, cells)
    counted = np.full(n, np.nan) if totals is None else _vector("totals", totals, n)
    if (counted <= 0).any():
        place = int(np.flatnonzero(counted <= 0)[0])
        raise ParameterError(f"totals[{place}]={counted[place]:g}: expected cell numbers above 0, missing if unknown")
    counted = np.where(np.isfinite(times), counted, np.nan)
    return AssayData(
        groups, times, shares / sums[:, None], behind, counted, _targets(sorted_to, groups.max() + 1, states), assumed
    )


def _whole(start: np.ndarray, n: int) -> np.ndarray:
    values = np.asarray(start)
    numbers = values.astype(float) if values.dtype.kind in "iuf" else np.full(1, np.nan)
    if values.shape != (n,) or not (numbers % 1 == 0).all() or numbers.min() < 0:
        raise ParameterError(
            f"start: expected {n} whole numbers of at least 0, one a well: the place of the sorted state among the "
            "columns of `observed`"
        )
    values = numbers.astype(np.int64)
    missing = sorted(set(range(int(values.max()) + 1)) - set(values.tolist()))
    if missing:
        raise ParameterError(f"start: populations {missing} have no well; count the starts from 0 without gaps")
    return values


def _vector(name: str, values: np.ndarray, n: int) -> np.ndarray:
    vector = as_numbers(name, values)
    if vector.shape != (n,):
        raise ParameterError(f"{name}: expected {n} numbers, one a well, got shape {vector.shape}")
    return vector


def _cells(shares: np.ndarray, sums: np.ndarray, cells: np.ndarray | float | None) -> tuple[np.ndarray, bool]:
    """Return the cells behind each row (given, the row's own counts, or the usual number), and if they are assumed."""
    if cells is not None:
        behind = as_numbers("cells", cells)
        if behind.shape not in ((), sums.shape):
            raise ParameterError(f"cells: expected one number, or one a well ({len(sums)}), got shape {behind.shape}")
        behind = np.broadcast_to(behind, sums.shape).copy()
        if not (np.isfinite(behind).all() and (behind >= 1).all()):
            raise ParameterError("cells: expected at least 1 cell behind each well's shares")
        return behind, False
    whole = bool((shares % 1 == 0).all())
    hundreds = np.allclose(sums, 100.0, rtol=0, atol=shares.shape[1] / 2)  # each share rounded by up to a half
    if hundreds and whole:
        raise ParameterError(
            "observed: whole numbers, and every row sums to 100: counts or percentages? Give cells=100 for counts of "
            "100 cells a well; for percentages divide by 100, or say in cells= how many cells are behind them"
        )
    if hundreds or np.allclose(sums, 1.0, rtol=0, atol=0.02):
        return np.full(len(sums), USUAL_CELLS), True
    if not whole:
        place = int(np.abs(sums - 1).argmax() if sums.max() < 2 else (shares % 1 > 0).any(axis=1).argmax())
        raise ParameterError(
            f"observed[{place}]={shares[place].tolist()} sums to {sums[place]:g}: expected whole counts, shares that "
            "sum to 1, or percentages that sum to 100. For expected counts give the cells a well as cells="
        )
    return sums, False


def _targets(sorted_to: np.ndarray | None, starts: int, states: int) -> np.ndarray:
    if sorted_to is None:
        return np.where(np.arange(starts) < states, np.arange(starts), -1)
    targets = np.asarray(sorted_to)
    inside = targets.shape == (starts,) and np.issubdtype(targets.dtype, np.integer)
    if not inside or targets.min() < -1 or targets.max() >= states:
        raise ParameterError(f"sorted_to={sorted_to!r}: expected {starts} states from 0 to {states - 1}, or -1")
    return targets.astype(np.int64)


def checked_purity(purity: np.ndarray, data: AssayData) -> np.ndarray:
    """Return the known composition of each start, or raise ParameterError if it is none."""
    known = as_numbers("purity", purity)
    if known.shape != (data.n_starts, data.n_states) or (known < 0).any() or not np.allclose(known.sum(axis=1), 1):
        raise ParameterError(
            f"purity: expected shares of {data.n_starts} starts x {data.n_states} states, rows that sum to 1"
        )
    return known
