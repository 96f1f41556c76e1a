"""Loops of panel models: probabilities of intervals, their derivatives, and the pass over each subject's observations.

Probabilities come from the eigenvectors of the generator, and their derivatives from the divided differences of the
exponential (Kalbfleisch and Lawless 1985), applied in reverse: one product per interval, however many parameters there
are. Where eigenvectors do not serve, a series of non-negative terms over a short step and squaring do both.
"""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled

#: Terms of the series; the short step is at most half of the fastest time, where the rest is below rounding.
TERMS = 14
#: Squarings at most: 2 ** 100 of the fastest times.
SQUARINGS = 100


@compiled
def spectral_probabilities(
    values: np.ndarray, right: np.ndarray, left: np.ndarray, pattern: np.ndarray, time: np.ndarray, out: np.ndarray
) -> None:
    """Fill ``out`` (intervals, states, states) from eigenvalues, right and left eigenvectors of each pattern."""
    n = values.shape[1]
    for u in range(len(pattern)):
        c = pattern[u]
        out[u] = 0.0
        for a in range(n):
            factor = np.exp(values[c, a] * time[u])
            for i in range(n):
                scaled = right[c, i, a] * factor
                for j in range(n):
                    out[u, i, j] += (scaled * left[c, a, j]).real
        for i in range(n):
            for j in range(n):
                out[u, i, j] = min(max(out[u, i, j], 0.0), 1.0)


@compiled
def spectral_gradient(
    values: np.ndarray,
    right: np.ndarray,
    left: np.ndarray,
    pattern: np.ndarray,
    time: np.ndarray,
    slope: np.ndarray,
    use: np.ndarray,
    total: np.ndarray,
) -> None:
    """Add to ``total`` (patterns, states, states) what ``slope``, by P of each interval, is by the eigenbasis."""
    n = values.shape[1]
    half = np.empty_like(right[0])
    factor = np.empty_like(values[0])
    for u in range(len(pattern)):
        if not use[u]:
            continue
        c, t = pattern[u], time[u]
        for a in range(n):
            factor[a] = np.exp(values[c, a] * t)
            for j in range(n):
                found = 0.0 * right[0, 0, 0]
                for i in range(n):
                    found += right[c, i, a] * slope[u, i, j]
                half[a, j] = found
        for a in range(n):
            for b in range(n):
                found = 0.0 * right[0, 0, 0]
                for j in range(n):
                    found += half[a, j] * left[c, b, j]
                apart = (values[c, a] - values[c, b]) * t
                if abs(apart) < 0.03:
                    ratio = 1 + apart / 2 * (1 + apart / 3 * (1 + apart / 4 * (1 + apart / 5 * (1 + apart / 6))))
                    total[c, a, b] += found * factor[b] * t * ratio
                else:
                    total[c, a, b] += found * (factor[a] - factor[b]) / (values[c, a] - values[c, b])


