"""One slide with its labels, cells and crops as a store on disk, whole or not there."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column
from her2plastic._errors import OutputFolderError, ParameterError, from_extra
from her2plastic.io import store_layout
from her2plastic.io.ngff_slides import NOTES
from her2plastic.io.slide import Slide
from her2plastic.io.store_images import write_image, write_labels

if TYPE_CHECKING:
    from anndata import AnnData

_TRIES, _PAUSE_S = 50, 0.1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Segmented(Protocol):
    """What is written of a segmentation: its slide, and per field a label image of nuclei and of cells."""

    @property
    def slide(self) -> Slide:
        """The slide."""

    @property
    def nuclei(self) -> Any:
        """Per field a label image, shape (y, x)."""

    @property
    def cells(self) -> Any:
        """Per field a label image, shape (y, x)."""

    @property
    def damaged(self) -> tuple[str, ...]:
        """Regions that could not be read, in words."""


def write_slide_cells(
    adata: AnnData,
    path: str | Path,
    *,
    segmentation: Segmented,
    crops: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a slide and its cells as OME-Zarr in the layout of SpatialData.

    spatialdata, squidpy and napari-spatialdata open it as it is: ``images/image`` and ``labels/cells``,
    ``labels/nuclei`` with their pyramids (one of each a field, called ``image_{field}`` and so on, where there are
    several), and ``tables/table``, whose rows annotate the label images of the cells. Coordinates are micrometres on
    the slide. What of the image cannot be read is zero, and said in the attributes of its group.

    Parameters
    ----------
    adata
        The cells of this slide, as ``im.measure`` returns them; it is not changed. Some may have been left out.
    path
        Target, usually ``name.zarr``. The store is whole or not there: it is written beside it and renamed.
    segmentation
        What the cells were measured on.
    crops
        Arrays by name, as of pictures of candidates and their masks; they become the group ``crops``. Text and numbers
        among them become attributes.
    overwrite
        Replace a store that is there.

    Returns
    -------
    None

    Raises
    ------
    OutputFolderError
        If the target is there already, the disk is full, or nothing can be written there.
    ParameterError
        If the cells are not of this segmentation.
    MissingKeyError
        If the cells do not say which object of which field they are.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> segmentation = hp.im.segment(made.slide)
    >>> objects = hp.im.measure(segmentation)
    >>> hp.io.write_slide_cells(objects, "slide.zarr", segmentation=segmentation)
    >>> hp.io.read_slide("slide.zarr").channels
    ('DAPI', 'CK', 'CD45', 'HER2')
    """
    path, slide = Path(path), segmentation.slide
    zarr = from_extra("zarr", extra="imaging")
    table = _annotating_table(adata, slide)
    with whole_folder(path, overwrite=overwrite) as part:
        root = zarr.open_group(part, mode="w-", zarr_format=3)
        damaged = [*slide.damaged, *segmentation.damaged]
        images, labels = root.create_group(store_layout.IMAGES), root.create_group(store_layout.LABELS)
        for field, name in enumerate(store_layout.element_names(slide, "image")):
            group = images.create_group(name)
            levels, lost = write_image(group, slide, field)
            damaged += [text for text in lost if text not in damaged]
            notes = {NOTES: _notes(slide, lost) | {"place": field, "field": slide.fields[field].name}}
            group.attrs.update(store_layout.image_attributes(name, slide, field, levels) | notes)
        written = []
        for kind, all_labels in (("cells", segmentation.cells), ("nuclei", segmentation.nuclei)):
            for field, name in enumerate(store_layout.element_names(slide, kind)):
                group = labels.create_group(name)
                levels = write_labels(group, all_labels[field])
                group.attrs.update(store_layout.label_attributes(name, slide, field, levels))
                written.append(name)
        labels.attrs["ome"] = {"labels": written}
        _write_tables(part / store_layout.TABLES, table)
        if crops is not None:
            _write_crops(root.create_group(store_layout.CROPS), crops)
        writer = f"her2plastic {version('her2plastic')}"
        root.attrs.update(store_layout.container_attributes(writer) | {NOTES: _notes(slide, damaged)})


def _notes(slide: Slide, damaged: list[str]) -> dict[str, Any]:
    """Return what a reader of the image alone must know of its pixels."""
    notes: dict[str, Any] = {"slide_id": slide.slide_id, "source": slide.source, "damaged": damaged}
    if slide.saturation < float("inf"):
        notes |= {"bit_depth": slide.bit_depth, "saturation": slide.saturation}
    return notes


