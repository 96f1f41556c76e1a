"""What the cells of one blood draw say about the composition that they came from, exactly and as tables.

Cells of a draw have true states by a Dirichlet-multinomial around the composition ``x`` (overdispersion ``rho``), and
each is seen through its own error: ``l[c, s]`` is how likely cell ``c`` would look as it does were it in state ``s`` (a
column of the misclassification matrix for a hard call). The sum over all assignments of states to cells collapses to
one over numbers of cells by state, ``sum_k C(k) DM(k | x, rho)``, whose coefficients are those of the polynomial
``prod_c sum_s l[c, s] z_s``. Nothing is approximated up to :data:`MOST_CELLS` cells, of which :data:`MOST_UNSURE` may
be unsure among three states; of more, as many are taken.

The logarithm is tabulated over stick-breaking logits of ``x`` and the logit of ``rho``, where it is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaln

from her2plastic.models.compiling import compiled

#: Logits of the composition in a table: two states, three states.
LOGIT_STEP: Final = {2: 0.25, 3: 0.4}
LOGIT_REACH: Final = 8.0
#: Logits of the overdispersion in a table; between the second and the last but one it can be interpolated.
RHO_LOGITS: Final = np.linspace(-8.0, 0.25, 11)
#: The cells of a draw say no more than so many: beyond, its overdispersion is what limits it.
MOST_CELLS: Final = 1000
#: Cells that are unsure among three states; the sum over numbers grows with their square.
MOST_UNSURE: Final = 300
_NEGLIGIBLE = 1e-10


@dataclass(frozen=True)
class DrawTerms:
    """The likelihood of one draw as a sum over numbers of cells by state.

    Attributes
    ----------
    numbers
        Shape ``(terms, states)``: cells by true state.
    log_coefficient
        Shape ``(terms,)``: mean likelihood of the assignments with these numbers, log, the largest 0.
    n_cells
        Cells of the draw.
    """

    numbers: np.ndarray
    log_coefficient: np.ndarray
    n_cells: int

    @classmethod
    def of_cells(cls, likelihood: np.ndarray) -> DrawTerms:
        """Return the terms of cells ``(cells, states)`` with their likelihoods."""
        n_cells, n_states = likelihood.shape
        likelihood = _evenly_chosen(likelihood)
        n = len(likelihood)
        scaled = likelihood / likelihood.max(axis=1, keepdims=True) if n else likelihood
        sure = (scaled > 0).sum(axis=1) == 1
        fixed = (scaled[sure] > 0).sum(axis=0)
        soft = np.ascontiguousarray(scaled[~sure], dtype=float)
        numbers, coefficient = _polynomial(soft) if len(soft) else (np.zeros((1, n_states), np.int64), np.ones(1))
        # what a sum of the numbers would weigh; a multinomial number of assignments shares each coefficient
        ways = gammaln(n + 1) - gammaln(numbers + fixed + 1).sum(axis=1)
        kept = coefficient > 0
        log_coefficient = np.full(len(coefficient), -np.inf)
        log_coefficient[kept] = np.log(coefficient[kept]) - ways[kept]
        log_coefficient -= log_coefficient.max()
        kept &= log_coefficient > np.log(_NEGLIGIBLE)
        return cls((numbers + fixed)[kept], log_coefficient[kept], n_cells)


def _evenly_chosen(likelihood: np.ndarray) -> np.ndarray:
    """Return as many cells as count, evenly spaced in the order of their likelihoods."""
    n, n_states = likelihood.shape
    unsure = int(((likelihood > 0).sum(axis=1) > 1).sum())
    share = min(1.0, MOST_CELLS / max(n, 1), MOST_UNSURE / max(unsure, 1) if n_states == 3 else 1.0)
    if share == 1.0:
        return likelihood
    order = np.lexsort(likelihood.T)
    return likelihood[order[np.linspace(0, n - 1, int(n * share)).round().astype(np.int64)]]


def _polynomial(soft: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers by state and the coefficients of ``prod_c sum_s l[c, s] z_s``."""
    n, n_states = soft.shape
    if n_states == 2:
        coefficient = _polynomial_of_two(soft)
        ones = np.arange(n + 1)
        return np.stack([n - ones, ones], axis=1), coefficient
    table = _polynomial_of_three(soft)
    second, third = np.nonzero(np.add.outer(np.arange(n + 1), np.arange(n + 1)) <= n)
    return np.stack([n - second - third, second, third], axis=1), table[second, third]


