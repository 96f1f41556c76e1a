"""What a direction is read from: cells, memberships, patients, genes, counts; and the guards that end it early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic._access import as_names, control_cells, donor_codes, obs_column, row_sums, true_or_false
from her2plastic._errors import MissingKeyError
from her2plastic.models.velocity.null import capture_factor
from her2plastic.reference import panel

if TYPE_CHECKING:
    from anndata import AnnData

#: A cohort with fewer cells, less unspliced RNA, or fewer cells that show unspliced ERBB2 gets no direction.
MIN_CELLS: Final = 50
MIN_STATE_CELLS: Final = 10.0
MIN_TRANSITIONAL: Final = 30.0
MIN_UNSPLICED_SHARE: Final = 0.05
MIN_ERBB2_SEEN: Final = 0.05
#: Unspliced and spliced molecules that a gene has to show to be used.
MIN_GENE_COUNTS: Final = 20
MIN_GENES: Final = 5
ERBB2_NAMES: Final = ("ERBB2", "ENSG00000141736", "ENSMUSG00000062312")


@dataclass(frozen=True)
class Source:
    """Cells that a direction is read from.

    Attributes
    ----------
    cells
        Their places in the AnnData.
    states
        Names of the states.
    membership
        ``(cells, states)``, rows summing to 1.
    groups, donors
        Patient of each cell from 0, and the patients' names.
    spliced, unspliced
        Sparse counts, cells x all genes.
    names
        Upper-case symbols of the genes.
    her2
        Whether the states are HER2 states.
    """

    cells: np.ndarray
    states: tuple[str, ...]
    membership: np.ndarray
    groups: np.ndarray
    donors: tuple[str, ...]
    spliced: sparse.csr_matrix
    unspliced: sparse.csr_matrix
    names: np.ndarray
    her2: bool

    def erbb2(self) -> int | None:
        """Return the column of ERBB2, or None."""
        found = np.flatnonzero(np.isin(self.names, ERBB2_NAMES))
        return int(found[0]) if found.size else None

    def numbers(self) -> dict[str, float]:
        """Return what there is, for the reader."""
        return {"cells": float(self.cells.size), "patients": float(len(self.donors))}


def read_source(adata: AnnData, *, posterior_key: str, state_key: str | None, donor_key: str) -> Source:
    """Return the cells with a state, controls and cells that are no CTCs left out.

    Raises
    ------
    MissingKeyError
        If there are no states.
    """
    states, membership = memberships(adata, posterior_key, state_key)
    usable = np.isfinite(membership).all(axis=1) & (membership.sum(axis=1) > 0) & ~control_cells(adata)
    if state_key is None and _keys.IS_CTC in adata.obs:
        usable &= true_or_false(adata, _keys.IS_CTC)
    layers = [_layer(adata, key) for key in (_keys.SPLICED, _keys.UNSPLICED)]
    usable &= row_sums(layers[0]) > 0
    cells = np.flatnonzero(usable)
    codes, donors = donor_codes(adata, donor_key)
    kept, groups = np.unique(codes[cells], return_inverse=True)
    rows = membership[cells]
    return Source(
        cells, states, rows / rows.sum(axis=1, keepdims=True), groups, tuple(donors[code] for code in kept),
        layers[0][cells], layers[1][cells], _symbols(adata), set(states) <= set(_keys.STATES),
    )  # fmt: skip


def memberships(adata: AnnData, posterior_key: str, state_key: str | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the states and how much of each cell is in each ``(cells, states)``."""
    if state_key is None:
        if posterior_key not in adata.obsm:
            raise MissingKeyError(
                "obsm", posterior_key, adata.obsm.keys(),
                "Run her2plastic.tl.her2_state first, or name a column of states with state_key.",
            )  # fmt: skip
        table: Any = adata.obsm[posterior_key]
        names = getattr(table, "columns", range(table.shape[1]))
        return tuple(map(str, names)), np.asarray(table, dtype=float)
    column: Any = obs_column(adata, state_key, remedy="Name the column of states with state_key.")
    named = as_names(column)
    order = map(str, column.cat.categories) if hasattr(column, "cat") else sorted(set(named) - {"nan"})
    states = tuple(name for name in order if (named == name).any())
    return states, np.stack([named == name for name in states], axis=1).astype(float)


def _layer(adata: AnnData, key: str) -> sparse.csr_matrix:
    return sparse.csr_matrix(adata.layers[key]).astype(np.float32)


def _symbols(adata: AnnData) -> np.ndarray:
    """Return symbols in capitals: mouse genes are written Erbb2, and some tables are named by Ensembl ids."""
    names = np.array([str(name).upper().split(".")[0] for name in adata.var_names], dtype=object)
    for column in ("symbol", "gene_symbol", "gene_name", "feature_name"):
        if column in adata.var and np.char.startswith(names.astype(str), "ENS").mean() > 0.5:
            return np.array([str(name).upper() for name in adata.var[column]], dtype=object)
    return names


