"""Opens results and slide stores in napari, and tells them at a glance from other people's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from her2plastic.review.layers.slide_layers import LayerData, field_layers

Reader = Callable[[Any], list[LayerData]]
#: Slides that are put on the canvas; only the first of them is visible at once.
MOST_SLIDES: Final = 12
_CELLS: Final = "cells.h5ad"
_STORES: Final = "slides"


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return what reads a path, or None where it is not one of ours.

    Parameters
    ----------
    path
        A results folder of ``her2plastic slide``, its ``cells.h5ad``, a store of a slide or an AnnData beside such
        stores. Of several paths, none is taken.
    """
    if not isinstance(path, str | Path) or not _is_ours(Path(path)):
        return None
    return read_slides


def _is_ours(path: Path) -> bool:
    if path.suffix == ".h5ad":
        return (path.parent / _STORES).is_dir()
    if path.suffix == ".zarr":
        # a store of ours has a table of cells beside its image
        return (path / "tables").is_dir() or (path / "obs").is_dir() and (path.parent / _STORES).is_dir()
    if path.suffix == ".csv" and path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            return "image_path" in file.readline()
    return path.is_dir() and (path / _CELLS).is_file() and (path / _STORES).is_dir()


def read_slides(path: str | Path) -> list[LayerData]:
    """Return the layers of every slide with its objects; the first one visible.

    Raises
    ------
    Her2plasticError
        The path cannot be opened, with what to do about it.
    """
    from her2plastic.review.pictures import open_review_data

    data = open_review_data(path)
    try:
        return list(_layers_of(data.pictures))
    finally:
        data.pictures.close()


def _layers_of(pictures: Any) -> Iterator[LayerData]:
    ranges = pictures.display_ranges()
    names = pictures.slides[:MOST_SLIDES]
    for place, name in enumerate(names):
        slide = pictures.slide(name)
        field = slide.fields[0].name
        levels = pictures.slide_levels(name, field=field)
        yield from field_layers(
            levels, slide.channels, ranges, pixel_size_um=slide.pixel_size_um, visible=place == 0,
            labels=pictures.label_levels(name, field=field), prefix=f"{name} " if len(names) > 1 else "",
        )  # fmt: skip
