"""Which format the images of a slide have, told from their content: one table, first match wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from her2plastic._errors import InputFileError, one_of
from her2plastic.io import tiff_slides
from her2plastic.io.opening import first_bytes
from her2plastic.io.stored_slide import SlideReader

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class SlideLook:
    """What the sniffers look at; each part is read once, when first asked for."""

    def __init__(self, path: Path, pattern: str | None) -> None:
        self.path = path
        self.pattern = pattern
        self.is_folder = path.is_dir()

    @cached_property
    def is_tiff(self) -> bool:
        """Whether it starts as a TIFF, classic or big."""
        return not self.is_folder and first_bytes(self.path).startswith(_TIFF_STARTS)

    @cached_property
    def is_ome_tiff(self) -> bool:
        """Whether it is a TIFF with OME-XML."""
        if not self.is_tiff:
            return False
        with tiff_slides.opened(self.path) as file:
            return bool(file.is_ome)


@dataclass(frozen=True)
class SlideFormat:
    """A row of the table: name, what it is, how it is recognised, how it is read."""

    name: str
    what: str
    recognises: Callable[[SlideLook], bool]
    read: SlideReader


#: Order matters: an OME-TIFF is a TIFF.
SLIDE_FORMATS: tuple[SlideFormat, ...] = (
    SlideFormat("ome-tiff", "OME-TIFF", lambda look: look.is_ome_tiff, tiff_slides.read_ome_tiff),
    SlideFormat("tiff", "TIFF, a page a channel", lambda look: look.is_tiff, tiff_slides.read_tiff),
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