def missing_layers(adata: AnnData) -> str:
    """Return why there is nothing to read a velocity from, or nothing."""
    lacking = [key for key in (_keys.SPLICED, _keys.UNSPLICED) if key not in adata.layers]
    if not lacking:
        return ""
    assay = f" ({', '.join(sorted(set(map(str, adata.obs[_keys.ASSAY]))))})" if _keys.ASSAY in adata.obs else ""
    return (
        f"0 unspliced counts: no layer {' or '.join(map(repr, lacking))}. Plate-based and other tables{assay} counted "
        "over exons alone hold none; count introns as well (velocyto, STARsolo Velocyto, kallisto lamanno, alevin-fry)"
    )


def shortfall(source: Source, numbers: dict[str, float]) -> str:
    """Return the first guard that the data do not pass, with the number that fell short, or nothing; fill numbers."""
    if source.cells.size < MIN_CELLS:
        return f"{source.cells.size} cells with a state and counts, {MIN_CELLS} needed"
    held = np.sort(source.membership.sum(axis=0))[::-1]
    if held.size < 2 or held[1] < MIN_STATE_CELLS:
        second = held[1] if held.size > 1 else 0.0
        return f"a single state: the second most frequent holds {second:.1f} cells, {MIN_STATE_CELLS:g} needed"
    share = float(source.unspliced.sum() / max(source.unspliced.sum() + source.spliced.sum(), 1.0))
    numbers["unspliced share"] = share
    if share < MIN_UNSPLICED_SHARE:
        return f"{share:.1%} of the counts are unspliced, {MIN_UNSPLICED_SHARE:.0%} needed"
    column = source.erbb2() if source.her2 else None
    if column is not None:
        seen = float((source.unspliced[:, [column]].toarray() > 0).mean())
        numbers["share of cells with unspliced ERBB2"] = seen
        if seen < MIN_ERBB2_SEEN:
            return f"unspliced ERBB2 is seen in {seen:.1%} of the cells, {MIN_ERBB2_SEEN:.0%} needed"
    return ""


def usable_genes(source: Source, *, without: frozenset[str]) -> np.ndarray:
    """Return the columns of genes with enough spliced and unspliced molecules, those named in ``without`` left out."""
    sums = np.minimum(*(np.asarray(part.sum(axis=0)).ravel() for part in (source.spliced, source.unspliced)))
    return np.flatnonzero((sums >= MIN_GENE_COUNTS) & ~np.isin(source.names, list(without)))


def cycle_genes() -> frozenset[str]:
    """Return the symbols of proliferation genes: the cell cycle is a velocity of its own."""
    return frozenset(panel("proliferation"))


@dataclass(frozen=True)
class Amounts:
    """Spliced plus unspliced, and unspliced amounts of some genes, per depth, and each cell's unspliced capture."""

    columns: np.ndarray
    total: np.ndarray
    unspliced: np.ndarray
    capture: np.ndarray


def amounts(source: Source, columns: np.ndarray) -> Amounts:
    """Return the amounts of some genes at the median depth. Shallow cells' unspliced depth is not divided by."""
    both = source.spliced + source.unspliced
    depth = row_sums(both)
    factor = np.median(depth) / depth
    shares = np.asarray(source.unspliced.sum(axis=0)).ravel() / np.maximum(np.asarray(both.sum(axis=0)).ravel(), 1)
    capture = capture_factor(row_sums(source.unspliced), np.asarray(both @ shares).ravel())
    parts = [(part[:, columns].toarray() * factor[:, None]).astype(np.float32) for part in (both, source.unspliced)]
    return Amounts(columns, parts[0], parts[1], capture)


def state_change(
    total: np.ndarray, membership: np.ndarray, groups: np.ndarray, pair: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the natural log of each gene's ratio between two states within patients, and its standard error."""
    sums, weights = np.zeros(total.shape[1]), np.zeros(total.shape[1])
    for group in np.unique(groups):
        cells = groups == group
        sides = membership[cells][:, list(pair)]
        held = sides.sum(axis=0)
        if held.min() < 1:
            continue
        amount = sides.T @ total[cells]
        rate = (amount.sum(axis=0) + 0.5) / held.sum()
        ratio = np.log((amount + 0.5) / (held[:, None] + 0.5 / rate))
        weight = 1.0 / ((1.0 / (amount + 0.5)).sum(axis=0) + 0.02)
        sums += weight * (ratio[1] - ratio[0])
        weights += weight
    known = weights > 0
    change = np.divide(sums, weights, out=np.zeros_like(sums), where=known)
    return change, np.where(known, 1.0 / np.sqrt(np.where(known, weights, 1.0)), np.inf)
