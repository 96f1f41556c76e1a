"""Switching per division from pairs of sister cells, and whether sisters switch independently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from scipy.stats import beta, binom

from her2plastic._errors import ParameterError, check_probability

#: What excess on either side would mean.
_INDEPENDENT, _ASYMMETRIC, _MEMORY = "independent", "asymmetric division", "inherited memory"


@dataclass(frozen=True)
class SisterPairs:
    """Pairs of sisters of mothers of one state.

    Attributes
    ----------
    pairs
        ``(3,)`` pairs with no, one and two sisters in the other state.
    switched
        Share of sisters in the other state; with misreading, after its removal, at least 0.
    lower, upper
        Exact interval of ``switched`` if sisters were independent.
    expected_discordant
        Discordant pairs if sisters switched independently, ``2 s (1 - s)`` of all pairs.
    p
        Two-sided exact probability of so many discordant pairs, given how many sisters are in the other state.
    reading
        ``"independent"`` where p is above 0.05, else ``"asymmetric division"`` (more discordant pairs than that) or
        ``"inherited memory"`` (fewer).
    error_alone
        Probability of at least so many sisters read in the other state by misreading alone.
    """

    pairs: tuple[int, int, int]
    switched: float
    lower: float
    upper: float
    expected_discordant: float
    p: float
    reading: str
    error_alone: float

    def summary(self) -> str:
        """Return the pairs in words."""
        n = sum(self.pairs)
        if n == 0:
            return "insufficient: 0 pairs of sisters"
        return (
            f"{n} pairs: {self.switched:.3g} of sisters switched ({self.lower:.3g} to {self.upper:.3g}); "
            f"{self.pairs[1]} discordant pairs, {self.expected_discordant:.1f} expected of independent sisters "
            f"(p = {self.p:.2g}): {self.reading}"
        )


def sister_discordance(
    pairs: np.ndarray, *, misread: float = 0.0, back: float = 0.0, level: float = 0.9
) -> SisterPairs:
    """Return switching per division and the test of independence from pairs of sisters.

    Parameters
    ----------
    pairs
        ``(3,)`` pairs of which no, one and two sisters are in the other state than their mother.
    misread
        Probability that a sister in the mother's state is read as the other.
    back
        Probability that a switched sister is read as the mother's state.
    level
        Probability that the interval holds.

    Returns
    -------
    Shares, interval and test; see :class:`SisterPairs`.

    Raises
    ------
    ParameterError
        The pairs are no counts, or reading is no better than chance.

    Notes
    -----
    Independent misreading keeps independent sisters independent, so that the test of independence holds with it. The
    exact test is the one of Hardy-Weinberg proportions: pairs are genotypes, sisters alleles.

    Examples
    --------
    >>> import her2plastic as hp
    >>> pairs = [60, 8, 24]  # pairs with no, one and two sisters in the other state
    >>> print(hp.models.sister_discordance(pairs, misread=0.05).summary())
    92 pairs: 0.268 of sisters switched (0.209 to 0.332); 8 discordant pairs, 39.0 expected of independent sisters
    (p = 1.9e-14): inherited memory
    """
    check_probability("level", level)
    numbers = np.asarray(pairs, dtype=float)
    if numbers.shape != (3,) or (numbers < 0).any() or (numbers % 1 != 0).any():
        raise ParameterError(f"pairs={pairs!r}: expected whole numbers of pairs with no, one and two sisters switched")
    if not (0 <= misread < 1 and 0 <= back < 1 and misread + back < 1):
        raise ParameterError(f"misread={misread!r}, back={back!r}: expected probabilities that sum to less than 1")
    none, one, two = (int(number) for number in numbers)
    n, k = 2 * (none + one + two), one + 2 * two
    if n == 0:
        return SisterPairs((0, 0, 0), *(float("nan"),) * 5, "insufficient: 0 pairs", float("nan"))
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))

    def true_share(read: float) -> float:
        return float(np.clip((read - misread) / (1 - misread - back), 0, 1))

    share = k / n
    expected = n / 2 * 2 * share * (1 - share)
    p = _exact_p(one, k, n)
    reading = _INDEPENDENT if p > 0.05 else _ASYMMETRIC if one > expected else _MEMORY
    alone = float(binom.sf(k - 1, n, misread))
    return SisterPairs(
        (none, one, two), true_share(share), true_share(low), true_share(high), expected, p, reading, alone
    )


def _exact_p(discordant: int, switched: int, sisters: int) -> float:
    """Return the probability of a number of discordant pairs at most as likely, given the switched sisters."""
    pairs = sisters // 2
    possible = np.arange(switched % 2, min(switched, sisters - switched) + 1, 2)
    both, neither = (switched - possible) / 2, pairs - (switched + possible) / 2
    log_weight = possible * np.log(2.0) - gammaln(possible + 1) - gammaln(both + 1) - gammaln(neither + 1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    own = weight[np.flatnonzero(possible == discordant)[0]]
    return float(min(weight[weight <= own * (1 + 1e-9)].sum(), 1.0))