@compiled
def _polynomial_of_two(soft: np.ndarray) -> np.ndarray:
    n = soft.shape[0]
    out = np.zeros(n + 1)
    out[0] = 1.0
    for c in range(n):
        largest = 0.0
        for k in range(c + 1, -1, -1):
            value = soft[c, 0] * out[k]
            if k > 0:
                value += soft[c, 1] * out[k - 1]
            out[k] = value
            largest = max(largest, value)
        out[: c + 2] /= largest
    return out


@compiled
def _polynomial_of_three(soft: np.ndarray) -> np.ndarray:
    n = soft.shape[0]
    out = np.zeros((n + 1, n + 1))
    out[0, 0] = 1.0
    for c in range(n):
        largest = 0.0
        for second in range(c + 1, -1, -1):
            for third in range(c + 1 - second, -1, -1):
                value = soft[c, 0] * out[second, third]
                if second > 0:
                    value += soft[c, 1] * out[second - 1, third]
                if third > 0:
                    value += soft[c, 2] * out[second, third - 1]
                out[second, third] = value
                largest = max(largest, value)
        out[: c + 2, : c + 2] /= largest
    return out


def composition_grid(n_states: int) -> np.ndarray:
    """Return the compositions of a table, shape ``(points, states)``; three states with the last one's logit first."""
    logits = logit_axis(n_states)
    last = 1 / (1 + np.exp(-logits))
    if n_states == 2:
        return np.stack([1 - last, last], axis=1)
    third, of_rest = (axis.ravel() for axis in np.meshgrid(last, last, indexing="ij"))
    return np.stack([(1 - third) * (1 - of_rest), (1 - third) * of_rest, third], axis=1)


def logit_axis(n_states: int) -> np.ndarray:
    """Return the logits along one axis of a table."""
    return np.arange(-LOGIT_REACH, LOGIT_REACH + 1e-9, LOGIT_STEP[n_states])


def evidence_tables(terms: list[DrawTerms], n_states: int) -> np.ndarray:
    """Return the log-likelihood of each draw over overdispersion and composition: ``(draws, overdispersions, points)``.

    Equal draws are computed once.
    """
    grid = composition_grid(n_states)
    concentration = np.exp(-RHO_LOGITS)  # (1 - rho) / rho
    out = np.empty((len(terms), len(concentration), len(grid)))
    seen: dict[bytes, int] = {}
    for d, term in enumerate(terms):
        key = term.numbers.tobytes() + term.log_coefficient.tobytes()
        first = seen.setdefault(key, d)
        if first == d:
            out[d] = _log_evidence(term.numbers, term.log_coefficient, grid, concentration)
        else:
            out[d] = out[first]
    return out


@compiled
def _log_evidence(
    numbers: np.ndarray, log_coefficient: np.ndarray, grid: np.ndarray, concentration: np.ndarray
) -> np.ndarray:
    """Return the log of the sum over numbers for every overdispersion and composition."""
    n_terms, n_states = numbers.shape
    n = 0
    for s in range(n_states):
        n += numbers[0, s]
    out = np.empty((concentration.size, grid.shape[0]))
    coefficient = np.exp(log_coefficient)
    rising = np.empty((n_states, n + 1))
    for a in range(concentration.size):
        whole = 0.0
        for j in range(n):
            whole += np.log((concentration[a] + j) / (j + 1))
        scale = np.exp(-whole / max(n, 1))
        for g in range(grid.shape[0]):
            # (alpha x)_k / k!, scaled so that neither it nor the products leave what a number can hold
            for s in range(n_states):
                parameter = concentration[a] * grid[g, s]
                rising[s, 0] = 1.0
                for k in range(1, n + 1):
                    rising[s, k] = rising[s, k - 1] * (parameter + k - 1) / k * scale
            total = 0.0
            for t in range(n_terms):
                product = coefficient[t]
                for s in range(n_states):
                    product *= rising[s, numbers[t, s]]
                total += product
            if total > 1e-250 and total < 1e250:
                out[a, g] = np.log(total)
            else:
                out[a, g] = _by_logarithms(numbers, log_coefficient, grid[g] * concentration[a]) - whole
    return out


@compiled
def _by_logarithms(numbers: np.ndarray, log_coefficient: np.ndarray, parameters: np.ndarray) -> float:
    """Return the log of one sum whose terms are beyond what a number can hold."""
    n_terms, n_states = numbers.shape
    heights = log_coefficient.copy()
    for s in range(n_states):
        largest = 0
        for t in range(n_terms):
            largest = max(largest, numbers[t, s])
        rising = np.zeros(largest + 1)
        for k in range(1, largest + 1):
            rising[k] = rising[k - 1] + np.log((parameters[s] + k - 1) / k)
        for t in range(n_terms):
            heights[t] += rising[numbers[t, s]]
    best = heights.max()
    return best + np.log(np.exp(heights - best).sum())
