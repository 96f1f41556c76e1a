"""The CTCs of simulated draws as cells: each with the evidence for its state, and no genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic.datasets.argument_checks import in_range

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.datasets.draws import SimulatedDraws

_EVIDENCE = 100


def cells_of_draws(draws: SimulatedDraws, *, accuracy: float | None) -> AnnData:
    """Return the CTCs of the draws with posteriors of their states.

    Parameters
    ----------
    draws
        Simulated draws.
    accuracy
        Probability that the most probable state is the true one; None for the evidence of the state read.

    Returns
    -------
    Cells without genes: ``obs`` with donor, day, true state, called state, ``obsm["her2_posterior"]`` under even odds.

    Raises
    ------
    ParameterError
        The accuracy is not above chance, or not at most 1.
    """
    import pandas as pd
    from anndata import AnnData

    rng = np.random.default_rng([draws.seed, _EVIDENCE])
    patient, draw, true, read = np.repeat(np.indices(draws.reads.shape).reshape(4, -1), draws.reads.ravel(), axis=1)
    if accuracy is None:
        # even odds of the true states, so that a column of the misreading is what a read says
        likelihood = draws.misclassification.T[read]
        posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
    else:
        posterior = _by_scale(rng, true, len(draws.states), accuracy)
    place = [_keys.STATES.index(name) for name in draws.states]
    full = np.zeros((len(true), len(_keys.STATES)))
    full[:, place] = posterior
    width = len(str(max(len(true), 1)))
    names = [f"{draws.patients[p]}-{draws.days[d]:g}:{cell:0{width}d}"
             for cell, (p, d) in enumerate(zip(patient, draw, strict=True))]  # fmt: skip
    obs = pd.DataFrame(
        {
            _keys.CELL_ID: names,
            _keys.DONOR_ID: pd.Categorical(draws.patients[patient], categories=draws.patients),
            _keys.DRAW_DAY: draws.days[draw],
            _keys.IS_CTC: np.ones(len(true), dtype=bool),
            _keys.TRUE_STATE: _states(np.array(place)[true]),
            _keys.HER2_STATE: _states(full.argmax(axis=1)),
        },
        index=pd.Index(names),
    )
    adata = AnnData(np.zeros((len(true), 0), dtype=np.float32), obs=obs)
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(full, index=obs.index, columns=pd.Index(_keys.STATES))
    record_step(
        adata, "simulate_draws", params={"seed": draws.seed, "accuracy": accuracy},
        donors=list(map(str, draws.patients)),
        draws=draws.days, states=list(draws.states), composition=draws.shares, effective_rates=draws.rates,
        ctc_counts=draws.true_counts, treated_from=draws.treated_from, seen=draws.seen,
        misclassification=draws.misclassification,
    )  # fmt: skip
    return adata


def _states(codes: np.ndarray) -> object:
    import pandas as pd

    return pd.Categorical.from_codes(codes.astype(np.int64), categories=pd.Index(_keys.STATES), ordered=True)


def _by_scale(rng: np.random.Generator, true: np.ndarray, n_states: int, accuracy: float) -> np.ndarray:
    """Return the posterior of each cell from a normal measurement around the place of its state, states 1 apart."""
    from scipy.stats import norm

    in_range("accuracy", accuracy, 1 / n_states, 1, above=True)
    if accuracy == 1:
        return np.eye(n_states)[true]
    # outer states are left on one side, inner ones on two: the average over the states is the accuracy
    one_side = (accuracy * n_states + n_states - 2) / (2 * n_states - 2)
    spread = 0.5 / norm.ppf(one_side)
    measured = true + spread * rng.standard_normal(len(true))
    log_likelihood = -0.5 * ((measured[:, None] - np.arange(n_states)) / spread) ** 2
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    return likelihood / likelihood.sum(axis=1, keepdims=True)
