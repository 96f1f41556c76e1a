"""What a trajectory is laid over: programme scores and ERBB2, or any features, less what is the donor's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import counts, name_codes, obs_column, row_sums
from her2plastic._errors import MissingKeyError, ParameterError, as_numbers
from her2plastic.models.shrunken_rate import fit_spread, shrunken_log2_ratio
from her2plastic.tl._programmes import gene_noise
from her2plastic.tl.panel_counts import cells_by_assay, ctc_mask, panel_counts, patient_ctc_mask

if TYPE_CHECKING:
    from anndata import AnnData

ERBB2: Final = "ERBB2"
#: The features that are the matrix itself.
MATRIX: Final = "X"


@dataclass(frozen=True)
class Features:
    """Features of the cells.

    Parameters
    ----------
    values
        ``(cells, features)``, missing for cells that have none.
    names
        Their names.
    """

    values: np.ndarray
    names: tuple[str, ...]

    def without(self, names: tuple[str, ...]) -> Features:
        """Return the features but those."""
        kept = [place for place, name in enumerate(self.names) if name not in names]
        return Features(self.values[:, kept], tuple(self.names[place] for place in kept))


def path_features(adata: AnnData, features: str | None) -> Features:
    """Return what was asked for: None for programmes and ERBB2, ``"X"``, or a key of obsm."""
    if features is None:
        return _programmes_and_erbb2(adata)
    if features == MATRIX:
        return _dense(adata.X, tuple(map(str, adata.var_names)))
    if features not in adata.obsm:
        raise MissingKeyError("obsm", features, adata.obsm.keys(), "features: None, 'X' or a key of obsm.")
    found: Any = adata.obsm[features]
    names = map(str, found.columns) if hasattr(found, "columns") else (str(k + 1) for k in range(found.shape[1]))
    return _dense(found, tuple(names))


def _dense(values: Any, names: tuple[str, ...]) -> Features:
    if values is None:
        raise MissingKeyError("layers", MATRIX, (), "features='X' needs a matrix.")
    dense = as_numbers("features", values.toarray() if hasattr(values, "toarray") else values)
    if not np.isfinite(dense).any(axis=0).all():
        some = np.isfinite(dense).any(axis=0)
        return Features(dense[:, some], tuple(name for name, kept in zip(names, some, strict=True) if kept))
    return Features(dense, names)


def _programmes_and_erbb2(adata: AnnData) -> Features:
    if _keys.PROGRAMMES not in adata.obsm:
        raise MissingKeyError("obsm", _keys.PROGRAMMES, adata.obsm.keys(), "Run her2plastic.tl.programmes first.")
    scored = _dense(adata.obsm[_keys.PROGRAMMES], tuple(map(str, pd.DataFrame(adata.obsm[_keys.PROGRAMMES]).columns)))
    if ERBB2 in scored.names:
        raise ParameterError(f"a programme is named {ERBB2!r}, as the gene is: give it another name")
    return Features(np.column_stack([scored.values, erbb2_score(adata)]), (*scored.names, ERBB2))


def erbb2_score(adata: AnnData) -> np.ndarray:
    """Return ERBB2 as :func:`her2plastic.tl.programmes` scores a programme: log2 of the ratio to the typical CTC."""
    found = panel_counts(adata, {ERBB2: [ERBB2]}, needed_by="tl.trajectory")
    observed = found.sums[ERBB2]
    is_ctc = ctc_mask(adata) & (found.depth > 0)
    is_patient = is_ctc & patient_ctc_mask(adata)
    expected, noise = np.full((2, adata.n_obs), np.nan)
    for assay, rows in cells_by_assay(adata):
        typical = rows[is_patient[rows]]
        noise[rows] = gene_noise(assay)
        if typical.size and observed[typical].sum() > 0:
            expected[rows] = found.depth[rows] * observed[typical].sum() / found.depth[typical].sum()
    score = np.full(adata.n_obs, np.nan)
    scored, fitted = (np.flatnonzero(mask & (expected > 0)) for mask in (is_ctc, is_patient))
    if fitted.size:
        spread = fit_spread(observed[fitted], expected[fitted], 1.0 / noise[fitted])
        score[scored], _ = shrunken_log2_ratio(observed[scored], expected[scored], 1.0 / noise[scored], spread)
    return score


def memberships(adata: AnnData, state_key: str | None, posterior_key: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the probability of each state per cell, and the states' names: of a posterior, or 0 and 1 by a column."""
    if state_key is not None:
        column = obs_column(adata, state_key)
        if hasattr(column, "cat"):
            names = tuple(map(str, column.cat.categories))
        else:
            names = tuple(sorted({str(value) for value in column.dropna()}))
        given = column.astype(object).map(lambda value: str(value) if pd.notna(value) else None)
        hard = np.column_stack([(given == name).to_numpy(dtype=float) for name in names] or [np.empty(adata.n_obs)])
        hard[hard.sum(axis=1) == 0] = np.nan
        return hard, names
    if posterior_key not in adata.obsm:
        raise MissingKeyError(
            "obsm", posterior_key, adata.obsm.keys(), "Run her2plastic.tl.her2_state first, or name state_key."
        )
    posterior = pd.DataFrame(adata.obsm[posterior_key])
    soft = as_numbers(f"`obsm[{posterior_key!r}]`", posterior)
    known = np.isfinite(soft).all(axis=1)
    if (soft[known] < 0).any() or not np.allclose(soft[known].sum(axis=1), 1.0, atol=1e-3):
        raise ParameterError(f"`obsm[{posterior_key!r}]` does not hold probabilities: its rows have to sum to 1")
    return soft, tuple(map(str, posterior.columns))


def donor_and_assay(adata: AnnData, donors: np.ndarray) -> np.ndarray:
    """Return the group of each cell whose mean is taken off: donor, or donor and assay where there are several."""
    if _keys.ASSAY not in adata.obs:
        return donors
    assays, names = name_codes(adata.obs[_keys.ASSAY])
    return donors * len(names) + assays


def centred_on_groups(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the values less the mean of their group."""
    frame = pd.DataFrame(values)
    return (frame - frame.groupby(group).transform("mean")).to_numpy(dtype=float)


def depths(adata: AnnData) -> np.ndarray | None:
    """Return the counts of each cell; None where the data have no counts."""
    if _keys.COUNTS not in adata.layers:
        return None
    return row_sums(counts(adata, needed_by="tl.trajectory"))
