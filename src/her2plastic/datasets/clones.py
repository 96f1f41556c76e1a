"""Simulated clones: single cells that divide, switch and are read, each with its descendants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import check_seed, one_of
from her2plastic.datasets.argument_checks import in_range, numbers_in_range, whole
from her2plastic.datasets.sorted_assay import GROWTH_PER_DAY, RATES_PER_DAY
from her2plastic.datasets.state_cells import STATE_NAMES, cells_with_states, misclassification_table, square_rates

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

Matrix = Sequence[Sequence[float]]
WAYS = ("per day", "per birth")

_FOUNDERS, _READS, _LIVES = range(3)


@dataclass(frozen=True)
class SimulatedClones:
    """Simulated clones, a row each.

    Attributes
    ----------
    states
        Names of the states.
    named
        ``(clones,)`` state that the founder was named by.
    founder
        ``(clones,)`` its true state.
    reads
        ``(clones, states, states)`` cells by true state and by the state they were read as.
    day
        Day of the measurement.
    switching, growth
        Truth: rates per day or probabilities per daughter, and divisions per day.
    way
        Which of the two ``switching`` is.
    misclassification
        Probability of each read state (column) of a cell in a true state (row).
    seed
        Seed of the simulation.
    """

    states: tuple[str, ...]
    named: np.ndarray
    founder: np.ndarray
    reads: np.ndarray
    day: float
    switching: np.ndarray
    growth: np.ndarray
    way: str
    misclassification: np.ndarray
    seed: int

    @property
    def counts(self) -> np.ndarray:
        """Cells by the state they were read as, clones x states."""
        return self.reads.sum(axis=1)

    @property
    def names(self) -> np.ndarray:
        """Names of the clones."""
        return np.array([f"clone{number:04d}" for number in range(1, len(self.named) + 1)], dtype=object)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per clone: founder, day, cells read as each state."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                _keys.CLONE_ID: self.names, _keys.CLONE_DAY: self.day,
                _keys.FOUNDER_STATE: pd.Categorical.from_codes(self.named, categories=pd.Index(self.states)),
            }
        )  # fmt: skip
        return frame.join(pd.DataFrame(self.counts, columns=pd.Index(self.states)))

    def to_anndata(self) -> AnnData:
        """Return the cells with posteriors of their states, without genes; truth in ``uns``."""
        import pandas as pd

        clone, true, read = np.repeat(np.indices(self.reads.shape).reshape(3, -1), self.reads.ravel(), axis=1)
        adata = cells_with_states(
            {
                _keys.CLONE_ID: pd.Categorical(self.names[clone], categories=self.names),
                _keys.FOUNDER_STATE: pd.Categorical.from_codes(self.named[clone], categories=pd.Index(self.states)),
                _keys.CLONE_DAY: np.full(len(clone), self.day),
            },
            true=true, read=read, states=self.states, misclassification=self.misclassification,
        )  # fmt: skip
        record_step(
            adata, "simulate_clones", params={"seed": self.seed, "way": self.way}, states=list(self.states),
            switching=self.switching, growth=self.growth, misclassification=self.misclassification,
            true_founder=self.founder,
        )  # fmt: skip
        return adata


def simulate_clones(
    *,
    n_clones: int = 60,
    day: float = 14.0,
    switching: Matrix = RATES_PER_DAY,
    way: str = "per day",
    growth: Sequence[float] = GROWTH_PER_DAY,
    founder_purity: float = 1.0,
    misclassification: Matrix | None = None,
    largest: int = 5000,
    seed: int = 0,
) -> SimulatedClones:
    """Simulate clones from single cells: a branching process with a state for every cell.

    Parameters
    ----------
    n_clones
        Clones per founder state.
    day
        Day of the measurement.
    switching
        From state (row) to state (column), 2 x 2 (HER2-0 and HER2-positive) or 3 x 3, the diagonal not used: rates per
        day of any cell, or probabilities of each newborn daughter. Zeros give clones that never switch.
    way
        ``"per day"`` or ``"per birth"``.
    growth
        Divisions per day of each state, at least 0. No cell dies.
    founder_purity
        Probability that a founder is of the state it is named by.
    misclassification
        Probability of each read state (column) of a cell in a true state (row); None for no misreading.
    largest
        A clone stops growing at this size.
    seed
        The same seed and parameters give the same clones.

    Returns
    -------
    Counts by state with the truth behind them, as a table or as cells.

    Raises
    ------
    ParameterError
        A parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> clones = hp.datasets.simulate_clones(n_clones=4, day=10.0, seed=1)
    >>> print(clones.to_frame().head(4).to_string(index=False))
     clone_id  clone_day founder_state  HER2-0  HER2-low  HER2-positive
    clone0001       10.0        HER2-0       4         1              0
    clone0002       10.0        HER2-0       2         3              2
    clone0003       10.0        HER2-0       5         1              0
    clone0004       10.0        HER2-0       2         0              0
    """
    one_of("way", way, WAYS)
    check_seed(seed)
    whole("n_clones", n_clones, 1)
    whole("largest", largest, 2)
    in_range("day", day, 0, above=True)
    table = square_rates("switching", switching)
    size = len(table)
    if way == "per birth":
        in_range("switching, sum of a row", float(table.sum(axis=1).max()), 0, 1)
    numbers_in_range("growth", growth, size, 0, 5)
    in_range("founder_purity", founder_purity, 0, 1)
    misread = misclassification_table(misclassification, size)
    rng = [np.random.default_rng([seed, stream]) for stream in (_FOUNDERS, _READS, _LIVES)]
    named = np.repeat(np.arange(size), n_clones)
    other = (named + rng[0].integers(1, size, len(named))) % size
    founder = np.where(rng[0].random(len(named)) < founder_purity, named, other)
    pace = np.asarray(growth, dtype=float)
    true = np.array([_grown(state, pace, table, way, day, largest, rng[2]) for state in founder])
    return SimulatedClones(
        states=STATE_NAMES[size], named=named, founder=founder, reads=rng[1].multinomial(true, misread),
        day=float(day), switching=table, growth=pace, way=way, misclassification=misread, seed=int(seed),
    )  # fmt: skip


def _grown(
    founder: int, growth: np.ndarray, switching: np.ndarray, way: str, day: float, largest: int,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return the cells of one clone by state, event by event (Gillespie's way)."""
    size = len(growth)
    cells = np.eye(size, dtype=np.int64)[founder]
    leaving = switching.sum(axis=1) if way == "per day" else np.zeros(size)
    per_cell = np.concatenate([growth, leaving])
    chances = np.column_stack([1 - switching.sum(axis=1), switching]) if way == "per birth" else None
    time = 0.0
    while cells.sum() < largest:
        rates = per_cell * np.tile(cells, 2)
        total = rates.sum()
        time += rng.exponential(1 / total) if total > 0 else np.inf
        if time > day:
            break
        event = int(np.searchsorted(np.cumsum(rates), rng.random() * total, side="right"))
        state = event % size
        if event >= size:
            cells[state] -= 1
            cells[rng.choice(size, p=switching[state] / leaving[state])] += 1
        elif chances is None:
            cells[state] += 1
        else:
            cells[state] -= 1
            for drawn in rng.choice(size + 1, 2, p=chances[state]):
                cells[state if drawn == 0 else drawn - 1] += 1
    return cells
