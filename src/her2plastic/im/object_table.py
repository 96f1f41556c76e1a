"""One row an object, from label images read in bands of rows, so that they may be larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic.models.compiling import compiled

if TYPE_CHECKING:
    from her2plastic.io.slide import Slide

COLUMNS = (
    "field", "field_index", "label", "kind", "cluster", "touches_edge", "y0", "x0", "y1", "x1", "n_pixels",
)  # fmt: skip
CELL, BARE_NUCLEUS, DEBRIS = "cell", "bare nucleus", "debris"
#: Channels that show where a cell ends; without any of them nobody can tell a bare nucleus from a cell.
CYTOPLASM_CHANNELS = ("CK", "CD45", "HER2")

#: Rows read at once.
BAND = 512

_Y0, _X0, _Y1, _X1, _CELL_PIXELS, _NUCLEUS_PIXELS, _WIDTH = range(7)


def renumber_in_raster_order(nuclei: Any, cells: Any) -> np.ndarray:
    """Number the objects of both label images from 1 in raster order of their first pixel, in place.

    ``cells`` holds every object; ``nuclei`` holds the same numbers. Returned is the new number of each old one, 0 for
    those that were not met.
    """
    new = np.zeros(1, np.int32)
    n_objects = 0
    for rows in _bands(cells.shape[0]):
        band = np.asarray(cells[rows])
        new = _grown(new, int(band.max(initial=0)) + 1)
        n_objects = _number(band, new, n_objects)
        cells[rows] = new[band]
        nuclei[rows] = new[np.asarray(nuclei[rows])]
    return new


def table_of_objects(nuclei: Any, cells: Any, *, slide: Slide, field_index: int, cut: Any = None) -> pd.DataFrame:
    """Return the rows of one field, whose label images are numbered from 1 without gaps.

    ``cut`` names labels that are cut by an unreadable region.
    """
    measures = np.zeros((1, _WIDTH), np.int64)
    touching = [np.zeros((0, 2), np.int64)]
    above = np.zeros((1, cells.shape[1]), np.int32)
    for rows in _bands(cells.shape[0]):
        band, nucleus_band = np.asarray(cells[rows]), np.asarray(nuclei[rows])
        measures = _grown(measures, int(band.max(initial=0)) + 1)
        _measure(band, nucleus_band, rows.start, measures)
        touching.append(_touching(np.concatenate([above, band])))
        above = band[-1:]
    kinds = _kinds(measures[1:], any(slide.has(name) for name in CYTOPLASM_CHANNELS))
    height, width = cells.shape
    box = measures[1:]
    at_edge = (box[:, _Y0] == 0) | (box[:, _X0] == 0) | (box[:, _Y1] == height) | (box[:, _X1] == width)
    if cut is not None:
        at_edge[np.asarray(cut, int) - 1] = True
    table = pd.DataFrame({
        "field": slide.fields[field_index].name, "field_index": field_index, "label": np.arange(1, len(box) + 1),
        "kind": kinds, "cluster": _clusters(np.concatenate(touching), kinds), "touches_edge": at_edge,
        "y0": box[:, _Y0], "x0": box[:, _X0], "y1": box[:, _Y1], "x1": box[:, _X1], "n_pixels": box[:, _CELL_PIXELS],
    })  # fmt: skip
    return table.astype({"field": object, "kind": object})


def _bands(height: int) -> list[slice]:
    return [slice(top, min(top + BAND, height)) for top in range(0, height, BAND)]


def _grown(array: np.ndarray, n: int) -> np.ndarray:
    if n <= len(array):
        return array
    return np.concatenate([array, np.zeros((n - len(array), *array.shape[1:]), array.dtype)])


def _kinds(measures: np.ndarray, cytoplasm_is_seen: bool) -> np.ndarray:
    without_nucleus = measures[:, _NUCLEUS_PIXELS] == 0
    only_nucleus = measures[:, _NUCLEUS_PIXELS] == measures[:, _CELL_PIXELS]
    return np.select([without_nucleus, only_nucleus & cytoplasm_is_seen], [DEBRIS, BARE_NUCLEUS], CELL).astype(object)


def _clusters(touching: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return 0 for a cell alone, else the number of its group; debris joins no group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(kinds)
    pairs = touching[(kinds[touching] != DEBRIS).all(axis=1)] if n else touching
    if len(pairs) == 0:
        return np.zeros(n, np.int64)
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    group = connected_components(graph, directed=False)[1]
    shared = np.bincount(group)[group] > 1
    # in the order of their first cell, whatever order the library numbers them in
    _, first, number = np.unique(group[shared], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    clusters = np.zeros(n, np.int64)
    clusters[shared] = rank[number]
    return clusters


def _touching(labels: np.ndarray) -> np.ndarray:
    """Return pairs (from 0) of objects that touch, corners count; the first row is the last one of the band above."""
    views = (
        (labels[:-1], labels[1:]), (labels[1:, :-1], labels[1:, 1:]),
        (labels[:-1, :-1], labels[1:, 1:]), (labels[:-1, 1:], labels[1:, :-1]),
    )  # fmt: skip
    found = []
    for one, other in views:
        differ = (one != other) & (one > 0) & (other > 0)
        found.append(np.column_stack([one[differ], other[differ]]))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0).astype(np.int64) - 1


@compiled
def _number(band: np.ndarray, new: np.ndarray, n_objects: int) -> int:
    for y in range(band.shape[0]):
        for x in range(band.shape[1]):
            label = band[y, x]
            if label > 0 and new[label] == 0:
                n_objects += 1
                new[label] = n_objects
    return n_objects


@compiled
def _measure(cells: np.ndarray, nuclei: np.ndarray, top: int, measures: np.ndarray) -> None:
    for y in range(cells.shape[0]):
        for x in range(cells.shape[1]):
            label = cells[y, x]
            if label == 0:
                continue
            row = measures[label]
            if row[_CELL_PIXELS] == 0:
                row[_Y0], row[_X0] = top + y, x
            row[_CELL_PIXELS] += 1
            row[_NUCLEUS_PIXELS] += nuclei[y, x] > 0
            row[_X0] = min(row[_X0], x)
            row[_X1] = max(row[_X1], x + 1)
            row[_Y1] = top + y + 1
