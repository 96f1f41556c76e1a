"""What a segmentation is: label images, one row an object, and how label images of other programs become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic._errors import ParameterError
from her2plastic.im.object_table import COLUMNS, table_of_objects

if TYPE_CHECKING:
    from her2plastic.io.slide import Slide


@dataclass(frozen=True)
class Segmentation:
    """Objects of a slide.

    Attributes
    ----------
    slide
        What was segmented.
    nuclei
        Per field a label image, shape ``(y, x)``, int32, 0 where there is no nucleus (numpy, or zarr in a store).
    cells
        The same for cells; a nucleus lies in the cell of the same number.
    objects
        A row an object: ``field`` (name), ``field_index``, ``label`` (1 to n within the field, in raster order of the
        first pixel), ``kind`` ("cell", "bare nucleus", "debris"), ``cluster`` (0 alone, else the number of the group
        of touching cells), ``touches_edge`` (cut by the edge of the field or by an unreadable region),
        ``y0``, ``x0``, ``y1``, ``x1`` (bounding box in pixels, half-open), ``n_pixels``.
    params
        Parameters of the segmenter, plain scalars and strings.
    damaged
        Regions that could not be read, in words.
    """

    slide: Slide
    nuclei: tuple[Any, ...]
    cells: tuple[Any, ...]
    objects: pd.DataFrame
    params: dict[str, Any] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()

    @classmethod
    def from_labels(
        cls,
        slide: Slide,
        nuclei: Any | Sequence[Any] | None = None,
        cells: Any | Sequence[Any] | None = None,
    ) -> Segmentation:
        """Take the label images of any other program.

        Parameters
        ----------
        slide
            The slide that they belong to.
        nuclei, cells
            Label images of shape ``(y, x)`` in integers, 0 for background; a sequence with one per field where the
            slide has several. Either may be left out: without ``cells`` a cell is its nucleus, without ``nuclei``
            every object is kind "debris". The number of a nucleus need not be that of its cell: it belongs to the
            cell that covers most of it, and only the largest nucleus of a cell is kept, cut to the cell.

        Returns
        -------
        The segmentation, its labels numbered anew from 1 in raster order.

        Raises
        ------
        ParameterError
            When both are missing, or an image has another shape than its field, holds anything but whole numbers,
            or negative ones.
        """
        from her2plastic.im.label_images import checked_labels, paired, renumbered

        if nuclei is None and cells is None:
            raise ParameterError("from_labels: give a label image of nuclei, of cells, or both")
        nucleus_images = checked_labels(slide, nuclei, "nuclei")
        cell_images = checked_labels(slide, cells, "cells")
        out_nuclei, out_cells, tables = [], [], []
        for index, (nucleus, cell) in enumerate(zip(nucleus_images, cell_images, strict=True)):
            pair = renumbered(*paired(nucleus, cell))
            out_nuclei.append(pair[0])
            out_cells.append(pair[1])
            tables.append(table_of_objects(*pair, slide=slide, field_index=index))
        objects = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
        return cls(slide, tuple(out_nuclei), tuple(out_cells), objects, {"segmenter": "labels"})

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def n_cells(self) -> int:
        """Number of objects of kind "cell"."""
        return int(np.count_nonzero(self.objects["kind"] == "cell"))
