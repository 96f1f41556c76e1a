"""Label images of other programs: what they may be, and how nuclei and cells are paired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.im.object_table import renumber_in_raster_order

if TYPE_CHECKING:
    from her2plastic.io.slide import Slide


def checked_labels(slide: Slide, images: Any | Sequence[Any] | None, name: str) -> list[np.ndarray | None]:
    """Return a label image per field in int64, or None per field where there is none."""
    if images is None:
        return [None] * len(slide.fields)
    given = list(images) if isinstance(images, list | tuple) else [images]
    if len(given) != len(slide.fields):
        raise ParameterError(
            f"{name}: {len(given)} label images for the {len(slide.fields)} fields of slide {slide.slide_id!r}"
        )
    checked: list[np.ndarray | None] = []
    for field, image in zip(slide.fields, given, strict=True):
        where = f"{name}, field {field.name!r}" if field.name else name
        checked.append(checked_image(np.asarray(image), tuple(field.image.shape[1:]), where))
    return checked


def checked_image(labels: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return one label image in int64, or say what is wrong with it."""
    if labels.shape != shape:
        raise ParameterError(f"{where}: label image of shape {labels.shape}, but the field has {shape} (y, x)")
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.floor(labels)).all()):
        raise ParameterError(f"{where}: label image of {labels.dtype} holds values that are no whole numbers")
    if labels.dtype.kind not in "uibf":
        raise ParameterError(f"{where}: label image of {labels.dtype}; expected whole numbers, 0 for background")
    if labels.size and labels.min() < 0:
        raise ParameterError(f"{where}: label image holds negative numbers (lowest {labels.min()}); 0 is background")
    return labels.astype(np.int64)


def paired(nuclei: np.ndarray | None, cells: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return nuclei with the numbers of their cells, and cells; either may be missing, not both.

    A nucleus belongs to the cell that holds more of it than any other cell or the background does, and is cut to it;
    a nucleus that lies on the background for the most part becomes a cell of its own there.
    """
    if cells is None:
        assert nuclei is not None
        return nuclei, nuclei
    if nuclei is None:
        return np.zeros_like(cells), cells
    inside = nuclei > 0
    pairs, counts = np.unique(np.stack([nuclei[inside], cells[inside]]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    number, first = np.unique(pairs[0][order], return_index=True)
    owner = pairs[1][order][first]
    bare = owner == 0
    owner[bare] = cells.max(initial=0) + 1 + np.arange(np.count_nonzero(bare))
    target = np.zeros_like(nuclei)
    target[inside] = owner[np.searchsorted(number, nuclei[inside])]
    whole = np.where((cells == 0) & (target > cells.max(initial=0)), target, cells)
    return np.where(target == whole, target, 0), whole


def renumbered(nuclei: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both in int32, numbered from 1 in raster order; any numbers, however large, may come in."""
    known = np.unique(cells)
    known = known[known > 0]
    dense = [np.where(image > 0, np.searchsorted(known, image) + 1, 0).astype(np.int32) for image in (nuclei, cells)]
    renumber_in_raster_order(*dense)
    return dense[0], dense[1]
