"""Simulated blood draws at the level of counts: CTCs by HER2 state of patients whose composition moves, or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic._errors import check_seed
from her2plastic.datasets.argument_checks import in_range, numbers_in_range, rising_days, rising_pair, whole
from her2plastic.datasets.composition import ctc_numbers
from her2plastic.datasets.parameters import Composition
from her2plastic.datasets.state_cells import STATE_NAMES, misclassification_table, square_rates
from her2plastic.models.draws.sampling import closed, sample_states, shares_over

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

Matrix = Sequence[Sequence[float]]

#: Effective rates per day between HER2-negative and HER2-positive that the package's accuracy is measured at.
RATES_PER_DAY: Final = ((0.0, 0.012), (0.020, 0.0))

# One random stream for each purpose: a static twin shares everything with its moving one but the moves.
_FIRST, _RATES, _NUMBERS, _STATES, _READS, _TREATED, _STAYS = range(7)


@dataclass(frozen=True)
class DrawTreatment:
    """A treatment that some patients get from one day on.

    Parameters
    ----------
    factor
        Factor on each rate while treated: one number for all rates, or a table from state (row) to state (column).
    day
        Day of its start.
    share
        Share of patients who get it.

    Examples
    --------
    >>> import her2plastic as hp
    >>> treated = hp.datasets.DrawTreatment(factor=3.0, day=21.0, share=0.5)
    >>> study = hp.datasets.simulate_draws(n_patients=8, treatment=treated)
    >>> study.treated_from.tolist()
    [21.0, inf, inf, inf, 21.0, 21.0, 21.0, inf]
    """

    factor: float | Matrix = 3.0
    day: float = 21.0
    share: float = 0.5

    def __post_init__(self) -> None:
        for value in np.ravel(np.asarray(self.factor, dtype=float)).tolist():
            in_range("factor", value, 0)
        in_range("day", self.day, 0)
        in_range("share", self.share, 0, 1)


@dataclass(frozen=True)
class DropOut:
    """Patients who come to no further draw; more of them where the highest state has taken over.

    Parameters
    ----------
    probability
        Probability of staying away from the next draw where half of the CTCs are in the highest state.
    log_odds
        By how much the log-odds of staying away rise from no to all CTCs in the highest state; 0 is uninformative.

    Examples
    --------
    >>> import her2plastic as hp
    >>> leaving = hp.datasets.DropOut(probability=0.2, log_odds=2.0)
    >>> study = hp.datasets.simulate_draws(n_patients=20, drop_out=leaving)
    >>> study.seen.sum(axis=0).tolist()
    [20, 14, 12, 9]
    """

    probability: float = 0.0
    log_odds: float = 0.0

    def __post_init__(self) -> None:
        in_range("probability", self.probability, 0, 0.95)
        in_range("log_odds", self.log_odds, -50, 50)


@dataclass(frozen=True)
class SimulatedDraws:
    """Draws of a simulated cohort with all that is true of them.

    Attributes
    ----------
    patients, days, states
        Names of the patients, days of the draws, names of the states.
    reads
        CTCs by true state and by the state they were read as, patients x draws x states x states; 0 where a patient
        had dropped out.
    shares
        Underlying composition, patients x draws x states.
    rates
        Effective rates per day of each patient without treatment, patients x states x states (rows sum to 0).
    treated_from
        Day on which each patient's treatment starts; infinite without.
    seen
        Whether the patient came to the draw, patients x draws.
    misclassification
        Probability of each read state (column) of a cell in a true state (row).
    seed
        Seed of the simulation.
    """

    patients: np.ndarray
    days: np.ndarray
    states: tuple[str, ...]
    reads: np.ndarray
    shares: np.ndarray
    rates: np.ndarray
    treated_from: np.ndarray
    seen: np.ndarray
    misclassification: np.ndarray
    seed: int

    @property
    def counts(self) -> np.ndarray:
        """CTCs by the state they were read as, patients x draws x states."""
        return self.reads.sum(axis=2)

    @property
    def true_counts(self) -> np.ndarray:
        """CTCs by their true state, patients x draws x states."""
        return self.reads.sum(axis=3)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per draw that took place: patient, day, whether treated then, CTCs read as each state."""
        import pandas as pd

        patient, draw = np.nonzero(self.seen)
        frame = pd.DataFrame({"patient": self.patients[patient], "day": self.days[draw]})
        frame["treated"] = self.days[draw] >= self.treated_from[patient]
        return frame.join(pd.DataFrame(self.counts[patient, draw], columns=pd.Index(self.states)))

    def to_anndata(self, *, accuracy: float | None = None) -> AnnData:
        """Return the CTCs as cells with posteriors of their states, without genes.

        ``accuracy`` is the probability that a cell's most probable state is the true one, from evidence on one scale
        along which the states are evenly spaced; 1 leaves no doubt. By default the evidence is the state that the cell
        was read as. Posteriors are under even odds of the states.
        """
        from her2plastic.datasets.draw_cells import cells_of_draws

        return cells_of_draws(self, accuracy=accuracy)


