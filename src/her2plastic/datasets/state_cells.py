"""Cells of simulated cultures: each with the state it was read as and the evidence for it, and no genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._errors import ParameterError

if TYPE_CHECKING:
    from anndata import AnnData

#: What the states are called, by their number.
STATE_NAMES = _keys.STATES_BY_NUMBER


def cells_with_states(
    columns: Mapping[str, Any],
    *,
    true: np.ndarray,
    read: np.ndarray,
    states: Sequence[str],
    misclassification: np.ndarray,
) -> AnnData:
    """Return cells whose posteriors follow from what they were read as, under even odds of the states.

    Parameters
    ----------
    columns
        Further columns of ``obs``.
    true, read
        State of each cell, and what it was read as.
    states
        Names of the states.
    misclassification
        Probability of each read state (column) of a cell in a true state (row).

    Returns
    -------
    Cells without genes with ``obsm["her2_posterior"]``.
    """
    import pandas as pd
    from anndata import AnnData

    place = np.array([_keys.STATES.index(name) for name in states])
    likelihood = misclassification.T[read]
    full = np.zeros((len(true), len(_keys.STATES)))
    full[:, place] = likelihood / likelihood.sum(axis=1, keepdims=True)
    names = pd.Index([f"cell{number:07d}" for number in range(len(true))])

    def ordered(codes: np.ndarray) -> Any:
        return pd.Categorical.from_codes(codes.astype(np.int64), categories=pd.Index(_keys.STATES), ordered=True)

    obs = pd.DataFrame(
        {
            _keys.CELL_ID: names.to_numpy(), **columns, _keys.TRUE_STATE: ordered(place[true]),
            _keys.HER2_STATE: ordered(full.argmax(axis=1)),
        },
        index=names,
    )  # fmt: skip
    adata = AnnData(np.zeros((len(true), 0), dtype=np.float32), obs=obs)
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(full, index=names, columns=pd.Index(_keys.STATES))
    return adata


def misclassification_table(given: Sequence[Sequence[float]] | None, n_states: int) -> np.ndarray:
    """Return probabilities of each read state (column) of a true one (row); raise ParameterError if they are none."""
    table = np.eye(n_states) if given is None else np.asarray(given, dtype=float)
    if table.shape != (n_states, n_states) or not (table >= 0).all() or not np.allclose(table.sum(axis=1), 1.0):
        raise ParameterError(
            f"misclassification={given!r}: expected {n_states} x {n_states} probabilities, true x read state, "
            "rows sum to 1"
        )
    return table


def square_rates(name: str, rates: Sequence[Sequence[float]]) -> np.ndarray:
    """Return rates between two or three states, 0 on the diagonal; raise ParameterError if they are none."""
    table = np.asarray(rates, dtype=float)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) not in STATE_NAMES:
        raise ParameterError(f"{name}={rates!r}: expected a 2 x 2 or 3 x 3 table, from row to column")
    table = table * ~np.eye(len(table), dtype=bool)
    if not np.isfinite(table).all() or (table < 0).any():
        raise ParameterError(f"{name}={rates!r}: expected numbers of at least 0 off the diagonal")
    return table
