"""Genes that go with a cell's fate, within patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic._access import donor_codes, row_sums
from her2plastic._errors import MissingKeyError, one_of
from her2plastic.models.resample import benjamini_hochberg, sign_flip_p

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

MIN_DONORS: Final = 6
MIN_CELLS: Final = 10
MIN_SEEN: Final = 0.05


def fate_drivers(adata: AnnData, *, state: str, donor_key: str = _keys.DONOR_ID, seed: int = 0) -> pd.DataFrame:
    """Return how each gene goes with the probability to end in a state, within patients. Model-based.

    In each patient the spliced amount per depth of a gene is correlated (Spearman) with the fate. Patients are the
    units: the mean over them is tested by flipping signs. Cells of one patient share their neighbours' fates, so
    with fewer than six patients correlations are returned without a p-value.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.direction` with status ``ok``.
    state
        A column of ``obsm["her2_fate"]``.
    donor_key
        Column of ``obs`` with the patient.
    seed
        Seed of the random sign flips, used with more than 14 patients only.

    Returns
    -------
    A row per gene that 5 % of the cells show, the highest first: ``gene``, ``correlation`` (mean over patients),
    ``n_donors``, ``p_value``, ``p_adjusted`` (Benjamini-Hochberg) and ``note``. Nothing is written.

    Raises
    ------
    MissingKeyError
        If there are no fates.
    ParameterError
        If there is no such state.

    Examples
    --------
    >>> import her2plastic as hp
    >>> moves = hp.datasets.Kinetics(rates=((0, 0.9, 0), (0, 0, 0.9), (0, 0, 0)))  # upwards only
    >>> genes = hp.datasets.Programmes(rtk=(0, 0.6, 1.8, 1.8), notch=(1.8, 1.2, 0, 0), stress=(1.8, 1.2, 0, 0))
    >>> cells = hp.datasets.simulate_cohort(
    ...     n_donors=4, draws=(0,), n_ctc=240, platform="smart-seq2", n_genes=820, amplified=0, kinetics=moves,
    ...     programmes=genes, contamination=hp.datasets.Contamination.none(), seed=2,
    ... )
    >>> found = hp.tl.direction(cells, state_key="true_state", modes=["steady_state"], n_null=19)
    >>> genes = hp.tl.fate_drivers(cells, state="HER2-positive")
    >>> sorted(genes["gene"].head(4)), genes["note"].iloc[0]
    (['AREG', 'DDR1', 'GRB2', 'SHC1'], 'insufficient: 3 patients with 10 cells, 6 needed')
    """
    import pandas as pd

    if _keys.HER2_FATE not in adata.obsm:
        raise MissingKeyError(
            "obsm", _keys.HER2_FATE, adata.obsm.keys(), "Run her2plastic.tl.direction; insufficient data have no fates."
        )
    fates: Any = adata.obsm[_keys.HER2_FATE]
    one_of("state", state, fates.columns)
    fate = fates[state].to_numpy(dtype=float)
    spliced = sparse.csr_matrix(adata.layers[_keys.SPLICED])
    depth = row_sums(spliced)
    groups, _ = donor_codes(adata, donor_key)
    known = np.isfinite(fate) & (depth > 0)
    shown = np.asarray((spliced[known] > 0).mean(axis=0)).ravel() >= MIN_SEEN
    rows = []
    for group in np.unique(groups[known]):
        cells = np.flatnonzero(known & (groups == group))
        if cells.size >= MIN_CELLS and np.ptp(fate[cells]) > 0:
            rows.append(_correlations(spliced[cells][:, shown].toarray() / depth[cells, None], fate[cells]))
    each = np.array(rows).reshape(len(rows), int(shown.sum()))
    mean = each.mean(axis=0) if rows else np.full(each.shape[1], np.nan)
    enough = len(rows) >= MIN_DONORS
    p = np.array([sign_flip_p(column, seed=seed) if enough else np.nan for column in each.T])
    note = "" if enough else f"insufficient: {len(rows)} patients with {MIN_CELLS} cells, {MIN_DONORS} needed"
    table = pd.DataFrame(
        {
            "gene": np.asarray(adata.var_names)[shown], "correlation": mean, "n_donors": len(rows), "p_value": p,
            "p_adjusted": benjamini_hochberg(p), "note": note,
        }
    )  # fmt: skip
    return table.sort_values("correlation", ascending=False, ignore_index=True)


def _correlations(values: np.ndarray, fate: np.ndarray) -> np.ndarray:
    """Return the rank correlation of each column with the fate; 0 for a column without spread."""
    from scipy.stats import rankdata

    ranks, own = rankdata(values, axis=0), rankdata(fate)
    ranks, own = ranks - ranks.mean(axis=0), own - own.mean()
    spread = np.sqrt((ranks**2).sum(axis=0) * (own**2).sum())
    return np.divide(own @ ranks, spread, out=np.zeros(values.shape[1]), where=spread > 0)
