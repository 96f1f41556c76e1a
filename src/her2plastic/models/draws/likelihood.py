"""Marginal likelihood of draws: first compositions and patients' own rates are summed out on fixed nodes."""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled

_FLOOR = 1e-6
#: A first composition this far below the best (natural log) under one node of own rates is not tried under the others.
_HOPELESS = 40.0


@compiled
def patient_likelihoods(
    first: np.ndarray,
    starts: np.ndarray,
    kinds: np.ndarray,
    tables: np.ndarray,
    table_slopes: np.ndarray,
    table_of: np.ndarray,
    logits: tuple[float, float, int],
    moved: np.ndarray,
    slope: np.ndarray,
    mixing: np.ndarray,
    log_weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the log-likelihood of each patient and its derivatives.

    Parameters
    ----------
    first
        Shape ``(points, states)``: first compositions.
    starts
        Shape ``(patients + 1,)``: where each patient's rows begin.
    kinds
        Shape ``(rows,)``: kind of the interval before each row; -1 for none.
    tables, table_slopes
        Shape ``(tables, points)``: log-likelihoods of draws at one overdispersion, and their derivative by its logit.
    table_of
        Shape ``(rows,)``: table of each row; -1 where nothing was drawn.
    logits
        First logit of the tables, their step, and how many there are along an axis.
    moved, slope
        Transition matrices and derivatives of :func:`her2plastic.models.draws.motion.motions`.
    mixing
        Shape ``(kinds, nodes, rates, directions)``: derivative of the log rates by the parameters.
    log_weight
        Shape ``(nodes, points)``: log weight of each pair of own rates and first composition.

    Returns
    -------
    Log-likelihoods ``(patients,)``, derivatives by the directions ``(patients, directions)``, by the overdispersion
    ``(patients,)``, and the posterior weights ``(patients, nodes, points)``.
    """
    n_patients, n_points, n_states = starts.size - 1, first.shape[0], first.shape[1]
    n_nodes, n_directions = moved.shape[1], mixing.shape[3]
    value, by_rho = np.zeros(n_patients), np.zeros(n_patients)
    gradient = np.zeros((n_patients, n_directions))
    weights = np.zeros((n_patients, n_nodes, n_points))
    longest = 0
    for p in range(n_patients):
        longest = max(longest, starts[p + 1] - starts[p])
    so_far = np.zeros((n_nodes, longest, n_states, n_states))
    so_far_slope = np.zeros((n_nodes, longest, n_directions, n_states, n_states))
    steepness = np.zeros((n_nodes, n_points, longest, n_states))
    rho_slope = np.zeros((n_nodes, n_points))
    here, found, scratch = np.zeros(n_states), np.zeros(2 + n_states), np.zeros((2, 2, 4))
    for p in range(n_patients):
        n_rows = starts[p + 1] - starts[p]
        _carry(starts[p], n_rows, kinds, moved, slope, mixing, so_far, so_far_slope)
        best, best_of_first = -np.inf, -np.inf
        for b in range(n_nodes):
            if b == 1:
                best_of_first = best
            for i in range(n_points):
                if b > 0 and weights[p, 0, i] < best_of_first - _HOPELESS:
                    weights[p, b, i] = -np.inf
                    continue
                total = log_weight[b, i]
                rho_slope[b, i] = 0.0
                for t in range(n_rows):
                    table = table_of[starts[p] + t]
                    if table < 0:
                        continue
                    for s in range(n_states):
                        here[s] = 0.0
                        for z in range(n_states):
                            here[s] += first[i, z] * so_far[b, t, z, s]
                    _look_up(here, tables[table], table_slopes[table], logits, found, scratch)
                    total += found[0]
                    rho_slope[b, i] += found[1]
                    for s in range(n_states):
                        steepness[b, i, t, s] = found[2 + s]
                weights[p, b, i] = total
                best = max(best, total)
        mass = 0.0
        for b in range(n_nodes):
            for i in range(n_points):
                weights[p, b, i] = np.exp(weights[p, b, i] - best)
                mass += weights[p, b, i]
        weights[p] /= mass
        value[p] = best + np.log(mass)
        for b in range(n_nodes):
            for i in range(n_points):
                by_rho[p] += weights[p, b, i] * rho_slope[b, i]
            if n_directions > 0:
                _collect(p, b, starts[p], n_rows, table_of, first, weights, steepness, so_far_slope, gradient)
    return value, gradient, by_rho, weights


@compiled
def _carry(
    start: int, n_rows: int, kinds: np.ndarray, moved: np.ndarray, slope: np.ndarray, mixing: np.ndarray,
    so_far: np.ndarray, so_far_slope: np.ndarray,
) -> None:  # fmt: skip
    """Fill the matrices from the first row to each row, and their derivatives by the directions."""
    n_nodes, n_rates, n_states = moved.shape[1], slope.shape[2], moved.shape[2]
    n_directions = mixing.shape[3]
    for b in range(n_nodes):
        for t in range(n_rows):
            kind = kinds[start + t]
            if t == 0 or kind < 0:
                so_far[b, t] = np.eye(n_states)
                so_far_slope[b, t] = 0.0
                continue
            for i in range(n_states):
                for j in range(n_states):
                    total = 0.0
                    for k in range(n_states):
                        total += so_far[b, t - 1, i, k] * moved[kind, b, k, j]
                    so_far[b, t, i, j] = total
            for d in range(n_directions):
                for i in range(n_states):
                    for j in range(n_states):
                        total = 0.0
                        for k in range(n_states):
                            total += so_far_slope[b, t - 1, d, i, k] * moved[kind, b, k, j]
                            own = 0.0
                            for r in range(n_rates):
                                own += slope[kind, b, r, k, j] * mixing[kind, b, r, d]
                            total += so_far[b, t - 1, i, k] * own
                        so_far_slope[b, t, d, i, j] = total


@compiled
def _collect(
    p: int, b: int, start: int, n_rows: int, table_of: np.ndarray, first: np.ndarray, weights: np.ndarray,
    steepness: np.ndarray, so_far_slope: np.ndarray, gradient: np.ndarray,
) -> None:  # fmt: skip
    """Add one node's part of the derivative by the directions."""
    n_points, n_states = first.shape
    n_directions = gradient.shape[1]
    outer = np.zeros((n_states, n_states))
    for t in range(1, n_rows):
        if table_of[start + t] < 0:
            continue
        outer[:] = 0.0
        for i in range(n_points):
            weight = weights[p, b, i]
            if weight < 1e-14:
                continue
            for z in range(n_states):
                for s in range(n_states):
                    outer[z, s] += weight * first[i, z] * steepness[b, i, t, s]
        for d in range(n_directions):
            for z in range(n_states):
                for s in range(n_states):
                    gradient[p, d] += outer[z, s] * so_far_slope[b, t, d, z, s]


@compiled
def _look_up(
    here: np.ndarray, table: np.ndarray, table_slope: np.ndarray, logits: tuple[float, float, int], found: np.ndarray,
    scratch: np.ndarray,
) -> None:  # fmt: skip
    """Interpolate a table at a composition: value, derivative by overdispersion, derivative by the composition."""
    lowest, step, size = logits
    n_states = here.size
    for s in range(n_states):
        here[s] = max(here[s], _FLOOR)
    weight, d_weight = scratch[0], scratch[1]
    row, column, inside, inside_too = 0, 0, 1.0, 1.0
    rest = here[0] if n_states == 2 else here[0] + here[1]
    for axis in range(n_states - 1):
        logit = np.log(here[n_states - 1] / rest) if axis == 0 else np.log(here[1] / here[0])
        scaled = (logit - lowest) / step
        within = 1.0
        if scaled <= 1.0 or scaled >= size - 2.0:
            within = 0.0
            scaled = min(max(scaled, 1.0), size - 2.0 - 1e-9)
        place = int(scaled)
        cubic_weights(scaled - place, weight[axis], d_weight[axis])
        if axis == 0:
            row, inside = place, within
        else:
            column, inside_too = place, within
    value, by_rho, first, second = 0.0, 0.0, 0.0, 0.0
    if n_states == 2:
        for a in range(4):
            at = row + a - 1
            value += weight[0, a] * table[at]
            by_rho += weight[0, a] * table_slope[at]
            first += d_weight[0, a] * table[at]
    else:
        for a in range(4):
            at = (row + a - 1) * size + column - 1
            along, across, slope = 0.0, 0.0, 0.0
            for c in range(4):
                along += weight[1, c] * table[at + c]
                across += d_weight[1, c] * table[at + c]
                slope += weight[1, c] * table_slope[at + c]
            value += weight[0, a] * along
            by_rho += weight[0, a] * slope
            first += d_weight[0, a] * along
            second += weight[0, a] * across
    first *= inside / step
    found[0], found[1] = value, by_rho
    found[1 + n_states] = first / here[n_states - 1]
    found[2] = -first / rest
    if n_states == 3:
        second *= inside_too / step
        found[3] = found[2] + second / here[1]
        found[2] -= second / here[0]


@compiled
def cubic_weights(t: float, weight: np.ndarray, d_weight: np.ndarray) -> None:
    """Fill the weights of four neighbours and their derivatives (Catmull-Rom, as smooth as a gradient needs)."""
    weight[0] = 0.5 * t * (-1 + t * (2 - t))
    weight[1] = 0.5 * (2 + t * t * (-5 + 3 * t))
    weight[2] = 0.5 * t * (1 + t * (4 - 3 * t))
    weight[3] = 0.5 * t * t * (t - 1)
    d_weight[0] = 0.5 * (-1 + t * (4 - 3 * t))
    d_weight[1] = 0.5 * t * (-10 + 9 * t)
    d_weight[2] = 0.5 * (1 + t * (8 - 9 * t))
    d_weight[3] = 0.5 * t * (3 * t - 2)
