"""What the HER2 models need of each cell: ERBB2 count, depth, donor, assay, and whether it is a CTC or a control."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import control_cells, counts, donor_codes, gene_column, name_codes, true_or_false
from her2plastic._errors import CalibrationError, ParameterError
from her2plastic._row_blocks import row_blocks, row_sums
from her2plastic.models.drop_out import uniform_drop_out
from her2plastic.reference import assays

if TYPE_CHECKING:
    from anndata import AnnData

log = logging.getLogger(__name__)

GENE = "ERBB2"
#: Median depth above which counts of an unnamed assay are taken for reads rather than molecules.
_READS_FROM_DEPTH = 1e5
#: Fewer genes are a panel: their sum is not the depth that counts per million are of.
MIN_GENES = 500
#: More than this of all counts is no cell's ERBB2 (SK-BR-3 has 1 to 2 per cent), but a table without other genes.
_LARGEST_SHARE = 0.1


@dataclass(frozen=True)
class Her2Cells:
    """Vectors over all cells of an AnnData; ``donor`` and ``assay`` are whole numbers."""

    count: np.ndarray
    depth: np.ndarray
    donor: np.ndarray
    assay: np.ndarray
    assay_names: tuple[str, ...]
    is_ctc: np.ndarray
    is_control: np.ndarray
    ambient_share: np.ndarray
    assay_assumed: bool

    def of_assay(self, assay: str) -> np.ndarray:
        """Return which cells were measured by an assay and have counts."""
        return (self.assay == self.assay_names.index(assay)) & (self.depth > 0)

    @property
    def cpm(self) -> np.ndarray:
        """Return ERBB2 counts per million; missing where a cell has no counts."""
        return np.divide(self.count * 1e6, self.depth, out=np.full(len(self.count), np.nan), where=self.depth > 0)

    def ambient_cpm(self, assay: str) -> float:
        """Return the ambient ERBB2 of an assay: its ambient share times the ERBB2 of all its events pooled."""
        here = self.of_assay(assay)
        share = self.ambient_share[here]
        if not here.any() or not np.isfinite(share).any():
            return 0.0
        pooled = self.count[here].sum() / self.depth[here].sum() * 1e6
        return float(np.nanmean(share) * pooled)


def collect(adata: AnnData, *, donor_key: str, only_ctcs: bool, assumed_assay: str | None = None) -> Her2Cells:
    """Read the vectors, with an honest default for each that is absent.

    ``assumed_assay`` is what an earlier step took cells without ``obs["assay"]`` for: some of them alone could look
    like another.

    Raises
    ------
    UnitError, MissingKeyError, GeneError
        No counts, no ERBB2, or no column ``donor_key``.
    ParameterError
        An assay that is not in ``reference.assays()``, or columns of obs that hold something else.
    """
    erbb2, depth = erbb2_and_depth(adata, needed_by="her2_state")
    assay, assay_names, assumed = _assay(adata, depth, assumed_assay)
    is_ctc = ctcs(adata, only_ctcs=only_ctcs)
    donor, _ = donor_codes(adata, donor_key)
    return Her2Cells(
        erbb2, depth, donor, assay, assay_names, is_ctc, control_cells(adata), _ambient_share(adata), assumed
    )


def erbb2_and_depth(adata: AnnData, *, needed_by: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the ERBB2 counts and the depth of each cell."""
    remedy = ", or use a rule on CPM (calibration='jordan2016')"
    matrix = counts(adata, needed_by=needed_by, remedy=remedy, by_blocks=True)
    erbb2 = gene_column(adata, matrix, GENE)
    return erbb2, cell_depth(adata, matrix, erbb2)


def check_per_million(adata: AnnData, erbb2: np.ndarray, depth: np.ndarray, *, calibration: str) -> None:
    """Refuse cells whose depth is of few genes: on a scale of counts per million they would get any state.

    Parameters
    ----------
    adata
        The cells.
    erbb2, depth
        Shape ``(cells,)``: ERBB2 and the sum of all genes, in one unit.
    calibration
        Name of the calibration, for the message.

    Raises
    ------
    CalibrationError
        The depth is of fewer than 500 genes, or ERBB2 is more of it than of any cell.
    """
    remedy = (
        f"calibration={calibration!r} is on counts per million of all genes. Give the whole table, or "
        f"`obs[{_keys.DEPTH!r}]` with the counts of each cell over all genes; for a panel, calibrate on control cells "
        "in the run (calibration='controls')."
    )
    deep = depth > 0
    if adata.n_vars < MIN_GENES and not _depth_of_more_genes(adata, depth):
        raise CalibrationError(
            f"the depth of the cells is of {adata.n_vars} genes only, expected at least {MIN_GENES}. {remedy}"
        )
    share = erbb2[deep].sum() / depth[deep].sum() if deep.any() else 0.0
    if share > _LARGEST_SHARE:
        raise CalibrationError(
            f"{GENE} is {share:.0%} of all counts, more than of any cell: the depth is not of all genes. {remedy}"
        )


