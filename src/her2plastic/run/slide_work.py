"""One slide of a run: found again if it is whole, or segmented, measured and kept."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from her2plastic import im, io
from her2plastic._access import record_step
from her2plastic._errors import ConfigError
from her2plastic.run.interruption import go_on
from her2plastic.run.kept_marks import key_of
from her2plastic.run.kept_slides import KeptSlides
from her2plastic.run.provenance import plain

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im import Segmentation
    from her2plastic.io import Slide

LABELS: Final = "labels.zarr"
#: Seconds that a scheduler may take to answer.
_PATIENCE: Final = 10.0
OBJECTS: Final = "objects.csv"
MEASURED: Final = "measured.h5ad"


@dataclass(frozen=True)
class Labour:
    """Who does the work, and whether a bar is shown. No result depends on any of it."""

    tile_size: int = 1024
    workers: int = 1
    scheduler: str | None = None
    progress: bool = False

    def options(self) -> dict[str, Any]:
        """Return what ``im.segment`` and ``im.measure`` take."""
        return {
            "tile_size": self.tile_size, "workers": self.workers, "scheduler": self.scheduler,
            "progress": self.progress,
        }  # fmt: skip


def refuse_silent_scheduler(address: str) -> None:
    """Raise a ConfigError unless something answers at a scheduler's address; every slide would wait for it."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("tcp", "tls") or parts.hostname is None or port is None:
        raise ConfigError(f"--scheduler {address}: expected an address like tcp://10.0.0.1:8786")
    try:
        socket.create_connection((parts.hostname, port), timeout=_PATIENCE).close()
    except OSError as error:
        raise ConfigError(
            f"--scheduler {address}: nothing answers there ({error}); start one with `dask scheduler`, or use --workers"
        ) from None


@dataclass(frozen=True)
class Measured:
    """A slide that is whole: its objects, its segmentation, and whether it was there already."""

    adata: AnnData
    segmentation: Segmentation
    key: str
    reused: bool


def recipe_of(slide: Slide, digests: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that a slide's objects and their measures depend on."""
    from her2plastic import __version__

    return {
        "version": __version__,
        "slide_id": slide.slide_id,
        "inputs": dict(digests),
        "channels": list(slide.channels),
        "pixel_size_um": slide.pixel_size_um,
        "bit_depth": slide.bit_depth,
        "saturation": str(slide.saturation),
        "fields": [[field.name, list(field.image.shape), list(field.origin_um)] for field in slide.fields],
        "parameters": plain(parameters),
    }


def measure_slide(
    slide: Slide, recipe: Mapping[str, Any], kept: KeptSlides, labour: Labour, *, resume: bool
) -> Measured:
    """Segment and measure a slide and keep it, or find it as it was kept."""
    key = key_of(recipe)
    folder = kept.find(key) if resume else None
    reused = folder is not None
    if folder is None:
        with kept.writing(key, {"slide_id": slide.slide_id}) as part:
            segmentation = im.segment(slide, store=part / LABELS, **labour.options())
            adata = im.measure(segmentation, **labour.options())
            record_step(adata, "segment", params=segmentation.params, n_objects=len(segmentation))
            io.write_h5ad(adata, part / MEASURED)
            segmentation.objects.to_csv(part / OBJECTS, index=False)
            go_on()  # what swallowed a Ctrl-C may have broken off: the slide is not kept
        folder = kept.find(key)
    assert folder is not None  # just written
    return _opened(slide, folder, key, reused)


def _opened(slide: Slide, folder: Path, key: str, reused: bool) -> Measured:
    import anndata
    import pandas as pd
    import zarr

    from her2plastic.im import Segmentation

    adata = anndata.read_h5ad(folder / MEASURED)
    labels = zarr.open_group(str(folder / LABELS), mode="r")
    nuclei, cells = (
        tuple(labels[f"{index}/{name}"] for index in range(len(slide.fields))) for name in ("nuclei", "cells")
    )
    objects = pd.read_csv(folder / OBJECTS, keep_default_na=False)
    return Measured(adata, Segmentation(slide, nuclei, cells, objects), key, reused)
