"""Growth of labelled seeds along shortest ways through a picture, to a bounded distance.

A pixel goes to the seed with the shortest way to it, to the smaller label if two are equally near. The answer at a
pixel depends on nothing farther away than the reach: unlike a flooding watershed it cannot depend on the tile.
"""

from __future__ import annotations

import heapq

import numpy as np

from her2plastic.models.compiling import compiled

#: Length of a step to a side neighbour; to a corner it is 14.
STEP = 10


@compiled
def grown(seeds: np.ndarray, picture: np.ndarray, least: np.ndarray, reach: int) -> np.ndarray:
    """Return seeds grown by at most ``reach`` (tenths of a pixel) over what is above the ``least`` of their label.

    ``least`` has a value for each label, from 0 on.
    """
    cost = np.where(seeds > 0, 0, reach + 1).astype(np.int32)
    heap = [(0, 0, 0)]
    heap.pop()
    for y in range(seeds.shape[0]):
        for x in range(seeds.shape[1]):
            if seeds[y, x] > 0 and _at_rim(seeds, y, x):
                heap.append((0, int(seeds[y, x]), y * seeds.shape[1] + x))
    heapq.heapify(heap)
    return _spread(seeds.copy(), cost, heap, picture, least, reach)


@compiled
def split_by_depth(mask: np.ndarray, peaks: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Return a mask divided among its peaks (rows of y, x): a pixel goes to the disc that reaches it first.

    A peak of the distance transform is the centre of a disc as large as its height (in tenths of a pixel); where
    discs overlap, the border passes through the points where their circles cross, which is the neck between them.
    """
    reach = 1 << 28
    labels = np.zeros(mask.shape, np.int32)
    cost = np.full(mask.shape, reach + 1, np.int32)
    heap = [(0, 0, 0)]
    heap.pop()
    for i in range(len(peaks)):
        y, x = peaks[i]
        labels[y, x], cost[y, x] = i + 1, heights.max() - heights[i]
        heap.append((int(cost[y, x]), i + 1, y * mask.shape[1] + x))
    heapq.heapify(heap)
    return _spread(labels, cost, heap, np.where(mask, 1.0, 0.0), np.zeros(len(peaks) + 1), reach)


@compiled
def _at_rim(labels: np.ndarray, y: int, x: int) -> bool:
    for yy in range(max(y - 1, 0), min(y + 2, labels.shape[0])):
        for xx in range(max(x - 1, 0), min(x + 2, labels.shape[1])):
            if labels[yy, xx] != labels[y, x]:
                return True
    return False


@compiled
def _spread(
    labels: np.ndarray, cost: np.ndarray, heap: list[tuple[int, int, int]], picture: np.ndarray, least: np.ndarray,
    reach: int,
) -> np.ndarray:  # fmt: skip
    height, width = labels.shape
    while len(heap) > 0:
        so_far, label, place = heapq.heappop(heap)
        y, x = place // width, place % width
        if cost[y, x] != so_far or labels[y, x] != label:
            continue
        for yy in range(max(y - 1, 0), min(y + 2, height)):
            for xx in range(max(x - 1, 0), min(x + 2, width)):
                if not picture[yy, xx] > least[label]:
                    continue
                longer = so_far + (STEP if yy == y or xx == x else 14)
                if longer > reach or (yy == y and xx == x):
                    continue
                if longer < cost[yy, xx] or (longer == cost[yy, xx] and label < labels[yy, xx]):
                    cost[yy, xx], labels[yy, xx] = longer, label
                    heapq.heappush(heap, (longer, label, yy * width + xx))
    return labels
