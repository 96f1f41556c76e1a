"""What the OME-XML of a file says of its images: channels, pixel size, significant bits and stage positions.

Source: the OME data model, schema 2016-06.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from her2plastic._errors import InputFileError
from her2plastic.io.stored_slide import in_micrometres

_MICROMETRES = "\u00b5m"  # what the schema says of sizes without a unit


@dataclass(frozen=True)
class OmeImage:
    """One image: ``pixel_size_um`` and ``origin_um`` are (y, x), None where not told."""

    name: str
    channels: tuple[str, ...]
    pixel_size_um: tuple[float, float] | None
    bit_depth: int | None
    origin_um: tuple[float, float] | None


def with_companion(path: Path, xml: str) -> str:
    """Return an OME-XML text, or that of the companion file beside it to which it refers."""
    elsewhere = _parsed(path, xml).find("{*}BinaryOnly")
    if elsewhere is None:
        return xml
    companion = path.parent / Path(elsewhere.get("MetadataFile", "")).name
    if not companion.is_file():
        raise InputFileError(f"{path}: its metadata stand in {companion.name!r}, which is not beside it.")
    return companion.read_text(encoding="utf-8-sig")


def named_files(path: Path, xml: str) -> list[str]:
    """Return the files that an OME-XML text says the pixels are in; names only, never folders."""
    found = _parsed(path, xml).iterfind(".//{*}TiffData/{*}UUID")
    return list(dict.fromkeys(Path(uuid.get("FileName", "")).name for uuid in found))


def ome_images(path: Path, xml: str) -> list[OmeImage]:
    """Return the images that an OME-XML text describes."""
    return [_image(image) for image in _parsed(path, xml).iterfind("{*}Image")]


def _parsed(path: Path, xml: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(xml.encode("utf-8"))
    except ElementTree.ParseError as fault:
        raise InputFileError(f"{path}: its OME-XML is damaged ({fault}). Export the file again.") from fault


def _image(image: ElementTree.Element) -> OmeImage:
    pixels = image.find("{*}Pixels")
    if pixels is None:
        return OmeImage(image.get("Name", ""), (), None, None, None)
    names: list[str] = []
    for channel in pixels.iterfind("{*}Channel"):
        samples = int(channel.get("SamplesPerPixel") or 1)
        name = channel.get("Name", "")
        names += [name] if samples == 1 else [f"{name} {sample}".strip() for sample in range(samples)]
    bits = pixels.get("SignificantBits", "")
    return OmeImage(
        image.get("Name", ""),
        tuple(names),
        _pair(pixels, "PhysicalSize", _MICROMETRES),
        int(bits) if bits.isdecimal() else None,
        _origin(pixels),
    )


def _origin(pixels: ElementTree.Element) -> tuple[float, float] | None:
    plane = pixels.find("{*}Plane")
    # without a unit the schema means a frame of reference of unknown scale
    return None if plane is None else _pair(plane, "Position", None)


def _pair(element: ElementTree.Element, name: str, default_unit: str | None) -> tuple[float, float] | None:
    y, x = (
        in_micrometres(element.get(f"{name}{axis}"), element.get(f"{name}{axis}Unit", default_unit)) for axis in "YX"
    )
    return None if y is None or x is None else (y, x)
