"""What a direction implies for single cells: where they end, and arrows on the map. Model-based."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from her2plastic import _keys
from her2plastic.models.velocity.fate import arrows, end_cells, fate_entropy, fate_probabilities
from her2plastic.models.velocity.kernel import step_agreement, step_probabilities
from her2plastic.tl.direction_input import Source
from her2plastic.tl.direction_scores import Prepared

if TYPE_CHECKING:
    from anndata import AnnData


def write_fates(adata: AnnData, source: Source, prepared: Prepared, motion: tuple[np.ndarray, np.ndarray]) -> None:
    """Write steps, fates, their entropy and, where there is a map, arrows. Cells not used are missing."""
    graph = prepared.flow.graph
    agreement = step_agreement(*motion, graph.indptr, graph.indices)
    steps = step_probabilities(agreement, graph.indptr, scale=prepared.flow.scale)
    transitions = sparse.csr_matrix((steps, graph.indices, graph.indptr), shape=graph.shape)
    near = prepared.flow.smoother @ prepared.flow.membership
    fates = fate_probabilities(transitions, end_cells(near, source.groups), len(source.states))
    whole = np.full((adata.n_obs, len(source.states)), np.nan)
    whole[source.cells] = fates
    adata.obsm[_keys.HER2_FATE] = pd.DataFrame(whole, index=adata.obs_names, columns=list(source.states))
    entropy = np.full(adata.n_obs, np.nan)
    entropy[source.cells] = fate_entropy(fates)
    adata.obs[_keys.FATE_ENTROPY] = entropy
    adata.obsp[_keys.DIRECTION_STEPS] = _placed(transitions, source.cells, adata.n_obs)
    if _keys.UMAP in adata.obsm:
        places: Any = adata.obsm[_keys.UMAP]
        drawn = np.full((adata.n_obs, 2), np.nan, dtype=np.float32)
        drawn[source.cells] = arrows(transitions, np.asarray(places, dtype=float)[source.cells, :2])
        adata.obsm[_keys.DIRECTION_UMAP] = drawn


def _placed(transitions: sparse.csr_matrix, cells: np.ndarray, n_obs: int) -> sparse.csr_matrix:
    """Return the matrix among all cells; a cell that was not used stays where it is."""
    entries = transitions.tocoo()
    others = np.setdiff1d(np.arange(n_obs), cells)
    rows = np.concatenate([cells[entries.row], others])
    columns = np.concatenate([cells[entries.col], others])
    data = np.concatenate([entries.data, np.ones(others.size)]).astype(np.float32)
    return sparse.csr_matrix((data, (rows, columns)), shape=(n_obs, n_obs))
