"""Somatic ERBB2 alleles of single cells beside their HER2 state: two columns, never one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.models.genotypes.allele_share import p_of_error
from her2plastic.tl.variants_result import CELL_WORDS

if TYPE_CHECKING:
    from anndata import AnnData

#: What is put beside the mutation of a cell, where cells have it.
BESIDE: Final = (
    _keys.IS_CTC, _keys.HER2_STATE, _keys.HER2_CALL, _keys.HER2_IF_CALL, _keys.HER2_CONSENSUS_CALL,
    _keys.ERBB2_MECHANISM,
)  # fmt: skip
COLUMNS: Final = (_keys.CELL_ID, _keys.DONOR_ID, "variant", "hgvs_c", "n_ref", "n_alt", "mutation", "missed")


def cells_beside(
    rows: pd.DataFrame, called: pd.DataFrame, adata: AnnData | None, *, error_rate: float, alpha: float
) -> pd.DataFrame:
    """Return a row per cell and allele that was called in its donor, with the cell's HER2 state beside."""
    own = rows[rows[_keys.CELL_ID] != ""].merge(
        called[[_keys.DONOR_ID, "hgvs_c"]].drop_duplicates(), on=[_keys.DONOR_ID, "hgvs_c"], how="inner"
    )
    counts = own.groupby([_keys.CELL_ID, _keys.DONOR_ID, "variant", "hgvs_c"], sort=True)[["n_ref", "n_alt"]].sum()
    table = counts.astype(float).reset_index()
    total = (table["n_ref"] + table["n_alt"]).to_numpy()
    p = p_of_error(table["n_alt"].to_numpy(), np.maximum(total, 1), error_rate)
    mutated = (table["n_alt"].to_numpy() > 0) & (p < alpha)
    table["mutation"] = np.where(mutated, CELL_WORDS[0], np.where(total > 0, CELL_WORDS[1], CELL_WORDS[2]))
    table["missed"] = np.where(mutated, 0.0, 0.5**total)
    table = table[list(COLUMNS)]
    if adata is None:
        return table
    table = table.join(_beside(adata), on=_keys.CELL_ID)
    for name in table.columns[len(COLUMNS) :]:
        table[name] = table[name].where(table[name].notna(), "")  # cells that are in no table of expression
    return table


def _beside(adata: AnnData) -> pd.DataFrame:
    found: dict[str, Any] = {}
    for name in BESIDE:
        if name in adata.obs:
            column = adata.obs[name].astype(object)
            found[name] = column.where(column.notna(), "").to_numpy()
    return pd.DataFrame(found, index=pd.Index(_names(adata), name=_keys.CELL_ID))


def _names(adata: AnnData) -> list[str]:
    """Return the names of the cells."""
    return [str(name) for name in (adata.obs[_keys.CELL_ID] if _keys.CELL_ID in adata.obs else adata.obs_names)]


def mutation_of_cells(adata: AnnData, table: pd.DataFrame) -> pd.Categorical:
    """Return a word per cell of the AnnData: mutated at any called allele, none seen, or not covered."""
    worst = table.assign(order=table["mutation"].map({word: place for place, word in enumerate(CELL_WORDS)}))
    of_cell = worst.sort_values("order").drop_duplicates(_keys.CELL_ID).set_index(_keys.CELL_ID)["mutation"]
    words = [of_cell.get(name, CELL_WORDS[2]) for name in _names(adata)]
    return pd.Categorical(words, categories=list(CELL_WORDS))
