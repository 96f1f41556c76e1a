"""Slides in folders: a file a channel, a file a field, or both by a naming pattern; and galleries of thumbnails."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from her2plastic._errors import InputFileError, ParameterError
from her2plastic.io.channel_names import role_of
from her2plastic.io.colours import grey_as_one
from her2plastic.io.lazy_image import Plane
from her2plastic.io.opening import first_bytes
from her2plastic.io.picture_planes import is_picture, read_picture
from her2plastic.io.stored_slide import SlideOptions, StoredField, StoredSlide, agreed, gathered
from her2plastic.io.tiff_slides import TIFF_STARTS, opened, read_ome_tiff, read_tiff, read_tiff_series

_PLACEHOLDER = re.compile(r"(\{field\}|\{channel\})")
#: The field takes what it can get: in slide_1_DAPI.tif the channel of {field}_{channel}.tif is DAPI.
_NAMES = {"{field}": "(?P<field>[^/]+)", "{channel}": "(?P<channel>[^/]+?)"}


def read_file(path: Path, options: SlideOptions) -> StoredSlide:
    """Read one image file of any kind that is not a folder."""
    if is_picture(path):
        return read_picture(path, options)
    with opened(path) as file:
        is_ome = file.is_ome
    return read_ome_tiff(path, options) if is_ome else read_tiff(path, options)


def read_plain(path: Path, options: SlideOptions) -> StoredSlide:
    """Read a plain TIFF, PNG or JPEG as a slide of its own."""
    return grey_as_one(read_picture(path, options) if is_picture(path) else read_tiff(path, options))


def image_files(folder: Path) -> list[Path]:
    """Return the image files of a folder, hidden ones left out, sorted by name."""
    if not folder.is_dir():
        raise InputFileError(f"{folder}: is a file; expected a folder with image files.")
    return [path for path in sorted(folder.iterdir(), key=_natural) if not path.name.startswith(".") and is_image(path)]


def is_image(path: Path) -> bool:
    """Tell whether something is a file that starts as a TIFF, PNG or JPEG."""
    return path.is_file() and (first_bytes(path).startswith(TIFF_STARTS) or is_picture(path))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return what sorts field 10 after field 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def told_pattern(files: list[Path]) -> str | None:
    """Return the pattern by which files are named, if they are whole fields of channels called by their stains.

    ``f01_DAPI.tif``, ``f01_CK.tif``, ``f02_DAPI.tif``, ``f02_CK.tif``: every field has the same channels, at least one
    of them has the name of a stain, and there are several of both.
    """
    endings = {path.name[len(_stem(path)) :] for path in files}
    if len(endings) != 1:
        return None
    for sign in "_-. ":
        parts = [_stem(path).rpartition(sign) for path in files]
        channels: dict[str, set[str]] = {}
        for field, _, channel in parts:
            channels.setdefault(field, set()).add(channel)
        first = next(iter(channels.values()))
        whole = all(found == first for found in channels.values()) and "" not in channels
        if whole and len(channels) > 1 and len(first) > 1 and any(map(role_of, first)):
            return f"{{field}}{sign}{{channel}}{endings.pop()}"
    return None


def _stems(files: list[Path]) -> list[str]:
    """Return the names of files, without what all begin with (``s1_`` of ``s1_DAPI.tif``) if one then tells a role."""
    stems = [_stem(path) for path in files]
    shared = os.path.commonprefix(stems)
    prefix = shared[: max(shared.rfind(sign) for sign in "_-. ") + 1]
    short = [stem.removeprefix(prefix) for stem in stems]
    told = len(files) > 1 and not any(map(role_of, stems)) and any(map(role_of, short)) and all(short)
    return short if told else stems


def are_channels(files: list[Path]) -> bool:
    """Tell whether image files are channels: one is called so, or the first holds but one."""
    if any(role_of(name) for name in _stems(files)):
        return True
    return bool(files) and len(grey_as_one(read_file(files[0], SlideOptions(0))).channels) == 1


def read_channels(folder: Path, options: SlideOptions) -> StoredSlide:
    """Read a folder with a file a channel, called as the file is; of a colour picture each colour is a channel."""
    files = image_files(folder)
    named = dict(zip(_stems(files), files, strict=True))
    if not named:
        raise InputFileError(f"{folder}: holds no image file (TIFF, PNG or JPEG).")
    return _one_field(folder, named, options)


def read_gallery(path: Path, options: SlideOptions) -> StoredSlide:
    """Read thumbnails of candidates: a multi-channel file each, or a TIFF with a series each."""
    if path.is_dir():
        return grey_as_one(gathered(path, [(_stem(file), read_file(file, options)) for file in image_files(path)]))
    with opened(path) as file:
        is_ome = file.is_ome
    return read_ome_tiff(path, options) if is_ome else grey_as_one(read_tiff_series(path, options))


def read_pattern(folder: Path, options: SlideOptions) -> StoredSlide:
    """Read the files of a folder whose names fit a pattern with {field}, {channel} or both."""
    pattern = options.pattern or told_pattern(image_files(folder)) or ""
    found = _matching(folder, pattern)
    if "{channel}" not in pattern:
        return grey_as_one(gathered(folder, [(field, read_file(path, options)) for (field, _), path in found.items()]))
    fields: dict[str, dict[str, Path]] = {}
    for (field, channel), path in found.items():
        fields.setdefault(field, {})[channel] = path
    channels = list(dict.fromkeys(channel for _, channel in found))
    for field, files in fields.items():
        if lacking := [channel for channel in channels if channel not in files]:
            raise InputFileError(
                f"{folder}: field {field!r} has no file for {', '.join(lacking)}; the others have. Every field needs "
                "every channel."
            )
    parts = [
        (field, _one_field(folder, {channel: files[channel] for channel in channels}, options))
        for field, files in fields.items()
    ]
    return gathered(folder, parts)


def _matching(folder: Path, pattern: str) -> dict[tuple[str, str], Path]:
    """Return the files whose names fit a pattern, by field and channel, in natural order."""
    parts = _PLACEHOLDER.split(pattern)
    if len(parts) == 1 or len(set(parts[1::2])) < len(parts[1::2]) or ".." in pattern or Path(pattern).is_absolute():
        raise ParameterError(
            f"pattern={pattern!r}: expected a name like '{{field}}_{{channel}}.tif' inside the folder, with each "
            "placeholder once at most"
        )
    names = re.compile("".join(_NAMES.get(part) or re.escape(part) for part in parts))
    wanted = "".join("*" if part in _NAMES else glob.escape(part) for part in parts)
    found = {}
    for path in sorted(folder.glob(wanted), key=_natural):
        match = names.fullmatch(path.relative_to(folder).as_posix())
        if match and path.is_file():
            said = match.groupdict()
            found[said.get("field", ""), said.get("channel", "")] = path
    if not found:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:4])
        raise InputFileError(f"{folder}: no file fits the pattern {pattern!r}; there are {there}, ...")
    return found


def _one_field(folder: Path, named: dict[str, Path], options: SlideOptions) -> StoredSlide:
    """Return one field from a file a channel."""
    names: list[str] = []
    planes: list[Plane] = []
    parts = []
    for name, path in named.items():
        part = grey_as_one(read_file(path, options))
        if len(part.fields) > 1:
            raise InputFileError(f"{path}: holds {len(part.fields)} images; expected the one of channel {name}.")
        many = len(part.channels) > 1
        names += [f"{name} {own or number}" if many else name for number, own in enumerate(part.channels)]
        planes += part.fields[0].planes
        parts.append(part)
    return StoredSlide(
        [StoredField("", planes, parts[0].fields[0].origin_um)],
        tuple(names),
        agreed(folder, "pixel size", [part.pixel_size_um for part in parts]),
        agreed(folder, "bit depth", [part.bit_depth for part in parts]),
    )
