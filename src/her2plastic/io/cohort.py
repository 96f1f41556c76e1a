"""Joining of samples into one AnnData: their genes, their layers, and their cells under one name each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import GeneError, UnitError
from her2plastic.io.cohort_obs import SampleCells, joined_obs, sample_cells

if TYPE_CHECKING:
    from anndata import AnnData

JoinGenes = Literal["auto", "union", "intersection"]

_LEAST_SHARED = 0.5


def join_samples(
    parts: Mapping[str, AnnData], *, genes: JoinGenes, cells: Mapping[str, SampleCells] | None = None
) -> tuple[AnnData, dict[str, Any]]:
    """Return the cohort and the record of what joining it cost.

    Parameters
    ----------
    parts
        Sample name to what :func:`her2plastic.io.read_counts` returned.
    genes
        See :func:`her2plastic.io.read_samples`.
    cells
        Cells of each sample where its ``obs`` does not hold them; by default those of ``obs``.
    """
    from anndata import AnnData

    layers, all_counts = _shared_layers(parts)
    _check_overlap(parts)
    union = genes == "union" or (genes == "auto" and all_counts)
    names = _joined_genes(parts, union=union)
    matrices = {
        name: _stack([aligned(_matrix(part, name), part.var_names, names) for part in parts.values()])
        for name in layers
    }
    if all_counts:
        matrices["X"] = matrices[_keys.COUNTS]
    else:
        matrices["X"] = _stack([aligned(part.X, part.var_names, names) for part in parts.values()])
    obs = joined_obs(cells or {sample: sample_cells(sample, part) for sample, part in parts.items()})
    cohort = AnnData(X=matrices.pop("X"), obs=obs, var=_joined_var(parts, names), layers=matrices)
    everywhere = _count_of_samples(parts, names)
    record: dict[str, Any] = {
        "x_is": _keys.COUNTS if all_counts else "values as read",
        "genes_joined_by": "union" if union else "intersection",
        "n_genes": len(names),
        "n_genes_filled_with_zeros": int((everywhere < len(parts)).sum()),
        "n_genes_left_out": len(set().union(*(part.var_names for part in parts.values()))) - len(names),
        "layers_left_out": sorted({name for part in parts.values() for name in layer_names(part)} - set(layers)),
    }
    return cohort, record


def layer_names(adata: AnnData) -> list[str]:
    """Return the names of the layers. Newer AnnData lists X among them, under the key None."""
    return [str(name) for name in adata.layers.keys() if name is not None]


def _shared_layers(parts: Mapping[str, AnnData]) -> tuple[list[str], bool]:
    """Return the layers that every sample has, and whether counts are among them."""
    first, *others = (set(layer_names(part)) for part in parts.values())
    shared = first.intersection(*others)
    if _keys.COUNTS in shared:
        return sorted(shared - {_keys.CPM}), True
    units: dict[str, list[str]] = {}
    for sample, part in parts.items():
        record = step_record(part, "read")
        unit = "counts" if _keys.COUNTS in part.layers else str(record.get("unit"))
        units.setdefault(unit, []).append(sample)
    if len(units) > 1:
        listed = "; ".join(f"{unit}: {', '.join(samples[:5])}" for unit, samples in units.items())
        raise UnitError(
            f"samples come in different units and cannot be joined ({listed}). Give counts for all of them."
        )
    return sorted(shared), False


def _check_overlap(parts: Mapping[str, AnnData]) -> None:
    """Raise a GeneError where neighbours in the sheet share too few genes to be of one naming."""
    for (one, first), (other, second) in pairwise(parts.items()):
        shared = len(first.var_names.intersection(second.var_names))
        least = min(first.n_vars, second.n_vars)
        if shared < _LEAST_SHARED * least:
            raise GeneError(
                f"samples {one!r} ({', '.join(first.var_names[:3])}, ...) and {other!r} "
                f"({', '.join(second.var_names[:3])}, "
                f"...) share {shared:,} of {least:,} genes: their gene names are of different kinds. Name genes alike: "
                "symbols in all samples, or Ensembl ids in all."
            )


def _joined_genes(parts: Mapping[str, AnnData], *, union: bool) -> pd.Index:
    """Return the genes of the cohort: those of the first sample in its order, then others as they appear."""
    names = [part.var_names for part in parts.values()]
    if all(other.equals(names[0]) for other in names[1:]):
        return names[0]
    if union:
        return first_seen(names)
    shared = set(names[0]).intersection(*names[1:])
    return pd.Index([name for name in names[0] if name in shared])


def first_seen(names: Iterable[pd.Index]) -> pd.Index:
    """Return the genes of any of several tables in the order in which they appear."""
    return pd.Index(pd.unique(np.concatenate([np.asarray(item, dtype=object) for item in names])))


def _matrix(part: AnnData, name: str) -> Any:
    return part.layers[name]


def aligned(matrix: Any, own: pd.Index, names: pd.Index) -> Any:
    """Return a matrix with the cohort's genes. A sparse one is renumbered where no gene is lost."""
    from scipy.sparse import csr_matrix

    if own.equals(names):
        return matrix
    place = names.get_indexer(own)
    kept = place >= 0
    if not kept.all():
        matrix, place = matrix[:, np.flatnonzero(kept)], place[kept]
    shape = (matrix.shape[0], len(names))
    if hasattr(matrix, "indptr"):
        moved = csr_matrix((matrix.data, place.astype(np.int32)[matrix.indices], matrix.indptr), shape=shape)
        moved.sort_indices()
        return moved
    wide = np.zeros(shape, dtype=matrix.dtype)
    wide[:, place] = matrix
    return wide


def _stack(matrices: list[Any]) -> Any:
    from scipy.sparse import vstack

    if len(matrices) == 1:
        return matrices[0]
    if any(hasattr(matrix, "indptr") for matrix in matrices):
        return vstack(matrices, format="csr")
    return np.concatenate(matrices)


def _joined_var(parts: Mapping[str, AnnData], names: pd.Index) -> pd.DataFrame:
    """Return the id of each gene from the first sample that has one."""
    var = pd.DataFrame(index=names.rename(None))
    for part in parts.values():
        if _keys.GENE_ID not in part.var:
            continue
        ids = part.var[_keys.GENE_ID].reindex(names)
        var[_keys.GENE_ID] = (
            ids if _keys.GENE_ID not in var else var[_keys.GENE_ID].where(var[_keys.GENE_ID].notna(), ids)
        )
    if _keys.GENE_ID in var:
        var[_keys.GENE_ID] = var[_keys.GENE_ID].fillna("").astype(str)
    return var


def _count_of_samples(parts: Mapping[str, AnnData], names: pd.Index) -> np.ndarray:
    """Return in how many samples each gene of the cohort stands."""
    total = np.zeros(len(names), dtype=int)
    for part in parts.values():
        total += names.isin(part.var_names)
    return total
