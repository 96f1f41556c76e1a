"""A simulated slide, to try napari on: circulating tumour cells of all HER2 classes among leukocytes."""

from __future__ import annotations

import numpy as np

from her2plastic.pl._composite import limits_of
from her2plastic.review.layers.slide_layers import LayerData, field_layers

_SIDE = 1024


def simulated_slide() -> list[LayerData]:
    """Return the channels of a simulated slide, the true outlines of its objects, and its CTCs by true HER2 class."""
    from her2plastic.datasets import simulate_slide

    made = simulate_slide(shape=(_SIDE, _SIDE), n_leukocytes=110, n_ctcs=16, seed=6, lazy=False)
    slide = made.slide
    image = np.asarray(slide.fields[0].image)
    ranges = {name: limits_of(values) for name, values in zip(slide.channels, image, strict=True)}
    return field_layers(
        [image], slide.channels, ranges, pixel_size_um=slide.pixel_size_um, labels=[np.asarray(made.cells)]
    )
