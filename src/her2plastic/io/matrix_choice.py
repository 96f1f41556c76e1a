"""Which of the matrices of an AnnData to take: counts before other values, and of these the one with most genes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from her2plastic._errors import DataWarning, InputFileError, UnitError
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions
from her2plastic.io.units import settle_unit
from her2plastic.io.value_checks import are_integers, largest, smallest, stored

_COUNT_LAYERS = ("counts", "raw_counts", "count", "raw", "umi", "umis")


class Parts(Protocol):
    """An AnnData, on disk or in memory, whose parts are had by name."""

    path: Path

    def element(self, name: str) -> Any:
        """Return one part, by its path in the file."""


@dataclass(frozen=True)
class Candidate:
    """A matrix that may be taken, and the part whose var names its genes."""

    name: str
    genes_in: str
    values: Any
    counts: bool
    negative: bool

    @property
    def size(self) -> int:
        """Number of genes."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Choice:
    """The matrix to take and why; ``fuller`` is one of other values over more genes, beside counts."""

    best: Candidate
    why: str
    fuller: Candidate | None


def best_matrix(path: Path, parts: Parts, available: Mapping[str, str], options: ReadOptions) -> Choice:
    """Choose counts before other values, more genes before fewer, a layer before raw.X before X.

    Counts over as many genes as raw.X has end the search, so that a large file is not read twice.
    """
    asked_for_counts = options.unit in ("auto", "counts")
    found: list[Candidate] = []
    for name, genes_in in available.items():
        if name.startswith("layers/") and name.removeprefix("layers/") not in _COUNT_LAYERS:
            continue
        found.append(candidate(parts, name, genes_in))
        if found[-1].counts and asked_for_counts and _covers_raw(parts, found[-1], available):
            break
    usable = [item for item in found if not item.negative]
    if not usable:
        names = ", ".join(item.name for item in found) or "none of X, raw.X or a counts layer"
        raise InputFileError(
            f"{path}: no matrix without negative values ({names}): scaled values cannot be read as expression. "
            "Write the counts to layers['counts'], or say which matrix to take with matrix=..."
        )
    counts = [item for item in usable if item.counts]
    others = [item for item in usable if not item.counts]
    best = max(counts if counts and asked_for_counts else others or usable, key=lambda item: item.size)
    fuller = next((item for item in others if best.counts and item.size > best.size), None)
    why = "non-negative integers" if best.counts else "no counts found"
    return Choice(best, f"{why}; most genes of {', '.join(item.name for item in found)}", fuller)


def _covers_raw(parts: Parts, item: Candidate, available: Mapping[str, str]) -> bool:
    return "raw.X" not in available or item.size >= len(parts.element("raw/var"))


def candidate(parts: Parts, name: str, genes_in: str) -> Candidate:
    """Read one matrix, and tell whether it holds counts."""
    values = parts.element(name)
    if getattr(values, "dtype", np.dtype(object)).kind not in "iuf":
        raise InputFileError(f"{parts.path}: {name} holds {values.dtype} values; expected numbers.")
    if hasattr(values, "tocsr"):
        if hasattr(values, "check_format"):
            values.check_format(full_check=True)  # scipy does not survive indices out of range
        values = as_csr(values)
    else:
        values = np.asarray(values)
    numbers = stored(values)
    low = smallest(numbers)
    return Candidate(name, genes_in, values, counts=low >= 0 and are_integers(numbers), negative=bool(low < 0))


def as_csr(matrix: Any) -> Any:
    """Return a sparse matrix in rows."""
    from scipy.sparse import csr_matrix

    return matrix if isinstance(matrix, csr_matrix) else csr_matrix(matrix)


def counts_of_more_genes(path: Path, fuller: RawMatrix, counts: RawMatrix) -> RawMatrix:
    """Return the matrix of more genes if exact counts lie behind its values, else the counts, with a DataWarning.

    Programs cut X to the genes that vary most and leave normalised values of all of them in raw.X; a depth of the few
    genes would be far too small.
    """
    name = fuller.details["matrix"]
    reason = "it holds values that are not finite"
    if np.isfinite(largest(stored(fuller.values))):
        try:
            settled = settle_unit(path, fuller, said="auto", log_offset=1.0)
        except UnitError as fault:
            reason = str(fault).removeprefix(f"{path}: ")
        else:
            reason = settled.recovery.reason
            if settled.recovery:
                fuller.unit, fuller.recovery = settled.unit, settled.recovery
                return fuller
    n, total = counts.values.shape[1], fuller.values.shape[1]
    warnings.warn(
        f"{path}: the counts of {counts.details['matrix']} are of {n:,} of the {total:,} genes of {name}: depth, and "
        f"all that is divided by it, is of these {n:,} genes alone. Counts of all genes cannot be had from {name} "
        f"({reason.rstrip('.')}). Write them to layers['counts'] or raw.X, or say with matrix={name!r} that its values "
        f"be taken, or with matrix={counts.details['matrix']!r} that these counts be.",
        DataWarning,
        stacklevel=2,
    )
    return counts