def _depth_of_more_genes(adata: AnnData, depth: np.ndarray) -> bool:
    """Tell whether the depth is known from a larger table, of which these genes are a part."""
    if _keys.COUNTS in adata.layers and _keys.DEPTH not in adata.obs:
        return False
    here = row_sums(adata.layers[_keys.COUNTS if _keys.COUNTS in adata.layers else _keys.CPM])
    return bool(here.sum() < 0.9 * depth[here > 0].sum())


def _ambient_share(adata: AnnData) -> np.ndarray:
    """Return the ambient share of each cell; missing where it is not known."""
    if _keys.AMBIENT_SHARE not in adata.obs:
        return np.full(adata.n_obs, np.nan)
    return _numbers(adata, _keys.AMBIENT_SHARE, "the share of ambient RNA in each cell, 0 to 1, or missing", 0.0, 1.0)


def _numbers(adata: AnnData, key: str, expected: str, low: float, high: float) -> np.ndarray:
    """Return a column of obs as floats in a range, missing values left."""
    import pandas as pd

    values = pd.to_numeric(adata.obs[key], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = ((values < low) | (values > high)) | (np.isnan(values) & adata.obs[key].notna().to_numpy())
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise ParameterError(
            f"`obs[{key!r}]` must hold {expected}; cell {adata.obs_names[i]!r} has {adata.obs[key].iloc[i]!r}"
        )
    return values


def cell_depth(adata: AnnData, matrix: Any, erbb2: np.ndarray) -> np.ndarray:
    """Return the counts of each cell over all genes.

    The depth of pp.quality goes first: it holds after genes have been left out, and a million cells need not be summed
    twice. A column of that name with something else in it (a logarithm) is refused.
    """
    if _keys.DEPTH not in adata.obs:
        return row_sums(matrix)
    depth = _numbers(adata, _keys.DEPTH, "the counts of each cell over all genes", 0.0, np.inf)
    wrong = ~(depth >= erbb2 * (1 - 1e-6))
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise ParameterError(
            f"`obs[{_keys.DEPTH!r}]` must hold the counts of each cell over all genes; cell {adata.obs_names[i]!r} has "
            f"{depth[i]:g} there and {erbb2[i]:g} counts of {GENE} alone. Run pp.quality, or rename the column."
        )
    return depth


def ctcs(adata: AnnData, *, only_ctcs: bool) -> np.ndarray:
    """Return which cells are CTCs: all of them unless ``obs["is_ctc"]`` is there and asked for.

    Raises
    ------
    ParameterError
        The column holds other values than true and false.
    """
    if not only_ctcs or _keys.IS_CTC not in adata.obs:
        return np.ones(adata.n_obs, dtype=bool)
    return true_or_false(adata, _keys.IS_CTC)


def drop_out(adata: AnnData, assay: str, cells: np.ndarray) -> float | None:
    """Return the share of transcripts lost altogether in an assay that counts reads; None where that cannot be seen."""
    if assays()["molecules"].to_dict()[assay] != "reads" or not cells.any():
        return None
    seen, total = np.zeros((2, adata.n_vars))
    for rows, block in row_blocks(adata.layers[_keys.COUNTS]):
        part = block[np.flatnonzero(cells[rows])]
        seen += np.asarray((part > 0).sum(axis=0), dtype=float).ravel()
        total += np.asarray(part.sum(axis=0), dtype=float).ravel()
    return uniform_drop_out(total / cells.sum(), 1 - seen / cells.sum())


def _assay(adata: AnnData, depth: np.ndarray, assumed: str | None) -> tuple[np.ndarray, tuple[str, ...], bool]:
    """Return the assay of each cell as a number, the names, and whether it had to be guessed from the depth."""
    known = assays().index
    if _keys.ASSAY in adata.obs:
        codes, names = name_codes(adata.obs[_keys.ASSAY])
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise ParameterError(f"`obs['assay']` holds {unknown}; known assays: {list(known)}")
        return codes, names, False
    if assumed is not None:
        return np.zeros(adata.n_obs, dtype=np.int64), (assumed,), True
    deep = len(depth) > 0 and float(np.median(depth)) > _READS_FROM_DEPTH
    guess = "smart-seq2" if deep else "10x"
    log.warning("no `obs['assay']`: taken for %s by the median depth of the cells", guess)
    return np.zeros(adata.n_obs, dtype=np.int64), (guess,), True
