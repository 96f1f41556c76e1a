"""The 17q12 neighbours against ERBB2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import control_cells, cpm, obs_column, step_record
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, floor_decade, log_position, log_ticks, say, scatter_groups

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

REMEDY = "Run her2plastic.tl.amplicon first."
#: Up to this many cells each carries its error bar.
MOST_ERROR_BARS = 60


def prepare_amplicon(adata: AnnData) -> pd.DataFrame:
    """Return what :func:`amplicon` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.amplicon`.

    Returns
    -------
    A row per CTC with counts: ``erbb2_cpm``, ``score``, ``error`` (log2), ``mechanism``, ``evidence``. Control cells
    are left out.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=40, amplified=[0], platform="smart-seq2")
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.amplicon(cells)
    >>> data = hp.pl.prepare_amplicon(cells)
    >>> data.groupby("mechanism", observed=True)["score"].median().round(1).to_dict()
    {'amplified': 4.3, 'not amplified': 1.0}
    """
    mechanism = obs_column(adata, _keys.ERBB2_MECHANISM, remedy=REMEDY)
    frame = pd.DataFrame(
        {
            "erbb2_cpm": _erbb2_cpm(adata),
            "score": obs_column(adata, _keys.AMPLICON_SCORE, remedy=REMEDY).to_numpy(dtype=float),
            "error": obs_column(adata, _keys.AMPLICON_SE, remedy=REMEDY).to_numpy(dtype=float),
            "mechanism": mechanism.astype(object).to_numpy(),
            "evidence": obs_column(adata, _keys.AMPLICON_EVIDENCE, remedy=REMEDY).astype(object).to_numpy(),
        },
        index=adata.obs_names,
    )
    drawn = frame["mechanism"].notna() & frame["score"].notna() & frame["erbb2_cpm"].notna()
    return frame[drawn & ~control_cells(adata)]


def amplicon(adata: AnnData, *, ax: Axes | None = None) -> Axes:
    """Draw the amplicon score of each CTC against its ERBB2.

    Amplified cells are high in both; high ERBB2 alone is expression without amplification.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.amplicon`.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If the amplicon has not been scored.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=40, amplified=[0], platform="smart-seq2")
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.amplicon(cells)
    >>> ax = hp.pl.amplicon(cells)
    >>> ax.get_title(loc="left")
    '76 CTCs'
    """
    frame = prepare_amplicon(adata)
    with drawing(ax, (7.2, 4.6)) as ax:
        ax.set(xlabel="ERBB2 (counts per million)", ylabel="17q12 neighbours without ERBB2\n(times what is expected)")
        if frame.empty:
            reason = step_record(adata, "amplicon").get("insufficient", "")
            say(ax, reason or f"no CTC with counts among {adata.n_obs:,} cells")
            return ax
        floor = max(floor_decade(frame["erbb2_cpm"].to_numpy()), -1)
        frame = frame.assign(x=log_position(frame["erbb2_cpm"].to_numpy(), floor), y=frame["score"])
        ax.axhline(0, color="#777777", linewidth=0.8, zorder=1)
        if len(frame) <= MOST_ERROR_BARS:
            ax.errorbar(frame["x"], frame["y"], yerr=frame["error"], fmt="none", ecolor="#999999", elinewidth=0.8,
                        zorder=1.5)  # fmt: skip
        scatter_groups(ax, frame, "mechanism", palette.MECHANISMS, behind=("unknown",))
        log_ticks(ax, "x", frame["x"].to_numpy(), floor)
        low, high = ax.get_ylim()
        ax.set_ylim(min(low, -2.2), max(high, 3.8))
        _times(ax)
        ax.set_title(f"{len(frame):,} CTCs", loc="left")
        return ax


def _times(ax: Axes) -> None:
    """Label the log2 axis in multiples of what is expected."""
    low, high = ax.get_ylim()
    powers = np.arange(np.ceil(low), np.floor(high) + 1)
    ax.set_yticks(powers, [f"{2**power:g}" if power >= 0 else f"1/{2**-power:g}" for power in powers])


def _erbb2_cpm(adata: AnnData) -> np.ndarray:
    if _keys.ERBB2_CPM in adata.obs:
        return adata.obs[_keys.ERBB2_CPM].to_numpy(dtype=float)
    return cpm(adata, "ERBB2", needed_by="pl.amplicon")
