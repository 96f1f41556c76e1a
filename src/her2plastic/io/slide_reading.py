"""Reading of a slide: its format, its channels, and what a pixel means."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from her2plastic._errors import DataWarning, InputFileError, ParameterError
from her2plastic.io.channel_map import ChannelMap, mapped_channels
from her2plastic.io.lazy_image import lazy_array
from her2plastic.io.slide import Field, Slide, checked_pixel_size, pixel_range
from her2plastic.io.slide_formats import sniff_slide
from her2plastic.io.stored_slide import SlideOptions, StoredSlide, checked

_log = logging.getLogger(__name__)

_ABOUT_FIELDS = " If the files are fields, say how they are called: pattern='{field}_{channel}.tif'."
#: Sides of a pixel may differ by this share: what rounding in metadata makes.
_SQUARE = 1e-3
#: A pixel size that is said may differ from the file's by this share before it is told.
_AGREES = 0.01


def read_slide(
    path: str | Path,
    *,
    channels: ChannelMap | None = None,
    pixel_size_um: float | None = None,
    bit_depth: int | None = None,
    saturation: float | None = None,
    format: str = "auto",
    pattern: str | None = None,
    slide_id: str | None = None,
    max_pixels: int = 200_000_000,
) -> Slide:
    """Read the images of a slide, lazily: pixels are read when a window of them is asked for.

    Read are OME-TIFF (tiles, pyramids, several files, several images, each of which is a field), plain TIFF with a page
    a channel, PNG and JPEG, OME-Zarr 0.4 and 0.5 and the stores of :func:`write_slide_cells`, folders with a file a
    channel, folders of fields by a naming pattern, and thumbnails of candidates (a folder with a picture of several
    channels each, or a TIFF with a series each). A picture whose red, green and blue are alike is one channel. Of
    pyramids the full size is read; stacks and time series are refused.

    A piece that cannot be decoded raises DamagedTileError when it is read. Damage that leaves a piece decodable cannot
    be seen where the format has no checksum: in uncompressed pixels, within the data of a JPEG, and often in LZW.
    Pieces that a file leaves out on purpose, as OME-Zarr and some scanners do with empty ones, are zero.

    Parameters
    ----------
    path
        File or folder.
    channels
        Which channel is which: a map of role to index or name in the file, ``{"DAPI": 0, "CK": "PE"}``, or names in the
        order of the file. Needed where the file does not itself say DAPI, CK, CD45 or HER2, or another name for them
        (:func:`her2plastic.reference.channel_names`: Hoechst 33342, panCK, CK-PE, ErbB2). Channels outside a map keep
        the file's name.
    pixel_size_um
        Side of a pixel in micrometres; needed where the file does not tell.
    bit_depth
        Significant bits, such as 12 for a 12-bit camera whose pixels are stored in 16 bits; by default what the file
        tells, or else all bits of the dtype.
    saturation
        Value from which on a pixel counts as saturated; by default the largest of the bit depth.
    format
        ``"auto"``, or the name of a format, which is then not questioned: ``"fields"``, ``"ome-zarr"``, ``"ome-tiff"``,
        ``"tiff"``, ``"picture"``, ``"channels"``, ``"gallery"``.
    pattern
        How files of a folder are called, with the placeholders ``{field}`` and ``{channel}``:
        ``"{field}_{channel}.tif"``, ``"{field}/{channel}.png"`` or, for files of several channels,
        ``"{field}.ome.tif"``. Fields keep the stage positions of OME files. Not needed for files such as
        ``f01_DAPI.tif`` that end with the name of a stain, where every field has the same channels.
    slide_id
        Name of the slide; by default that of the file.
    max_pixels
        Largest piece of an image that may be decoded as a whole, pixels: a guard against decompression bombs.

    Returns
    -------
    The slide. Nothing but metadata has been read.

    Raises
    ------
    InputFileError
        For a file that is none of the known formats, damaged or cut short, without a pixel size, or with pixels that
        are not square.
    ChannelError
        Where it is not known which channel is which, or a map does not fit the file.
    ParameterError
        For a pixel size, bit depth or saturation that cannot be.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> path = hp.datasets.write_slide(made, "slide.ome.tif")
    >>> slide = hp.io.read_slide(path)
    >>> slide.channels, slide.pixel_size_um, slide.bit_depth
    (('DAPI', 'CK', 'CD45', 'HER2'), 0.64, 12)
    """
    path = Path(path)
    row = sniff_slide(path, said=format, pattern=pattern)
    stored = row.read(path, SlideOptions(max_pixels, pattern))
    stored = checked(path, stored, max_pixels=max_pixels)
    hint = _ABOUT_FIELDS if row.name == "channels" else ""
    names = mapped_channels(str(path), stored.channels, channels, hint=hint)
    size = _pixel_size(path, stored.pixel_size_um, pixel_size_um)
    name = slide_id or path.name.partition(".")[0]
    depth = bit_depth if bit_depth is not None else _unsigned_bits(stored)
    limit = saturation if saturation is not None else stored.saturation if bit_depth is None else None
    bits, limit = pixel_range(stored.fields[0].planes[0].dtype, bit_depth=depth, saturation=limit)
    fields = tuple(
        Field(field.name, lazy_array(field.planes, names, slide=name, field=field.name), field.origin_um)
        for field in stored.fields
    )
    _log.info("%s: read as %s, %d fields, channels %s, %g um a pixel", path, row.name, len(fields), names, size)
    return Slide(name, fields, names, size, bits, limit, path.name, stored.damaged)


def _unsigned_bits(stored: StoredSlide) -> int | None:
    """Return the bits that a file says its pixels have, without that of a sign."""
    bits, dtype = stored.bit_depth, stored.fields[0].planes[0].dtype
    return bits if bits is None or dtype.kind != "i" else min(bits, 8 * dtype.itemsize - 1)


def _pixel_size(path: Path, stored: tuple[float, float] | None, said: float | None) -> float:
    """Return the side of a pixel, said or stored."""
    if said is not None:
        size = checked_pixel_size(said)
        if stored is not None and abs(stored[0] - size) > _AGREES * size:
            warnings.warn(
                f"{path}: says {stored[0]:g} um a pixel; {size:g} um, as said, is used.", DataWarning, stacklevel=3
            )
        return size
    if stored is None:
        raise InputFileError(f"{path}: does not tell its pixel size. Say pixel_size_um=..., in micrometres.")
    if abs(stored[0] - stored[1]) > _SQUARE * stored[1]:
        raise InputFileError(
            f"{path}: its pixels are {stored[0]:g} um high and {stored[1]:g} um wide; expected squares. Resample the "
            "image, or say pixel_size_um=... if the metadata are wrong."
        )
    try:
        return checked_pixel_size(stored[1])
    except ParameterError as fault:
        raise InputFileError(f"{path}: says a pixel size that cannot be. Say pixel_size_um=...; {fault}") from fault
