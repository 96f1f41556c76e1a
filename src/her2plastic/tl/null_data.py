"""The user's cells as they would be if nothing moved: one maker per null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, control_cells, donor_codes, obs_column, true_or_false
from her2plastic._errors import MissingKeyError
from her2plastic.models.null_posteriors import no_switch_posteriors, posteriors_of_states
from her2plastic.models.nulls import shuffled_gene_wise, shuffled_within

if TYPE_CHECKING:
    from anndata import AnnData

DRAW_ORDER: Final = "shuffled draw order"
LABELS: Final = "shuffled labels"
NO_SWITCHING: Final = "no switching"
ONE_CLASS: Final = "single class"
UNSPLICED: Final = "shuffled unspliced"
IMPURITY: Final = "impurity only"


@dataclass(frozen=True)
class NullColumns:
    """Where the makers find what they keep and what they move."""

    donor: str = _keys.DONOR_ID
    day: str = _keys.DRAW_DAY
    clone: str = _keys.CLONE_ID
    posterior: str = _keys.HER2_POSTERIOR
    state: str | None = None


Maker = Callable[["AnnData", NullColumns, int], "AnnData"]


def used_cells(adata: AnnData) -> np.ndarray:
    """Return which cells are patients' CTCs: controls and what is known to be no CTC are never moved."""
    used = ~control_cells(adata)
    return used & true_or_false(adata, _keys.IS_CTC) if _keys.IS_CTC in adata.obs else used


def shuffled_draw_order(adata: AnnData, columns: NullColumns, seed: int) -> AnnData:
    """Return the cells with whole draws dealt anew over the days of their patient.

    What belongs to the time stays with it: a treatment is that of the new day.
    """
    made, rows = bare_copy(adata), np.flatnonzero(used_cells(adata))
    donor = donor_codes(adata, columns.donor)[0][rows]
    day = np.unique(as_names(obs_column(adata, columns.day)), return_inverse=True)[1][rows]
    draws, first, place = np.unique(np.stack([donor, day]), axis=1, return_index=True, return_inverse=True)
    taken = rows[first[shuffled_within(draws[0], seed=seed)][place.ravel()]]
    for key in (columns.day, _keys.TREATMENT):
        if key in made.obs:
            values: Any = made.obs[key].copy()
            values.iloc[rows] = made.obs[key].iloc[taken].to_numpy()
            made.obs[key] = values
    return made


def shuffled_labels(adata: AnnData, columns: NullColumns, seed: int) -> AnnData:
    """Return the cells with their states, sure or unsure, dealt anew among the cells of their patient."""
    made, rows = bare_copy(adata), np.flatnonzero(used_cells(adata))
    order = rows[shuffled_within(donor_codes(adata, columns.donor)[0][rows], seed=seed)]
    if columns.state is not None:
        values: Any = made.obs[columns.state].copy()
        values.iloc[rows] = obs_column(adata, columns.state).iloc[order].to_numpy()
        made.obs[columns.state] = values
        return made
    posterior = _posterior(adata, columns)
    posterior[rows] = posterior[order]
    return _with_posterior(made, columns, posterior)


def no_switching(adata: AnnData, columns: NullColumns, seed: int) -> AnnData:
    """Return the cells with states of patients whose composition stays what it is, and the error of the calls."""
    made, rows = bare_copy(adata), np.flatnonzero(used_cells(adata))
    posterior, donor = _posterior(adata, columns), donor_codes(adata, columns.donor)[0]
    day = as_names(obs_column(adata, columns.day))
    posterior[rows] = no_switch_posteriors(posterior[rows], donor[rows], day[rows], seed=seed)
    return _with_posterior(made, columns, posterior)


def pure_clones(adata: AnnData, columns: NullColumns, seed: int) -> AnnData:
    """Return the cells with every clone in one state, that of its evidence together, and the error of the calls."""
    made, rows = bare_copy(adata), np.flatnonzero(used_cells(adata))
    posterior = _posterior(adata, columns)
    clone = np.unique(as_names(obs_column(adata, columns.clone))[rows], return_inverse=True)[1].ravel()
    evidence = np.zeros((clone.max(initial=-1) + 1, posterior.shape[1]))
    np.add.at(evidence, clone, np.log(np.maximum(posterior[rows], 1e-12)))
    posterior[rows] = posteriors_of_states(posterior[rows], evidence.argmax(axis=1)[clone], seed=seed)
    return _with_posterior(made, columns, posterior)


