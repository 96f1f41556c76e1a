"""Which objects lie on a simulated slide, where, how large and how bright."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from her2plastic._errors import ParameterError, one_of
from her2plastic._keys import IF_SCORES, IMAGE_IDENTITIES
from her2plastic.datasets.argument_checks import in_range
from her2plastic.datasets.slide_parameters import HER2Stain, SlideCells

CTC, CK_NEGATIVE, _, LEUKOCYTE, BARE, DEBRIS, BLOB, _ = IMAGE_IDENTITIES
#: Kinds of objects. Blobs have no place in the truth masks: they are no cells and no parts of cells.
KINDS = (CTC, CK_NEGATIVE, LEUKOCYTE, DEBRIS, BARE, BLOB)

_DEBRIS_DIAMETER_UM, _BLOB_DIAMETER_UM = (1.5, 6.0), (3.0, 9.0)
_BLOB_INTENSITY = (800.0, 3000.0)
#: Neighbours in a cluster lie this share of the sum of their radii apart.
_TOUCHING = 0.93
_GAP_UM = 2.0
_PLACE_TRIES = 300


def make_objects(
    rng: np.random.Generator,
    size_um: tuple[float, float],
    *,
    n_leukocytes: int,
    n_ctcs: int,
    her2_classes: Mapping[str, float] | Sequence[str],
    cells: SlideCells,
    her2: HER2Stain,
    psf_um: tuple[float, float],
) -> pd.DataFrame:
    """Return a row for each object: kind, class, place, size and mean intensities (photo-electrons; HER2 in units)."""
    classes = _classes(rng, her2_classes, n_ctcs)
    n_negative = round(n_ctcs * cells.ck_negative)
    debris = int(rng.integers(cells.debris_per_ctc[0], cells.debris_per_ctc[1], n_ctcs, endpoint=True).sum())
    numbers = {
        CTC: n_ctcs, CK_NEGATIVE: n_negative, LEUKOCYTE: n_leukocytes, DEBRIS: debris,
        BARE: round(n_leukocytes * cells.bare_nuclei), BLOB: round(n_leukocytes * cells.blobs),
    }  # fmt: skip
    objects = pd.DataFrame({"kind": np.repeat(list(numbers), list(numbers.values()))})
    objects["ctc"] = np.where(objects.index < n_ctcs, objects.index, -1)
    objects["her2_class"] = pd.Series(
        # a cell without cytokeratin is only seen when it has HER2
        [*classes, *rng.choice(IF_SCORES[2:], n_negative), *[""] * (len(objects) - n_ctcs - n_negative)],
        index=objects.index,
        dtype=object,
    )
    _add_sizes(rng, objects, cells)
    _add_stains(rng, objects, cells, her2)
    _place(rng, objects, size_um, cells)
    objects["psf_um"] = rng.uniform(*psf_um, len(objects))
    # numbered along the slide, so that neither kind nor class can be told from the number
    objects = objects.sort_values(["y_um", "x_um"], ignore_index=True)
    objects.insert(0, "number", np.arange(1, len(objects) + 1))
    return objects


def _classes(rng: np.random.Generator, given: Mapping[str, float] | Sequence[str], n: int) -> list[str]:
    """Return the HER2 class of each CTC: as listed, or in the given shares, rounded, in random order."""
    for name in given:
        one_of("her2_classes", name, IF_SCORES)
    if not isinstance(given, Mapping):
        if len(given) != n:
            raise ParameterError(f"her2_classes: {len(given)} classes listed for {n} CTCs")
        return list(given)
    for name, share in given.items():
        in_range(f"her2_classes[{name!r}]", share, 0)
    weights = np.array([given.get(name, 0.0) for name in IF_SCORES], dtype=float)
    if not weights.sum() > 0:
        raise ParameterError("her2_classes: expected at least one class with a share above 0")
    exact = weights / weights.sum() * n
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: n - counts.sum()]] += 1
    return list(rng.permutation(np.repeat(IF_SCORES, counts)))


def _log_normal(rng: np.random.Generator, median: float, sd_log: float, n: int) -> np.ndarray:
    return median * np.exp(rng.normal(0.0, sd_log, n))


def _add_sizes(rng: np.random.Generator, objects: pd.DataFrame, cells: SlideCells) -> None:
    kinds, n = objects["kind"].to_numpy(), len(objects)
    tumour = np.isin(kinds, (CTC, CK_NEGATIVE))
    large = _log_normal(rng, cells.ctc_diameter_um, cells.ctc_diameter_sd_log, n).clip(*cells.ctc_diameter_range_um)
    small = _log_normal(rng, cells.leukocyte_diameter_um, cells.leukocyte_diameter_sd_log, n)
    nucleus = np.where(tumour, large * cells.ctc_nucleus_ratio, small * cells.leukocyte_nucleus_ratio)
    diameter = np.select(
        [tumour, kinds == LEUKOCYTE, kinds == BARE, kinds == DEBRIS],
        [large, small, nucleus, rng.uniform(*_DEBRIS_DIAMETER_UM, n)],
        rng.uniform(*_BLOB_DIAMETER_UM, n),
    )
    objects["diameter_um"] = diameter
    objects["lobed"] = (kinds == LEUKOCYTE) & (rng.random(n) < cells.lobed)
    objects["nucleus_um"] = np.where(np.isin(kinds, (DEBRIS, BLOB)), 0.0, nucleus)


def _add_stains(rng: np.random.Generator, objects: pd.DataFrame, cells: SlideCells, her2: HER2Stain) -> None:
    """Add the mean intensities and the HER2 in units of the leukocyte background."""
    kinds, n = objects["kind"].to_numpy(), len(objects)
    is_kind = [kinds == kind for kind in KINDS]
    blob = rng.uniform(*_BLOB_INTENSITY, (4, n))
    medians = {
        "dapi": (cells.dapi, cells.dapi, cells.dapi, 0.0, cells.dapi, blob[0]),
        "ck": (cells.ck, cells.ck_leukocyte, cells.ck_leukocyte, cells.ck, 1.0, blob[1]),
        "cd45": (cells.cd45_ctc, cells.cd45_ctc, cells.cd45, cells.cd45_ctc, 1.0, blob[2]),
    }
    spread = {"dapi": cells.dapi_sd_log, "ck": cells.ck_sd_log, "cd45": cells.cd45_sd_log}
    for name, values in medians.items():
        objects[name] = np.select(is_kind, list(values)) * _log_normal(rng, 1.0, spread[name], n)
    reached = rng.uniform(*her2.masking) * her2.staining
    units = _log_normal(rng, 1.0, her2.leukocyte_sd_log, n)
    classes = objects["her2_class"].to_numpy()
    stained = np.array([her2.medians.get(name, 1.0) for name in classes]) * _log_normal(rng, 1.0, her2.sd_log, n)
    floor = np.minimum(stained, 1.0)
    units = np.where(classes != "", floor + (stained - floor) * reached, units)
    objects["her2_floor"] = np.where(classes != "", floor, units)
    fainter = np.select([kinds == BARE, kinds == DEBRIS], [0.02, 0.8], 1.0)
    objects["her2_units"] = units * fainter
    objects["her2_floor"] *= fainter
    objects["her2_blob"] = np.where(kinds == BLOB, blob[3], 0.0)


def _place(rng: np.random.Generator, objects: pd.DataFrame, size_um: tuple[float, float], cells: SlideCells) -> None:
    """Lay the objects out at random without touching, apart from the clusters."""
    leaders, followers = _clusters(rng, objects["kind"].to_numpy(), cells)
    radius = objects["diameter_um"].to_numpy() * (0.5 * (1 + 2 * cells.irregularity))
    reach = radius.copy()
    np.maximum.at(reach, leaders, radius[leaders] + 2 * radius[followers])
    places = np.full((len(objects), 2), np.nan)
    taken = _Taken(2 * reach.max(initial=1.0) + _GAP_UM)
    alone = np.setdiff1d(np.arange(len(objects)), followers)
    for index in alone[np.argsort(-reach[alone], kind="stable")]:
        places[index] = taken.place(rng, size_um, reach[index])
    angle = rng.uniform(0, 2 * math.pi, len(followers))
    distance = objects["diameter_um"].to_numpy()[leaders] + objects["diameter_um"].to_numpy()[followers]
    step = np.stack([np.sin(angle), np.cos(angle)], axis=1) * (_TOUCHING * distance / 2)[:, None]
    places[followers] = places[leaders] + step
    objects["y_um"], objects["x_um"] = places[:, 0], places[:, 1]
    cluster = np.zeros(len(objects), dtype=int)
    cluster[leaders] = cluster[followers] = np.arange(1, len(leaders) + 1)
    objects["cluster"] = cluster


def _clusters(rng: np.random.Generator, kinds: np.ndarray, cells: SlideCells) -> tuple[np.ndarray, np.ndarray]:
    """Return who leads each pair of touching cells and who follows."""
    tumour = rng.permutation(np.flatnonzero(kinds == CTC))
    blood = rng.permutation(np.flatnonzero(kinds == LEUKOCYTE))
    n_ctc = min(round(len(tumour) * cells.clusters), len(blood))
    n_both = n_ctc // 2
    n_pairs = min(round(len(blood) * cells.leukocyte_pairs), len(blood) - n_ctc) // 2
    # the first CTCs touch one another, one more touches a leukocyte where the number is odd
    leaders = [tumour[:n_both], tumour[2 * n_both : n_ctc]]
    followers = [tumour[n_both : 2 * n_both], blood[: n_ctc - 2 * n_both]]
    rest = blood[n_ctc - 2 * n_both :]
    leaders.append(rest[:n_pairs])
    followers.append(rest[n_pairs : 2 * n_pairs])
    return np.concatenate(leaders), np.concatenate(followers)


class _Taken:
    """Discs that are taken, in a coarse grid."""

    def __init__(self, cell: float) -> None:
        self._cell = cell
        self._grid: dict[tuple[int, int], list[tuple[float, float, float]]] = {}

    def place(self, rng: np.random.Generator, size_um: tuple[float, float], reach: float) -> tuple[float, float]:
        """Return a free place for a disc and take it."""
        margin = reach + _GAP_UM
        if min(size_um) <= 2 * margin:
            raise ParameterError(
                f"shape: {size_um[0]:g} x {size_um[1]:g} um are too small for an object of {reach:g} um"
            )
        for _ in range(_PLACE_TRIES):
            y, x = rng.uniform(margin, size_um[0] - margin), rng.uniform(margin, size_um[1] - margin)
            if self._is_free(y, x, margin):
                self._grid.setdefault((int(y // self._cell), int(x // self._cell)), []).append((y, x, margin))
                return y, x
        raise ParameterError("shape: no room left for the cells; ask for fewer or for a larger slide")

    def _is_free(self, y: float, x: float, margin: float) -> bool:
        row, column = int(y // self._cell), int(x // self._cell)
        return not any(
            (y - other[0]) ** 2 + (x - other[1]) ** 2 < (margin + other[2] - _GAP_UM) ** 2
            for near_row in range(row - 1, row + 2)
            for near_column in range(column - 1, column + 2)
            for other in self._grid.get((near_row, near_column), ())
        )