def simulate_draws(
    *,
    n_patients: int = 20,
    draws: Sequence[float] = (0, 21, 42, 63),
    rates: Matrix = RATES_PER_DAY,
    rate_sd: float = 0.0,
    prior: Sequence[float] | None = None,
    n_ctc: int | Sequence[Sequence[int]] | None = None,
    ctc_median: float = 7.0,
    ctc_sd_log: float = 1.5,
    ctc_range: tuple[int, int] = (1, 300),
    overdispersion: float = 0.03,
    misclassification: Matrix | None = None,
    treatment: DrawTreatment | None = None,
    drop_out: DropOut | None = None,
    switching: bool = True,
    seed: int = 0,
) -> SimulatedDraws:
    """Simulate CTC counts by HER2 state over blood draws, without their expression: milliseconds for a cohort.

    Parameters
    ----------
    n_patients
        Number of patients.
    draws
        Days of the blood draws, rising.
    rates
        Effective rates per day from state (row) to state (column), 2 x 2 (HER2-0 and HER2-positive) or 3 x 3; the
        diagonal is not used.
    rate_sd
        Standard deviation between patients of the natural log of each rate.
    prior
        Dirichlet parameters of a patient's shares at the first draw; None for ones.
    n_ctc
        CTCs per draw: one number, patients x draws of them, or None for log-normal numbers.
    ctc_median, ctc_sd_log, ctc_range
        Log-normal number of CTCs per draw: median, standard deviation of the natural log, limits.
    overdispersion
        Intra-draw correlation rho of the Dirichlet-multinomial sampling of states.
    misclassification
        Probability of each read state (column) of a cell in a true state (row); None for no misreading.
    treatment
        A treatment that changes the rates; None for none.
    drop_out
        Patients who leave the study, possibly because of their composition; None for none.
    switching
        False gives the static twin: the same patients, CTC numbers and random numbers, and a composition that stays
        what it was at the first draw.
    seed
        The same seed and parameters give the same draws.

    Returns
    -------
    Counts by state with the true composition, rates and treatment.

    Raises
    ------
    ParameterError
        When a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> study = hp.datasets.simulate_draws(n_patients=3, draws=(0, 30), n_ctc=50, seed=1)
    >>> print(study.to_frame().head(4).to_string(index=False))
    patient  day  treated  HER2-0  HER2-positive
        P01  0.0    False      43              7
        P01 30.0    False      38             12
        P02  0.0    False      48              2
        P02 30.0    False      37             13
    >>> study.to_anndata().shape
    (300, 0)
    """
    whole("n_patients", n_patients, 1)
    check_seed(seed)
    days = rising_days("draws", draws)
    generator = square_rates("rates", rates)
    n_states = len(generator)
    in_range("rate_sd", rate_sd, 0, 10)
    in_range("overdispersion", overdispersion, 0, 0.95)
    in_range("ctc_median", ctc_median, 0, above=True)
    in_range("ctc_sd_log", ctc_sd_log, 0, 10)
    rising_pair("ctc_range", ctc_range, 0, 10**6)
    first = np.ones(n_states) if prior is None else np.asarray(prior, dtype=float)
    numbers_in_range("prior", first, n_states, 1e-3, 1e6)
    misread = misclassification_table(misclassification, n_states)
    drop_out, n_draws = drop_out or DropOut(), len(days)

    own_rates = generator * np.exp(_rng(seed, _RATES).normal(0.0, rate_sd, (n_patients, n_states, n_states)))
    own_rates = closed(own_rates if switching else np.zeros_like(own_rates))
    treated_from = _treated_from(_rng(seed, _TREATED), n_patients, treatment)
    start = _rng(seed, _FIRST).dirichlet(first, n_patients)
    factor = 1.0 if treatment is None else np.asarray(treatment.factor, dtype=float)
    shares = shares_over(start, own_rates, days, factor=factor, changed_from=treated_from)
    model = Composition(ctc_median=ctc_median, ctc_sd_log=ctc_sd_log, ctc_range=ctc_range)
    numbers = ctc_numbers(_rng(seed, _NUMBERS), (n_patients, n_draws), model, n_ctc)
    seen = _stays(_rng(seed, _STAYS), shares[..., -1], drop_out)
    # a stream per draw, so that what a twin drew at the first draw is the same cells
    true_counts = np.stack(
        [
            sample_states(np.random.default_rng([seed, _STATES, draw]), shares[:, draw], numbers[:, draw],
                          overdispersion)
            for draw in range(n_draws)
        ], axis=1,
    ) * seen[..., None]  # fmt: skip
    reads = _rng(seed, _READS).multinomial(true_counts, misread)
    width = max(2, len(str(n_patients)))
    return SimulatedDraws(
        patients=np.array([f"P{number:0{width}d}" for number in range(1, n_patients + 1)]), days=days,
        states=STATE_NAMES[n_states], reads=reads, shares=shares, rates=own_rates, treated_from=treated_from, seen=seen,
        misclassification=misread, seed=int(seed),
    )  # fmt: skip


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


def _treated_from(rng: np.random.Generator, n_patients: int, treatment: DrawTreatment | None) -> np.ndarray:
    order = rng.permutation(n_patients)
    day = np.full(n_patients, np.inf)
    if treatment is not None:
        day[order[: round(treatment.share * n_patients)]] = treatment.day
    return day


def _stays(rng: np.random.Generator, highest: np.ndarray, model: DropOut) -> np.ndarray:
    """Return who came to which draw: all to the first, to a later one by what the draw before it was like."""
    chance = rng.random(highest.shape)
    odds = model.probability / (1.0 - model.probability) * np.exp(model.log_odds * (highest[:, :-1] - 0.5))
    stays = np.ones(highest.shape, dtype=bool)
    stays[:, 1:] = chance[:, 1:] >= odds / (1.0 + odds)
    return np.logical_and.accumulate(stays, axis=1)
