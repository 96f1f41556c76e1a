"""Slides in TIFF files: OME-TIFF (tiles, pyramids, several files) and plain TIFF with a page a channel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from her2plastic._errors import InputFileError, from_extra
from her2plastic.io.colours import COLOURS
from her2plastic.io.lazy_image import Plane
from her2plastic.io.ome_xml import OmeImage, ome_images, with_companion
from her2plastic.io.stored_slide import SlideOptions, StoredField, StoredSlide, gathered, in_micrometres
from her2plastic.io.tiff_directories import check_directories
from her2plastic.io.tiff_planes import MappedPlane, TiffPlane, page_planes
from her2plastic.io.tile_assembly import DECODING_FAULTS

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Values of the tag PhotometricInterpretation: RGB and YCbCr; zero is white.
_COLOURED, _ZERO_IS_WHITE = (2, 6), 0
#: A resolution that makes pixels larger than this, micrometres, is one for printing (5,080 dots per inch).
_LARGEST_TAGGED_UM = 5.0


def read_ome_tiff(path: Path, options: SlideOptions) -> StoredSlide:
    """Read an OME-TIFF; every image of it is a field."""
    with opened(path) as file:
        xml = with_companion(path, file.ome_metadata or "")
    with opened(path, omexml=xml) as file:
        images = ome_images(path, xml)
        series = list(file.series)
        if len(series) != len(images):
            raise InputFileError(
                f"{path}: its OME-XML describes {len(images)} images, but {len(series)} can be read; files of the set "
                "may be missing. Put all of them into one folder."
            )
        parts = [
            (image.name or str(place), _one_image(planes_of(path, one, ome=True), image))
            for place, (image, one) in enumerate(zip(images, series, strict=True))
        ]
    return parts[0][1] if len(parts) == 1 else gathered(path, parts)


def _one_image(planes: list[Plane], image: OmeImage) -> StoredSlide:
    names = image.channels if len(image.channels) == len(planes) else ("",) * len(planes)
    return StoredSlide(
        [StoredField("", planes, image.origin_um or (0.0, 0.0))], names, image.pixel_size_um, image.bit_depth
    )


def read_tiff(path: Path, options: SlideOptions) -> StoredSlide:
    """Read a plain TIFF: pages of one size, a channel each, or one page with colours."""
    with opened(path) as file:
        series = [one for one in file.series if not one.keyframe.is_reduced and not one.keyframe.is_mask]
        if not series:
            raise InputFileError(f"{path}: holds no picture.")
        sizes = sorted({tuple(one.keyframe.shape) for one in series})
        if len(sizes) > 1:
            raise InputFileError(
                f"{path}: its pages have different sizes ({', '.join('x'.join(map(str, size)) for size in sizes)}); "
                "expected one size for all channels. For thumbnails of candidates say format='gallery'."
            )
        planes = [plane for one in series for plane in planes_of(path, one, ome=False)]
        return _plain(file, series[0].keyframe, [StoredField("", planes)])


def read_tiff_series(path: Path, options: SlideOptions) -> StoredSlide:
    """Read the thumbnails of a plain TIFF: a series each, or one series of thumbnails x channels."""
    with opened(path) as file:
        parts = []
        for place, series in enumerate(file.series):
            planes = planes_of(path, series, ome=False, stacked=True)
            number = series.shape[0] if len(series.axes.replace("S", "")) == 4 else 1
            each = len(planes) // number
            for thumbnail in range(number):
                field = StoredField("", planes[thumbnail * each : (thumbnail + 1) * each])
                parts.append((str(place + thumbnail), _plain(file, series.keyframe, [field])))
    return gathered(path, parts)


def _plain(file: Any, page: Any, fields: list[StoredField]) -> StoredSlide:
    number, bits = len(fields[0].planes), page.bitspersample
    names = COLOURS if page.photometric in _COLOURED and number == 3 else _labels(file, number)
    return StoredSlide(fields, names, _tagged_pixel_size(file), bits if isinstance(bits, int) else None)


def _labels(file: Any, number: int) -> tuple[str, ...]:
    """Return what ImageJ calls the channels, if it says it of each."""
    given = (file.imagej_metadata or {}).get("Labels") if file.is_imagej else None
    labels = tuple(str(label).strip() for label in given) if isinstance(given, list | tuple) else ()
    return labels if len(labels) == number == len(set(labels)) and all(labels) else ("",) * number


@contextmanager
def opened(path: Path, *, omexml: str | None = None) -> Iterator[Any]:
    """Open a TIFF, with other OME-XML than its own if need be.

    Whatever is wrong with its structure becomes an InputFileError that names it.
    """
    tifffile = from_extra("tifffile", extra="imaging")
    from_extra("imagecodecs", extra="imaging")
    check_directories(path)
    try:
        with tifffile.TiffFile(path, omexml=omexml) as file:
            yield file
    except InputFileError:
        raise
    except DECODING_FAULTS as fault:
        raise InputFileError(
            f"{path}: is not a whole TIFF file ({str(fault) or type(fault).__name__}). Copy or export it again."
        ) from fault


def planes_of(path: Path, series: Any, *, ome: bool, stacked: bool = False) -> list[Plane]:
    """Return the planes of one image of a TIFF, of its full resolution, and check that each is wholly there."""
    series = series.levels[0]
    axes = series.axes.replace("S", "")
    if axes[-2:] != "YX" or len(axes) > 3 + stacked or (ome and axes[:-2] not in ("", "C")):
        sizes = ", ".join(f"{axis} {size}" for axis, size in zip(series.axes, series.shape, strict=True))
        raise InputFileError(
            f"{path}: has the axes {sizes}; expected channels, rows and columns. Of a stack or a time series, export "
            "one plane."
        )
    planes: list[Plane] = []
    pages = list(series)
    if series.dataoffset is not None and "S" not in series.axes:  # also where only the first page has a directory
        planes += _in_one_piece(path, series)
    elif any(page is None for page in pages):
        raise InputFileError(f"{path}: {sum(page is None for page in pages)} of its {len(pages)} planes are missing.")
    else:
        planes += [plane for page in pages for plane in _whole_planes(path, page)]
    if series.keyframe.photometric == _ZERO_IS_WHITE:
        raise InputFileError(f"{path}: its zero is white; expected intensities, zero for dark. Export it again.")
    return planes


def _in_one_piece(path: Path, series: Any) -> Iterator[MappedPlane]:
    stored = series.keyframe.dtype.newbyteorder(series.keyframe.parent.byteorder)
    rows, columns = series.shape[-2:]
    source = Path(series.keyframe.parent.filehandle.path)
    for place in range(math.prod(series.shape[:-2])):
        offset = series.dataoffset + place * rows * columns * stored.itemsize
        plane = MappedPlane(source, offset, stored, (rows, columns))
        _check_end(path, source, plane.end)
        yield plane


def _whole_planes(path: Path, page: Any) -> list[MappedPlane | TiffPlane]:
    source = Path(page.parent.filehandle.path)
    ends = [offset + size for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False)]
    _check_end(path, source, max(ends, default=0))
    return page_planes(page)


def _check_end(path: Path, source: Path, end: int) -> None:
    size = source.stat().st_size
    if end > size:
        of = "" if source.name == path.name else f" ({source.name})"
        raise InputFileError(
            f"{path}{of}: is cut short: its pixels reach to byte {end:,}, but the file ends at {size:,}. Copy it again."
        )


def _tagged_pixel_size(file: Any) -> tuple[float, float] | None:
    """Return the pixel size that ImageJ or the resolution tags give."""
    tags = file.pages[0].tags
    unit = {2: "inch", 3: "cm"}.get(int(tags.valueof(296, 1)))
    if file.is_imagej and (said := (file.imagej_metadata or {}).get("unit")):
        unit = str(said).replace("\\u00B5", "\u00b5")
    sizes = []
    for tag in (283, 282):
        pixels, per = tags.valueof(tag, (0, 1))
        size = in_micrometres(per / pixels, unit) if pixels else None
        if size is None or not 0 < size <= _LARGEST_TAGGED_UM:
            return None
        sizes.append(size)
    return sizes[0], sizes[1]
