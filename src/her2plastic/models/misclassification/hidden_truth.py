"""The error of several readers of the same subjects, whose truth nobody knows (Dawid and Skene 1979), by sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, check_probability, check_seed, check_whole
from her2plastic.models.transition_rates import INSUFFICIENT

#: Prior of a row of an error matrix: readings that the right answer, and each other answer, is worth.
_PRIOR_RIGHT: Final = 4.0
_PRIOR_WRONG: Final = 0.2
_PRIOR_SHARE: Final = 1.0
#: Readings of a subject without which nothing tells the truth from an error that two readers share, and how many such
#: subjects it takes.
VIEWS: Final = 3
LEAST_SUBJECTS: Final = 30
#: One answer to everything agrees with itself, right or wrong.
LEAST_ANSWERS: Final = 2
_PREDICTED: Final = 400
#: Draws of a row, after which its right answer is taken to be as likely as the likeliest wrong one.
_TRIES: Final = 30


@dataclass(frozen=True)
class ReadSubjects:
    """Readings, one a row: place of the subject, place of the reader, place of the answer."""

    subject: np.ndarray
    reader: np.ndarray
    answer: np.ndarray
    n_subjects: int
    n_readers: int


class HiddenTruth:
    """Error matrices of readers, shares of the truths, and the truth of each subject, all from the readings alone.

    Given the truth of a subject its readings are independent, and reader ``r`` answers ``j`` where the truth is ``k``
    with probability ``error[r, k, j]``. There may be more answers than truths (``unsure``). The posterior under a weak
    Dirichlet prior, by which no wrong answer is likelier than the right one, is sampled (Gibbs).

    Parameters
    ----------
    n_truths
        Number of truths; the first answers are these.
    n_answers
        Number of answers, at least as many.
    level
        Probability that an interval holds.
    n_draws, n_discarded
        Draws that are kept, and draws before them.
    seed
        Seed of the draws.

    Attributes
    ----------
    status_
        ``"ok"``, or ``"insufficient: "`` with the number that fell short: fewer than three readings a subject leave an
        error that readers share and a truth of their own apart by nothing.
    error_, share_
        Draws ``(draws, readers, truths, answers)`` and ``(draws, truths)``; empty where insufficient.
    posterior_
        ``(subjects, truths)``: probability of each truth; missing for subjects without a reading.
    alike_p_
        Of each reader: probability that independent repeats agree as often as this reader's do, or more often. A small
        one says that the same look misleads the reader again, and that the error is larger than it seems. Missing
        without repeats.
    """

    def __init__(
        self, n_truths: int, n_answers: int, *, level: float = 0.95, n_draws: int = 1500, n_discarded: int = 300,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self.n_truths = n_truths
        self.n_answers = n_answers
        self.level = level
        self.n_draws = n_draws
        self.n_discarded = n_discarded
        self.seed = seed

    def fit(self, read: ReadSubjects) -> HiddenTruth:
        """Sample the posterior."""
        check_probability("level", self.level)
        check_seed(self.seed)
        check_whole("n_truths", self.n_truths, least=2)
        check_whole("n_answers", self.n_answers, least=self.n_truths)
        check_whole("n_draws", self.n_draws, least=100)
        self._check(read)
        counts = np.zeros((read.n_subjects, read.n_readers, self.n_answers))
        np.add.at(counts, (read.subject, read.reader, read.answer), 1.0)
        enough = int((counts[:, :, : self.n_truths].sum(axis=(1, 2)) >= VIEWS).sum())
        self.status_ = "ok"
        self.error_ = np.empty((0, read.n_readers, self.n_truths, self.n_answers))
        self.share_ = np.empty((0, self.n_truths))
        self.posterior_ = np.full((read.n_subjects, self.n_truths), np.nan)
        self.alike_p_ = np.full(read.n_readers, np.nan)
        if enough < LEAST_SUBJECTS:
            self.status_ = f"{INSUFFICIENT}: {enough} subjects with {VIEWS} sure readings, {LEAST_SUBJECTS} needed"
            return self
        if np.count_nonzero(counts[:, :, : self.n_truths].sum(axis=(0, 1))) < LEAST_ANSWERS:
            self.status_ = f"{INSUFFICIENT}: 1 answer in all sure readings, {LEAST_ANSWERS} needed"
            return self
        rng = np.random.default_rng(self.seed)
        patterns, place, times = np.unique(
            counts.reshape(read.n_subjects, -1), axis=0, return_inverse=True, return_counts=True
        )
        by_pattern = self._sample(patterns, times, read.n_readers, rng)
        self.posterior_ = by_pattern[place.ravel()]
        self.posterior_[counts.sum(axis=(1, 2)) == 0] = np.nan
        self._predict(read, rng)
        return self

    def interval(self, values: np.ndarray) -> tuple[float, float, float]:
        """Return mean and bounds of a quantity from its values in the draws."""
        tail = (1 - self.level) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        return float(values.mean()), float(low), float(high)

    def accuracy(self, reader: int, truths: slice) -> np.ndarray:
        """Return, for each draw, how often a reader is right where truth and answer are among these."""
        error, share = self.error_[:, reader, truths, truths], self.share_[:, truths]
        right = (share * np.diagonal(error, axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(right / (share[:, :, None] * error).sum(axis=(1, 2)))

    def _check(self, read: ReadSubjects) -> None:
        for name, values, n in (
            ("subject", read.subject, read.n_subjects), ("reader", read.reader, read.n_readers),
            ("answer", read.answer, self.n_answers),
        ):  # fmt: skip
            if np.shape(values) != np.shape(read.subject) or (len(values) and not 0 <= min(values) <= max(values) < n):
                raise ParameterError(f"{name}: expected a place from 0 to {n - 1} for each of {len(read.subject)}")

    def _sample(self, patterns: np.ndarray, times: np.ndarray, n_readers: int, rng: np.random.Generator) -> np.ndarray:
        """Draw, and return the probability of each truth for subjects that were read alike ``(patterns, truths)``."""
        k, j = self.n_truths, self.n_answers
        prior = np.full((k, j), _PRIOR_WRONG)
        prior[np.arange(k), np.arange(k)] = _PRIOR_RIGHT
        votes = patterns.reshape(len(patterns), n_readers, j).sum(axis=1)[:, :k] + 0.1
        chances = votes / votes.sum(axis=1, keepdims=True)
        errors, shares = np.empty((self.n_draws, n_readers, k, j)), np.empty((self.n_draws, k))
        total = np.zeros((len(patterns), k))
        for draw in range(-self.n_discarded, self.n_draws):
            truth = rng.multinomial(times, chances)
            seen = (truth.T @ patterns).reshape(k, n_readers, j).transpose(1, 0, 2)
            error = self._errors(seen + prior, rng)
            share = rng.dirichlet(truth.sum(axis=0) + _PRIOR_SHARE)
            logs = patterns @ np.log(error).transpose(0, 2, 1).reshape(-1, k) + np.log(share + 1e-300)
            chances = np.exp(logs - logs.max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
            if draw >= 0:
                errors[draw], shares[draw] = error, share
                total += chances
        self.error_, self.share_ = errors, shares
        return total / self.n_draws

    def _errors(self, alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw error matrices in whose rows no wrong answer is likelier than the right one.

        Without that, a truth that no subject has would stand for any mixture of answers.
        """
        place = np.arange(self.n_truths)
        error = rng.gamma(alpha) + 1e-300
        for _ in range(_TRIES):
            odd = error[:, place, place] < error.max(axis=2)
            if not odd.any():
                break
            error[odd] = rng.gamma(alpha[odd]) + 1e-300
        else:
            error[:, place, place] = error.max(axis=2)
        return np.asarray(error / error.sum(axis=2, keepdims=True))

    def _predict(self, read: ReadSubjects, rng: np.random.Generator) -> None:
        """Compare how often repeats agree with how often independent readings of the same number would."""
        repeats = [_pairs(read, reader) for reader in range(read.n_readers)]
        places = np.linspace(0, self.n_draws - 1, min(_PREDICTED, self.n_draws)).astype(int)
        cumulative = self.error_[places].cumsum(axis=3)
        known = np.nan_to_num(self.posterior_, nan=1 / self.n_truths).cumsum(axis=1)
        for reader, (subject, same) in enumerate(repeats):
            if not len(subject):
                continue
            # the truth as all readings have it, so that the repeats alone are drawn anew
            truth = (
                (rng.random((len(places), len(subject), 1)) > known[subject]).sum(axis=2).clip(max=self.n_truths - 1)
            )
            rows = cumulative[np.arange(len(places))[:, None], reader, truth]
            one, two = ((rng.random((*truth.shape, 1)) > rows).sum(axis=2) for _ in range(2))
            alike = (one == two).mean(axis=1)
            self.alike_p_[reader] = (np.count_nonzero(alike >= same.mean() - 1e-9) + 1) / (len(places) + 1)


def _pairs(read: ReadSubjects, reader: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the subjects that a reader read twice and more, and whether the first two readings are alike."""
    own = np.flatnonzero(read.reader == reader)
    order = own[np.argsort(read.subject[own], kind="stable")]
    subject, answer = read.subject[order], read.answer[order]
    starts = np.r_[True, subject[1:] != subject[:-1]]
    twice = np.flatnonzero(starts[:-1] & ~starts[1:]) if len(subject) > 1 else np.empty(0, dtype=int)
    return subject[twice], answer[twice] == answer[twice + 1]