def one_class(adata: AnnData, columns: NullColumns, seed: int) -> AnnData:
    """Return the cells as a population in one state, the most frequent one, read with the error of the calls."""
    made, rows = bare_copy(adata), np.flatnonzero(used_cells(adata))
    posterior = _posterior(adata, columns)
    state = int(posterior[rows].sum(axis=0).argmax())
    posterior[rows] = posteriors_of_states(posterior[rows], state, seed=seed)
    return _with_posterior(made, columns, posterior)


def shuffled_unspliced(adata: AnnData, columns: NullColumns, seed: int) -> AnnData:
    """Return the cells with the unspliced counts of every gene dealt anew within patients, each gene on its own."""
    if _keys.UNSPLICED not in adata.layers:
        raise MissingKeyError("layers", _keys.UNSPLICED, adata.layers.keys(), "This null needs unspliced counts.")
    made = adata.copy()
    groups = donor_codes(adata, columns.donor)[0]
    # cells that are no patient's CTC are a group of their own
    groups = np.where(used_cells(adata), groups, -1)
    made.layers[_keys.UNSPLICED] = shuffled_gene_wise(adata.layers[_keys.UNSPLICED], groups, seed=seed)
    return made


#: Which nulls each method has; None where the method itself makes the null.
NULLS: Final[dict[str, dict[str, Maker | None]]] = {
    "draws": {DRAW_ORDER: None, NO_SWITCHING: None, LABELS: None, ONE_CLASS: one_class},
    "panel": {DRAW_ORDER: shuffled_draw_order, NO_SWITCHING: no_switching, LABELS: shuffled_labels,
              ONE_CLASS: one_class},
    "sorted": {IMPURITY: None, ONE_CLASS: one_class},
    "clones": {NO_SWITCHING: pure_clones, ONE_CLASS: one_class},
    "direction": {LABELS: shuffled_labels, UNSPLICED: shuffled_unspliced, ONE_CLASS: one_class},
    "trajectory": {LABELS: shuffled_labels, ONE_CLASS: one_class},
    "conversion": {NO_SWITCHING: None},
}  # fmt: skip


def bare_copy(adata: AnnData) -> AnnData:
    """Return a copy of which only obs and obsm are one's own: matrices are shared, since no maker alters them."""
    from anndata import AnnData as Cells

    whole: Any = adata
    return Cells(
        X=whole.X, obs=whole.obs.copy(), var=whole.var, obsm=dict(whole.obsm), layers=dict(whole.layers),
        uns=dict(whole.uns),
    )  # fmt: skip


def _posterior(adata: AnnData, columns: NullColumns) -> np.ndarray:
    if columns.posterior not in adata.obsm:
        raise MissingKeyError("obsm", columns.posterior, adata.obsm.keys(), "Run her2plastic.tl.her2_state first.")
    return np.array(adata.obsm[columns.posterior], dtype=float)


def _with_posterior(made: AnnData, columns: NullColumns, posterior: np.ndarray) -> AnnData:
    """Put new posteriors in, and the most probable states beside them."""
    import pandas as pd

    old: Any = made.obsm[columns.posterior]
    if hasattr(old, "columns"):
        made.obsm[columns.posterior] = pd.DataFrame(posterior, index=old.index, columns=old.columns)
        if _keys.HER2_STATE in made.obs and tuple(map(str, old.columns)) == _keys.STATES:
            known = made.obs[_keys.HER2_STATE].notna().to_numpy()
            codes = np.where(known, posterior.argmax(axis=1), -1).astype(np.int64)
            states = pd.Index(_keys.STATES)
            made.obs[_keys.HER2_STATE] = pd.Categorical.from_codes(codes, categories=states, ordered=True)
    else:
        made.obsm[columns.posterior] = posterior
    return made
