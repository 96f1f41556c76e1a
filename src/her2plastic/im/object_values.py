"""What the identity of an object on a slide is judged by: its stains, its size, its nucleus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, image_feature, named_feature, obs_column
from her2plastic._errors import ParameterError
from her2plastic.models.stain_densities import CHANNELS

if TYPE_CHECKING:
    from anndata import AnnData

CELL: Final = "cell"
KINDS: Final = (CELL, "bare nucleus", "debris")


@dataclass(frozen=True)
class ObjectValues:
    """Vectors over all objects.

    Attributes
    ----------
    stains
        Shape ``(objects, 3)``: background-subtracted mean of cytokeratin, CD45 and HER2 over the cell, or over the
        nucleus where there is no cell around it; missing where the slide has no such channel.
    background
        Shape ``(objects, 3)``: local background of the same channels.
    dapi_spread
        DAPI outside the nucleus over DAPI in it, natural logarithm.
    diameter_um
        Diameter of the cell.
    kind
        ``cell``, ``bare nucleus`` or ``debris``.
    cluster
        Number of the group of touching cells in its batch; 0 for a cell alone.
    batch, batches
        Batch of each object as a number, and the batches' names.
    lacking
        Channels that were not measured.
    dead
        Shape ``(batches, 3)``: channels that hold one value in a whole batch; their stains are missing there.
    """

    stains: np.ndarray
    background: np.ndarray
    dapi_spread: np.ndarray
    diameter_um: np.ndarray
    kind: np.ndarray
    cluster: np.ndarray
    batch: np.ndarray
    batches: tuple[str, ...]
    lacking: tuple[str, ...]
    dead: np.ndarray


def object_values(adata: AnnData, *, batch_key: str, bleed_through: float) -> ObjectValues:
    """Read the vectors; ``bleed_through`` is the share of HER2 that is taken off cytokeratin.

    Raises
    ------
    MissingKeyError
        No column ``batch_key``.
    ParameterError
        No feature of any stain, or a kind of object that is not known.
    """
    means = {channel: image_feature(adata, channel, "cell") for channel in CHANNELS}
    lacking = tuple(channel for channel, values in means.items() if values is None)
    if len(lacking) == len(CHANNELS):
        raise ParameterError(
            f"no feature of {', '.join(CHANNELS)} among the {adata.n_vars} in `var_names` (looked for CK_cell_mean, "
            f"...; there are {list(adata.var_names[:3])}): an identity needs one of these stains. Name the channels in "
            "io.read_slide(channels=...)."
        )
    import pandas as pd

    batch, names = pd.factorize(as_names(obs_column(adata, batch_key)), sort=True)
    missing = np.full(adata.n_obs, np.nan)
    stains = [_or_nucleus(adata, channel, means[channel], missing) for channel in CHANNELS]
    dead = _dead(stains, batch, len(names))
    stains = [np.where(dead[batch, channel], np.nan, values) for channel, values in enumerate(stains)]
    her2 = np.nan_to_num(stains[CHANNELS.index("HER2")])
    stains[CHANNELS.index("CK")] = stains[CHANNELS.index("CK")] - bleed_through * np.maximum(her2, 0.0)
    background = [named_feature(adata, f"{channel}_background") for channel in CHANNELS]
    diameter = named_feature(adata, "cell_diameter_um")
    return ObjectValues(
        stains=np.stack(stains, axis=1),
        background=np.stack([missing if values is None else values for values in background], axis=1),
        dapi_spread=_dapi_spread(adata, missing),
        diameter_um=missing if diameter is None else diameter,
        kind=_kind(adata),
        cluster=adata.obs[_keys.CLUSTER].to_numpy(dtype=int) if _keys.CLUSTER in adata.obs else missing * 0,
        batch=batch,
        batches=tuple(map(str, names)),
        lacking=lacking,
        dead=dead,
    )


def _dead(stains: list[np.ndarray], batch: np.ndarray, n_batches: int) -> np.ndarray:
    """Return which channels hold one and the same value in all objects of a batch: nothing can rest on these."""
    dead = np.zeros((n_batches, len(stains)), dtype=bool)
    for number in range(n_batches):
        for channel, values in enumerate(stains):
            known = values[(batch == number) & np.isfinite(values)]
            dead[number, channel] = len(known) > 1 and float(np.ptp(known)) == 0.0
    return dead


def _or_nucleus(adata: AnnData, channel: str, cell: np.ndarray | None, missing: np.ndarray) -> np.ndarray:
    if cell is None:
        return missing
    nucleus = image_feature(adata, channel, "nucleus")
    return cell if nucleus is None else np.where(np.isfinite(cell), cell, nucleus)


def _dapi_spread(adata: AnnData, missing: np.ndarray) -> np.ndarray:
    inside, outside = image_feature(adata, "DAPI", "nucleus"), image_feature(adata, "DAPI", "cytoplasm")
    if inside is None or outside is None:
        return missing
    usable = inside > 0
    ratio = np.divide(outside, inside, out=np.full(len(inside), np.nan), where=usable)
    return np.where(np.isfinite(ratio), np.log(np.clip(ratio, 0.01, 10)), np.nan)


def _kind(adata: AnnData) -> np.ndarray:
    if _keys.KIND not in adata.obs:
        return np.full(adata.n_obs, CELL, dtype=object)
    kind = as_names(adata.obs[_keys.KIND])
    unknown = sorted(set(kind) - set(KINDS))
    if unknown:
        raise ParameterError(f"`obs[{_keys.KIND!r}]` holds {unknown}; expected {', '.join(KINDS)}")
    return kind
