"""Bright blobs as nodes of the tree of level sets: of every nested family, the members most like one ellipse.

A level set is followed from bright to dark. Where two blobs meet, their union replaces them only if it is nearly as
elliptic as they are (a textured nucleus is; two touching nuclei are not). Everything is decided inside level sets
whose bounding box is at most one largest object wide, so that a tile with margin decides as the whole field does.
"""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled

#: Columns of moments: pixels, sums of y, x, y squared, x squared and their product.
N, Y, X, YY, XX, XY = range(6)

#: Loss of ellipticity from one level to the next that is still the same blob.
SAME_BLOB = 0.004

# columns of the table of nodes
_FIRST_CHILD, _NEXT, _ROOT, _LEVEL, _CHOSEN, _PIXELS, _LEAVES, _IS_CHILD, _NODE_WIDTH = range(9)


@compiled
def ellipticity(moments: np.ndarray, top: int, left: int) -> float:
    """Return the area over that of the ellipse with the same second moments: 1 for an ellipse, else less.

    ``top`` and ``left`` are a corner of the object: moments about it are whole numbers that no window changes.
    """
    n = moments[0]
    sum_y, sum_x = moments[1] - n * top, moments[2] - n * left
    squares_y = moments[3] - 2 * top * moments[1] + n * top * top
    squares_x = moments[4] - 2 * left * moments[2] + n * left * left
    products = moments[5] - top * moments[2] - left * moments[1] + n * top * left
    y, x = sum_y / n, sum_x / n
    var_y = squares_y / n - y * y + 1 / 12  # a pixel is a square, not a point
    var_x = squares_x / n - x * x + 1 / 12
    cov = products / n - y * x
    return n / (4 * np.pi * np.sqrt(max(var_y * var_x - cov * cov, 1e-12)))


