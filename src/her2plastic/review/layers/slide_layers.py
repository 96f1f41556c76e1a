"""The layers of one field of a slide: a light for each channel, in fixed ranges, and the outlines of the objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from her2plastic.pl._composite import GAMMA, channel_colours
from her2plastic.review import looks

#: What napari makes a layer of: data, arguments, kind.
LayerData = tuple[Any, dict[str, Any], str]
#: Name of the layer of outlines.
OUTLINES: Final = "outlines"


def field_layers(
    levels: Sequence[Any],
    channels: Sequence[str],
    ranges: Mapping[str, tuple[float, float]],
    *,
    pixel_size_um: float,
    labels: Sequence[Any] = (),
    prefix: str = "",
    visible: bool = True,
) -> list[LayerData]:
    """Return the layers of a field.

    Parameters
    ----------
    levels
        The image in every size there is, the largest first, each ``(channels, y, x)``.
    channels
        Names of the channels.
    ranges
        Value shown as black and as full light of each.
    pixel_size_um
        Side of a pixel of the largest.
    labels
        Numbers of the objects in every size there is, each ``(y, x)``.
    prefix
        Put before the names of the layers.
    visible
        Whether they are seen at first.
    """
    common: dict[str, Any] = {"scale": (pixel_size_um, pixel_size_um), "units": ("um", "um"), "visible": visible}
    colours = channel_colours(channels)
    layers: list[LayerData] = []
    for place, name in enumerate(channels):
        arguments = {
            "name": prefix + name, "colormap": _light(name, colours[name]), "contrast_limits": ranges[name],
            "gamma": GAMMA, "blending": "additive", "metadata": {"channel": name}, **common,
        }  # fmt: skip
        layers.append((*_sizes([level[place] for level in levels], arguments), "image"))
    if labels:
        arguments = {"name": prefix + OUTLINES, "opacity": 0.6, "colormap": _one_colour(), **common}
        layers.append((*_sizes(list(labels), arguments), "labels"))
    return layers


def _sizes(images: list[Any], arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    several = len(images) > 1
    return images if several else images[0], {**arguments, "multiscale": several}


def _light(name: str, colour: str) -> Any:
    """Return black to the colour of a channel's light."""
    from matplotlib.colors import to_rgb
    from napari.utils import Colormap

    return Colormap(np.array([(0.0, 0.0, 0.0), to_rgb(colour)]), name=f"light of {name}")


def _one_colour() -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    return DirectLabelColormap(color_dict={0: "transparent", None: looks.INK})
