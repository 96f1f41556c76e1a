"""The HER2 state of a patient by the CTCs: how likely each is, given the cells and what each of them says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import donor_codes, patient_cells, true_or_false
from her2plastic.tl.state_likelihoods import of_posterior

if TYPE_CHECKING:
    from anndata import AnnData

#: Compositions of CTCs that are tried for each patient.
_COMPOSITIONS: Final = 4000


@dataclass(frozen=True)
class PatientStates:
    """What the CTCs say of the state of each patient.

    Attributes
    ----------
    donors
        Names of the patients with CTCs.
    likelihood
        ``(patients, states)``: likelihood of each state; rows sum to 1.
    n_cells
        CTCs behind it.
    """

    donors: tuple[str, ...]
    likelihood: np.ndarray
    n_cells: np.ndarray


def patient_states(
    adata: AnnData, *, donor_key: str, posterior_key: str, ctc_share: float | None, seed: int
) -> PatientStates:
    """Return the likelihood of each state of each patient.

    The state is that of most CTCs; or, with ``ctc_share``, the highest that makes up that share of them together with
    the states above. All compositions of a patient's CTCs are alike beforehand. Few cells, or cells whose state is
    unsure, leave several states likely.
    """
    code, names = donor_codes(adata, donor_key)
    used = patient_cells(adata)
    if _keys.IS_CTC in adata.obs:
        used &= true_or_false(adata, _keys.IS_CTC)
    if posterior_key in adata.obsm:
        used &= np.isfinite(np.asarray(adata.obsm[posterior_key], dtype=float)).all(axis=1)
    cells = of_posterior(adata, used, code[used], key=posterior_key, prior=None)
    k = len(cells.states)
    shares = np.random.default_rng(seed).dirichlet(np.ones(k), size=_COMPOSITIONS)
    state = shares.argmax(axis=1)
    if ctc_share is not None:
        from_above = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1]
        state = k - 1 - (from_above[:, ::-1] >= ctc_share).argmax(axis=1)
    beforehand = np.bincount(state, minlength=k) / _COMPOSITIONS
    donors, place = np.unique(code[used], return_inverse=True)
    likelihood = np.empty((donors.size, k))
    for donor in range(donors.size):
        weight = np.log(np.maximum(cells.values[place == donor] @ shares.T, 1e-300)).sum(axis=0)
        weight = np.exp(weight - weight.max())
        likelihood[donor] = np.bincount(state, weight, minlength=k) / np.maximum(beforehand, 1 / _COMPOSITIONS)
    likelihood /= likelihood.sum(axis=1, keepdims=True)
    return PatientStates(tuple(names[donor] for donor in donors), likelihood, np.bincount(place, minlength=donors.size))
