"""OME-TIFFs of several files: any of them, their folder, or the companion file with their metadata stands for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from her2plastic._errors import InputFileError
from her2plastic.io.ome_xml import named_files, with_companion
from her2plastic.io.opening import first_bytes
from her2plastic.io.stored_slide import SlideOptions, StoredSlide
from her2plastic.io.tiff_slides import TIFF_STARTS, opened, read_ome_tiff

_COMPANION = ".companion.ome"


def is_companion(path: Path, start: bytes) -> bool:
    """Tell whether a file holds the metadata of an OME-TIFF set."""
    return path.name.endswith(_COMPANION) and start.lstrip(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def is_ome_set(files: Sequence[Path]) -> bool:
    """Tell whether the first image file of a folder is one of an OME-TIFF set."""
    if not files or not first_bytes(files[0]).startswith(TIFF_STARTS):
        return False
    with opened(files[0]) as file:
        xml = file.ome_metadata if file.is_ome else None
    return xml is not None and len(named_files(files[0], with_companion(files[0], xml))) > 1


def read_ome_files(path: Path, options: SlideOptions) -> StoredSlide:
    """Read an OME-TIFF by one of its files, its folder or its companion file."""
    return read_ome_tiff(_one_of_them(path), options)


def _one_of_them(path: Path) -> Path:
    if path.is_dir():
        found = [file for file in sorted(path.iterdir()) if file.is_file() and _is_tiff(file)]
        if not found:
            raise InputFileError(f"{path}: holds no TIFF file.")
        return found[0]
    if not path.name.endswith(_COMPANION):
        return path
    found = [path.parent / name for name in named_files(path, path.read_text(encoding="utf-8-sig"))]
    if missing := [file.name for file in found if not file.is_file()]:
        raise InputFileError(
            f"{path}: {', '.join(missing)} of its set is not beside it. Put all files into one folder."
        )
    if not found:
        raise InputFileError(f"{path}: names no TIFF file.")
    return found[0]


def _is_tiff(path: Path) -> bool:
    return first_bytes(path).startswith(TIFF_STARTS)
