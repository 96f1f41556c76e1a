"""The observed beside the fitted composition of every draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic.models.draws.estimator import DrawComposition
from her2plastic.models.draws.evidence import DrawTerms
from her2plastic.models.draws.objective import DrawsObjective

_SAMPLES = 1000


@dataclass(frozen=True)
class FittedDraws:
    """Arrays over draws in order of patient and day.

    Attributes
    ----------
    patient, day, n_cells
        Shape ``(draws,)``; the patient as its place among the model's patients.
    observed, observed_lower, observed_upper
        Shape ``(draws, states)``: the shares as each draw tells them alone, the cells' errors included.
    fitted, fitted_lower, fitted_upper
        Shape ``(draws, states)``: the composition under the model, given all draws of all patients; missing where the
        model could not be fitted. The bands are at the estimated rates.
    """

    patient: np.ndarray
    day: np.ndarray
    n_cells: np.ndarray
    observed: np.ndarray
    observed_lower: np.ndarray
    observed_upper: np.ndarray
    fitted: np.ndarray
    fitted_lower: np.ndarray
    fitted_upper: np.ndarray


def fitted_draws(model: DrawComposition, *, seed: int = 0) -> FittedDraws:
    """Return the observed beside the fitted composition of every draw.

    Parameters
    ----------
    model
        A fitted model, also one that found too little.
    seed
        Seed of the intervals of the observed shares.

    Returns
    -------
    The compositions with intervals at the model's level.

    Examples
    --------
    >>> import her2plastic as hp
    >>> table = hp.datasets.simulate_draws(n_patients=20, n_ctc=10, seed=1).to_frame()
    >>> counts = table.iloc[:, 3:].to_numpy()  # CTCs read as each state
    >>> model = hp.models.DrawComposition().fit(table["patient"], table["day"], counts)
    >>> draws = hp.models.fitted_draws(model)
    >>> for share in (draws.observed, draws.fitted):
    ...     print(share[:4, 1].round(1))  # HER2-positive, first patient
    [0.  0.7 0.2 0.3]
    [0.1 0.3 0.4 0.4]
    """
    rows, tail = model.rows_, (1 - model.level) / 2
    drawn = np.flatnonzero(rows.draw >= 0)
    terms = [model.terms_[d] for d in rows.draw[drawn]]
    rng = np.random.default_rng(seed)
    samples = [_shares(term, rng) for term in terms]
    shape = (len(drawn), model.n_states_)
    observed = np.array([_share(term) for term in terms]).reshape(shape)
    low, high = (np.array([np.quantile(s, q, axis=0) for s in samples]).reshape(shape) for q in (tail, 1 - tail))
    fitted = np.full((3, *shape), np.nan)
    if model.status_ == "ok":
        fitted = _fitted(model, drawn, tail)
    return FittedDraws(
        rows.patient[drawn], rows.day[drawn], np.array([term.n_cells for term in terms], dtype=np.int64), observed,
        np.minimum(low, observed), np.maximum(high, observed), *fitted,
    )  # fmt: skip


def _share(term: DrawTerms) -> np.ndarray:
    weight = np.exp(term.log_coefficient)
    return weight @ term.numbers / (weight.sum() * term.n_cells)


def _shares(term: DrawTerms, rng: np.random.Generator) -> np.ndarray:
    """Return samples of the shares, every number of cells as likely as the next before the data."""
    weight = np.exp(term.log_coefficient)
    chosen = term.numbers[rng.choice(len(weight), size=_SAMPLES, p=weight / weight.sum())]
    gamma = rng.standard_gamma(chosen + 0.5)
    return gamma / gamma.sum(axis=1, keepdims=True)


def _fitted(model: DrawComposition, drawn: np.ndarray, tail: float) -> np.ndarray:
    """Return mean and quantiles of the composition at each draw over the posterior of its patient's nodes."""
    objective = DrawsObjective(model.rows_, model.tables_, model.layout_)
    weights = objective.evaluate(model.moving_.place)[3]
    carried = objective.carried(model.moving_.place)
    out = np.empty((3, len(drawn), model.n_states_))
    for at, row in enumerate(drawn):
        weight = weights[model.rows_.patient[row]].ravel()
        shares = np.einsum("iz,bzs->bis", objective.first, carried[:, row]).reshape(-1, model.n_states_)
        out[0, at] = weight @ shares
        for s in range(model.n_states_):
            order = np.argsort(shares[:, s])
            below = np.cumsum(weight[order]) - weight[order] / 2
            out[1:, at, s] = np.interp((tail, 1 - tail), below, shares[order, s])
    return out
