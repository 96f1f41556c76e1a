"""Which genes a simulated cell has, and how much of each every kind of cell expresses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from her2plastic._errors import ParameterError
from her2plastic.reference import amplicon

ERBB2 = "ERBB2"
#: Programmes whose activity goes with the HER2 state, in the order of the columns of the activity matrix.
STATE_PROGRAMMES = ("proliferation", "rtk", "notch", "dna_damage", "stress")
TUMOUR_KINDS = ("epithelial", "mesenchymal")

#: Fewer synthetic genes than this could not carry what the named genes leave of a million.
_FEWEST_SYNTHETIC = 50
#: Spread of the mean expression of the synthetic genes (natural log), and how far kinds of cells differ (log2).
_SYNTHETIC_SD_LOG = 1.8
_KIND_SD_LOG2 = 0.8
_KIND_SPECIFIC_SHARE = 0.3


@cache
def _named_genes() -> pd.DataFrame:
    with (files("her2plastic.datasets") / "cell_kinds.tsv").open(encoding="utf-8") as handle:
        return pd.read_csv(handle, sep="\t", comment="#", keep_default_na=False)


@dataclass(frozen=True)
class Transcriptome:
    """Genes and their expected expression by kind of cell.

    Parameters
    ----------
    genes, gene_ids, programme
        Symbols, ids and programme of every gene.
    kinds
        Kinds of cells: the rows of ``profile``.
    profile
        Share of each gene in what a kind expresses besides ERBB2, kinds x genes; rows sum to 1, ERBB2 is 0.
    erbb2_cpm
        ERBB2 counts per million of each kind; tumour cells get theirs from their HER2 state instead.
    """

    genes: np.ndarray
    gene_ids: np.ndarray
    programme: np.ndarray
    kinds: tuple[str, ...]
    profile: np.ndarray
    erbb2_cpm: np.ndarray

    @property
    def erbb2(self) -> int:
        """Column of ERBB2."""
        return int(np.flatnonzero(self.genes == ERBB2)[0])

    def columns(self, programme: str) -> np.ndarray:
        """Return the columns of one programme's genes."""
        return np.flatnonzero(self.programme == programme)

    def amplicon_core(self) -> np.ndarray:
        """Return the columns of the 17q12 genes that are gained together with ERBB2."""
        table = amplicon()
        core = table.loc[table["group"] == "core", "gene"]
        return np.flatnonzero(np.isin(self.genes, core))

    def marker_profile(self, kind: str, programme: str) -> np.ndarray:
        """Return the shares of a programme's genes in one kind, all other genes 0; sums to 1."""
        shares = np.where(self.programme == programme, self.profile[self.kinds.index(kind)], 0.0)
        return shares / shares.sum()


def named_genes() -> tuple[str, ...]:
    """Return the symbols of the genes that have a row in ``cell_kinds.tsv``."""
    return tuple(_named_genes()["gene"])


def make_transcriptome(n_genes: int, gene_seed: int) -> Transcriptome:
    """Return the named genes and as many synthetic ones (SIM0001 ...) as are missing to ``n_genes``.

    The expression of the synthetic genes depends on ``gene_seed`` and ``n_genes`` alone, so that cohorts of different
    seeds are cohorts of one species.
    """
    table = _named_genes()
    n_synthetic = n_genes - len(table)
    if n_synthetic < _FEWEST_SYNTHETIC:
        raise ParameterError(
            f"n_genes={n_genes}: expected at least {len(table) + _FEWEST_SYNTHETIC} "
            f"({len(table)} named genes and {_FEWEST_SYNTHETIC} synthetic ones)"
        )
    kinds = tuple(table.columns[3:])
    named = table.loc[:, list(kinds)].to_numpy(dtype=float).T
    rng = np.random.default_rng(gene_seed)
    level = np.exp(rng.normal(0.0, _SYNTHETIC_SD_LOG, n_synthetic))
    specific = rng.random((len(kinds), n_synthetic)) < _KIND_SPECIFIC_SHARE
    level = level * np.exp2(specific * rng.normal(0.0, _KIND_SD_LOG2, specific.shape))
    synthetic = level / level.sum(axis=1, keepdims=True) * (1e6 - named.sum(axis=1, keepdims=True))

    symbols = [f"SIM{number:0{max(4, len(str(n_synthetic)))}d}" for number in range(1, n_synthetic + 1)]
    genes = np.array([*table["gene"], *symbols])
    cpm = np.hstack([named, synthetic])
    erbb2 = cpm[:, genes == ERBB2].ravel()
    profile = np.where(genes == ERBB2, 0.0, cpm)
    return Transcriptome(
        genes=genes,
        gene_ids=np.array([*table["gene_id"], *symbols]),
        programme=np.array([*table["programme"], *["synthetic"] * n_synthetic]),
        kinds=kinds,
        profile=profile / profile.sum(axis=1, keepdims=True),
        erbb2_cpm=erbb2,
    )
