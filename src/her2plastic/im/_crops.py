"""Small pictures of single objects, with absolute values and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from her2plastic._errors import ParameterError, check_made_by
from her2plastic.im.measured_table import cell_ids
from her2plastic.im.segmentation import Segmentation
from her2plastic.im.windows import readable_window


@dataclass(frozen=True)
class Crops:
    """Pictures of n objects.

    Attributes
    ----------
    pixels
        ``(n, channels, side, side)`` in the file's own dtype and numbers; 0 where ``inside`` is false.
    cell, nucleus
        ``(n, side, side)`` bool: the object itself and its nucleus. Neighbours are in neither.
    inside
        ``(n, side, side)`` bool: false beyond the edge of the field, and where the file cannot be read.
    cell_id
        Names of the objects.
    channels
        Names of the channels.
    pixel_size_um
        Side of a pixel, micrometres.
    """

    pixels: np.ndarray
    cell: np.ndarray
    nucleus: np.ndarray
    inside: np.ndarray
    cell_id: tuple[str, ...]
    channels: tuple[str, ...]
    pixel_size_um: float

    def __len__(self) -> int:
        return len(self.cell_id)

    def to_arrays(self) -> dict[str, Any]:
        """Return arrays and facts by name, as ``io.write_slide_cells`` takes them."""
        return {
            "pixels": self.pixels,
            "cell": self.cell,
            "nucleus": self.nucleus,
            "inside": self.inside,
            "cell_id": list(self.cell_id),
            "channels": list(self.channels),
            "pixel_size_um": self.pixel_size_um,
        }


def crops(segmentation: Segmentation, *, cells: Sequence[str], size_um: float = 32.0) -> Crops:
    """Cut a square around the middle of the bounding box of each object that is asked for.

    Values are those of the file: nothing is scaled, so that the brightness of two crops can be compared. A square that
    reaches beyond the edge of its field is filled with zeros there; so is what cannot be read; ``inside`` tells both
    from dark pixels.

    Parameters
    ----------
    segmentation
        Objects of a slide.
    cells
        Names of the objects, as ``im.measure`` puts them into ``obs["cell_id"]``; crops come in this order.
    size_um
        Side of the square in micrometres, rounded up to whole pixels. Objects that are larger are cut.

    Returns
    -------
    Pixels and masks.

    Raises
    ------
    ParameterError
        When an object is not known, or the square is smaller than a pixel.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> segmentation = hp.im.segment(made.slide)
    >>> objects = hp.im.measure(segmentation)
    >>> pictures = hp.im.crops(segmentation, cells=objects.obs_names[:5], size_um=25.6)
    >>> pictures.channels, pictures.pixels.shape
    (('DAPI', 'CK', 'CD45', 'HER2'), (5, 4, 40, 40))
    """
    check_made_by("segmentation", segmentation, Segmentation, "im.segment")
    slide, objects = segmentation.slide, segmentation.objects
    if not isinstance(size_um, Real) or not slide.pixel_size_um <= size_um <= 1000:
        raise ParameterError(
            f"size_um={size_um!r}: expected micrometres from a pixel ({slide.pixel_size_um} um) up to 1000"
        )
    side = int(np.ceil(size_um / slide.pixel_size_um - 1e-9))
    row_of = {name: row for row, name in enumerate(cell_ids(slide, objects))}
    if unknown := [name for name in cells if name not in row_of]:
        known = ", ".join(list(row_of)[:3]) or "none"
        raise ParameterError(
            f"cells: {len(unknown)} are not of slide {slide.slide_id!r}, e.g. {unknown[0]!r}; it has {known} ..."
        )
    dtype = np.result_type(*(field.image.dtype for field in slide.fields))
    pixels = np.zeros((len(cells), len(slide.channels), side, side), dtype=dtype)
    masks = np.zeros((3, len(cells), side, side), dtype=bool)
    places = objects[["field_index", "label", "y0", "x0", "y1", "x1"]].to_numpy()
    for k, name in enumerate(cells):
        field, label, y0, x0, y1, x1 = (int(value) for value in places[row_of[name]])
        top, left = (y0 + y1) // 2 - side // 2, (x0 + x1) // 2 - side // 2
        height, width = segmentation.cells[field].shape
        window = slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width))
        to = slice(window[0].start - top, window[0].stop - top), slice(window[1].start - left, window[1].stop - left)
        pixels[k][:, *to], masks[2, k][to] = readable_window(slide, field, window)
        for place, images in enumerate((segmentation.cells, segmentation.nuclei)):
            masks[place, k][to] = np.asarray(images[field][window]) == label
    return Crops(pixels, masks[0], masks[1], masks[2], tuple(cells), slide.channels, slide.pixel_size_um)