@compiled
def elliptic_components(
    levels: np.ndarray, max_side: int, min_pixels: float, tolerance: float, min_share: float
) -> np.ndarray:
    """Return the chosen blobs as a label image, numbered from 1 in raster order of their first pixel.

    ``levels`` (uint8) is 0 where nothing may be, and higher the brighter. Blobs have at least ``min_pixels`` and a
    bounding box of at most ``max_side``. A union of several blobs is chosen if its ellipticity is at most
    ``tolerance`` below theirs on average, or if they cover less than ``min_share`` of it.
    """
    n_levels = int(levels.max())
    width = levels.shape[1]
    start, order, place = _sorted_pixels(levels, n_levels)
    parent = np.arange(len(order))
    moments = np.zeros((len(order), 6))
    box = np.zeros((len(order), 4), np.int64)
    top_node = np.full(len(order), -1)
    seen = np.full(len(order), -1)
    nodes = np.zeros((len(order) + 1, _NODE_WIDTH), np.int64)
    quality = np.zeros(len(order) + 1, np.int64)  # parts in a million: their sums do not depend on the order
    n_nodes = 0
    for level in range(n_levels, 0, -1):
        first, last = start[level], start[level - 1]
        for i in range(first, last):
            _single(moments[i], box[i], order[i] // width, order[i] % width)
        for i in range(first, last):
            _join_neighbours(i, last, order, place, parent, moments, box, top_node, nodes)
        for i in range(first, last):
            root = _find(parent, i)
            if seen[root] == level:
                continue
            seen[root] = level
            side = max(box[root, 2] - box[root, 0], box[root, 3] - box[root, 1]) + 1
            if moments[root, 0] < min_pixels or side > max_side:
                continue
            nodes[n_nodes, _ROOT], nodes[n_nodes, _LEVEL], nodes[n_nodes, _NEXT] = root, level, -1
            nodes[n_nodes, _FIRST_CHILD] = top_node[root]
            _decide(n_nodes, moments[root], box[root], nodes, quality, tolerance, min_share)
            top_node[root] = n_nodes
            n_nodes += 1
    return _painted(levels, order, nodes[:n_nodes])


@compiled
def _sorted_pixels(levels: np.ndarray, n_levels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where each level begins, the pixels from bright to dark, and the place of each pixel among them."""
    height, width = levels.shape
    count = np.zeros(n_levels + 1, np.int64)
    for y in range(height):
        for x in range(width):
            count[levels[y, x]] += 1
    start = np.zeros(n_levels + 1, np.int64)
    for level in range(n_levels - 1, -1, -1):
        start[level] = start[level + 1] + count[level + 1]
    order = np.empty(start[0], np.int64)
    place = np.full(height * width, -1, np.int32)
    at = start.copy()
    for y in range(height):
        for x in range(width):
            level = levels[y, x]
            if level > 0:
                order[at[level]] = y * width + x
                place[y * width + x] = at[level]
                at[level] += 1
    return start, order, place.reshape(height, width)


@compiled
def _single(moments: np.ndarray, box: np.ndarray, y: int, x: int) -> None:
    moments[0], moments[1], moments[2] = 1, y, x
    moments[3], moments[4], moments[5] = y * y, x * x, y * x
    box[0], box[1], box[2], box[3] = y, x, y, x


@compiled
def _find(parent: np.ndarray, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@compiled
def _join_neighbours(
    i: int, last: int, order: np.ndarray, place: np.ndarray, parent: np.ndarray, moments: np.ndarray, box: np.ndarray,
    top_node: np.ndarray, nodes: np.ndarray,
) -> None:  # fmt: skip
    """Join the component of a pixel with those of its four neighbours that are as bright or brighter."""
    height, width = place.shape
    y, x = order[i] // width, order[i] % width
    for side in range(4):
        yy, xx = y + (side == 0) - (side == 1), x + (side == 2) - (side == 3)
        if yy < 0 or xx < 0 or yy >= height or xx >= width:
            continue
        other = place[yy, xx]
        if other < 0 or other >= last:
            continue
        one, two = _find(parent, i), _find(parent, other)
        if one == two:
            continue
        if moments[one, 0] < moments[two, 0]:
            one, two = two, one
        parent[two] = one
        moments[one] += moments[two]
        box[one, 0], box[one, 1] = min(box[one, 0], box[two, 0]), min(box[one, 1], box[two, 1])
        box[one, 2], box[one, 3] = max(box[one, 2], box[two, 2]), max(box[one, 3], box[two, 3])
        if top_node[two] >= 0:
            end = top_node[two]
            while nodes[end, _NEXT] >= 0:
                end = nodes[end, _NEXT]
            nodes[end, _NEXT] = top_node[one]
            top_node[one] = top_node[two]


@compiled
def _decide(
    node: int, moments: np.ndarray, box: np.ndarray, nodes: np.ndarray, quality: np.ndarray, tolerance: float,
    min_share: float,
) -> None:  # fmt: skip
    """Choose the node or what was chosen inside it."""
    total, leaves, pixels = 0, 0, 0
    child = nodes[node, _FIRST_CHILD]
    while child >= 0:
        nodes[child, _IS_CHILD] = 1
        total += quality[child] * nodes[child, _LEAVES]
        leaves += nodes[child, _LEAVES]
        pixels += nodes[child, _PIXELS]
        child = nodes[child, _NEXT]
    own = int(1e6 * ellipticity(moments, box[0], box[1]))
    # darker and darker, a blob grows into its blur and stays elliptic
    allowed = int(1e6 * (tolerance if leaves > 1 else SAME_BLOB))
    if leaves == 0 or (own + allowed) * leaves >= total or (leaves > 1 and pixels < min_share * moments[0]):
        nodes[node, _CHOSEN], nodes[node, _LEAVES], nodes[node, _PIXELS] = 1, 1, int(moments[0])
        quality[node] = own
    else:
        nodes[node, _LEAVES], nodes[node, _PIXELS] = leaves, pixels
        quality[node] = total // leaves


@compiled
def _painted(levels: np.ndarray, order: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return the chosen nodes that lie in no chosen node, as a label image in raster order."""
    height, width = levels.shape
    found = np.zeros(levels.shape, np.int32)
    stack = np.empty(len(nodes) + 1, np.int64)
    queue = np.empty(len(order) + 1, np.int64)
    n_found, depth = 0, 0
    for node in range(len(nodes)):
        if nodes[node, _IS_CHILD] == 0:
            stack[depth] = node
            depth += 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if nodes[node, _CHOSEN] == 0:
            child = nodes[node, _FIRST_CHILD]
            while child >= 0:
                stack[depth] = child
                depth += 1
                child = nodes[child, _NEXT]
            continue
        n_found += 1
        head, tail = 0, 1
        queue[0] = order[nodes[node, _ROOT]]
        found[queue[0] // width, queue[0] % width] = n_found
        while head < tail:
            y, x = queue[head] // width, queue[head] % width
            head += 1
            for side in range(4):
                yy, xx = y + (side == 0) - (side == 1), x + (side == 2) - (side == 3)
                if yy < 0 or xx < 0 or yy >= height or xx >= width:
                    continue
                if levels[yy, xx] >= nodes[node, _LEVEL] and found[yy, xx] == 0:
                    found[yy, xx] = n_found
                    queue[tail] = yy * width + xx
                    tail += 1
    raster_order(found, n_found)
    return found


@compiled
def raster_order(labels: np.ndarray, n: int) -> int:
    """Renumber labels of 1 to ``n`` (some may be missing) in raster order of their first pixel; return how many."""
    new = np.zeros(n + 1, np.int32)
    count = 0
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label > 0:
                if new[label] == 0:
                    count += 1
                    new[label] = count
                labels[y, x] = new[label]
    return count
