"""What each cell says of its own state, whatever the patient: the evidence behind a posterior, its prior taken out.

The posterior of a cell by ``tl.her2_state`` is the product of the cell's own likelihood and of what the shares of its
donor are expected to be, given the donor's other cells. A model of the shares must not see them twice: the expected
shares are divided out, cell by cell, with the cell itself left out of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, obs_column, step_record
from her2plastic._errors import MissingKeyError, ParameterError, as_numbers, one_of
from her2plastic.tl.her2_calibration import Her2Rule, recorded
from her2plastic.tl.state_words import STATES_OF_WORD

if TYPE_CHECKING:
    from anndata import AnnData

DONOR: Final = "donor"
EVEN: Final = "even"
PRIORS: Final = (DONOR, EVEN)
#: A posterior may be off 1 in its sum, or below 0, by rounding only.
_ROUNDING = 1e-3
_EM_ROUNDS = 30


@dataclass(frozen=True)
class StateLikelihoods:
    """Likelihood of each state for each cell.

    Attributes
    ----------
    values
        Shape ``(cells, states)``, the largest of a cell 1.
    states
        Names of the states.
    prior
        What was divided out: ``"donor"``, ``"even"`` or ``"none"`` where likelihoods were given.
    """

    values: np.ndarray
    states: tuple[str, ...]
    prior: str

    def merged(self, groups: tuple[tuple[str, ...], ...], donor: np.ndarray) -> StateLikelihoods:
        """Return likelihoods of merged states; within one, states weigh as their shares in the donor do."""
        shares = _shares(self.values, donor)
        columns = []
        for group in groups:
            places = [self.states.index(state) for state in group]
            weight = shares[:, places] + 1e-9
            columns.append((self.values[:, places] * weight).sum(axis=1) / weight.sum(axis=1))
        return StateLikelihoods(_scaled(np.stack(columns, axis=1)), tuple(map(merged_name, groups)), self.prior)

    def without_impossible(self) -> tuple[StateLikelihoods, tuple[str, ...]]:
        """Return the same without states that no cell can be in, and their names."""
        possible = (self.values > 0).any(axis=0)
        names = np.array(self.states, dtype=object)
        kept = StateLikelihoods(self.values[:, possible], tuple(names[possible]), self.prior)
        return kept, tuple(names[~possible])


def merged_name(group: tuple[str, ...]) -> str:
    """Return the name of a merged state, as calls of several states are named."""
    return "/".join([group[0], *(state.removeprefix("HER2-") for state in group[1:])])


def of_calls(adata: AnnData, used: np.ndarray, *, state_key: str, error: np.ndarray) -> StateLikelihoods:
    """Return likelihoods of cells with one called state, by the misclassification matrix."""
    called = as_names(obs_column(adata, state_key))[used]
    unknown = sorted(set(called) - set(STATES_OF_WORD))
    if unknown:
        raise ParameterError(
            f"`obs[{state_key!r}]` holds {unknown[0]!r}; expected {', '.join(map(repr, STATES_OF_WORD))}. Leave cells "
            "without a state out, or use posteriors."
        )
    words = list(STATES_OF_WORD)
    meant = np.array([[state in STATES_OF_WORD[word] for state in _keys.STATES] for word in words], dtype=float)
    place = np.array([words.index(word) for word in called], dtype=np.int64)
    return StateLikelihoods(_scaled((meant @ error.T)[place]), _keys.STATES, "none")


def of_table(adata: AnnData, used: np.ndarray, key: str) -> StateLikelihoods:
    """Return likelihoods that stand in obsm."""
    values, states = _table(adata, key)
    return StateLikelihoods(_scaled(values[used]), states, "none")


def of_posterior(
    adata: AnnData, used: np.ndarray, donor: np.ndarray, *, key: str, prior: str | None
) -> StateLikelihoods:
    """Return likelihoods from posteriors.

    Parameters
    ----------
    adata
        Cells.
    used
        Which of them.
    donor
        Shape ``(used cells,)``: donor of each.
    key
        The posteriors in obsm.
    prior
        ``"donor"``: the posteriors hold the donor's shares, as those of :func:`her2plastic.tl.her2_state` do;
        ``"even"``: all states were even. None for what the records say.

    Returns
    -------
    Likelihoods of the used cells.

    Raises
    ------
    MissingKeyError, ParameterError
        No such posteriors, or not posteriors.
    """
    values, states = _table(adata, key)
    values = values[used]
    if len(values) and np.abs(values.sum(axis=1) - 1).max() > _ROUNDING:
        raise ParameterError(f"`obsm[{key!r}]`: rows must sum to 1. For likelihoods give their key as likelihood_key.")
    record = step_record(adata, "her2_state") if key == _keys.HER2_POSTERIOR else {}
    calibration = recorded(record["calibration"]) if record else None
    if prior is None:
        prior = EVEN if calibration is None or isinstance(calibration, Her2Rule) else DONOR
    one_of("prior", prior, PRIORS)
    if prior == EVEN:
        return StateLikelihoods(_scaled(values), states, EVEN)
    weight = np.ones(len(states))
    if calibration is not None and not isinstance(calibration, Her2Rule):
        weight = calibration.to_states(np.array(calibration.share_prior))
    expected = _expected_shares(values, _fitted_group(adata, used, donor, record), weight)
    return StateLikelihoods(_scaled(values / expected), states, DONOR)


def _fitted_group(adata: AnnData, used: np.ndarray, donor: np.ndarray, record: Mapping[str, Any]) -> np.ndarray:
    """Return the group whose shares were fitted together: the donor's cells of one assay."""
    if not record or _keys.ASSAY not in adata.obs:
        return donor
    assay = np.unique(as_names(adata.obs[_keys.ASSAY])[used], return_inverse=True)[1]
    return donor * (int(assay.max(initial=0)) + 1) + assay


