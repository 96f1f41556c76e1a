"""Spike-in RNA of the External RNA Controls Consortium: no genes of the cell, so no part of its depth."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io.gene_names import SPIKE_IN, NamedGenes
from her2plastic.io.raw_matrix import RawMatrix
from her2plastic.io.units import Settled

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WithoutSpikeIns:
    """A matrix, its genes and its unit without spike-ins; their number, and the sum of their values in each cell."""

    raw: RawMatrix
    genes: NamedGenes
    settled: Settled
    n: int
    sums: np.ndarray


def without_spike_ins(path: Path, raw: RawMatrix, genes: NamedGenes, settled: Settled) -> WithoutSpikeIns:
    """Leave out the spike-ins, after units were told from all values of the file."""
    kept = np.array([SPIKE_IN.fullmatch(name) is None for name in genes.symbol], dtype=bool)
    if kept.all():
        return WithoutSpikeIns(raw, genes, settled, 0, np.zeros(len(raw.cells)))
    if not kept.any():
        raise InputFileError(f"{path}: holds no genes but {len(kept)} spike-ins ({genes.symbol[0]}, ...).")
    n = int((~kept).sum())
    _log.info("%s: %d spike-ins (%s, ...) are no genes, and left out", path, n, genes.symbol[~kept][0])
    recovery = settled.recovery
    return WithoutSpikeIns(
        raw=replace(
            raw,
            values=raw.values[:, kept],
            genes=raw.genes[kept],
            gene_id=None if raw.gene_id is None else raw.gene_id[kept],
            layers={name: layer[:, kept] for name, layer in raw.layers.items()},
        ),
        genes=replace(genes, symbol=genes.symbol[kept], gene_id=None if genes.gene_id is None else genes.gene_id[kept]),
        settled=replace(settled, recovery=replace(recovery, counts=recovery.counts[:, kept])) if recovery else settled,
        n=n,
        sums=np.asarray(raw.values[:, ~kept].sum(axis=1), dtype=float).ravel(),
    )
