"""Which format the images of a slide have, told from their content: one table, first match wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from her2plastic._errors import InputFileError, one_of
from her2plastic.io import image_folders, ngff_slides, ome_sets, picture_planes, tiff_slides
from her2plastic.io.opening import first_bytes
from her2plastic.io.stored_slide import SlideReader


class SlideLook:
    """What the sniffers look at; each part is read once, when first asked for."""

    def __init__(self, path: Path, pattern: str | None) -> None:
        self.path = path
        self.pattern = pattern
        self.is_folder = path.is_dir()

    @cached_property
    def start(self) -> bytes:
        """First bytes of a file."""
        return b"" if self.is_folder else first_bytes(self.path)

    @cached_property
    def images(self) -> list[Path]:
        """The image files of a folder."""
        return image_folders.image_files(self.path) if self.is_folder else []

    @cached_property
    def are_fields(self) -> bool:
        """Whether the names of a folder's files tell fields and channels; an OME-TIFF of several tells its own."""
        return bool(self.images) and image_folders.told_pattern(self.images) is not None and not self.is_ome_tiff

    @cached_property
    def is_ome_tiff(self) -> bool:
        """Whether it is a TIFF with OME-XML, or a folder with the files of one."""
        if self.is_folder:
            return ome_sets.is_ome_set(self.images)
        if not self.start.startswith(tiff_slides.TIFF_STARTS):
            return ome_sets.is_companion(self.path, self.start)
        with tiff_slides.opened(self.path) as file:
            return bool(file.is_ome)


@dataclass(frozen=True)
class SlideFormat:
    """A row of the table: name, what it is, how it is recognised, how it is read."""

    name: str
    what: str
    recognises: Callable[[SlideLook], bool]
    read: SlideReader


#: Order matters: an OME-TIFF is a TIFF, and a folder is read by the pattern that is said.
SLIDE_FORMATS: tuple[SlideFormat, ...] = (
    SlideFormat(
        "fields",
        "a folder with files named by a pattern",
        lambda look: look.is_folder and (look.pattern is not None or look.are_fields),
        image_folders.read_pattern,
    ),
    SlideFormat("ome-zarr", "OME-Zarr 0.4 or 0.5", lambda look: ngff_slides.is_zarr(look.path), ngff_slides.read_ngff),
    SlideFormat(
        "ome-tiff", "OME-TIFF, of one or several files", lambda look: look.is_ome_tiff, ome_sets.read_ome_files
    ),
    SlideFormat(
        "tiff",
        "TIFF, a page a channel",
        lambda look: look.start.startswith(tiff_slides.TIFF_STARTS),
        image_folders.read_plain,
    ),
    SlideFormat(
        "picture",
        "PNG or JPEG",
        lambda look: look.start.startswith((picture_planes.PNG_START, picture_planes.JPEG_START)),
        image_folders.read_plain,
    ),
    SlideFormat(
        "channels",
        "a folder with a file a channel",
        lambda look: image_folders.are_channels(look.images),
        image_folders.read_channels,
    ),
    SlideFormat(
        "gallery",
        "thumbnails of several channels: a folder, or a TIFF with several series",
        lambda look: bool(look.images),
        image_folders.read_gallery,
    ),
)

SLIDE_FORMAT_NAMES: tuple[str, ...] = tuple(row.name for row in SLIDE_FORMATS)


def sniff_slide(path: Path, *, said: str = "auto", pattern: str | None = None) -> SlideFormat:
    """Return the format of the images of a slide: the one said, or the first that recognises the file or folder."""
    one_of("format", said, ("auto", *SLIDE_FORMAT_NAMES))
    if not path.exists():
        raise InputFileError(f"{path}: no such file or folder. Check the path.")
    if path.is_dir() and not any(path.iterdir()):
        raise InputFileError(f"{path}: the folder is empty.")
    if path.is_file() and path.stat().st_size == 0:
        raise InputFileError(f"{path}: the file is empty (0 bytes). Copy or export it again.")
    look = SlideLook(path, pattern)
    for row in SLIDE_FORMATS:
        if row.name == said or (said == "auto" and row.recognises(look)):
            return row
    known = ", ".join(f"{row.name} ({row.what})" for row in SLIDE_FORMATS)
    raise InputFileError(f"{path}: no picture of a known format. Known are {known}.")
