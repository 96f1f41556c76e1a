"""A Markov model in continuous time of states that are seen at arbitrary times."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import chi2

from her2plastic._errors import DataWarning, ParameterError, check_probability, one_of
from her2plastic.models.markov_chain.chain import MarkovChain
from her2plastic.models.null_test import NullTest
from her2plastic.models.panel_markov.bootstrap import PanelBootstrap, resampled
from her2plastic.models.panel_markov.data import prepared
from her2plastic.models.panel_markov.estimates import Judge, Table
from her2plastic.models.panel_markov.fitting import Optimum, maximum
from her2plastic.models.panel_markov.likelihood import PanelLikelihood, ParameterLayout
from her2plastic.models.panel_markov.paths import most_probable_paths, prevalence_table
from her2plastic.models.panel_markov.setup import (
    check_possible,
    effects_of,
    first_states,
    first_states_taken,
    given_start,
    notes_on,
    unit_of_time,
)
from her2plastic.models.panel_markov.structure import checked_structure
from her2plastic.models.transition_rates import INSUFFICIENT, NOT_ALLOWED, TransitionRates

if TYPE_CHECKING:
    import pandas as pd


class PanelMarkov:
    """Markov model of panel data: each subject seen several times, at any times, with or without error.

    Between observations any path may have been taken (Kalbfleisch and Lawless 1985). Observations may be misread
    (Jackson et al. 2003), leave the state open, or tell the very time of entering a state, such as death.

    Parameters
    ----------
    allowed
        ``(states, states)`` of 0 and 1: which states follow which directly (rows from, columns to).
    exact_states
        States whose time of entry is known where they are observed.
    misclassification
        None: states are read without error. 0 and 1, ``(true, observed)``: which errors are possible, to be estimated.
        Rows that sum to 1: the errors, known.
    censored
        Codes of observations that leave the state open, and the states that each may be.
    initial
        What is known of a subject's first true state: ``"given"``, the first observation is the state and what follows
        is modelled given it (as without misreading); ``"first"``, it is state 0; ``"estimate"``; or its
        probabilities, ``(states,)`` or ``(subjects, states)`` in the order of the subjects' first rows. None takes
        ``"given"`` without misreading and ``"first"`` with it.
    level
        Probability that an interval holds; 0.95 as is usual for panel data of many subjects. ``tl.switching`` asks for
        0.9, as of all designs.
    intervals
        ``"hessian"``, from the curvature of the likelihood, or ``"profile"``.
    max_iterations
        Steps of one climb at most.
    start
        ``(states, states)``: rates to start from; counts of transitions per time without.

    Attributes
    ----------
    minus2loglik_
        Minus twice the log-likelihood at its maximum.
    intensities_
        ``(states, states)``: generator at the mean of the covariates, per unit of ``time``, with its diagonal. A rate
        that the data do not identify is missing, and so is the diagonal of its row.
    intensity_intervals_
        ``(states, states, 2)``: lower and upper bound of each. A bound may be known where the rate is not.
    identifiability_
        ``(states, states)``: what the data say of each rate, a word of ``models.transition_rates``.
    effects_, effect_intervals_, effect_identifiability_
        ``(covariates, states, states)``: change of the log rate per unit of a covariate; intervals; words.
    misclassification_, misclassification_intervals_, misclassification_identifiability_
        ``(states, states)``: probability of each reading (column) of each true state (row); intervals; words.
    initial_
        ``(states,)``: mean probability of the first true state.
    information_eigenvalues_
        Of the information on all parameters, logarithms and logits; small ones are directions the data leave open.
    likelihood_
        The likelihood of the data, as a function of all parameters.
    covariate_names_, covariate_means_
        The covariates, and where ``intensities_`` are.
    n_parameters_, n_subjects_, n_intervals_
        Numbers the fit rests on.
    status_
        ``"ok"``, or ``"insufficient: "`` with the number that fell short; all estimates are then missing.
    notes_
        What a reader must know, a sentence each.

    Raises
    ------
    ParameterError
        The structure is faulty.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> patient, day = np.repeat(np.arange(60), 4), np.tile([0, 30, 60, 90], 60)
    >>> moves = rng.random((60, 4)) < (0, 0.3, 0.3, 0.3)
    >>> status = (moves.cumsum(axis=1) % 2).ravel()  # 0 or 1 at each visit
    >>> fit = hp.models.PanelMarkov([[0, 1], [1, 0]]).fit(patient, day, status)
    >>> fit.intensities_.round(3)
    array([[-0.014,  0.014],
           [ 0.012, -0.012]])
    """

    def __init__(
        self,
        allowed: np.ndarray,
        exact_states: Sequence[int] = (),
        misclassification: np.ndarray | None = None,
        *,
        censored: Mapping[float, Sequence[int]] | None = None,
        initial: str | np.ndarray | None = None,
        level: float = 0.95,
        intervals: str = "hessian",
        max_iterations: int = 500,
        start: np.ndarray | None = None,
    ) -> None:
        self.allowed, self.exact_states, self.misclassification = allowed, exact_states, misclassification
        self.censored, self.initial, self.level, self.intervals = censored, initial, level, intervals
        self.max_iterations, self.start = max_iterations, start
        self._structure = checked_structure(allowed, exact_states, misclassification, censored)
        check_probability("level", level)
        one_of("intervals", intervals, ("hessian", "profile"))
        if isinstance(initial, str):
            one_of("initial", initial, ("given", "first", "estimate"))

    # --- fitting --------------------------------------------------------------------------------------------------
    def fit(
        self,
        subject: Any,
        time: Any,
        state: Any,
        covariates: Any = None,
        *,
        likelihood: np.ndarray | None = None,
        true_observation: np.ndarray | None = None,
        effects: Mapping[str, np.ndarray] | None = None,
    ) -> PanelMarkov:
        """Fit the model by maximum likelihood.

        Parameters
        ----------
        subject
            Name of the subject of each observation, numbers or text.
        time
            Time of each, at least 0, not falling within a subject.
        state
            State of each, counted from 0, or a censored code; None where all have a likelihood.
        covariates
            Numbers, a column each: an array, a data frame, a series, or names with arrays. The value at an observation
            holds until the subject's next one.
        likelihood
            ``(observations, states)``: how likely each true state makes an observation, up to a factor. Takes the place
            of ``state`` where it is not missing, so that the error of a posterior is carried along.
        true_observation
            Which observations are free of error.
        effects
            Per covariate a ``(states, states)`` array of 0 and 1: the rates that it acts on; all without.

        Returns
        -------
        The model itself.

        Raises
        ------
        ParameterError
            The observations are faulty, or the structure forbids one of them; the message names it.
        ConvergenceError
            The likelihood has no maximum that could be reached.
        """
        structure = self._structure
        data = prepared(structure, subject, time, state, covariates, likelihood, true_observation)
        hidden = likelihood is not None or self.misclassification is not None
        estimated, initial = first_states(structure, data, self.initial, hidden=hidden)
        check_possible(structure, data, np.ones_like(initial) if estimated.size else initial)
        layout = ParameterLayout(
            structure.edges, effects_of(structure, data, effects), structure.error_cells, estimated
        )
        unit = unit_of_time(data)
        self.likelihood_ = PanelLikelihood(structure, data, layout, initial, unit)
        self.covariate_names_, self.covariate_means_ = data.names, data.mean
        self.n_subjects_, self.n_parameters_ = len(data.subjects), layout.size
        self.n_intervals_ = int((data.elapsed[data.interval[data.follows]] > 0).sum())
        self.notes_ = notes_on(structure, data)
        note, doubtful = first_states_taken(data, initial) if hidden and self.initial is None else ("", False)
        self.notes_ += (note,) if note else ()
        if doubtful:
            warnings.warn(note, DataWarning, stacklevel=2)
        if not self.n_intervals_:
            self.status_ = "insufficient: 0 subjects seen at two different times, 1 needed"
            self._write_nothing()
            return self
        self.status_ = "ok"
        start = given_start(structure, layout, self.start, unit)
        self._best = maximum(self.likelihood_, steps=self.max_iterations, start=start)
        self._write()
        return self

    def _write(self) -> None:
        best, judge = self._best, self._judge()
        self.minus2loglik_ = -2.0 * best.log_likelihood
        rates, effects, errors = judge.rates(np.zeros(len(self.covariate_names_))), judge.effects(), judge.errors()
        self._write_tables(rates, effects, errors)
        self.initial_ = self.likelihood_.first_state(best.theta).mean(axis=0)
        self.initial_ /= self.initial_.sum()
        self.information_eigenvalues_ = best.eigenvalues

    def _write_nothing(self) -> None:
        n = self._structure.n_states
        self.minus2loglik_ = float("nan")
        none = Table.empty((n, n), INSUFFICIENT)
        none.words[~self._structure.allowed] = NOT_ALLOWED
        none.words[np.eye(n, dtype=bool)] = ""
        effects = Table.empty((len(self.covariate_names_), n, n), INSUFFICIENT)
        self._write_tables(none, effects, Table.empty((n, n), INSUFFICIENT))
        self.initial_, self.information_eigenvalues_ = np.full(n, np.nan), np.empty(0)

    def _write_tables(self, rates: Table, effects: Table, errors: Table) -> None:
        self.intensities_, self.intensity_intervals_, self.identifiability_ = rates.values, rates.intervals, rates.words
        self.effects_, self.effect_intervals_ = effects.values, effects.intervals
        self.effect_identifiability_ = effects.words
        self.misclassification_, self.misclassification_intervals_ = errors.values, errors.intervals
        self.misclassification_identifiability_ = errors.words

    def _judge(self, *, profile: bool | None = None) -> Judge:
        by_profile = self.intervals == "profile" if profile is None else profile
        return Judge(self.likelihood_, self.optimum(), self.level, by_profile)

    def optimum(self) -> Optimum:
        """Return the maximum of the likelihood.

        Raises
        ------
        ParameterError
            The model has no fit.
        """
        if getattr(self, "status_", "") != "ok":
            raise ParameterError(f"the model has no fit: {getattr(self, 'status_', 'call fit first')}")
        return self._best

    # --- what follows ---------------------------------------------------------------------------------------------
    def intensities(self, covariates: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the generator at values of the covariates, its intervals and words, shaped as ``intensities_``."""
        values = np.asarray(covariates, dtype=float)
        data = self.likelihood_.data
        if values.shape != data.mean.shape or not np.isfinite(values).all():
            raise ParameterError(f"covariates={covariates!r}: expected a value for each of {data.names}")
        table = self._judge().rates((values - data.mean) / data.spread)
        return table.values, table.intervals, table.words

    def profile_intervals(self) -> np.ndarray:
        """Return the intervals of the rates by the profile of the likelihood, shaped as ``intensity_intervals_``."""
        found = self._judge(profile=True).rates(np.zeros(len(self.covariate_names_))).intervals
        diagonal = np.arange(self._structure.n_states)
        found[diagonal, diagonal] = np.nan  # a sum of rates has no profile of its own
        return found

    def chain(self) -> MarkovChain:
        """Return the Markov chain of the fitted rates at the mean of the covariates.

        Raises
        ------
        ParameterError
            A rate is not identified.
        """
        self.optimum()
        return MarkovChain(np.where(np.eye(self._structure.n_states) > 0, np.nan, self.intensities_))

    def state_probabilities(self) -> np.ndarray:
        """Return the probability of each true state at each observation, given all of the subject's observations.

        ``(observations, states)`` in the order of the input (Baum et al. 1970).
        """
        found = self.likelihood_.evaluate(self.optimum().theta)
        return self._in_input_order(found.filtered * found.later)

    def most_probable_states(self) -> np.ndarray:
        """Return the most probable path of each subject, a state per observation in the order of the input.

        By the algorithm of Viterbi 1967.
        """
        return self._in_input_order(most_probable_paths(self.likelihood_, self.optimum().theta))

    def _in_input_order(self, values: np.ndarray) -> np.ndarray:
        ordered = np.empty_like(values)
        ordered[self.likelihood_.data.row] = values
        return ordered

    def prevalence(self, times: Sequence[float]) -> pd.DataFrame:
        """Return the observed beside the expected number of subjects per state at times since their first observation.

        A subject is in the state last observed, until its last observation, or for ever in one that is never left.
        """
        return prevalence_table(self.likelihood_, self.optimum().theta, np.asarray(times, dtype=float))

    def likelihood_ratio_test(self, simpler: PanelMarkov) -> NullTest:
        """Return the test of this model against one that it contains, fitted to the same observations.

        Where the simpler model lacks a rate or an error, that is 0 there, on the edge of what it may be: p is then at
        most too large.

        Raises
        ------
        ParameterError
            The models are of different observations, or the other one is not simpler.
        """
        more = self.n_parameters_ - simpler.n_parameters_
        mine, other = self.likelihood_.data, simpler.likelihood_.data
        if mine.time.shape != other.time.shape or not np.array_equal(mine.time, other.time):
            raise ParameterError("the two models are fitted to different observations")
        if more <= 0:
            raise ParameterError(f"the simpler model has {simpler.n_parameters_} parameters, this {self.n_parameters_}")
        gain = 2.0 * (self.optimum().log_likelihood - simpler.optimum().log_likelihood)
        if gain < -0.01:
            raise ParameterError(f"the simpler model fits better (by {-gain:.3g}): it is not contained in this one")
        name = f"{more} parameters fewer"
        return NullTest(name, f"twice the log-likelihood ratio ({more} df)", gain, float(chi2.sf(gain, more)))

    def bootstrap(self, n_bootstrap: int = 1000, *, seed: int = 0) -> PanelBootstrap:
        """Fit again to ``n_bootstrap`` samples of whole subjects, drawn with replacement."""
        return resampled(self.likelihood_, self.optimum(), n_bootstrap=n_bootstrap, seed=seed, level=self.level)

    # --- in words -------------------------------------------------------------------------------------------------
    def transition_rates(
        self, states: Sequence[str] | None = None, *, unit: str = "per unit of time", tests: Sequence[NullTest] = ()
    ) -> TransitionRates:
        """Return the rates at the mean of the covariates in the shape common to all designs."""
        n = self._structure.n_states
        names = tuple(map(str, range(n))) if states is None else tuple(states)
        absent = np.eye(n, dtype=bool) | ~self._structure.allowed
        numbers = {"subjects": self.n_subjects_, "intervals": self.n_intervals_}
        return TransitionRates(
            "panel", names, np.where(absent, np.nan, self.intensities_),
            np.where(absent, np.nan, self.intensity_intervals_[..., 0]),
            np.where(absent, np.nan, self.intensity_intervals_[..., 1]), self.identifiability_, self.level, unit=unit,
            status=self.status_, tests=tuple(tests), numbers=numbers, notes=self.notes_,
        )  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Return a row per rate, effect and estimated error: estimate, interval and identifiability."""
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for i, j in self._structure.edges:
            rows.append(("rate", "", i, j, self.intensities_[i, j], *self.intensity_intervals_[i, j],
                         self.identifiability_[i, j]))  # fmt: skip
        for k, name in enumerate(self.covariate_names_):
            for i, j in np.argwhere(self.effect_identifiability_[k] != NOT_ALLOWED):
                if i != j:
                    rows.append(("effect", name, i, j, self.effects_[k, i, j], *self.effect_intervals_[k, i, j],
                                 self.effect_identifiability_[k, i, j]))  # fmt: skip
        for i, j in self._structure.error_cells:
            rows.append(("error", "", i, j, self.misclassification_[i, j], *self.misclassification_intervals_[i, j],
                         self.misclassification_identifiability_[i, j]))  # fmt: skip
        columns = ["kind", "covariate", "from", "to", "estimate", "lower", "upper", "identifiability"]
        return pd.DataFrame(rows, columns=columns)

    def summary(self) -> str:
        """Return a line per parameter, and what a reader must know."""
        if self.status_ != "ok":
            return self.status_
        lines = [f"minus twice the log-likelihood {self.minus2loglik_:.3f}, {self.n_parameters_} parameters"]
        for row in self.to_frame().to_dict("records"):
            name = f"{row['kind']} {row['covariate']} {row['from']} -> {row['to']}".replace("  ", " ")
            value = f"{row['estimate']:.4g} ({row['lower']:.4g} to {row['upper']:.4g}), "
            lines.append(f"{name}: {value if np.isfinite(row['estimate']) else ''}{row['identifiability']}")
        return "\n".join([*lines, *self.notes_])
