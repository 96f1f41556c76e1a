"""Cells of uncertain state counted by group: each adds its posterior, and what the posterior confuses is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, check_plain_numbers, control_cells, donor_codes, obs_column, true_or_false
from her2plastic._errors import MissingKeyError, ParameterError, as_numbers, one_of
from her2plastic.tl.state_likelihoods import PRIORS, merged_name, of_posterior

if TYPE_CHECKING:
    from anndata import AnnData


#: Rounds of estimating shares from evidence.
_ROUNDS = 200
#: Ways of merging states: HER2-positive against the rest, whose two states ERBB2 counts barely tell apart.
MERGED: Final = {"positive": (("HER2-0", "HER2-low"), ("HER2-positive",))}


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
    merged
        The name that each state goes by among ``states``, where it goes by another.
    """

    states: tuple[str, ...]
    kept: np.ndarray
    posterior: np.ndarray
    merged: Mapping[str, str] = field(default_factory=dict)

    def names(self, column: Any) -> np.ndarray:
        """Return a column of ``obs`` as names, those of merged states as they are called here."""
        return np.array([self.merged.get(name, name) for name in as_names(column)], dtype=object)

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


def read_states(
    adata: AnnData, posterior_key: str, *, among: str, prior: object = None, merge: str | None = None
) -> tuple[SoftStates, np.ndarray | None]:
    """Return the posteriors of the cells that count, under one prior, and that prior.

    Parameters
    ----------
    adata
        Cells.
    posterior_key
        Their posteriors in ``obsm``.
    among
        Column of ``obs`` that the cells of the design have; those without a value are of another kind.
    prior
        The prior in the posteriors, a number a state; None where they are calibrated; ``"even"`` where they
        are under even odds; ``"donor"`` where they hold the shares of their donors, which are divided out: the
        posteriors returned are under even odds.
    merge
        ``"positive"``: HER2-positive against the rest; None for the states as they are.

    Returns
    -------
    The posteriors; the prior in them, None where they are calibrated.

    Raises
    ------
    MissingKeyError
        There are no posteriors, or no column ``among``.
    ParameterError
        They are no probabilities, or a parameter is out of range.
    """
    soft = soft_states(adata, posterior_key)
    remedy = "It is read from the sample sheet; or name another column."
    there = obs_column(adata, among, remedy=remedy).notna().to_numpy()
    soft = SoftStates(soft.states, soft.kept & there, soft.posterior[there[soft.kept]])
    groups = None
    if merge is not None:
        one_of("merge", merge, MERGED)
        groups = MERGED[merge]
    if isinstance(prior, str):
        one_of("prior", prior, PRIORS)
        return _evened(adata, posterior_key, soft.kept, prior, groups)
    known = checked_prior(prior, soft.states)
    if groups is None:
        return soft, known
    places = [[soft.states.index(state) for state in group if state in soft.states] for group in groups]
    joined = SoftStates(
        tuple(map(merged_name, groups)), soft.kept,
        np.stack([soft.posterior[:, place].sum(axis=1) for place in places], axis=1), _merged_names(groups),
    )  # fmt: skip
    return joined, None if known is None else np.array([known[place].sum() for place in places])


def _evened(
    adata: AnnData, key: str, kept: np.ndarray, prior: str, groups: tuple[tuple[str, ...], ...] | None
) -> tuple[SoftStates, np.ndarray]:
    """Return posteriors under even odds, what else they hold divided out."""
    donor = donor_codes(adata, _keys.DONOR_ID)[0][kept]
    found = of_posterior(adata, kept, donor, key=key, prior=prior)
    if groups is not None:  # one weight for all cultures: within a merged state they must not differ by their donors
        found = found.merged(groups, np.zeros(len(donor), dtype=np.int64))
    posterior = found.values / np.maximum(found.values.sum(axis=1, keepdims=True), 1e-300)
    even = np.full(len(found.states), 1 / len(found.states))
    return SoftStates(found.states, kept, posterior, _merged_names(groups or ())), even


def _merged_names(groups: tuple[tuple[str, ...], ...]) -> dict[str, str]:
    return {state: merged_name(group) for group in groups for state in group}


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
