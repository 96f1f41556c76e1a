"""What the gain by moving compositions would be if nothing moved."""

from __future__ import annotations

from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, check_seed, one_of
from her2plastic.models.draws.estimator import DrawComposition
from her2plastic.models.draws.evidence import DrawTerms, evidence_tables
from her2plastic.models.draws.maxima import climb
from her2plastic.models.draws.objective import DrawsObjective, Layout
from her2plastic.models.draws.rows import DrawRows
from her2plastic.models.null_test import NullTest
from her2plastic.models.nulls import shuffled_within
from her2plastic.models.quasi_newton import Maximum

SHUFFLED: Final = "shuffled draw order"
DEALT: Final = "shuffled labels"
SIMULATED: Final = "no switching"
KINDS: Final = (SHUFFLED, DEALT, SIMULATED)
#: A transition stands out against each of these, or it is none. The order of draws holds whatever scatters draws, but
#: where draws of some days are larger than those of others, only if numbers of cells and composition have nothing to
#: do with each other; labels dealt within patients hold whatever the sizes, but only if cells of a draw are no more
#: alike than others. Of two tests that must both reject, the pair rejects no more often than the one that holds.
DECIDING: Final = (SHUFFLED, DEALT)
STATISTIC: Final = "twice the gain in log-likelihood by moves"
#: Once so many data sets without moves gain as much, more of them would only say so again (Besag and Clifford 1991).
_ENOUGH = 10
#: How far the likelihoods are climbed, those of the data and of the nulls alike.
_TOLERANCE = 1e-3


def no_switch_test(
    model: DrawComposition, *, kind: str = SHUFFLED, n_null: int = 99, seed: int = 0, enough: int = _ENOUGH
) -> NullTest:
    """Return whether draws tell moves from none, against data sets in which nothing moves.

    Parameters
    ----------
    model
        A fitted model.
    kind
        ``"shuffled draw order"``: the draws of each patient dealt anew over its days, which leaves everything but the
        order as it is. ``"shuffled labels"``: the cells of each patient, with what is known of their states, dealt anew
        over the patient's draws, of which the days and the numbers of cells stay. ``"no switching"``: draws simulated
        from the fit without moves, with the same numbers of cells and the cells' own errors (parametric bootstrap).
    n_null
        Data sets in which nothing moves; p cannot be below ``1 / (n_null + 1)``.
    seed
        Seed of the data sets.
    enough
        No more are made once so many of them gain as much as the data.

    Returns
    -------
    The test.

    Raises
    ------
    ParameterError
        An unknown kind, or fewer than one data set (enough).

    Examples
    --------
    >>> import her2plastic as hp
    >>> table = hp.datasets.simulate_draws(n_patients=20, n_ctc=10, seed=1).to_frame()
    >>> counts = table.iloc[:, 3:].to_numpy()  # CTCs read as each state
    >>> model = hp.models.DrawComposition().fit(table["patient"], table["day"], counts, intervals=False)
    >>> print(hp.models.no_switch_test(model, n_null=9).to_frame()[["null", "n_null", "p"]].to_string())
                      null  n_null    p
    0  shuffled draw order       9  0.1
    """
    one_of("kind", kind, KINDS)
    check_seed(seed)
    if not isinstance(n_null, (int, np.integer)) or n_null < 1:
        raise ParameterError(f"n_null={n_null!r}: expected a whole number of data sets of at least 1")
    if not isinstance(enough, (int, np.integer)) or enough < 1:
        raise ParameterError(f"enough={enough!r}: expected a whole number of data sets of at least 1")
    if model.status_ != "ok":
        return NullTest.lacking(kind, STATISTIC, model.status_.removeprefix("insufficient: "))
    null = {SHUFFLED: _shuffled, DEALT: _dealt, SIMULATED: _simulated}[kind]
    # climbed like the nulls: the order of two gains must not depend on how far each was followed
    observed = _gain(model, model.rows_, model.tables_, model.static_)
    simulated: list[float] = []
    as_large = 0
    while len(simulated) < n_null and as_large < enough:
        simulated.append(null(model, len(simulated), seed))
        as_large += simulated[-1] >= observed
    return NullTest.by_simulation(kind, STATISTIC, observed, np.array(simulated))


def _shuffled(model: DrawComposition, number: int, seed: int) -> float:
    rows = model.rows_
    drawn = np.flatnonzero(rows.draw >= 0)
    order = shuffled_within(rows.patient[drawn], seed=_own_seed(seed, number))
    draw = rows.draw.copy()
    draw[drawn] = rows.draw[drawn][order]
    # without moves the order of draws is nothing
    return _gain(model, rows.with_draws(draw), model.tables_, model.static_)


def _dealt(model: DrawComposition, number: int, seed: int) -> float:
    """Return the gain after the cells of each patient were dealt anew over its draws."""
    sizes = np.array([term.n_cells for term in model.terms_])
    drawn = model.rows_.draw >= 0
    patient = np.empty(len(sizes), dtype=np.intp)
    patient[model.rows_.draw[drawn]] = model.rows_.patient[drawn]
    look = model.look_[shuffled_within(np.repeat(patient, sizes), seed=_own_seed(seed, number))]
    terms = [DrawTerms.of_cells(model.looks_[cells]) for cells in np.split(look, np.cumsum(sizes)[:-1])]
    return _gain(model, model.rows_, evidence_tables(terms, model.n_states_), None)


def _own_seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _simulated(model: DrawComposition, number: int, seed: int) -> float:
    rng = np.random.default_rng([seed, number])
    tables = evidence_tables(static_terms(model, rng), model.n_states_)
    return _gain(model, model.rows_, tables, None)


def _gain(model: DrawComposition, rows: DrawRows, tables: np.ndarray, static: Maximum | None) -> float:
    static, moving = climb(rows, tables, model.layout_, static=static, tolerance=_TOLERANCE)
    return 2 * max(moving.height - static.height, 0.0)


def static_terms(model: DrawComposition, rng: np.random.Generator) -> list[DrawTerms]:
    """Return draws simulated from the fit without moves: a patient's composition from its posterior, cells anew."""
    still = Layout(np.empty((0, 2), dtype=np.int64), model.n_states_, 0, 0.0, model.overdispersion)
    objective = DrawsObjective(model.rows_, model.tables_, still)
    weights = objective.evaluate(model.static_.place)[3][:, 0]
    concentration = np.exp(-model.static_.place[still.rho_at])
    chance = _chance_of_looks(model, weights @ objective.first)
    chosen = [objective.first[rng.choice(len(own), p=own)] for own in weights]
    terms: list[DrawTerms] = list(model.terms_)
    for patient, draw in zip(model.rows_.patient, model.rows_.draw, strict=True):
        if draw < 0:
            continue
        shares = rng.standard_gamma(concentration * chosen[patient]) + 1e-300
        numbers = rng.multinomial(model.terms_[draw].n_cells, shares / shares.sum())
        looks = [rng.choice(len(model.looks_), size=m, p=chance[s]) for s, m in enumerate(numbers)]
        terms[draw] = DrawTerms.of_cells(model.looks_[np.concatenate(looks)])
    return terms


def _chance_of_looks(model: DrawComposition, shares: np.ndarray) -> np.ndarray:
    """Return how often a cell of each state has each look: ``(states, looks)``.

    For counts the misclassification matrix; for cells, each cell stands for a state by its probability of it.
    """
    if model.chance_of_look_ is not None:
        return model.chance_of_look_
    joint = model.looks_ * shares.mean(axis=0)
    posterior = (joint / joint.sum(axis=1, keepdims=True)).T
    return posterior / posterior.sum(axis=1, keepdims=True)
