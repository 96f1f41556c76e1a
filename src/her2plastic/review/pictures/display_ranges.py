"""The contrast of a review: what is black and what is full light in each channel, once for all cells.

It rests on what was measured of the cells, so that no pixel need be read; where nothing was measured, on the pictures
of some cells that lie evenly over the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, named_feature
from her2plastic.review.pictures.cell_picture import CellPicture

if TYPE_CHECKING:
    from anndata import AnnData

#: Percent of the cells of one kind whose bright parts are below full light, in the kind that is brightest.
_BRIGHT = 90.0
#: Percent of the backgrounds that are below black.
_DARK = 95.0
#: Full light is at least this share of black above it, so that an empty channel stays dark.
_LEAST = 0.5
#: Kinds with fewer cells do not set the contrast.
_FEWEST = 5
_KINDS = ("CTC", "CK- HER2+", "CTC-leukocyte", "leukocyte")

Ranges = dict[str, tuple[float, float]]


def measured_ranges(adata: AnnData, channels: Sequence[str], *, saturation: float) -> Ranges:
    """Return the contrast of the channels that were measured.

    Parameters
    ----------
    adata
        The cells, with their features in X or, where images were joined to expression, in ``obsm["image_features"]``.
    channels
        Names.
    saturation
        The largest value that a pixel can have.
    """
    found: Ranges = {}
    kinds = kinds_of(adata)
    for channel in channels:
        bright, background = (_feature(adata, f"{channel}_{name}") for name in ("cell_p95", "background"))
        if bright is None or background is None or not np.isfinite(background).any():
            continue
        values = bright + background  # features are less their background
        levels = [np.percentile(values[own], _BRIGHT) for kind in kinds if (own := kind & np.isfinite(values)).any()]
        if levels:
            low = float(np.percentile(background[np.isfinite(background)], _DARK))
            found[channel] = range_between(low, float(max(levels)), saturation=saturation)
    return found


def sampled_ranges(kinds: Iterable[Iterable[CellPicture]], channels: Sequence[str], *, saturation: float) -> Ranges:
    """Return the contrast of channels from pictures of some cells of each kind."""
    levels: dict[str, list[float]] = {name: [] for name in channels}
    dark: dict[str, list[float]] = {name: [] for name in channels}
    for kind in kinds:
        bright: dict[str, list[float]] = {name: [] for name in channels}
        for picture in kind:
            around = picture.inside & ~picture.cell
            own = picture.inside & picture.cell if picture.cell.any() else picture.inside
            for place, name in enumerate(picture.channels):
                if name in bright:
                    bright[name].append(float(np.percentile(picture.pixels[place][own], 95.0)))
                    if around.any():
                        dark[name].append(float(np.median(picture.pixels[place][around])))
        for name, values in bright.items():
            levels[name] += [float(np.percentile(values, _BRIGHT))] if values else []
    return {
        name: range_between(
            float(np.percentile(dark[name], _DARK)) if dark[name] else 0.0, max(levels[name], default=1.0),
            saturation=saturation,
        )
        for name in channels
    }  # fmt: skip


def brightest_pixels(adata: AnnData, channel: str) -> np.ndarray | None:
    """Return the value of the brightest pixel of each cell as it was measured; None where it was not."""
    most, background = (_feature(adata, f"{channel}_{name}") for name in ("cell_max", "background"))
    return None if most is None or background is None else most + background


def range_between(low: float, high: float, *, saturation: float) -> tuple[float, float]:
    """Return black and full light as whole numbers where pixels are whole, and full light well above black."""
    high = min(max(high, low * (1 + _LEAST), low + 1.0), max(saturation, low + 1.0))
    return (low, high) if high - low < 10 else (float(round(low)), float(round(high)))


def kinds_of(adata: AnnData) -> list[np.ndarray]:
    """Return which cells are of each kind; all that are cells where that is not known."""
    identity = next((key for key in (_keys.IDENTITY, _keys.IMAGE_PREFIX + _keys.IDENTITY) if key in adata.obs), None)
    if identity is not None:
        names = as_names(adata.obs[identity])
        kinds = [names == kind for kind in _KINDS if (names == kind).sum() >= _FEWEST]
        if kinds:
            return kinds
    return [np.ones(adata.n_obs, dtype=bool)]


def _feature(adata: AnnData, name: str) -> np.ndarray | None:
    joined: Any = adata.obsm.get(_keys.IMAGE_FEATURES)
    if isinstance(joined, Mapping) or hasattr(joined, "columns"):
        return joined[name].to_numpy(dtype=float) if name in joined else None
    return named_feature(adata, name)
