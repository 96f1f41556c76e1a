"""The evidence behind an identity, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy import sparse

from her2plastic.models.evidence import LINEAGES

#: Named one by one in the reason; the other epithelial genes are only counted.
NAMED_GENES: Final = ("KRT8", "KRT18", "KRT19", "KRT7", "EPCAM")
#: Molecule equivalents from which a gene is called seen: less is a read or two gone astray.
SEEN_FROM: Final = 0.5
#: Fewer molecules than this, and an unseen gene says little.
FEW_MOLECULES: Final = 1000
_LINEAGE_WORDS: Final = {"t_cell": "T-cell", "b_cell": "B-cell", "nk": "NK", "myeloid": "myeloid"}
_MOST_COUNTED: Final = 20


def identity_words(
    counts: Mapping[str, sparse.csr_matrix],
    genes: Mapping[str, Sequence[str]],
    molecules: np.ndarray,
    *,
    is_ctc: np.ndarray,
) -> np.ndarray:
    """Describe the panel genes seen in each cell.

    Cells with the same findings get the same words, so the text is made once per finding and not per cell.

    Parameters
    ----------
    counts
        Panel to molecule equivalents, cells x genes.
    genes
        Panel to the genes that are the columns of ``counts``.
    molecules
        Molecule equivalents of each cell.
    is_ctc
        Cells taken as CTCs.

    Returns
    -------
    One string per cell.
    """
    seen = {name: _seen(matrix) for name, matrix in counts.items()}
    epithelial = list(genes["epithelial"])
    named = [gene for gene in NAMED_GENES if gene in epithelial]
    findings = [_column(seen["epithelial"], epithelial.index(gene)) for gene in named]
    findings.append(_number(seen["epithelial"]) - sum(findings, start=np.zeros(len(molecules), dtype=np.int64)))
    leukocyte = list(genes["leukocyte"])
    has_ptprc = "PTPRC" in leukocyte
    ptprc = _column(seen["leukocyte"], leukocyte.index("PTPRC")) if has_ptprc else np.zeros_like(findings[-1])
    findings += [ptprc, _number(seen["leukocyte"]) - ptprc]
    findings += [(_number(seen[name]) >= 1).astype(np.int64) for name in LINEAGES]
    # single platelet or mesenchymal genes are found in many cells
    findings += [(_number(seen[name]) >= 2).astype(np.int64) for name in ("platelet", "mesenchymal", "endothelial")]
    findings += [(molecules < FEW_MOLECULES).astype(np.int64), is_ctc.astype(np.int64)]
    coded = np.stack([np.minimum(finding, _MOST_COUNTED) for finding in findings], axis=1)
    patterns, which = _unique_rows(coded)
    words = np.array([_words(pattern, named, has_ptprc) for pattern in patterns], dtype=object)
    return words[which] if len(words) else np.empty(0, dtype=object)


def _seen(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.csr_matrix(matrix >= SEEN_FROM, dtype=np.int64)


def _number(seen: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(seen.sum(axis=1)).ravel().astype(np.int64)


def _column(seen: sparse.csr_matrix, position: int) -> np.ndarray:
    return seen[:, [position]].toarray().ravel()


def _unique_rows(coded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows and the place of each row among them; one number a row is much faster to sort."""
    key = coded @ (_MOST_COUNTED + 1) ** np.arange(coded.shape[1], dtype=np.int64)
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return coded[first], which


def _words(pattern: np.ndarray, named: Sequence[str], has_ptprc: bool) -> str:
    values = pattern.tolist()
    by_name = dict(zip(named, values, strict=False))
    more, ptprc, white, *rest = values[len(named) :]
    lineages, (platelet, mesenchymal, endothelial, few, is_ctc) = rest[: len(LINEAGES)], rest[len(LINEAGES) :]
    seen = [gene for gene in named if by_name[gene]]
    parts = [_epithelial_words(seen, more), _leukocyte_words(ptprc, white, lineages, has_ptprc)]
    if mesenchymal:
        parts.append("mesenchymal genes")
    if endothelial:
        parts.append("endothelial genes")
    if platelet:
        parts.append("platelet RNA, no reason to drop a CTC" if is_ctc else "platelet RNA")
    if few:
        parts.append("few molecules, so unseen genes say little")
    return "; ".join(parts)


def _epithelial_words(seen: Sequence[str], more: int) -> str:
    if not seen and not more:
        return "no epithelial gene"
    if not seen:
        return f"{more} epithelial {'gene' if more == 1 else 'genes'} seen"
    return ", ".join(seen) + (f" and {more} more epithelial" if more else "") + " seen"


def _leukocyte_words(ptprc: int, white: int, lineages: Sequence[int], has_ptprc: bool) -> str:
    absent = "no PTPRC" if has_ptprc else "PTPRC not in the table"
    found = [word for word, present in zip(_LINEAGE_WORDS.values(), lineages, strict=True) if present]
    parts = ["PTPRC" if ptprc else absent]
    if white:
        parts.append(f"{white} other leukocyte {'gene' if white == 1 else 'genes'}")
    if found:
        parts.append(f"{'/'.join(found)} RNA")
    return ", ".join(parts)
