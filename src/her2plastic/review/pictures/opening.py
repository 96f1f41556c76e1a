"""The cells to be reviewed and their pictures, from whatever path a person names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash
from her2plastic._errors import InputFileError, ReviewError
from her2plastic.io.image_columns import IMAGE_PATH
from her2plastic.io.ngff_slides import is_zarr
from her2plastic.io.opening import HDF5_MAGIC, first_bytes
from her2plastic.io.store_layout import TABLE, TABLES
from her2plastic.io.text_rows import read_text_rows
from her2plastic.review.pictures.cell_pictures import CellPictures
from her2plastic.review.pictures.cell_places import places_of
from her2plastic.review.pictures.cell_tables import read_cells
from her2plastic.review.pictures.finding_images import images_in, is_store
from her2plastic.review.pictures.slide_images import SlideImages

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger(__name__)

#: What results call the table of cells, and the folder of the slides' stores.
TABLE_NAMES, _STORES = ("cells.h5ad", "cells.zarr"), "slides"
#: Where the cells of the slides lie if those of the folder itself are of another kind, as in the demo's results.
_BESIDE_EXPRESSION = "images"


@dataclass(frozen=True)
class ReviewData:
    """What is reviewed.

    Attributes
    ----------
    adata
        The cells; ``obs["cell_id"]`` names each.
    pictures
        Their pictures.
    name
        What a person calls the data set: the name of its folder or file.
    fingerprint
        Digest of the cells' names and places: the same for the same cells, wherever they are moved to.
    """

    adata: AnnData
    pictures: CellPictures
    name: str
    fingerprint: str


def open_review_data(path: str | Path, *, images: str | Path | None = None) -> ReviewData:
    """Open cells with their pictures. Of the images nothing but metadata is read.

    Parameters
    ----------
    path
        The results folder of ``her2plastic slide`` or of ``her2plastic demo``; its ``cells.h5ad``; an AnnData as zarr,
        or expression that images were joined to, beside the stores of the slides or their folder ``slides``; the store
        of one slide; or the sample sheet of slides that were measured.
    images
        Where the images are, if not there: a store, a folder of stores, or a sample sheet.

    Returns
    -------
    Cells and pictures. Cells whose picture cannot be had stand in ``pictures.missing`` with the reason.

    Raises
    ------
    ReviewError
        Where no cell has a picture, or two cells have one name.
    InputFileError
        For a file that is none of these, damaged, or of a version that is not known.
    MissingKeyError
        Where the table does not say where its cells lie.
    """
    path = Path(path)
    table, around = _table_and_images(path)
    if images is not None:
        around = [Path(images)]
    adata = read_cells(table)
    wanted = {name for name in places_of(adata).slide.tolist() if name}
    found: dict[str, SlideImages] = {}
    lost: dict[str, str] = {}
    for place in around:
        images_in(place, wanted - set(found), found, lost)
    pictures = CellPictures(adata, found, lost=lost)
    if len(pictures.missing) == adata.n_obs:
        raise ReviewError(_no_picture(table, around, pictures))
    if pictures.missing:
        _log.warning("%s: %d of %d cells have no picture", path, len(pictures.missing), adata.n_obs)
    return ReviewData(adata, pictures, _name_of(path), _fingerprint(adata))


def _table_and_images(path: Path) -> tuple[Path, list[Path]]:
    """Return the file or group that holds the cells, and where their images may be."""
    if not path.exists():
        raise InputFileError(f"{path}: no such file or folder. Check the path; was it moved?")
    if path.is_dir():
        if is_store(path):
            return path / TABLES / TABLE, [path]
        if is_zarr(path):
            return path, _around(path)
        for folder in (path / _BESIDE_EXPRESSION, path):
            for name in TABLE_NAMES:
                if (folder / name).exists():
                    return folder / name, _around(folder / name)
        if path.name == _STORES and any((path.parent / name).exists() for name in TABLE_NAMES):
            return _table_and_images(path.parent)
        raise InputFileError(
            f"{path}: holds neither {' nor '.join(TABLE_NAMES)}, and is no image store; expected the results folder of "
            "`her2plastic slide`, or one of its files."
        )
    if first_bytes(path, len(HDF5_MAGIC)) == HDF5_MAGIC:
        return path, _around(path)
    table = _measured_from(path)
    return table, [table.parent / _STORES, path]  # stores have outlines and pyramids


def _around(table: Path) -> list[Path]:
    """Return where the images of a table's cells may be."""
    home = table.parent
    further = [home.parent / _STORES] if home.resolve().name == _BESIDE_EXPRESSION else []
    return [home / _STORES, home, *further]


def _measured_from(sheet: Path) -> Path:
    """Return the cells that were measured on the slides of a sample sheet: beside it, or in a folder beside it."""
    columns = read_text_rows(sheet, what="sample sheet", columns=(_keys.SAMPLE_ID, IMAGE_PATH))[0][0]
    if not {_keys.SAMPLE_ID, IMAGE_PATH} <= {str(name) for name in columns}:
        raise InputFileError(
            f"{sheet}: is no sample sheet of slides: expected the columns {_keys.SAMPLE_ID!r} and {IMAGE_PATH!r}, "
            f"found {', '.join(columns)}. Open the results of `her2plastic slide`, or a sheet that names its slides."
        )
    places = [sheet.parent, *sorted(item for item in sheet.parent.iterdir() if item.is_dir())]
    tables = [place / name for place in places for name in TABLE_NAMES if (place / name).exists()]
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise ReviewError(
            f"{sheet}: is a sample sheet, and no cells were measured on its slides yet: nothing of the kind of "
            f"*/{TABLE_NAMES[0]} lies beside it. Run `her2plastic slide` first, and open its results."
        )
    listed = ", ".join(table.parent.name for table in tables)
    raise ReviewError(f"{sheet}: several results lie beside this sheet ({listed}). Open one of these folders.")


def _no_picture(table: Path, around: Iterable[Path], pictures: CellPictures) -> str:
    reasons = Counter(pictures.missing.values()).most_common(2)
    told = "; ".join(f"{reason} ({n:,} cells)" for reason, n in reasons)
    looked = ", ".join(str(place) for place in around)
    return f"{table}: none of its {len(pictures.missing):,} cells has a picture: {told}. Looked in {looked}."


def _name_of(path: Path) -> str:
    whole = path.resolve()
    return whole.parent.name if whole.name in TABLE_NAMES else whole.name.removesuffix(".zarr").removesuffix(".h5ad")


def _fingerprint(adata: AnnData) -> str:
    places = places_of(adata)
    order = np.argsort(places.cell_id.astype(str))
    return input_hash(places.cell_id[order], places.slide[order], places.number[order])
