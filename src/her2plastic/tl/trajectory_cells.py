"""The cells of a trajectory: which can be laid out, in which features, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from her2plastic._access import donor_codes
from her2plastic.tl.panel_counts import patient_ctc_mask
from her2plastic.tl.trajectory_features import (
    Features,
    centred_on_groups,
    depths,
    donor_and_assay,
    memberships,
    path_features,
)

if TYPE_CHECKING:
    from anndata import AnnData

MIN_CELLS: Final = 30
#: Cells that a state needs: of a probability above one half for it.
MIN_STATE_CELLS: Final = 5
#: Cells that a donor needs for its mean to be taken off, or to have a place of its own.
MIN_DONOR_CELLS: Final = 5


@dataclass(frozen=True)
class LaidCells:
    """The cells that are laid out.

    Parameters
    ----------
    used
        Their places in the AnnData.
    features
        What they are alike in, centred and scaled if wished.
    membership, states
        ``(cells, states)`` probabilities, and the states' names.
    donor, group
        Donor of each cell, and donor and assay.
    depth
        Counts of each cell; None where the data have none.
    """

    used: np.ndarray
    features: Features
    membership: np.ndarray
    states: tuple[str, ...]
    donor: np.ndarray
    group: np.ndarray
    depth: np.ndarray | None

    @property
    def numbers(self) -> dict[str, int]:
        """How many cells and donors there are."""
        return {"cells": int(self.used.size), "donors": int(np.unique(self.donor).size)}


def laid_cells(
    adata: AnnData, features: str | None, state_key: str | None, posterior_key: str, donor_key: str,
    *, centre_donors: bool, scale: bool,
) -> LaidCells:  # fmt: skip
    """Return the cells that can be laid out, with their features centred on donors and scaled if wished."""
    found = path_features(adata, features)
    membership, states = memberships(adata, state_key, posterior_key)
    donors, _ = donor_codes(adata, donor_key)
    groups = donor_and_assay(adata, donors)
    usable = patient_ctc_mask(adata) & np.isfinite(found.values).all(axis=1) & np.isfinite(membership).all(axis=1)
    depth = depths(adata)
    if depth is not None:
        usable &= depth > 0
    if centre_donors:
        number = pd.Series(usable).groupby(groups).transform("sum").to_numpy()
        usable &= number >= MIN_DONOR_CELLS
    used = np.flatnonzero(usable)
    values = found.values[used]
    if centre_donors and used.size:
        values = centred_on_groups(values, groups[used])
    if scale and used.size:
        spread = values.std(axis=0)
        values = values / np.where(spread > 0, spread, 1.0)
    return LaidCells(used, Features(values, found.names), membership[used], states, donors[used], groups[used],
                  None if depth is None else depth[used])  # fmt: skip


def lacking_of(cells: LaidCells, min_cells: int) -> str:
    """Return what falls short of a trajectory; empty if nothing."""
    if cells.used.size < min_cells:
        return f"{cells.used.size} cells can be laid out, {min_cells} needed"
    if len(cells.features.names) < 2:
        return f"{len(cells.features.names)} features, 2 needed"
    number = (cells.membership > 0.5).sum(axis=0)
    if (number >= MIN_STATE_CELLS).sum() < 2:
        counted = ", ".join(f"{n} {state}" for n, state in zip(number, cells.states, strict=True))
        return (
            f"{(number >= MIN_STATE_CELLS).sum()} states have {MIN_STATE_CELLS} cells that are more likely theirs than "
            f"not ({counted}), 2 needed"
        )
    if not (cells.features.values.std(axis=0) > 0).any():
        return "0 features vary within donors, 1 needed"
    return ""
