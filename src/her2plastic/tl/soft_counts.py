"""Cells of uncertain state counted by group: each adds its posterior, and what the posterior confuses is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import check_plain_numbers, control_cells, true_or_false
from her2plastic._errors import MissingKeyError, ParameterError, as_numbers

if TYPE_CHECKING:
    from anndata import AnnData


#: Rounds of estimating shares from evidence.
_ROUNDS = 200


@dataclass(frozen=True)
class SoftStates:
    """Posteriors of the cells that count.

    Attributes
    ----------
    states
        Names of the states that any cell may have.
    kept
        ``(cells,)`` which cells count: no controls and, where ``obs["is_ctc"]`` is there, only CTCs.
    posterior
        ``(kept cells, states)``, rows sum to 1.
    """

    states: tuple[str, ...]
    kept: np.ndarray
    posterior: np.ndarray

    def confusion(self, prior: np.ndarray | None = None) -> np.ndarray:
        """Return the mean posterior of cells of each true state: (true state, state that it is counted as).

        It follows from the posteriors themselves if they are calibrated: a cell is of state i with probability p_i, so
        the cells of state i have the mean posterior ``sum p_i p_k / sum p_i``. With it, shares of soft counts are read
        as what they are, shares seen through the posteriors' doubt. The prior in them cancels as long as all cells had
        one prior. Posteriors under another prior than the cells' own shares are calibrated first: that ``prior``
        (states,) is divided out, and the shares of all cells together are estimated in its place.
        """
        chance = self.posterior
        if prior is not None:
            evidence = self.posterior / prior
            shares = np.full(len(self.states), 1 / len(self.states))
            for _ in range(_ROUNDS):
                chance = evidence * shares
                chance = chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-300)
                shares = chance.mean(axis=0)
        weight = chance.sum(axis=0)
        table = chance.T @ self.posterior / np.maximum(weight, 1e-300)[:, None]
        table[weight <= 0] = np.eye(len(self.states))[weight <= 0]
        return table / table.sum(axis=1, keepdims=True)

    def counts(self, group: np.ndarray, n_groups: int) -> np.ndarray:
        """Return the summed posteriors of each group, ``(groups, states)``."""
        return np.column_stack([np.bincount(group, weights=column, minlength=n_groups) for column in self.posterior.T])


def checked_prior(prior: object, states: tuple[str, ...]) -> np.ndarray | None:
    """Return the prior in the posteriors, one number a state; raise ParameterError if it is none."""
    if prior is None:
        return None
    values = np.asarray(prior, dtype=float)
    if values.shape != (len(states),) or not (np.isfinite(values).all() and (values > 0).all()):
        raise ParameterError(f"prior={prior!r}: expected a number above 0 for each of {', '.join(states)}")
    return values / values.sum()


def soft_states(adata: AnnData, posterior_key: str) -> SoftStates:
    """Return the posteriors of the cells that count.

    Raises
    ------
    MissingKeyError
        There are no posteriors.
    ParameterError
        They are no probabilities.
    """
    if posterior_key not in adata.obsm:
        raise MissingKeyError("obsm", posterior_key, adata.obsm.keys(), "Run tl.her2_state first.")
    frame = adata.obsm[posterior_key]
    values = as_numbers(f"`obsm[{posterior_key!r}]`", frame)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ParameterError(f"`obsm[{posterior_key!r}]`: expected a column for each of two or more states")
    names = [str(name) for name in getattr(frame, "columns", range(values.shape[1]))]
    if not hasattr(frame, "columns") and len(names) == len(_keys.STATES):
        names = list(_keys.STATES)
    kept = ~control_cells(adata)
    if _keys.IS_CTC in adata.obs:
        kept &= true_or_false(adata, _keys.IS_CTC)
    known = ~np.isnan(values).any(axis=1)
    if not ((values[kept & known] >= 0).all() and np.isfinite(values[kept & known]).all()):
        raise ParameterError(f"`obsm[{posterior_key!r}]`: expected probabilities of at least 0, missing where unknown")
    if not np.allclose(values[kept & known].sum(axis=1), 1.0, atol=1e-3):
        raise ParameterError(f"`obsm[{posterior_key!r}]`: expected probabilities that sum to 1 in every row")
    kept &= known
    used = values[kept].max(axis=0, initial=0.0) > 1e-9
    if used.sum() < 2:  # one state: keep its neighbour, so that the result can say that nothing else was seen
        used[:] = True
    posterior = values[kept][:, used]
    return SoftStates(
        tuple(name for name, there in zip(names, used, strict=True) if there), kept,
        posterior / np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300),
    )  # fmt: skip


def numbers_of(column: Any, key: str) -> np.ndarray:
    """Return a column of obs as numbers, missing where it is; raise ParameterError if it holds words."""
    import pandas as pd

    check_plain_numbers(column, key)
    numbers = pd.to_numeric(pd.Series(np.asarray(column, dtype=object)), errors="coerce").to_numpy(dtype=float)
    odd = np.isnan(numbers) & ~pd.isna(np.asarray(column, dtype=object))
    if odd.any():
        raise ParameterError(f"`obs[{key!r}]`: expected numbers, holds {np.asarray(column, dtype=object)[odd][0]!r}")
    return numbers
