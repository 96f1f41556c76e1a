"""Cells made for a test: a few genes at a stated expression, in a transcriptome that fills up the depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from her2plastic.reference import panels

EPITHELIAL = {
    "KRT8": 800,
    "KRT18": 900,
    "KRT19": 1200,
    "EPCAM": 250,
    "KRT7": 300,
    "CDH1": 150,
    "CLDN4": 150,
    "MUC1": 250,
    "CLDN3": 120,
    "CLDN7": 150,
    "ELF3": 120,
    "ESRP1": 80,
    "RAB25": 80,
    "TACSTD2": 250,
    "AGR2": 200,
}
RESIDUAL = {gene: 0.08 * cpm for gene, cpm in EPITHELIAL.items()}
MESENCHYMAL = {"FN1": 450, "CDH2": 80, "SNAI2": 80, "ZEB1": 80, "TWIST1": 60, "VIM": 4500}
VIM_ONLY = {"VIM": 5000}
LEUKOCYTE = {"PTPRC": 300, "CD52": 500, "CD53": 250, "CORO1A": 400, "CD48": 150, "CD37": 200, "RAC2": 250, "LSP1": 150}
T_CELL = LEUKOCYTE | {"CD3E": 200, "CD3D": 240, "TRAC": 600, "VIM": 5000}
MONOCYTE = LEUKOCYTE | {"LYZ": 6000, "S100A8": 4000, "CD14": 600, "VIM": 6000}
PLATELET = {"PPBP": 20_000, "PF4": 15_000, "GP9": 3000, "ITGA2B": 4000, "TUBB1": 4000}
ENDOTHELIAL = {"CDH5": 375, "KDR": 200, "PLVAP": 375, "EMCN": 250, "FN1": 60, "CDH2": 48, "SNAI2": 48, "VIM": 6000}


def _gene_names(n_other: int = 1500) -> pd.Index:
    """Return every panel gene, ERBB2, a few mitochondrial genes, and synthetic ones."""
    known = dict.fromkeys(gene for members in panels().values() for gene in members)
    mitochondrial = [f"MT-{name}" for name in ("CO1", "CO2", "ND1", "CYB")]
    return pd.Index([*known, "ERBB2", "RPL3", "RPS6KA1", *mitochondrial, *(f"SIM{i:04d}" for i in range(n_other))])


def _cells(
    kinds: Sequence[Mapping[str, float]], depth: float = 8000, seed: int = 0, assay: str | None = "10x"
) -> AnnData:
    """Return one cell per kind: Poisson counts of its genes (counts per million), other genes log-normal."""
    rng = np.random.default_rng(seed)
    names = _gene_names()
    background = np.where(names.str.startswith(("SIM", "MT-", "RPL3")), np.exp(rng.normal(0, 1.5, len(names))), 0.0)
    rate = np.zeros((len(kinds), len(names)))
    for row, kind in enumerate(kinds):
        rate[row, names.get_indexer(pd.Index(list(kind)))] = list(kind.values())
        rate[row] += background / background.sum() * max(1e6 - rate[row].sum(), 0.0)
    counts = sparse.csr_matrix(rng.poisson(rate * depth / 1e6).astype(np.float32))
    adata = AnnData(counts, var=pd.DataFrame(index=names), obs=pd.DataFrame(index=[f"c{i}" for i in range(len(kinds))]))
    adata.layers["counts"] = adata.X
    if assay is not None:
        adata.obs["assay"] = pd.Categorical([assay] * len(kinds))
    return adata


@pytest.fixture(scope="session")
def make_cells() -> Callable[..., AnnData]:
    """One cell per kind: ``make_cells([kinds.epithelial, ...], depth=8000, seed=0, assay="10x")``."""
    return _cells


@pytest.fixture(scope="session")
def kinds() -> SimpleNamespace:
    """Expression of a few genes in each kind of cell, in counts per million."""
    return SimpleNamespace(
        epithelial=EPITHELIAL,
        mesenchymal_ctc=RESIDUAL | MESENCHYMAL,
        mesenchymal_without_keratin=MESENCHYMAL,
        vim_only=VIM_ONLY,
        t_cell=T_CELL,
        monocyte=MONOCYTE,
        platelet=PLATELET,
        endothelial=ENDOTHELIAL,
        nothing={},
    )
