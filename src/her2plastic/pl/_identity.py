"""What the events are: epithelial against leukocyte RNA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys, reference
from her2plastic._access import control_cells, obs_column
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, floor_decade, log_position, log_ticks, say, scatter_groups
from her2plastic.pp.cell_values import cell_values
from her2plastic.pp.panel_sums import gene_positions, sum_cells

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

#: Panels that make up each side of the figure.
SIDES = {"epithelial": ("epithelial",), "leukocyte": ("leukocyte", "t_cell", "b_cell", "nk", "myeloid")}


def prepare_identity(adata: AnnData) -> pd.DataFrame:
    """Return what :func:`identity` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.pp.ctc_identity`.

    Returns
    -------
    A row per event with any RNA: ``epithelial`` and ``leukocyte`` (the panels' genes together, per million) and
    ``identity``, which is ``control cell`` for control cells.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> data = hp.pl.prepare_identity(cells)
    >>> data.groupby("identity", observed=True)["leukocyte"].median().round(-2)[["CTC", "leukocyte"]].to_dict()
    {'CTC': 0.0, 'leukocyte': 10700.0}
    """
    identity = obs_column(adata, _keys.IDENTITY, remedy="Run her2plastic.pp.ctc_identity first.")
    positions = {
        side: gene_positions(adata.var_names, [gene for name in panels for gene in reference.panel(name)])
        for side, panels in SIDES.items()
    }
    sums = sum_cells(cell_values(adata, needed_by="pl.identity"), positions)
    frame = pd.DataFrame({side: 1e6 * sums.share(side) for side in SIDES}, index=adata.obs_names)
    frame["identity"] = np.where(control_cells(adata), palette.CONTROL_CELL, identity.astype(object))
    return frame[(sums.depth > 0) & frame["identity"].notna()]


def identity(adata: AnnData, *, ax: Axes | None = None) -> Axes:
    """Draw epithelial against leukocyte RNA of each event, with what it was taken for.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.pp.ctc_identity`.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If the identities are not there yet.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> ax = hp.pl.identity(cells)
    >>> ax.get_title(loc="left")
    '120 events'
    """
    frame = prepare_identity(adata)
    with drawing(ax, (7.4, 4.8)) as ax:
        ax.set(xlabel="epithelial genes (per million)", ylabel="leukocyte genes (per million)")
        if frame.empty or frame[list(SIDES)].isna().all().any():
            say(ax, "insufficient: no events with RNA, or no gene of a panel in the data")
            return ax
        for axis, side in (("x", "epithelial"), ("y", "leukocyte")):
            values = frame[side].to_numpy()
            floor = max(floor_decade(values), 0)
            frame[axis] = log_position(np.where(values > 0, np.maximum(values, 10.0**floor), values), floor)
            log_ticks(ax, axis, frame[axis].to_numpy(), floor)
        looks, behind = palette.IDENTITIES | palette.CONTROLS, (palette.CONTROL_CELL, "other", "leukocyte")
        scatter_groups(ax, frame, "identity", looks, behind=behind)
        ax.set_title(f"{(frame['identity'] != palette.CONTROL_CELL).sum():,} events", loc="left")
        return ax