def _expected_shares(posterior: np.ndarray, group: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return for each cell the shares expected from the group's other cells."""
    codes = np.unique(group, return_inverse=True)[1]
    total = np.stack([np.bincount(codes, column) for column in posterior.T], axis=1)
    others = total[codes] - posterior + weight
    return others / others.sum(axis=1, keepdims=True)


def _shares(likelihood: np.ndarray, donor: np.ndarray) -> np.ndarray:
    """Return each cell's donor's shares of the states, by EM under an even prior."""
    codes = np.unique(donor, return_inverse=True)[1]
    shares = np.full((int(codes.max(initial=-1)) + 1, likelihood.shape[1]), 1 / likelihood.shape[1])
    for _ in range(_EM_ROUNDS):
        joint = likelihood * shares[codes]
        joint /= joint.sum(axis=1, keepdims=True)
        shares = np.stack([np.bincount(codes, column) for column in joint.T], axis=1) + 1 / likelihood.shape[1]
        shares /= shares.sum(axis=1, keepdims=True)
    return shares[codes]


def _scaled(values: np.ndarray) -> np.ndarray:
    return values / values.max(axis=1, keepdims=True) if len(values) else values


def _table(adata: AnnData, key: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a table of obsm with a column per state, and the states."""
    if key not in adata.obsm:
        raise MissingKeyError("obsm", key, adata.obsm.keys(), "Run tl.her2_state first.")
    frame = adata.obsm[key]
    columns = tuple(map(str, getattr(frame, "columns", ())))
    if columns != _keys.STATES:
        raise ParameterError(f"`obsm[{key!r}]`: expected the columns {list(_keys.STATES)}, has {list(columns)}")
    values = as_numbers(f"`obsm[{key!r}]`", frame)
    known = np.isfinite(values).all(axis=1)
    if (values[known] < -_ROUNDING).any():
        raise ParameterError(f"`obsm[{key!r}]`: expected numbers of at least 0")
    return np.maximum(values, 0.0), columns
