"""A table of paired readings against error alone, and the change of hidden states that is left, with intervals."""

from __future__ import annotations

from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, check_probability, check_seed, check_whole
from her2plastic.models.misclassification.em import Fitted, fit_pairs, unchanged_only
from her2plastic.models.misclassification.intervals import hidden_change
from her2plastic.models.misclassification.reader_error import LEAST_SINGULAR_VALUE, ReaderError, check_counts
from her2plastic.models.null_test import NullTest
from her2plastic.models.transition_rates import INSUFFICIENT

#: Fewer patients than this have no pooled interval: they are shown one by one.
LEAST_PATIENTS: Final = 6


class MisreadTable:
    """How much of a table of changed states error alone explains, and what change is left.

    The hidden states of the first and second reading have a joint distribution; each reading shows its hidden state
    through an error matrix, independently of the other. Error alone means that the hidden state never changes. Both
    are fitted by maximum likelihood; intervals are by the profile likelihood, the test by simulated tables of
    unchanged states, fitted like the data.

    Parameters
    ----------
    first, second
        Error of the two readings. Without the second, one reader gave both, and what is learnt of the error from the
        first reading holds for the second.
    level
        Probability that an interval holds.
    n_null
        Simulated tables of the tests.
    seed
        Their seed.

    Attributes
    ----------
    status_
        ``"ok"``, or ``"insufficient: "`` with the number that fell short.
    error_alone_, shares_
        Table that error alone gives, and the shares of the hidden states behind it.
    expected_
        Discordance by error alone: value, and where it lies in as many patients.
    pairs_
        Joint distribution of the hidden states.
    conversion_, lower_, upper_, identifiability_
        Probability of each second state given the first, with interval and word.
    changed_, risen_, fallen_
        Share of patients whose hidden state changed, rose and fell: value and interval.
    null_loglik_, fewer_p_
        Log-likelihood of error alone; how often it gives as few discordant readings as were seen, or fewer.
    tests_
        Error alone by likelihood ratio, and by misfit of the table.

    Examples
    --------
    >>> import her2plastic as hp
    >>> readings = [[40, 9, 0], [8, 30, 4], [1, 5, 20]]  # first reading by second
    >>> reader = hp.models.ReaderError.from_accuracy(0.8, 3)
    >>> fit = hp.models.MisreadTable(reader, n_null=99).fit(readings)
    >>> print(f"{fit.discordance_:.0%} differ; by error alone p = {fit.tests_[0].p:.1f}")
    23% differ; by error alone p = 0.7
    """

    def __init__(
        self, first: ReaderError, second: ReaderError | None = None, *, level: float = 0.95, n_null: int = 999,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self.first = first
        self.second = second
        self.level = level
        self.n_null = n_null
        self.seed = seed

    def fit(self, table: np.ndarray) -> MisreadTable:
        """Fit a table of counts: first reading in rows, second in columns."""
        check_probability("level", self.level)
        check_seed(self.seed)
        check_whole("n_null", self.n_null, least=0)
        second = self.first if self.second is None else self.second
        self.table_ = check_counts("table", table, self.first.n_states)
        if second.n_states != self.first.n_states:
            raise ParameterError(f"second: expected {self.first.n_states} states, got {second.n_states}")
        self.n_ = int(self.table_.sum())
        self.discordance_ = float(1 - np.trace(self.table_) / self.n_) if self.n_ else float("nan")
        self.status_ = self._what_is_short(second)
        self._blank()
        if self.n_ >= LEAST_PATIENTS:
            self._against_error_alone()
            if self.status_ == "ok":
                self._change()
        return self

    def _what_is_short(self, second: ReaderError) -> str:
        seen = int(((self.table_.sum(axis=0) + self.table_.sum(axis=1)) > 0).sum())
        least = min(self.first.least_singular_value, second.least_singular_value)
        if self.n_ < LEAST_PATIENTS:
            return f"insufficient: {self.n_} patients with both readings, {LEAST_PATIENTS} needed"
        if seen < 2:
            return f"insufficient: {seen} state seen, 2 needed"
        if least < LEAST_SINGULAR_VALUE:
            return (
                f"insufficient: smallest singular value of the error matrix {least:.2g}, {LEAST_SINGULAR_VALUE:g} "
                "needed: true states are read too much alike to tell them apart"
            )
        return "ok"

    def _blank(self) -> None:
        k = len(self.table_)
        missing = np.full((k, k), np.nan)
        self.null_loglik_ = self.fewer_p_ = float("nan")
        self.error_alone_, self.shares_, self.pairs_ = missing, missing[0], missing
        self.conversion_ = self.lower_ = self.upper_ = missing
        self.identifiability_ = np.full((k, k), INSUFFICIENT, dtype=object)
        self.expected_ = self.changed_ = self.risen_ = self.fallen_ = (float("nan"),) * 3
        names = ("error alone", "error alone, misfit")
        self.tests_ = tuple(NullTest.lacking(name, "", self.status_.partition(": ")[2]) for name in names)

    def _fit(self, tables: np.ndarray, *, null: bool, validation: tuple[np.ndarray | None, ...]) -> Fitted:
        second = self.first if self.second is None else self.second
        return fit_pairs(
            tables, self.first.matrix, second.matrix, held=unchanged_only(len(self.table_)) if null else None,
            learn_first=validation[0], learn_second=validation[1],
            shared=self.second is None and validation[0] is not None,
        )  # fmt: skip

    @property
    def _validation(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        second = None if self.second is None or self.second.is_known else self.second.counts
        return (None if self.first.is_known else self.first.counts), second

    def _against_error_alone(self) -> None:
        """Fit error alone, and simulate tables from it that are fitted the same way."""
        tables = self.table_[None]
        null = self._fit(tables, null=True, validation=self._validation)
        free = self._fit(tables, null=False, validation=self._validation)
        self._free, self.null_loglik_ = free, float(null.loglik[0])
        self.shares_, self.pairs_ = np.diag(null.pairs[0]).copy(), free.pairs[0]
        first, second = (matrix if matrix.ndim == 2 else matrix[0] for matrix in (null.first, null.second))
        seen = first.T @ null.pairs[0] @ second
        self.error_alone_ = self.n_ * seen
        rng = np.random.default_rng(self.seed)
        drawn = rng.multinomial(self.n_, (seen / seen.sum()).ravel(), size=self.n_null).astype(float)
        drawn = drawn.reshape(-1, *self.table_.shape)
        validation = tuple(
            None if counts is None else _drawn_rows(rng, counts, matrix, self.n_null)
            for counts, matrix in zip(self._validation, (first, second), strict=True)
        )
        nulls = self._fit(drawn, null=True, validation=validation)
        frees = self._fit(drawn, null=False, validation=validation)
        differ = 1 - np.trace(drawn, axis1=1, axis2=2) / self.n_
        tail = (1 - self.level) / 2
        low, high = np.quantile(differ, [tail, 1 - tail]) if self.n_null else (float("nan"),) * 2
        self.expected_ = (float(1 - np.trace(seen)), float(low), float(high))
        self.fewer_p_ = float((np.count_nonzero(differ <= self.discordance_ + 1e-12) + 1) / (self.n_null + 1))
        ratio = float(2 * (free.loglik - null.loglik)[0])
        misfit = _misfit(drawn, nulls)
        self.tests_ = (
            NullTest.by_simulation(
                "error alone", "likelihood ratio of change", max(ratio, 0.0),
                np.maximum(2 * (frees.loglik - nulls.loglik), 0.0),
            ),
            NullTest.by_simulation(
                "error alone, misfit", "chi-squared of the table", float(_misfit(tables, null)[0]), misfit
            ),
        )  # fmt: skip

    def _change(self) -> None:
        """Turn the joint distribution into conversion with profile intervals, and say what they are worth."""
        found = hidden_change(
            self.table_, self._free, level=self.level, simulated=self.tests_[0].simulated, validation=self._validation,
            shared=self.second is None and not self.first.is_known,
        )  # fmt: skip
        self.conversion_, self.lower_, self.upper_ = found.conversion, found.lower, found.upper
        self.identifiability_ = found.identifiability
        self.changed_, self.risen_, self.fallen_ = found.changed, found.risen, found.fallen


def _drawn_rows(rng: np.random.Generator, counts: np.ndarray, matrix: np.ndarray, n: int) -> np.ndarray:
    """Return ``n`` validation tables with the rows' numbers of readings; no cell is empty, as in the one given."""
    totals = np.maximum(np.round(counts.sum(axis=1)), 1).astype(int)
    rows = [rng.multinomial(total, row / row.sum(), size=n) for total, row in zip(totals, matrix, strict=True)]
    drawn = np.stack(rows, axis=1).astype(float)
    return np.where(drawn == 0, np.minimum(counts, 0.5), drawn)


def _misfit(tables: np.ndarray, fitted: Fitted) -> np.ndarray:
    """Return Pearson's chi-squared of each table."""
    expected = np.swapaxes(fitted.first, -1, -2) @ fitted.pairs @ fitted.second
    expected = expected * tables.sum(axis=(1, 2), keepdims=True)
    return ((tables - expected) ** 2 / np.maximum(expected, 1e-12)).sum(axis=(1, 2))
