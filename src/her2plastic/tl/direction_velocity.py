"""Velocities by scVelo on a copy, over a neighbour graph that is given."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic._errors import from_extra

#: Our words for the modes, and scVelo's.
MODES: Final = {"steady_state": "deterministic", "stochastic": "stochastic", "dynamical": "dynamical"}
#: Genes that scVelo's own fit has to accept before the others are left out.
_FEWEST_FITTED: Final = 5


@contextlib.contextmanager
def _contained() -> Iterator[None]:
    """Keep what scVelo and what it calls print and announce from the user."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with warnings.catch_warnings():
            for kind in (UserWarning, FutureWarning, DeprecationWarning, PendingDeprecationWarning, RuntimeWarning):
                warnings.simplefilter("ignore", kind)
            yield


def velocities(
    total: np.ndarray, unspliced: np.ndarray, graph: sparse.csr_matrix, *, mode: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return smoothed spliced amounts and velocities, cells x genes, and which genes the fit accepted.

    Parameters
    ----------
    total, unspliced
        Amounts per depth, cells x genes; they are not normalised again.
    graph
        Neighbours; first and second moments are means over a cell and its neighbours.
    mode
        A key of ``MODES``.

    Raises
    ------
    MissingExtraError
        If scVelo is not installed.
    """
    with _contained():
        scvelo: Any = from_extra("scvelo", extra="velocity")
        before, scvelo.settings.verbosity = scvelo.settings.verbosity, 0
        try:
            copy = _moments(scvelo, total, unspliced, graph)
            if mode == "dynamical":
                scvelo.tl.recover_dynamics(copy, var_names="all", n_jobs=1, show_progress_bar=False)
            scvelo.tl.velocity(copy, mode=MODES[mode])
        finally:
            scvelo.settings.verbosity = before
    found = np.asarray(copy.layers[_keys.VELOCITY], dtype=np.float32)
    known = np.atleast_1d(np.isfinite(found).all(axis=0))
    used = known
    if _keys.VELOCITY_GENES in copy.var:  # scVelo leaves it out where it accepts none
        fitted = np.logical_and(known, np.asarray(copy.var[_keys.VELOCITY_GENES], dtype=bool))
        used = fitted if fitted.sum() >= _FEWEST_FITTED else known
    return (
        np.asarray(copy.layers[_keys.SMOOTHED_SPLICED], dtype=np.float32),
        np.where(known, found, np.float32(0.0)),
        np.asarray(used),
    )


def _moments(scvelo: Any, total: np.ndarray, unspliced: np.ndarray, graph: sparse.csr_matrix) -> Any:
    from anndata import AnnData

    spliced = sparse.csr_matrix(np.maximum(total - unspliced, 0.0))
    copy = AnnData(spliced.copy())
    copy.layers[_keys.SPLICED], copy.layers[_keys.UNSPLICED] = spliced, sparse.csr_matrix(unspliced)
    near = (graph > 0).astype(np.float32)
    copy.obsp[_keys.CONNECTIVITIES], copy.obsp["distances"] = near, near.copy()
    fewest = max(int(np.diff(near.indptr).min()), 1)
    copy.uns["neighbors"] = {
        "connectivities_key": "connectivities", "distances_key": "distances",
        "params": {"n_neighbors": fewest, "method": "umap"},
    }  # fmt: skip
    scvelo.pp.moments(copy, n_pcs=None, n_neighbors=None)
    return copy