def _annotating_table(adata: AnnData, slide: Slide) -> AnnData:
    """Return a copy of the cells whose rows name the label image and the number of their object."""
    remedy = "Measure the cells with her2plastic.im.measure."
    names = obs_column(adata, _keys.FIELD, remedy=remedy).astype(str)
    obs_column(adata, _keys.INSTANCE_ID, remedy=remedy)
    others = set(obs_column(adata, _keys.SLIDE_ID, remedy=remedy).astype(str)) - {slide.slide_id}
    if others:
        raise ParameterError(
            f"adata holds cells of {', '.join(sorted(others)[:3])}; expected those of slide {slide.slide_id!r} only"
        )
    regions = dict(zip((field.name for field in slide.fields), store_layout.element_names(slide, "cells"), strict=True))
    if strange := sorted(set(names) - set(regions)):
        raise ParameterError(
            f"adata holds cells of the fields {', '.join(strange[:3])}; slide {slide.slide_id!r} has no such fields"
        )
    table = adata.copy()
    used = [region for name, region in regions.items() if (names == name).any()]
    table.obs[_keys.REGION] = pd.Categorical(names.map(regions), categories=used)
    if used:
        table.uns[_keys.SPATIALDATA] = store_layout.annotation(used)
    else:  # nothing is annotated, and an empty table that says it did would not be opened
        table.uns.pop(_keys.SPATIALDATA, None)
    return table


def _write_tables(folder: Path, table: AnnData) -> None:
    """Write a group of one table, its hundreds of pieces made in memory: one by one zarr takes three times as long."""
    import zarr
    from anndata.io import write_elem

    pieces: dict[str, Any] = {}
    root = zarr.open_group(zarr.storage.MemoryStore(pieces), mode="w-", zarr_format=3)
    with written_for_all():
        write_elem(root, store_layout.TABLE, table)
    regions = list(table.obs[_keys.REGION].cat.categories)
    root[store_layout.TABLE].attrs.update(store_layout.table_attributes(regions))
    for name in sorted(pieces):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(pieces.pop(name).to_bytes())


def _write_crops(group: Any, crops: Mapping[str, Any]) -> None:
    for name, value in crops.items():
        if np.ndim(value) and np.asarray(value).dtype.kind in "biuf":
            values = np.asarray(value)
            chunks = (1, *values.shape[1:]) if values.ndim > 2 else values.shape
            group.create_array(name, shape=values.shape, chunks=tuple(max(1, n) for n in chunks), dtype=values.dtype)
            group[name][...] = values
        else:
            group.attrs[name] = [str(item) for item in value] if np.ndim(value) else value


@contextmanager
def written_for_all() -> Iterator[None]:
    """Let AnnData write zarr, as it writes h5ad, so that it is readable under pandas 2 and 3 alike."""
    from anndata import settings

    chosen = {"allow_write_nullable_strings": False}
    if hasattr(settings, "auto_shard_zarr_v3"):  # nobody said so: anndata 0.12 warns of its next default
        chosen["auto_shard_zarr_v3"] = False
    with settings.override(**chosen):
        yield


@contextmanager
def whole_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary folder beside ``path``, and rename it into place once it is written."""
    if path.exists() and not overwrite:
        raise OutputFolderError(f"{path}: is there already. Say overwrite=True to replace it, or another name.")
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _put(part, path)
    except OSError as fault:
        if isinstance(fault, OutputFolderError):
            raise
        why = "the disk is full" if fault.errno in _FULL else str(fault.strerror or fault)
        raise OutputFolderError(
            f"{path}: could not be written: {why}. Nothing of it was kept, and what stood there before still does. "
            "Make room or choose another folder, and write it again."
        ) from fault
    finally:
        _remove(part)


def _remove(part: Path) -> None:
    """Remove what is left of an unfinished folder."""
    for _ in range(_TRIES):
        shutil.rmtree(part, ignore_errors=True)
        if not part.exists():
            return
        time.sleep(_PAUSE_S)  # chunks that were under way when one of them failed are still being written


def _put(part: Path, path: Path) -> None:
    """Rename a finished folder to its place; what stood there is only removed once the new one stands."""
    if not path.exists():
        part.replace(path)
        return
    old = path.with_name(f".{path.name}.{uuid4().hex[:8]}.old")
    path.replace(old)
    part.replace(path)
    if old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink()
