"""The map of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column, step_record
from her2plastic._errors import MissingKeyError, one_of
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say, scatter_groups

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes


def prepare_embedding(adata: AnnData, *, color: Literal["her2_state", "identity"] = "her2_state") -> pd.DataFrame:
    """Return what :func:`embedding` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.embedding`.
    color
        ``her2_state`` or ``identity``.

    Returns
    -------
    A row per cell on the map: ``x``, ``y`` and ``group``. Cells without a state have the group ``not callable`` or
    ``not a CTC``.
    """
    one_of("color", color, (_keys.HER2_STATE, _keys.IDENTITY))
    if _keys.UMAP not in adata.obsm:
        remedy = "Run her2plastic.tl.embedding first."
        raise MissingKeyError("obsm", _keys.UMAP, adata.obsm.keys(), remedy)
    places = adata.obsm[_keys.UMAP]
    frame = pd.DataFrame({"x": places[:, 0], "y": places[:, 1]}, index=adata.obs_names)
    if color == _keys.IDENTITY:
        frame["group"] = obs_column(adata, color, remedy="Run her2plastic.pp.ctc_identity first.").astype(object)
    else:
        state = obs_column(adata, color, remedy="Run her2plastic.tl.her2_state first.").astype(object)
        call = obs_column(adata, _keys.HER2_CALL).astype(object)
        nothing = call.where(call == _keys.NOT_A_CTC, _keys.NOT_CALLABLE)
        frame["group"] = state.where(state.notna(), nothing)
    return frame[frame["x"].notna() & frame["group"].notna()]


def embedding(
    adata: AnnData, *, color: Literal["her2_state", "identity"] = "her2_state", ax: Axes | None = None
) -> Axes:
    """Draw the cells on their map, coloured by their most probable HER2 state or by their identity.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.embedding`.
    color
        ``her2_state`` or ``identity``.
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
    """
    one_of("color", color, (_keys.HER2_STATE, _keys.IDENTITY))
    reason = step_record(adata, "embedding").get("insufficient", "") if _keys.UMAP not in adata.obsm else ""
    frame = None if reason else prepare_embedding(adata, color=color)
    with drawing(ax, (7.2, 4.8)) as ax:
        ax.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
        if frame is None or frame.empty:
            say(ax, reason or "no cell on the map")
            return ax
        looks = palette.IDENTITIES if color == _keys.IDENTITY else palette.CALLS
        behind = ("other", "leukocyte") if color == _keys.IDENTITY else (_keys.NOT_A_CTC, _keys.NOT_CALLABLE)
        scatter_groups(ax, frame, "group", looks, behind=behind)
        ax.set_title(f"{len(frame):,} cells", loc="left")
        return ax