@compiled
def multiply(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with the product of two small square matrices."""
    n = len(first)
    for i in range(n):
        for j in range(n):
            found = 0.0
            for k in range(n):
                found += first[i, k] * second[k, j]
            out[i, j] = found


@compiled
def series_steps(generator: np.ndarray, time: float, terms: np.ndarray, squares: np.ndarray) -> tuple[int, float]:
    """Fill the partial sums of the series and the squarings; return the number of squarings and the short step."""
    n = len(generator)
    fastest = 0.0
    for i in range(n):
        fastest = max(fastest, -generator[i, i])
    step, number = time, 0
    while fastest * step > 0.5 and number < SQUARINGS:
        step *= 0.5
        number += 1
    matrix = squares[SQUARINGS + 1]  # the non-negative matrix of the short step
    for i in range(n):
        for j in range(n):
            matrix[i, j] = (generator[i, j] + (fastest if i == j else 0.0)) * step
    terms[TERMS] = np.eye(n)
    for k in range(TERMS, 0, -1):
        multiply(matrix, terms[k], terms[k - 1])
        for i in range(n):
            for j in range(n):
                terms[k - 1, i, j] /= k
            terms[k - 1, i, i] += 1.0
    factor = np.exp(-fastest * step)
    for i in range(n):
        for j in range(n):
            squares[0, i, j] = terms[0, i, j] * factor
    for k in range(number):
        multiply(squares[k], squares[k], squares[k + 1])
    return number, step


@compiled
def series_probabilities(
    generators: np.ndarray, pattern: np.ndarray, time: np.ndarray, use: np.ndarray, out: np.ndarray
) -> None:
    """Fill ``out`` for the intervals in ``use``; every entry is right to rounding, however small."""
    n = generators.shape[1]
    terms, squares = np.empty((TERMS + 1, n, n)), np.empty((SQUARINGS + 2, n, n))
    for u in range(len(pattern)):
        if use[u]:
            number, _ = series_steps(generators[pattern[u]], time[u], terms, squares)
            out[u] = squares[number]


@compiled
def series_gradient(
    generators: np.ndarray,
    pattern: np.ndarray,
    time: np.ndarray,
    slope: np.ndarray,
    use: np.ndarray,
    total: np.ndarray,
) -> None:
    """Add to ``total`` (patterns, states, states) the slope by each generator, from the slope by P."""
    n = generators.shape[1]
    terms, squares = np.empty((TERMS + 1, n, n)), np.empty((SQUARINGS + 2, n, n))
    back, one, two = np.empty((n, n)), np.empty((n, n)), np.empty((n, n))
    for u in range(len(pattern)):
        if not use[u]:
            continue
        c = pattern[u]
        number, step = series_steps(generators[c], time[u], terms, squares)
        matrix = squares[SQUARINGS + 1]
        back[:] = slope[u]
        for k in range(number - 1, -1, -1):
            multiply(back, squares[k].T, one)
            multiply(squares[k].T, back, two)
            back[:] = one + two
        fastest = 0.0
        for i in range(n):
            fastest = max(fastest, -generators[c, i, i])
        back *= np.exp(-fastest * step)
        for k in range(1, TERMS + 1):
            multiply(back, terms[k].T, one)
            for i in range(n):
                for j in range(n):
                    total[c, i, j] += one[i, j] * step / k
            multiply(matrix.T, back, two)
            back[:] = two / k


@compiled
def forward(
    first: np.ndarray,
    interval: np.ndarray,
    entered: np.ndarray,
    emission: np.ndarray,
    table: np.ndarray,
    initial: np.ndarray,
    probability: np.ndarray,
    generators: np.ndarray,
    pattern: np.ndarray,
    ahead: np.ndarray,
    filtered: np.ndarray,
    scale: np.ndarray,
) -> int:
    """Pass over every subject's observations; return the first one that is impossible, or -1.

    ``first`` has the place of each subject's first observation and, at its end, the number of observations.
    ``interval`` is the interval before each observation. ``entered`` is the state that is entered at that very time,
    -1 where the state was only seen then. ``table[emission]`` is how likely each true state makes the observation.
    Filled are the probabilities before (``ahead``) and after (``filtered``) each observation and its probability.
    """
    n = table.shape[1]
    for s in range(len(first) - 1):
        for t in range(first[s], first[s + 1]):
            if t == first[s]:
                ahead[t] = initial[s]
            else:
                u = interval[t]
                for j in range(n):
                    found = 0.0
                    for i in range(n):
                        found += filtered[t - 1, i] * probability[u, i, j]
                    ahead[t, j] = found
            total = 0.0
            d = entered[t]
            if d >= 0:
                c = pattern[interval[t]]
                for k in range(n):
                    filtered[t, k] = 0.0
                    if k != d:
                        total += ahead[t, k] * generators[c, k, d]
                filtered[t, d] = total
            else:
                for j in range(n):
                    filtered[t, j] = ahead[t, j] * table[emission[t], j]
                    total += filtered[t, j]
            scale[t] = total
            if not total > 0.0:
                return t
            for j in range(n):
                filtered[t, j] /= total
    return -1


@compiled
def backward(
    first: np.ndarray,
    interval: np.ndarray,
    entered: np.ndarray,
    emission: np.ndarray,
    table: np.ndarray,
    probability: np.ndarray,
    generators: np.ndarray,
    pattern: np.ndarray,
    ahead: np.ndarray,
    filtered: np.ndarray,
    scale: np.ndarray,
    weight: np.ndarray,
    later: np.ndarray,
    by_probability: np.ndarray,
    by_generator: np.ndarray,
    by_table: np.ndarray,
    by_initial: np.ndarray,
) -> None:
    """Pass back: fill ``later``, and add the slopes of the log-likelihood by all that it is made of."""
    n = table.shape[1]
    share = np.empty(n)
    for s in range(len(first) - 1):
        w = weight[s]
        later[first[s + 1] - 1] = 1.0
        for t in range(first[s + 1] - 1, first[s] - 1, -1):
            d = entered[t]
            for j in range(n):  # share: slope by the probability ahead
                if d >= 0:
                    rate = generators[pattern[interval[t]], j, d] if j != d else 0.0
                    share[j] = rate * later[t, d] / scale[t]
                    if j != d:
                        by_generator[pattern[interval[t]], j, d] += w * ahead[t, j] * later[t, d] / scale[t]
                else:
                    share[j] = table[emission[t], j] * later[t, j] / scale[t]
                    by_table[emission[t], j] += w * ahead[t, j] * later[t, j] / scale[t]
            if t == first[s]:
                by_initial[s] += w * share
            else:
                u = interval[t]
                for i in range(n):
                    found = 0.0
                    for j in range(n):
                        found += probability[u, i, j] * share[j]
                        by_probability[u, i, j] += w * filtered[t - 1, i] * share[j]
                    later[t - 1, i] = found
