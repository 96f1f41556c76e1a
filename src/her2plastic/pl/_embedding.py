"""The map of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import control_cells, obs_column, step_record
from her2plastic._errors import MissingKeyError, one_of
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say, scatter_groups

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

Color = Literal["her2_call", "her2_state", "identity"]
COLORS: Final = (_keys.HER2_CALL, _keys.HER2_STATE, _keys.IDENTITY)


def prepare_embedding(adata: AnnData, *, color: Color = "her2_call") -> pd.DataFrame:
    """Return what :func:`embedding` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.embedding`.
    color
        ``her2_call``, ``her2_state`` or ``identity``.

    Returns
    -------
    A row per cell on the map: ``x``, ``y`` and ``group``. Control cells have the group ``control cell``; with
    ``her2_state``, cells without a state have ``not callable`` or ``not a CTC``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> values = np.log1p(cells.X.toarray())
    >>> components = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)[0]
    >>> cells.obsm["X_umap"] = components[:, :2]  # hp.tl.embedding(cells) lays a UMAP here
    >>> data = hp.pl.prepare_embedding(cells)
    >>> data["group"].value_counts()[["not a CTC", "HER2-0/low"]].to_dict()
    {'not a CTC': 47, 'HER2-0/low': 45}
    """
    one_of("color", color, COLORS)
    if _keys.UMAP not in adata.obsm:
        remedy = "Run her2plastic.tl.embedding first."
        raise MissingKeyError("obsm", _keys.UMAP, adata.obsm.keys(), remedy)
    places = adata.obsm[_keys.UMAP]
    frame = pd.DataFrame({"x": places[:, 0], "y": places[:, 1]}, index=adata.obs_names)
    step = "pp.ctc_identity" if color == _keys.IDENTITY else "tl.her2_state"
    group = obs_column(adata, color, remedy=f"Run her2plastic.{step} first.").astype(object)
    if color == _keys.HER2_STATE:
        call = obs_column(adata, _keys.HER2_CALL).astype(object)
        group = group.where(group.notna(), call.where(call == _keys.NOT_A_CTC, _keys.NOT_CALLABLE))
    frame["group"] = np.where(control_cells(adata), palette.CONTROL_CELL, group)
    return frame[frame["x"].notna() & frame["group"].notna()]


def embedding(adata: AnnData, *, color: Color = "her2_call", ax: Axes | None = None) -> Axes:
    """Draw the cells on their map, coloured by HER2 call, by most probable HER2 state, or by identity.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.embedding`.
    color
        ``her2_call`` says no more than is known of a cell. ``her2_state`` is its most probable state, however little
        more probable than the next. ``identity`` is what it was taken for.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes. Where the map could not be made, they say why.

    Raises
    ------
    MissingKeyError
        If there is no map, or nothing to colour it by.
    ParameterError
        If ``color`` is not known.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> values = np.log1p(cells.X.toarray())
    >>> components = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)[0]
    >>> cells.obsm["X_umap"] = components[:, :2]  # hp.tl.embedding(cells) lays a UMAP here
    >>> ax = hp.pl.embedding(cells, color="identity")
    >>> ax.get_title(loc="left")
    '120 events'
    """
    one_of("color", color, COLORS)
    reason = step_record(adata, "embedding").get("insufficient", "") if _keys.UMAP not in adata.obsm else ""
    frame = None if reason else prepare_embedding(adata, color=color)
    with drawing(ax, (7.2, 4.8)) as ax:
        ax.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
        if frame is None or frame.empty:
            say(ax, reason or "no cell on the map")
            return ax
        looks = palette.IDENTITIES if color == _keys.IDENTITY else palette.CALLS
        behind = ("other", "leukocyte") if color == _keys.IDENTITY else (_keys.NOT_A_CTC, _keys.NOT_CALLABLE)
        scatter_groups(ax, frame, "group", looks | palette.CONTROLS, behind=(palette.CONTROL_CELL, *behind))
        ax.set_title(f"{(frame['group'] != palette.CONTROL_CELL).sum():,} events", loc="left")
        return ax
