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


def ome_images(path: Path, xml: str) -> list[OmeImage]:
    """Return the images that an OME-XML text describes; one that refers to a companion file is read from there."""
    try:
        root = ElementTree.fromstring(xml.encode("utf-8"))
        elsewhere = root.find("{*}BinaryOnly")
        if elsewhere is not None:
            companion = path.parent / Path(elsewhere.get("MetadataFile", "")).name
            if not companion.is_file():
                raise InputFileError(f"{path}: its metadata stand in {companion.name!r}, which is not beside it.")
            root = ElementTree.fromstring(companion.read_bytes())
    except ElementTree.ParseError as fault:
        raise InputFileError(f"{path}: its OME-XML is damaged ({fault}). Export the file again.") from fault
    return [_image(image) for image in root.iterfind("{*}Image")]


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
