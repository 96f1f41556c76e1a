"""Where the images of slides are: in stores, in a folder of stores, or in the files that a sample sheet names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from her2plastic import io
from her2plastic._errors import Her2plasticError, InputFileError, SampleSheetError
from her2plastic.io.ngff_slides import NOTES, attributes, is_zarr
from her2plastic.io.store_layout import IMAGES
from her2plastic.review.pictures.slide_images import SlideImages


def is_store(path: Path) -> bool:
    """Tell whether a folder is the store of a slide."""
    return is_zarr(path) and is_zarr(path / IMAGES)


def images_in(place: Path, wanted: Collection[str], found: dict[str, SlideImages], lost: dict[str, str]) -> None:
    """Add the slides of a place that are wanted to those found, and those that cannot be opened to the lost ones."""
    if is_store(place):
        # one that another program wrote says no slide: it holds the only one that there is
        _open_store(place, wanted, found, lost, otherwise=next(iter(wanted)) if len(wanted) == 1 else "")
    elif place.is_dir():
        for item in sorted(place.iterdir()):
            if is_store(item):
                _open_store(item, wanted, found, lost)
    elif place.is_file() and wanted:
        _open_sheet(place, wanted, found, lost)


def _open_store(
    store: Path, wanted: Collection[str], found: dict[str, SlideImages], lost: dict[str, str], *, otherwise: str = ""
) -> None:
    name = store.name.removesuffix(".zarr")
    try:
        name = _slide_name(store) or otherwise or name
        if name in wanted and name not in found:
            found[name] = SlideImages(io.read_slide(store, slide_id=name), store)
            lost.pop(name, None)
    except Her2plasticError as fault:
        lost.setdefault(name, str(fault))


def _slide_name(store: Path) -> str:
    """Return the name of the slide that a store says it holds; empty where it says none."""
    said = attributes(store)[NOTES]
    return str(said.get("slide_id") or "") if isinstance(said, Mapping) else ""


def _open_sheet(sheet: Path, wanted: Collection[str], found: dict[str, SlideImages], lost: dict[str, str]) -> None:
    try:
        slides = io.read_slides(sheet, on_error="skip")
    except (SampleSheetError, InputFileError) as fault:
        lost |= dict.fromkeys(wanted, str(fault))
        return
    for one in slides:
        if one.sample_id in wanted:
            found[one.sample_id] = SlideImages(one.slide)
