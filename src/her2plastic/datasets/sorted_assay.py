"""Simulated sorted cultures that re-equilibrate, by switching or by nothing but growth and an impure sort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import check_seed, one_of
from her2plastic.datasets.argument_checks import in_range, numbers_in_range, rising_days, whole
from her2plastic.datasets.state_cells import STATE_NAMES, cells_with_states, misclassification_table, square_rates
from her2plastic.models.draws.sampling import sample_states
from her2plastic.models.sorted_assay.flow import flow, movement

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

Matrix = Sequence[Sequence[float]]

#: Rates and net growth per day, HER2-0, HER2-low, HER2-positive, that the package's accuracy is measured at.
RATES_PER_DAY: Final = ((0.0, 0.04, 0.002), (0.03, 0.0, 0.03), (0.002, 0.05, 0.0))
GROWTH_PER_DAY: Final = (0.12, 0.14, 0.23)
VARIANTS: Final = ("switching and growth", "growth and impurity", "equal growth")

_SHARES, _READS, _TOTALS = range(3)


@dataclass(frozen=True)
class SimulatedSortedAssay:
    """A simulated sorted assay, a row per well.

    Attributes
    ----------
    states
        Names of the states.
    start
        ``(wells,)`` state that the culture was sorted for, by number.
    day
        ``(wells,)`` days after the sort.
    reads
        ``(wells, states, states)`` cells by true state and by the state they were read as.
    totals
        ``(wells,)`` counted cells of the culture.
    shares
        ``(wells, states)`` true composition.
    rates, growth
        Truth, per day.
    composition
        ``(starts, states)`` true composition at the sort.
    misclassification
        Probability of each read state (column) of a cell in a true state (row).
    seed
        Seed of the simulation.
    """

    states: tuple[str, ...]
    start: np.ndarray
    day: np.ndarray
    reads: np.ndarray
    totals: np.ndarray
    shares: np.ndarray
    rates: np.ndarray
    growth: np.ndarray
    composition: np.ndarray
    misclassification: np.ndarray
    seed: int

    @property
    def counts(self) -> np.ndarray:
        """Cells by the state they were read as, wells x states."""
        return self.reads.sum(axis=1)

    @property
    def wells(self) -> np.ndarray:
        """Names of the wells."""
        return np.array([f"well{number:03d}" for number in range(1, len(self.day) + 1)], dtype=object)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per well: start, day, cells read as each state, cells of the whole culture."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                _keys.WELL_ID: self.wells, _keys.DAYS_AFTER_SORT: self.day, _keys.WELL_CELLS: self.totals,
                _keys.SORTED_FROM: pd.Categorical.from_codes(self.start, categories=pd.Index(self.states)),
            }
        )  # fmt: skip
        return frame.join(pd.DataFrame(self.counts, columns=pd.Index(self.states)))

    def to_anndata(self) -> AnnData:
        """Return the measured cells with posteriors of their states, without genes; truth in ``uns``."""
        import pandas as pd

        well, true, read = np.repeat(np.indices(self.reads.shape).reshape(3, -1), self.reads.ravel(), axis=1)
        adata = cells_with_states(
            {
                _keys.SORTED_FROM: pd.Categorical.from_codes(self.start[well], categories=pd.Index(self.states)),
                _keys.DAYS_AFTER_SORT: self.day[well], _keys.WELL_ID: pd.Categorical(self.wells[well]),
                _keys.WELL_CELLS: self.totals[well],
            },
            true=true, read=read, states=self.states, misclassification=self.misclassification,
        )  # fmt: skip
        record_step(
            adata, "simulate_sorted_assay", params={"seed": self.seed}, states=list(self.states), rates=self.rates,
            growth=self.growth, composition=self.composition, misclassification=self.misclassification,
        )  # fmt: skip
        return adata


def simulate_sorted_assay(
    *,
    variant: str = "switching and growth",
    days: Sequence[float] = (0, 2, 4, 7, 14, 21, 28),
    replicates: int = 3,
    cells: int = 10_000,
    rates: Matrix = RATES_PER_DAY,
    growth: Sequence[float] = GROWTH_PER_DAY,
    purity: float = 0.98,
    replicate_sd: float = 0.02,
    count_cv: float = 0.1,
    seeded: float = 1e5,
    misclassification: Matrix | None = None,
    seed: int = 0,
) -> SimulatedSortedAssay:
    """Simulate sorted cultures measured over days: one sort for every state.

    Parameters
    ----------
    variant
        ``"switching and growth"``; ``"growth and impurity"``, in which no cell switches; or ``"equal growth"``, a
        Markov chain in which all states grow as their mean.
    days
        Days after the sort on which wells are measured, rising.
    replicates
        Wells per sort and day.
    cells
        Cells measured in each well.
    rates
        Rates per day from state (row) to state (column), 2 x 2 (HER2-0 and HER2-positive) or 3 x 3; the diagonal is not
        used.
    growth
        Net growth per day of each state.
    purity
        Share of the sorted-for state at day 0; the other states share the rest evenly.
    replicate_sd
        Standard deviation between wells of a share of one half.
    count_cv
        Coefficient of variation of the counted cells of a culture.
    seeded
        Cells that each culture began with.
    misclassification
        Probability of each read state (column) of a cell in a true state (row); None for no misreading.
    seed
        The same seed and parameters give the same assay.

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
    >>> assay = hp.datasets.simulate_sorted_assay(days=(0, 7), replicates=1, cells=1_000, seed=1)
    >>> print(assay.to_frame().head(4).to_string(index=False))
    well_id  days_after_sort  well_cells sorted_from  HER2-0  HER2-low  HER2-positive
    well001              0.0     89186.0      HER2-0     984         7              9
    well002              7.0    260860.0      HER2-0     698       244             58
    well003              0.0    106257.0    HER2-low      10       980             10
    well004              7.0    276832.0    HER2-low     127       665            208
    """
    one_of("variant", variant, VARIANTS)
    check_seed(seed)
    times = rising_days("days", days)
    whole("replicates", replicates, 1)
    whole("cells", cells, 1)
    table = square_rates("rates", rates)
    size = len(table)
    numbers_in_range("growth", growth, size, -5, 5)
    in_range("purity", purity, 0.5, 1)
    in_range("replicate_sd", replicate_sd, 0, 0.45)
    in_range("count_cv", count_cv, 0, 5)
    in_range("seeded", seeded, 0, above=True)
    misread = misclassification_table(misclassification, size)
    pace = np.asarray(growth, dtype=float)
    if variant == "growth and impurity":
        table = np.zeros_like(table)
    elif variant == "equal growth":
        pace = np.full(size, pace.mean())
    begin = np.full((size, size), (1 - purity) / (size - 1))
    np.fill_diagonal(begin, purity)
    start = np.repeat(np.arange(size), len(times) * replicates)
    place = np.tile(np.repeat(np.arange(len(times)), replicates), size)
    numbers = np.einsum("wij,wj->wi", flow(movement(table, pace), times)[0][place], begin[start])
    shares = numbers / numbers.sum(axis=1, keepdims=True)
    rng = [np.random.default_rng([seed, stream]) for stream in (_SHARES, _READS, _TOTALS)]
    true = sample_states(rng[0], shares, np.full(len(start), cells), 4 * replicate_sd**2)
    totals = seeded * numbers.sum(axis=1) * np.exp(np.log1p(count_cv) * rng[2].standard_normal(len(start)))
    return SimulatedSortedAssay(
        states=STATE_NAMES[size], start=start, day=times[place], reads=rng[1].multinomial(true, misread),
        totals=np.maximum(np.round(totals), 1.0), shares=shares, rates=table, growth=pace, composition=begin,
        misclassification=misread, seed=int(seed),
    )  # fmt: skip
