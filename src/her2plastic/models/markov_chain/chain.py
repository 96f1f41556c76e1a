"""What follows from rates between states: how long, how likely, where to, and with growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import ParameterError, as_numbers, check_probability
from her2plastic.models.markov_chain import growth as markov_growth
from her2plastic.models.markov_chain.elimination import (
    closed_classes,
    hitting_probabilities,
    long_run_compositions,
    mean_first_passage_to,
)
from her2plastic.models.transition_rates import NOT_ALLOWED, TransitionRates

if TYPE_CHECKING:
    import pandas as pd

#: A given diagonal may differ by this share of the fastest rate from what the rows say.
_DIAGONAL_TOLERANCE = 1e-4
#: Compositions closer than this are one.
_SAME = 1e-9
_SEARCH_POINTS = 200


class MarkovChain:
    """A Markov chain in continuous time, with growth of the states where it is known.

    Expected numbers of cells follow ``dN/dt = N (Q + diag(growth))``, with ``Q`` the generator. The chains may be
    absorbing, fall into parts, or have rates that differ by many orders of magnitude: nothing here depends on
    eigenvectors, and no difference of like numbers is taken (Grassmann et al. 1985).

    Parameters
    ----------
    rates
        ``(states, states)``: rate from row to column, per unit of time. The diagonal may be missing, 0, or minus the
        sum of the row.
    growth
        ``(states,)``: net growth (births less deaths) of each state per unit of time; none is equal growth.
    states
        Names of the states; their places without.

    Attributes
    ----------
    generator
        ``(states, states)``, rows sum to 0.
    growth
        ``(states,)``; zeros where none was given.
    states
        Names of the states.

    Raises
    ------
    ParameterError
        The rates are no generator, or growth and names do not fit them.

    Examples
    --------
    >>> import her2plastic as hp
    >>> states = ("HER2-low", "HER2-positive")
    >>> chain = hp.models.MarkovChain([[0, 0.02], [0.01, 0]], states=states)  # per day, rows from
    >>> print(chain.summary())
    HER2-low: stays 50, long-run share 0.333, with growth 0.333
    HER2-positive: stays 100, long-run share 0.667, with growth 0.667
    """

    def __init__(
        self, rates: np.ndarray, growth: np.ndarray | None = None, *, states: Sequence[str] | None = None
    ) -> None:
        self.generator = _checked_generator(rates)
        n = len(self.generator)
        self.growth = np.zeros(n) if growth is None else as_numbers("growth", growth)
        if self.growth.shape != (n,) or not np.isfinite(self.growth).all():
            raise ParameterError(f"growth={growth!r}: expected {n} finite numbers, one a state")
        self.states = tuple(str(k) for k in range(n)) if states is None else tuple(map(str, states))
        if len(self.states) != n:
            raise ParameterError(f"states: {len(self.states)} names for {n} states")

    @classmethod
    def from_transition_rates(cls, fitted: TransitionRates, growth: np.ndarray | None = None) -> MarkovChain:
        """Return the chain of fitted rates; those that are not allowed are 0.

        Raises
        ------
        ParameterError
            A rate is not identified: what follows from it cannot be said.
        """
        rates = np.where(fitted.identifiability == NOT_ALLOWED, 0.0, fitted.rates)
        np.fill_diagonal(rates, 0.0)
        return cls(rates, growth, states=fitted.states)

    # --- in time ------------------------------------------------------------------------------------------------
    def transition_probabilities(self, time: float | np.ndarray) -> np.ndarray:
        """Return P(t), the probability of each state (column) after a time from each start (row).

        The shape is ``(states, states)`` for one time and ``(times, states, states)`` for several. Growth is left out:
        this is one cell that is followed, not its offspring.
        """
        still = np.zeros(len(self.states))
        times = _checked_times(time)
        found = np.array([markov_growth.grown(self.generator, still, t)[0] for t in times.ravel()])
        return found.reshape(*times.shape, *self.generator.shape)

    def composition(self, time: float | np.ndarray, start: np.ndarray, *, with_growth: bool = True) -> np.ndarray:
        """Return the composition ``(states,)`` or ``(times, states)`` of a population that began as ``start``."""
        share = self._checked_start(start)
        growth = self.growth if with_growth else np.zeros_like(self.growth)
        times = _checked_times(time)
        found = np.array([_mixed(share, *markov_growth.grown(self.generator, growth, t)) for t in times.ravel()])
        return found.reshape(*times.shape, len(share))

    def leaving_probability(self, horizon: float) -> np.ndarray:
        """Return the probability to have left each state at least once within a horizon."""
        return -np.expm1(np.diag(self.generator) * float(_checked_times(horizon)))

    def first_passage_probability(self, horizon: float) -> np.ndarray:
        """Return the probability to have been in the state of the column within a horizon, from each start (row)."""
        time, still = float(_checked_times(horizon)), np.zeros(len(self.states))
        found = np.empty_like(self.generator)
        for target in range(len(self.states)):
            stopped = self.generator.copy()
            stopped[target] = 0.0
            found[:, target] = markov_growth.grown(stopped, still, time)[0][:, target]
        return found

    # --- how long and where to ------------------------------------------------------------------------------------
    def dwell_times(self) -> np.ndarray:
        """Return the mean time in each state per visit; infinite for a state that is never left."""
        leaving = -np.diag(self.generator)
        return np.divide(1.0, leaving, out=np.full(leaving.shape, np.inf), where=leaving > 0)

    def mean_first_passage(self) -> np.ndarray:
        """Return the mean time from row until the state of the column is first reached.

        The diagonal is 0. Infinite where the state may never be reached.
        """
        return np.column_stack([mean_first_passage_to(self.generator, k) for k in range(len(self.states))])

    def committor(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        """Return the probability from each state to reach one of ``target`` before one of ``source``.

        Raises
        ------
        ParameterError
            A place is no state, one of the two is empty, or they share a state.
        """
        n = len(self.states)
        sets = []
        for name, places in (("source", source), ("target", target)):
            chosen = np.atleast_1d(np.asarray(places, dtype=int))
            if not chosen.size or chosen.min() < 0 or chosen.max() >= n:
                raise ParameterError(f"{name}={places!r}: expected at least one state, counted from 0 to {n - 1}")
            sets.append(np.isin(np.arange(n), chosen))
        if (sets[0] & sets[1]).any():
            raise ParameterError(f"source={source!r} and target={target!r} share a state")
        return hitting_probabilities(self.generator, *sets)

    # --- at rest --------------------------------------------------------------------------------------------------
    def stationary(self, start: np.ndarray | None = None) -> np.ndarray:
        """Return the composition in the long run without growth.

        Raises
        ------
        ParameterError
            Several sets of states are never left, so that the composition depends on the start, and none was given.
        """
        ends = long_run_compositions(self.generator)
        if start is not None:
            return self._checked_start(start) @ ends
        closed = closed_classes(self.generator)
        if len(closed) > 1:
            sets = "; ".join(", ".join(self.states[k] for k in members) for members in closed)
            raise ParameterError(f"the long-run composition depends on the start (never left: {sets}): give start")
        return ends[0]

    def composition_with_growth(self, start: np.ndarray | None = None) -> np.ndarray:
        """Return the composition in the long run with growth.

        Without ``start`` every state is taken to be there at first.

        Raises
        ------
        ParameterError
            The composition depends on the start, and none was given.
        """
        if np.ptp(self.growth) == 0:
            return self.stationary(start)
        shares, size = markov_growth.settled(self.generator, self.growth)
        if start is not None:
            return _mixed(self._checked_start(start), shares, size)
        leading = shares[size >= size.max() - np.log(1 / _SAME)]
        if np.abs(leading - leading[0]).max() > _SAME:
            raise ParameterError("parts that never mix grow equally fast: the composition depends on them: give start")
        return leading[0]

    def growth_rate(self, start: np.ndarray | None = None) -> float:
        """Return the growth of the whole population in the long run: the mean growth of its composition."""
        return float(self.composition_with_growth(start) @ self.growth)

    def time_to_equilibrium(self, tolerance: float = 0.05, *, with_growth: bool = False) -> float:
        """Return the time after which a population of any start stays near its composition in the long run.

        Parameters
        ----------
        tolerance
            Largest total variation distance that is near.
        with_growth
            Whether the states grow at different rates meanwhile.

        Returns
        -------
        In the unit of time of the rates; 0 where no state is ever left and nothing changes.
        """
        check_probability("tolerance", tolerance)
        growth = self.growth if with_growth else np.zeros_like(self.growth)
        rates = self.generator
        if np.ptp(growth):
            ends = markov_growth.settled(rates, growth)[0]
        else:
            ends = long_run_compositions(rates)

        def far(time: float) -> bool:
            shares = markov_growth.grown(rates, growth, time)[0]
            return bool(0.5 * np.abs(shares - ends).sum(axis=1).max() > tolerance)

        slowest = rates[rates > 0]
        if not far(0.0) or not slowest.size:
            return 0.0
        high = 1.0 / float(slowest.max())
        while far(high) or far(2 * high):
            high *= 2
        # with growth the distance need not fall steadily: the last time that is far counts
        grid = np.concatenate([[0.0], np.geomspace(high * 1e-4, high, _SEARCH_POINTS)])
        last = max(place for place, time in enumerate(grid) if far(time)) if far(grid[0]) else 0
        low, high = float(grid[last]), float(grid[last + 1])
        for _ in range(50):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if far(middle) else (low, middle)
        return high

    # --- in words -------------------------------------------------------------------------------------------------
    def to_frame(self) -> pd.DataFrame:
        """Return a row per state: dwell time, long-run share without and with growth (missing if not unique)."""
        import pandas as pd

        columns: dict[str, object] = {"state": list(self.states), "dwell_time": self.dwell_times()}
        for name, share in (("stationary", self.stationary), ("with_growth", self.composition_with_growth)):
            try:
                columns[name] = share()
            except ParameterError:  # it depends on the start
                columns[name] = np.nan
        return pd.DataFrame(columns)

    def summary(self) -> str:
        """Return a line per state."""
        return "\n".join(
            f"{row['state']}: stays {row['dwell_time']:.3g}, long-run share {row['stationary']:.3g}, "
            f"with growth {row['with_growth']:.3g}"
            for row in self.to_frame().to_dict("records")
        )

    def _checked_start(self, start: np.ndarray) -> np.ndarray:
        share = as_numbers("start", start)
        n = len(self.states)
        if share.shape != (n,) or not np.isfinite(share).all() or share.min() < 0 or share.sum() <= 0:
            raise ParameterError(f"start={start!r}: expected {n} shares of at least 0, not all 0")
        return share / share.sum()


def _checked_generator(rates: np.ndarray) -> np.ndarray:
    """Return the generator of rates whose diagonal is missing, 0, or right."""
    generator = as_numbers("rates", rates)
    if generator.ndim != 2 or generator.shape[0] != generator.shape[1] or not generator.size:
        raise ParameterError(f"rates have the shape {generator.shape}: expected a square matrix")
    given = np.diag(generator).copy()
    np.fill_diagonal(generator, 0.0)
    for fault, words in (
        (~np.isfinite(generator), "is not finite; a rate that is not allowed is 0, one not identified has no chain"),
        (generator < 0, "is below 0"),
    ):
        if fault.any():
            i, j = np.argwhere(fault)[0]
            raise ParameterError(f"the rate from state {i} to {j}, {generator[i, j]}, {words}")
    leaving = generator.sum(axis=1)
    off = ~np.isnan(given) & (given != 0) & (np.abs(given + leaving) > _DIAGONAL_TOLERANCE * leaving.max())
    if off.any():
        k = int(np.argmax(off))
        raise ParameterError(
            f"row {k} of the rates sums to {given[k] + leaving[k]:.3g}: expected 0, or a diagonal of 0 (rows are from, "
            "columns to)"
        )
    np.fill_diagonal(generator, 0.0 - leaving)
    return generator


def _checked_times(time: float | np.ndarray) -> np.ndarray:
    times = as_numbers("time", time)
    if times.ndim > 1 or not np.isfinite(times).all() or (times < 0).any():
        raise ParameterError(f"time={time!r}: expected finite numbers of at least 0")
    return times


def _mixed(start: np.ndarray, shares: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the composition of a mixture of starts that have grown to different sizes."""
    present = start > 0
    weight = start[present] * np.exp(size[present] - size[present].max())
    return weight @ shares[present] / weight.sum()
