"""Neighbours, diffusion map and pseudotime of scanpy, on a copy that holds features only."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from her2plastic import _keys

#: Components whose eigenvalue is at least this are stationary: one per connected part of the graph.
STATIONARY = 0.9994


@dataclass(frozen=True)
class DiffusionMap:
    """Cells laid out by diffusion over their neighbour graph.

    Parameters
    ----------
    components
        ``(cells, components)`` as scanpy has them: the first is stationary.
    eigenvalues
        Of the components.
    neighbours
        ``(cells, cells)`` sparse distances to each cell's neighbours.
    part
        The connected part of the graph that each cell is in.
    """

    components: np.ndarray
    eigenvalues: np.ndarray
    neighbours: Any
    part: np.ndarray

    def places(self) -> np.ndarray:
        """Return coordinates whose distances are those of diffusion over all times, within one part of the graph."""
        moving = self.eigenvalues < STATIONARY
        values = self.eigenvalues[moving].astype(float)
        return self.components[:, moving].astype(float) * (values / (1.0 - values))

    def pseudotime(self, root: int) -> np.ndarray:
        """Return diffusion pseudotime (Haghverdi et al. 2016) from a root, 0 to 1; missing in other parts."""
        places = self.places()
        distance = np.sqrt(((places - places[root]) ** 2).sum(axis=1))
        here = self.part == self.part[root]
        longest = distance[here].max()
        return np.where(here, distance / longest if longest > 0 else 0.0, np.nan)


def diffusion_map(values: np.ndarray, *, n_neighbors: int, n_components: int, seed: int) -> DiffusionMap:
    """Lay cells out by scanpy; numbers of neighbours and components are lowered to what few cells allow."""
    import anndata
    import scanpy as sc
    from scipy.sparse.csgraph import connected_components

    copy = anndata.AnnData(values.astype(np.float32))
    with warnings.catch_warnings():
        # umap tells that a fixed seed costs parallelism; scanpy and its dependencies announce changes to come
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        sc.pp.neighbors(copy, n_neighbors=min(n_neighbors, copy.n_obs // 2), use_rep="X", random_state=seed)
        sc.tl.diffmap(copy, n_comps=min(n_components, copy.n_obs - 2), random_state=seed)
    return DiffusionMap(
        np.asarray(copy.obsm[_keys.DIFFMAP]), np.asarray(copy.uns["diffmap_evals"]), copy.obsp["distances"],
        connected_components(copy.obsp["connectivities"], directed=False)[1],
    )  # fmt: skip
