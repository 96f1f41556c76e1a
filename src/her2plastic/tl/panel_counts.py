"""Counts of gene panels in every cell, beside the depth that is the cell's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys, reference
from her2plastic._access import control_cells, counts, name_codes, true_or_false
from her2plastic._errors import GeneError, UnitError
from her2plastic._row_blocks import by_rows, row_sums

if TYPE_CHECKING:
    from anndata import AnnData

#: RNA that sticks to a cell or floats around it. It dilutes every panel of the cell alike, as mitochondrial RNA does,
#: whose share rises in damaged cells.
COATING_PANELS = ("platelet", "erythroid")
MITOCHONDRIAL_PREFIX = "MT-"


@dataclass(frozen=True)
class PanelCounts:
    """Panel sums of the cells.

    Parameters
    ----------
    sums
        Counts per cell in each panel.
    genes
        The genes of each panel that the data have.
    depth
        Counts per cell over all genes but those of platelets, red cells and mitochondria.
    """

    sums: dict[str, np.ndarray]
    genes: dict[str, tuple[str, ...]]
    depth: np.ndarray


def panel_counts(adata: AnnData, panels: Mapping[str, Sequence[str]], *, needed_by: str) -> PanelCounts:
    """Sum the counts of each panel in each cell.

    Parameters
    ----------
    adata
        Cells with ``layers["counts"]``.
    panels
        Panel name to gene symbols; genes that the data lack are left out.
    needed_by
        Name of the calling function, for the error messages.

    Returns
    -------
    The sums, the genes found, and the depth.

    Raises
    ------
    UnitError
        If there are no counts, or values that cannot be counts.
    GeneError
        If a gene name occurs more than once.
    """
    matrix = counts(adata, needed_by=needed_by, by_blocks=True)
    if not adata.var_names.is_unique:
        repeated = list(adata.var_names[adata.var_names.duplicated()].unique()[:3])
        raise GeneError(f"`var_names` holds genes more than once, e.g. {repeated}: sum them, as io.read_counts does.")
    coating = [gene for name in COATING_PANELS for gene in reference.panel(name)]
    coating += [gene for gene in adata.var_names if gene.upper().startswith(MITOCHONDRIAL_PREFIX)]
    wanted = {**panels, "": coating}
    found = {name: tuple(gene for gene in genes if gene in adata.var_names) for name, genes in wanted.items()}
    members = np.zeros((adata.n_vars, len(found)))
    for column, genes in enumerate(found.values()):
        members[adata.var_names.get_indexer(pd.Index(genes)), column] = 1.0
    all_sums = by_rows(matrix, lambda block: np.column_stack([block @ members, row_sums(block)]))
    sums, total = all_sums[:, :-1], all_sums[:, -1]
    if not np.isfinite(total).all() or (sums < 0).any() or (total < 0).any():
        cell = adata.obs_names[np.flatnonzero(~np.isfinite(total) | (sums < 0).any(axis=1) | (total < 0))[0]]
        raise UnitError(f"`layers[{_keys.COUNTS!r}]` holds negative or non-finite values, e.g. in cell {cell!r}")
    by_panel = dict(zip(found, sums.T, strict=True))
    # copies, so that the table of all sums does not stay for one of its columns
    return PanelCounts({name: by_panel[name].copy() for name in panels}, {name: found[name] for name in panels},
                       total - by_panel[""])  # fmt: skip


def ctc_mask(adata: AnnData) -> np.ndarray:
    """Return which cells are CTCs: all of them where ``obs["is_ctc"]`` is absent."""
    if _keys.IS_CTC not in adata.obs:
        return np.ones(adata.n_obs, dtype=bool)
    return true_or_false(adata, _keys.IS_CTC)


def patient_ctc_mask(adata: AnnData) -> np.ndarray:
    """Return the CTCs of patients: without control cells, which carry a state in ``obs["label"]``."""
    return ctc_mask(adata) & ~control_cells(adata)


def cells_by_assay(adata: AnnData) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each assay with the positions of its cells: capture of genes differs between assays."""
    if _keys.ASSAY not in adata.obs:
        yield "one assay", np.arange(adata.n_obs)
        return
    codes, assays = name_codes(adata.obs[_keys.ASSAY])
    for code, assay in enumerate(assays):
        yield assay, np.flatnonzero(codes == code)
