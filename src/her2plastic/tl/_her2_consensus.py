"""RNA and protein of the same cell: one state where they agree, and their disagreement where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, input_hash, obs_column, record_step
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.tl.her2_words import call_words

if TYPE_CHECKING:
    from anndata import AnnData

STEP: Final = "her2_consensus"
#: So many times likelier must one shared state be than two different ones before the two are said to agree.
_SPEAKS_FOR: Final = 1.5


def her2_consensus(adata: AnnData, *, level: float = 0.8, discordance: float = 0.2) -> None:
    """Fuse the HER2 states of a cell by its RNA and by its fluorescence, and tell where the two disagree.

    Given the state, RNA and fluorescence are independent: the fused posterior is that of the RNA times the likelihood
    of the fluorescence, so that the prior counts once. Whether both show one state at all is asked first: a cell that
    is positive by RNA and negative by protein is biology or an error, never the state between, and gets no call.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.io.join_cells`, with the results of :func:`her2plastic.tl.her2_state` and
        :func:`her2plastic.tl.her2_if`.
    level
        Probability that a call must hold, and that agreement or disagreement must have; 0.8 as in
        :func:`her2_state`.
    discordance
        Share of cells expected to differ before their data are seen; a working assumption.

    Returns
    -------
    None. Writes

    ``obs["her2_disagreement"]`` : float
        Probability that the states by RNA and by protein differ; missing if one of the two is.
    ``obs["her2_agreement"]`` : category
        ``disagree`` when that reaches ``level``; ``agree`` when it is at most ``1 - level`` and the data speak for one
        state; else ``unclear``. Missing if one of the two is.
    ``obsm["her2_consensus_posterior"]`` : DataFrame
        Fused posterior, given that there is one state; rows sum to 1, missing where the two disagree or one is missing.
    ``obs["her2_consensus_call"]`` : category
        Smallest set of states that holds ``level``; missing where the posterior is.
    ``uns["her2plastic"]["her2_consensus"]`` : dict
        Parameters and the number of cells of each agreement.

    Raises
    ------
    MissingKeyError
        One of the two has not run.
    ParameterError
        A parameter is out of range.

    Notes
    -----
    Equations: docs/image_calls.md.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import anndata
    >>> import pandas as pd
    >>> states = ["HER2-0", "HER2-low", "HER2-positive"]
    >>> calls = {"her2_call": "HER2-low", "her2_if_call": "HER2-low", "her2_intensity": 3.0}
    >>> obs = pd.DataFrame(calls, index=["c1", "c2"])
    >>> cells = anndata.AnnData(obs=obs)  # as tl.her2_state, tl.her2_if and io.join_cells leave them
    >>> rna, protein = [[0.1, 0.8, 0.1], [0.0, 0.1, 0.9]], [[0.2, 0.7, 0.1], [0.9, 0.1, 0.0]]
    >>> cells.obsm["her2_posterior"] = pd.DataFrame(rna, cells.obs_names, states)
    >>> cells.obsm["her2_if_likelihood"] = pd.DataFrame(protein, cells.obs_names, states)
    >>> hp.tl.her2_consensus(cells)
    >>> cells.obs["her2_agreement"].tolist(), cells.obs["her2_disagreement"].round(1).tolist()
    (['agree', 'disagree'], [0.1, 0.9])
    """
    import pandas as pd

    if not 0.5 < level < 1:
        raise ParameterError(f"level={level!r}: expected a probability between 0.5 and 1")
    if not 0 < discordance < 1:
        raise ParameterError(f"discordance={discordance!r}: expected a share between 0 and 1")
    rna = _table(adata, _keys.HER2_POSTERIOR, "Run tl.her2_state first.")
    protein = _table(adata, _keys.HER2_IF_LIKELIHOOD, "Run tl.her2_if on the images, then io.join_cells.")
    both = _called(adata, _keys.HER2_CALL) & _called(adata, _keys.HER2_IF_CALL)
    both &= np.isfinite(rna).all(axis=1) & np.isfinite(protein).all(axis=1)
    both &= np.isfinite(obs_column(adata, _keys.HER2_INTENSITY).to_numpy(dtype=float))
    differ, fused, factor = compare(rna[both], protein[both], discordance=discordance)
    agreement = np.full(adata.n_obs, None, dtype=object)
    agreement[both] = np.select(
        [differ >= level, (differ <= 1 - level) & (factor >= _SPEAKS_FOR)], ["disagree", "agree"], "unclear"
    )
    disagreement = np.full(adata.n_obs, np.nan)
    disagreement[both] = differ
    posterior = np.full((adata.n_obs, len(_keys.STATES)), np.nan)
    posterior[both] = fused
    posterior[agreement == "disagree"] = np.nan
    has_call = np.isfinite(posterior).all(axis=1)
    call = np.full(adata.n_obs, None, dtype=object)
    call[has_call] = call_words(posterior[has_call], level=level)
    adata.obs[_keys.HER2_DISAGREEMENT] = disagreement
    adata.obs[_keys.HER2_AGREEMENT] = pd.Categorical(agreement, categories=list(_keys.AGREEMENTS))
    adata.obs[_keys.HER2_CONSENSUS_CALL] = pd.Categorical(call, categories=list(_keys.CALLS))
    adata.obsm[_keys.HER2_CONSENSUS_POSTERIOR] = pd.DataFrame(
        posterior, index=adata.obs_names, columns=pd.Index(_keys.STATES)
    )
    record_step(
        adata,
        STEP,
        params={"level": level, "discordance": discordance},
        input_hash=input_hash(rna, protein),
        n_both=int(both.sum()),
        n_cells={word: int((agreement == word).sum()) for word in _keys.AGREEMENTS},
    )


def compare(rna: np.ndarray, protein: np.ndarray, *, discordance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the probability that two states differ, the posterior of one state, and what the data say for it.

    Parameters
    ----------
    rna
        Shape ``(cells, states)``: posterior by RNA.
    protein
        Shape ``(cells, states)``: likelihood of the fluorescence.
    discordance
        Prior probability that the states differ.

    Returns
    -------
    Probability that they differ; fused posterior if they do not; Bayes factor of one state against two.
    """
    joint = rna * protein
    same = joint.sum(axis=1)
    others = (protein.sum(axis=1, keepdims=True) - protein) / (protein.shape[1] - 1)
    different = (rna * others).sum(axis=1)
    total = discordance * different + (1 - discordance) * same
    factor = np.divide(same, different, out=np.full(len(same), np.inf), where=different > 0)
    fused = joint / np.maximum(same, 1e-300)[:, None]
    return discordance * different / np.maximum(total, 1e-300), fused, factor


def _table(adata: AnnData, key: str, remedy: str) -> np.ndarray:
    if key not in adata.obsm:
        raise MissingKeyError("obsm", key, adata.obsm.keys(), remedy)
    table: Any = adata.obsm[key]
    return table[list(_keys.STATES)].to_numpy(dtype=float)


def _called(adata: AnnData, key: str) -> np.ndarray:
    """Return which cells are CTCs by one of the two; a call that is missing is of a cell that was not measured."""
    call = obs_column(adata, key)
    return (call.notna() & (as_names(call) != _keys.NOT_A_CTC)).to_numpy()
