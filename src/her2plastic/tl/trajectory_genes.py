"""Genes that rise or fall along a path, by tests within donors and over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import counts, row_sums, step_record
from her2plastic.models.path_genes import MIN_CELLS, MIN_GROUPS, PathGenes
from her2plastic.models.resample import benjamini_hochberg
from her2plastic.tl.trajectory_result import GENE_COLUMNS

if TYPE_CHECKING:
    from anndata import AnnData

#: Share of cells that a gene has to be seen in.
SEEN: Final = 0.1
BUILDS: Final = "builds the path"


def genes_along(
    adata: AnnData, used: np.ndarray, pseudotime: np.ndarray, donor: np.ndarray, features: tuple[str, ...],
    level: float, seed: int,
) -> tuple[pd.DataFrame, str]:  # fmt: skip
    """Return a row per gene seen in enough cells, ordered by p, and a sentence if there is no test."""
    empty = pd.DataFrame(columns=list(GENE_COLUMNS))
    if _keys.COUNTS not in adata.layers:
        return empty, "genes: insufficient: no counts, which the tests along the path need."
    matrix: Any = counts(adata, needed_by="tl.trajectory")[used]
    seen = np.flatnonzero(np.asarray((matrix > 0).sum(axis=0)).ravel() >= max(SEEN * used.size, 1))
    depth = row_sums(matrix)
    model = PathGenes(level=level, seed=seed).fit(_per_million(matrix[:, seen], depth), pseudotime, donor, depth)
    if model.groups_.size < MIN_GROUPS:
        return empty, (
            f"genes: insufficient: {model.groups_.size} donors have {MIN_CELLS} cells on the path, {MIN_GROUPS} needed."
        )
    frame = pd.DataFrame(
        {
            "gene": adata.var_names[seen].astype(str), "n_donors": model.n_groups_, "correlation": model.correlation_,
            "lower": model.lower_, "upper": model.upper_, "p_value": model.p_, "note": "",
        }
    )  # fmt: skip
    frame.loc[model.n_groups_ < MIN_GROUPS, "note"] = f"insufficient: varies in fewer than {MIN_GROUPS} donors"
    builds = frame["gene"].isin(_builders(adata, features))
    frame.loc[builds, "p_value"] = np.nan
    frame.loc[builds, "note"] = BUILDS
    frame["p_adjusted"] = benjamini_hochberg(frame["p_value"].to_numpy(dtype=float))
    strength = -frame["correlation"].abs()
    order = np.lexsort((strength, frame["p_value"].fillna(2.0)))
    return frame.iloc[order][list(GENE_COLUMNS)].reset_index(drop=True), ""


def _per_million(matrix: Any, depth: np.ndarray) -> Any:
    if hasattr(matrix, "multiply"):
        return matrix.multiply((1e6 / depth)[:, None]).tocsr()
    return np.asarray(matrix, dtype=float) * (1e6 / depth)[:, None]


def _builders(adata: AnnData, features: tuple[str, ...]) -> set[str]:
    """Return the genes that the path is made of: no test of them along it is fair."""
    programmes = step_record(adata, "programmes").get("genes", {})
    return {*features, *(str(gene) for members in programmes.values() for gene in members)}
