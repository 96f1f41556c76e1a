"""First readings against second states that are known by likelihoods only, such as those of a few tumour cells."""

from __future__ import annotations

import numpy as np

from her2plastic._errors import ParameterError, check_probability, check_seed
from her2plastic.models.misclassification.em import fit_pairs, unchanged_only
from her2plastic.models.misclassification.fit import LEAST_PATIENTS
from her2plastic.models.misclassification.intervals import hidden_change
from her2plastic.models.misclassification.reader_error import LEAST_SINGULAR_VALUE, ReaderError
from her2plastic.models.null_test import NullTest
from her2plastic.models.transition_rates import INSUFFICIENT


class MisreadAgainstUnsure:
    """How much of the difference between a reading and an unsure second state error alone explains.

    As :class:`her2plastic.models.MisreadTable`, but what is known of a patient's second state is a likelihood of each
    state. Patients of whom little is known say little. Data without change are simulated by drawing a patient's
    likelihoods from those of all patients, weighed by how probable the state is for each of them.

    Parameters
    ----------
    first
        Error of the first reading; taken as known.
    level
        Probability that an interval holds.
    n_null
        Simulated data sets of the test.
    seed
        Their seed.

    Attributes
    ----------
    status_
        ``"ok"``, or ``"insufficient: "`` with the number that fell short.
    table_, error_alone_
        Patients by first reading and second state (sums of probabilities, all states alike beforehand), and the table
        that error alone gives.
    discordance_, expected_
        Share of patients whose readings differ (summed likewise); what error alone gives, and where it lies.
    null_loglik_, fewer_p_, conversion_, lower_, upper_, identifiability_, changed_, risen_, fallen_, tests_
        As in :class:`her2plastic.models.MisreadTable`.
    """

    second = None

    def __init__(self, first: ReaderError, *, level: float = 0.95, n_null: int = 499, seed: int = 0) -> None:
        self.first = first
        self.level = level
        self.n_null = n_null
        self.seed = seed

    def fit(self, reading: np.ndarray, likelihood: np.ndarray) -> MisreadAgainstUnsure:
        """Fit readings ``(patients,)``, counted from 0, and likelihoods ``(patients, states)`` of the second state."""
        check_probability("level", self.level)
        check_seed(self.seed)
        k = self.first.n_states
        codes, values = np.asarray(reading), np.asarray(likelihood, dtype=float)
        if values.shape != (codes.size, k):
            raise ParameterError(f"likelihood: expected {codes.size} patients by {k} states, got shape {values.shape}")
        if not np.isfinite(values).all() or (values < 0).any() or (values.sum(axis=1) <= 0).any():
            raise ParameterError("likelihood: expected numbers of at least 0, in each row one above 0")
        if codes.size and not ((codes >= 0) & (codes < k)).all():
            raise ParameterError(f"reading: expected states from 0 to {k - 1}")
        self.n_ = int(codes.size)
        alike = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300)
        self.table_ = np.zeros((k, k))
        np.add.at(self.table_, codes, alike)
        self.discordance_ = float(1 - np.trace(self.table_) / self.n_) if self.n_ else float("nan")
        self.status_ = self._what_is_short(codes)
        missing = np.full((k, k), np.nan)
        self.error_alone_ = self.conversion_ = self.lower_ = self.upper_ = missing
        self.identifiability_ = np.full((k, k), INSUFFICIENT, dtype=object)
        self.expected_ = self.changed_ = self.risen_ = self.fallen_ = (float("nan"),) * 3
        self.null_loglik_ = self.fewer_p_ = float("nan")
        self.tests_ = (NullTest.lacking("error alone", "", self.status_.partition(": ")[2]),)
        if self.n_ >= LEAST_PATIENTS:
            self._fit(codes, alike)
        return self

    def _what_is_short(self, codes: np.ndarray) -> str:
        if self.n_ < LEAST_PATIENTS:
            return f"insufficient: {self.n_} patients with both readings, {LEAST_PATIENTS} needed"
        if np.unique(codes).size < 2:
            return "insufficient: 1 state read first, 2 needed"
        if self.first.least_singular_value < LEAST_SINGULAR_VALUE:
            return (
                f"insufficient: smallest singular value of the error matrix {self.first.least_singular_value:.2g}, "
                f"{LEAST_SINGULAR_VALUE:g} needed: true states are read too much alike to tell them apart"
            )
        return "ok"

    def _fit(self, codes: np.ndarray, alike: np.ndarray) -> None:
        k, second = self.first.n_states, np.ascontiguousarray(alike.T)
        counts = np.zeros((1, k, self.n_))
        counts[0, codes, np.arange(self.n_)] = 1.0
        error = self.first.matrix
        null = fit_pairs(counts, error, second, held=unchanged_only(k))
        free = fit_pairs(counts, error, second)
        shares = np.diag(null.pairs[0])
        of_state = alike.T * shares[:, None] / np.maximum(alike @ shares, 1e-300)
        of_state /= np.maximum(of_state.sum(axis=1, keepdims=True), 1e-300)
        self.null_loglik_ = float(null.loglik[0])
        self.error_alone_ = self.n_ * error.T @ (shares[:, None] * (of_state @ alike))
        drawn = self._drawn(shares, of_state)
        nulls = fit_pairs(drawn, error, second, held=unchanged_only(k), tolerance=1e-6)
        frees = fit_pairs(drawn, error, second, tolerance=1e-6)
        differ = 1 - np.einsum("tan,na->t", drawn, alike) / self.n_
        tail = (1 - self.level) / 2
        low, high = np.quantile(differ, [tail, 1 - tail]) if self.n_null else (float("nan"),) * 2
        self.expected_ = (float(1 - np.trace(self.error_alone_) / self.n_), float(low), float(high))
        self.fewer_p_ = float((np.count_nonzero(differ <= self.discordance_ + 1e-12) + 1) / (self.n_null + 1))
        ratio = max(float(2 * (free.loglik - null.loglik)[0]), 0.0)
        simulated = np.maximum(2 * (frees.loglik - nulls.loglik), 0.0)
        test = NullTest.by_simulation("error alone", "likelihood ratio of change", ratio, simulated)
        self.tests_ = (test,)
        if self.status_ != "ok":
            return
        found = hidden_change(counts[0], free, level=self.level, simulated=simulated)
        self.conversion_, self.lower_, self.upper_ = found.conversion, found.lower, found.upper
        self.identifiability_ = found.identifiability
        self.changed_, self.risen_, self.fallen_ = found.changed, found.risen, found.fallen

    def _drawn(self, shares: np.ndarray, of_state: np.ndarray) -> np.ndarray:
        """Return data sets without change: a state, its reading, and the likelihoods of a patient of that state."""
        rng = np.random.default_rng(self.seed)
        drawn = np.zeros((self.n_null, self.first.n_states, self.n_))
        for counts in drawn:
            numbers = rng.multinomial(self.n_, shares / shares.sum())
            for state, number in enumerate(numbers):
                if number:
                    read = rng.choice(self.first.n_states, size=number, p=self.first.matrix[state])
                    np.add.at(counts, (read, rng.choice(self.n_, size=number, p=of_state[state])), 1.0)
        return drawn
