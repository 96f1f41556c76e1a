"""What the HER2 models need of each cell: ERBB2 count, depth, donor, assay, and whether it is a CTC or a control."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import control_cells, counts, gene_column, row_sums
from her2plastic._errors import ParameterError
from her2plastic.models.drop_out import uniform_drop_out
from her2plastic.reference import assays

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

log = logging.getLogger(__name__)

GENE = "ERBB2"
#: Median depth above which counts of an unnamed assay are taken for reads rather than molecules.
_READS_FROM_DEPTH = 1e5


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
        No counts, or no ERBB2.
    ParameterError
        An assay that is not in ``reference.assays()``.
    """
    matrix = counts(adata, needed_by="her2_state", remedy=", or use a rule on CPM (calibration='jordan2016')")
    n = adata.n_obs
    erbb2 = gene_column(adata, matrix, GENE)
    depth = cell_depth(adata, matrix, erbb2)
    assay, assay_names, assumed = _assay(adata, depth, assumed_assay)
    is_ctc = ctcs(adata, only_ctcs=only_ctcs)
    donor = _codes(adata.obs[donor_key])[0] if donor_key in adata.obs else np.zeros(n, dtype=np.int64)
    control = control_cells(adata)
    share = adata.obs.get(_keys.AMBIENT_SHARE)
    ambient = np.full(n, np.nan) if share is None else share.to_numpy(dtype=float)
    return Her2Cells(erbb2, depth, donor, assay, assay_names, is_ctc, control, ambient, assumed)


def cell_depth(adata: AnnData, matrix: Any, erbb2: np.ndarray) -> np.ndarray:
    """Return the counts of each cell over all genes.

    The depth of pp.quality goes first: it holds after genes have been left out, and a million cells need not be summed
    twice. A column of that name with something else in it (a logarithm) is refused.
    """
    if _keys.DEPTH not in adata.obs:
        return row_sums(matrix)
    depth = adata.obs[_keys.DEPTH].to_numpy(dtype=float)
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
        The column holds other values than true and false: the text "False" and a missing value would count as true.
    """
    if not only_ctcs or _keys.IS_CTC not in adata.obs:
        return np.ones(adata.n_obs, dtype=bool)
    column = adata.obs[_keys.IS_CTC]
    odd = [value for value in column.unique() if not isinstance(value, (bool, np.bool_))]
    if odd:
        raise ParameterError(f"`obs[{_keys.IS_CTC!r}]` must be true or false, holds {odd[0]!r}")
    return column.to_numpy(dtype=bool)


def drop_out(adata: AnnData, assay: str, cells: np.ndarray) -> float | None:
    """Return the share of transcripts lost altogether in an assay that counts reads; None where that cannot be seen."""
    if assays()["molecules"].to_dict()[assay] != "reads" or not cells.any():
        return None
    matrix = adata.layers[_keys.COUNTS][cells]
    seen = np.asarray((matrix > 0).sum(axis=0), dtype=float).ravel() / cells.sum()
    mean = np.asarray(matrix.sum(axis=0), dtype=float).ravel() / cells.sum()
    return uniform_drop_out(mean, 1 - seen)


def _codes(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a column as whole numbers and their names; missing values are a name of their own."""
    import pandas as pd

    categories = pd.Categorical(column)
    missing = len(categories.categories)
    codes = np.where(categories.codes < 0, missing, categories.codes).astype(np.int64)
    return codes, (*(str(name) for name in categories.categories), "missing")


def _assay(adata: AnnData, depth: np.ndarray, assumed: str | None) -> tuple[np.ndarray, tuple[str, ...], bool]:
    """Return the assay of each cell as a number, the names, and whether it had to be guessed from the depth."""
    known = assays().index
    if _keys.ASSAY in adata.obs:
        codes, names = _codes(adata.obs[_keys.ASSAY])
        used = [names[code] for code in np.flatnonzero(np.bincount(codes, minlength=len(names)))]
        unknown = sorted(set(used) - set(known))
        if unknown:
            raise ParameterError(f"`obs['assay']` holds {unknown}; known assays: {list(known)}")
        return codes, names, False
    if assumed is not None:
        return np.zeros(adata.n_obs, dtype=np.int64), (assumed,), True
    deep = len(depth) > 0 and float(np.median(depth)) > _READS_FROM_DEPTH
    guess = "smart-seq2" if deep else "10x"
    log.warning("no `obs['assay']`: taken for %s by the median depth of the cells", guess)
    return np.zeros(adata.n_obs, dtype=np.int64), (guess,), True
