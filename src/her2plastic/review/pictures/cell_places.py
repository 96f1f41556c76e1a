"""Where the cells of a table lie on their slides, and which of them can have no picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import as_names
from her2plastic._errors import MissingKeyError, ReviewError
from her2plastic.review.pictures.cell_picture import CellPlace
from her2plastic.review.session.ordering import cell_ids

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.review.pictures.slide_images import SlideImages


#: Side of the pieces that an image is stored in, pixels; near enough to read neighbours together.
_PIECE = 1024


@dataclass(frozen=True)
class CellPlaces:
    """The cells of a table by their name.

    Attributes
    ----------
    cell_id
        Names.
    slide, field, region
        Names of slide, field and label image of each cell; empty where there is none.
    number
        Of the cell in its label image; 0 where there is none.
    x_um, y_um
        Place on the slide; NaN where there is none.
    """

    cell_id: np.ndarray
    slide: np.ndarray
    field: np.ndarray
    region: np.ndarray
    number: np.ndarray
    x_um: np.ndarray
    y_um: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rows", {name: row for row, name in enumerate(self.cell_id.tolist())})

    def row(self, cell_id: str) -> int:
        """Return the row of a cell, or raise ReviewError for one that is not there."""
        rows: dict[str, int] = self._rows  # type: ignore[attr-defined]
        if cell_id not in rows:
            raise ReviewError(f"cell {cell_id!r} is not among the {len(rows):,} cells of this data set")
        return rows[cell_id]

    def reading_order(self, names: Sequence[str], images: Mapping[str, SlideImages]) -> np.ndarray:
        """Return the places of cells in the list in the order of the pieces of the files that hold them."""
        rows = np.array([self.row(name) for name in names], dtype=np.intp)
        sizes = {name: one.slide.pixel_size_um for name, one in images.items()}
        pitch = np.array([_PIECE * sizes.get(name, 1.0) for name in self.slide[rows].tolist()])
        down, across = self.y_um[rows] // pitch, self.x_um[rows] // pitch
        return np.lexsort((across, down, self.field[rows].astype(str), self.slide[rows].astype(str)))

    def place(self, row: int, images: SlideImages) -> CellPlace:
        """Return the place of the cell of a row on its slide."""
        slide, field = images.slide, images.place_of(self.field[row]) or 0
        y_um, x_um = float(self.y_um[row]), float(self.x_um[row])
        origin, size = slide.fields[field].origin_um, slide.pixel_size_um
        return CellPlace(
            slide.slide_id, slide.fields[field].name, (y_um - origin[0]) / size, (x_um - origin[1]) / size, y_um, x_um,
            size,
        )  # fmt: skip


@dataclass(frozen=True)
class Square:
    """A square of a field: its side, the window of the image that it covers, and where that lies in the square."""

    side: int
    window: tuple[slice, slice]
    to: tuple[slice, slice]


def square_around(place: CellPlace, size_um: float, shape: tuple[int, int]) -> Square:
    """Return the square of so many micrometres, rounded up to whole pixels, around a place of a field of this shape."""
    side = max(1, int(np.ceil(size_um / place.pixel_size_um - 1e-9)))
    corner = [int(np.floor(middle)) - side // 2 for middle in (place.y_px, place.x_px)]
    top, left = (slice(max(first, 0), min(first + side, end)) for first, end in zip(corner, shape, strict=True))
    to = tuple(slice(part.start - first, part.stop - first) for part, first in zip((top, left), corner, strict=True))
    return Square(side, (top, left), (to[0], to[1]))


def places_of(adata: AnnData) -> CellPlaces:
    """Return where the cells of a table lie: of a table of images, or of expression that images were joined to.

    Raises
    ------
    ReviewError
        Where two cells have one name.
    MissingKeyError
        Where the table does not say on which slide its cells lie, or where.
    """
    prefix = "" if _keys.SLIDE_ID in adata.obs else _keys.IMAGE_PREFIX
    if prefix + _keys.SLIDE_ID not in adata.obs:
        raise MissingKeyError(
            "obs", _keys.SLIDE_ID, adata.obs.columns,
            "Only cells that were measured on slides have pictures (`her2plastic slide`, or io.join_cells).",
        )  # fmt: skip
    if prefix + _keys.SPATIAL not in adata.obsm:
        raise MissingKeyError(
            "obsm", prefix + _keys.SPATIAL, adata.obsm.keys(), "Measure the cells with her2plastic.im.measure."
        )
    slide, field, region = (_words(adata, prefix + key) for key in (_keys.SLIDE_ID, _keys.FIELD, _keys.REGION))
    if _keys.HAS_IMAGE in adata.obs:
        has_image = adata.obs[_keys.HAS_IMAGE]
        slide = np.where(has_image.where(has_image.notna(), False).to_numpy(dtype=bool), slide, "")
    number, xy = _numbers(adata, prefix + _keys.INSTANCE_ID), _coordinates(adata, prefix + _keys.SPATIAL)
    return CellPlaces(cell_ids(adata), slide, field, region, number, xy[:, 0], xy[:, 1])


def _numbers(adata: AnnData, key: str) -> np.ndarray:
    """Return the numbers of the cells in their label images; 0 where there is none."""
    if key not in adata.obs:
        return np.zeros(adata.n_obs, dtype=np.int64)
    found = pd.to_numeric(adata.obs[key].astype(object), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = (np.isnan(found) & adata.obs[key].notna().to_numpy()) | (np.abs(found) > np.iinfo(np.int64).max // 2)
    if wrong.any():
        raise ReviewError(
            f"`obs[{key!r}]` holds {adata.obs[key].iloc[int(wrong.argmax())]!r}: expected the whole number of each "
            "cell in the outlines of its slide. Measure the cells with her2plastic.im.measure"
        )
    return np.nan_to_num(found).astype(np.int64)


def _coordinates(adata: AnnData, key: str) -> np.ndarray:
    """Return x and y of the cells, micrometres."""
    try:
        xy = np.asarray(adata.obsm[key], dtype=float)
    except (TypeError, ValueError) as fault:
        raise ReviewError(f"`obsm[{key!r}]` holds no numbers ({fault}): expected x and y of each cell in um") from fault
    if xy.ndim != 2 or xy.shape[1] < 2:
        raise ReviewError(f"`obsm[{key!r}]` is of shape {xy.shape}: expected x and y of each cell in um")
    return xy


def _words(adata: AnnData, key: str) -> np.ndarray:
    if key not in adata.obs:
        return np.full(adata.n_obs, "", dtype=object)
    column = adata.obs[key]
    return np.where(column.isna().to_numpy(), "", as_names(column)).astype(object)


def without_picture(places: CellPlaces, images: Mapping[str, SlideImages], lost: Mapping[str, str]) -> dict[str, str]:
    """Return the cells that can have no picture, with the reason; no pixel is read.

    ``images`` are the slides that were found, ``lost`` those that were found and cannot be opened.
    """
    reasons: dict[str, str] = {}
    for name in sorted(set(places.slide.tolist())):
        rows = np.flatnonzero(places.slide == name)
        if name not in images:
            reason = _why_no_slide(name, lost)
            reasons |= dict.fromkeys(places.cell_id[rows].tolist(), reason)
            continue
        for field in sorted(set(places.field[rows].tolist())):
            reasons |= _of_field(places, rows[places.field[rows] == field], images[name], field)
    return reasons


def _why_no_slide(name: str, lost: Mapping[str, str]) -> str:
    if not name:
        return "no image was joined to this cell"
    if name in lost:
        return lost[name]
    return f"the image of slide {name!r} was not found: it is missing, or was moved away from the cells"


def _of_field(places: CellPlaces, rows: np.ndarray, images: SlideImages, field: str) -> dict[str, str]:
    slide, number = images.slide, images.place_of(field)
    if number is None:
        reason = f"slide {slide.slide_id!r} has no field {field!r}"
        return dict.fromkeys(places.cell_id[rows].tolist(), reason)
    height, width = images.shape(number)
    y, x = ((um[rows] - origin) / slide.pixel_size_um for um, origin in
            zip((places.y_um, places.x_um), slide.fields[number].origin_um, strict=True))  # fmt: skip
    inside = (y >= 0) & (y <= height) & (x >= 0) & (x <= width)
    reasons = {}
    for at in np.flatnonzero(~inside):
        where = f"row {y[at]:,.0f}, column {x[at]:,.0f}" if np.isfinite(y[at] + x[at]) else "its place is not known"
        reasons[str(places.cell_id[rows[at]])] = (
            f"lies outside its image ({where}; slide {slide.slide_id!r} has {height:,} x {width:,} pixels)"
        )
    return reasons
