"""Damaged and strange images give one clear error; a damaged tile leaves the rest readable."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from typing import Any

import dask
import imagecodecs
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr import codecs

from her2plastic import io
from her2plastic._errors import DamagedTileError, Her2plasticError, InputFileError, MissingExtraError, from_extra
from her2plastic.io.decoded_cache import DecodedCache
from her2plastic.io.readable_parts import readable_parts

ROLES = ("DAPI", "CK", "CD45", "HER2")
WHOLE = slice(0, 150), slice(0, 211)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    # smooth enough for JPEG, 8 bits
    y, x = np.mgrid[:150, :211]
    return np.stack([(100 + 60 * np.sin(y / (9 + c)) * np.cos(x / 13)).astype(np.uint8) for c in range(4)])


def write(path, pixels, *, ome=True, **layout):
    metadata = {"axes": "CYX", "Channel": {"Name": list(ROLES)}, "PhysicalSizeX": 0.64, "PhysicalSizeY": 0.64}
    tifffile.imwrite(path, pixels, metadata=metadata if ome else None, photometric="minisblack", ome=ome, **layout)
    return path


def overwrite(path, start, content):
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


# --- a damaged tile -----------------------------------------------------------------------------------------------
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "zeros": lambda tile: bytes(len(tile)),
    "noise": lambda tile: np.random.default_rng(1).bytes(len(tile)),
    "second half lost": lambda tile: tile[: len(tile) // 2] + bytes(len(tile) - len(tile) // 2),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "jpeg", "jpeg2000", "packbits"])
def test_damaged_tile_of_a_tiff(tmp_path, pixels, compression, damage):
    path = write(tmp_path / "S1.ome.tif", pixels, tile=(64, 64), compression=compression)
    before = io.read_slide(path).read(0, *WHOLE)
    with tifffile.TiffFile(path) as file:
        start, size = file.pages[1].dataoffsets[5], file.pages[1].databytecounts[5]
    overwrite(path, start, DAMAGE[damage](path.read_bytes()[start : start + size]))
    slide = io.read_slide(path)
    with pytest.raises(DamagedTileError) as caught:
        slide.read(0, *WHOLE)
    fault = caught.value
    assert (fault.slide, fault.field, fault.channel, fault.y, fault.x) == ("S1", "", "CK", (64, 128), (64, 128))
    assert "slide 'S1', channel CK: rows 64 to 128, columns 64 to 128 cannot be read: S1.ome.tif: " in str(fault)
    rest = np.ones(before.shape, bool)
    for (y, x), found in readable_parts(slide, 0, WHOLE):
        if isinstance(found, DamagedTileError):
            rest[:, y, x] = False
        else:
            np.testing.assert_array_equal(found, before[:, y, x])
    assert (~rest).sum() == 4 * 64 * 64


def test_the_error_crosses_processes_and_threads(tmp_path, pixels):
    import distributed  # noqa: F401 - from then on, errors are pickled with their causes

    path = write(tmp_path / "S1.ome.tif", pixels, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as file:
        overwrite(path, file.pages[0].dataoffsets[0], bytes(20))
    image = io.read_slide(path).fields[0].image
    with dask.config.set(scheduler="threads"), pytest.raises(DamagedTileError) as caught:
        image.sum().compute()
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, DamagedTileError)
    assert (str(again), again.y, again.channel) == (str(caught.value), (0, 64), "DAPI")


def test_damaged_last_strip(tmp_path, pixels):
    path = write(tmp_path / "S1.tif", pixels[:1], ome=False, rowsperstrip=40, compression="zlib")
    with tifffile.TiffFile(path) as file:
        overwrite(path, file.pages[0].dataoffsets[3], bytes(9))
    slide = io.read_slide(path, channels=["DAPI"], pixel_size_um=0.64)
    with pytest.raises(DamagedTileError) as caught:
        slide.read(0, slice(100, 150), slice(5, 9))
    assert (caught.value.y, caught.value.x) == ((120, 150), (0, 211))
    np.testing.assert_array_equal(slide.read(0, slice(0, 120), slice(0, 211)), pixels[:1, :120])


CODECS = {
    "blosc": (2, numcodecs.Blosc("lz4")),
    "blosc, format 3": (3, codecs.BloscCodec()),
    "zstd": (3, codecs.ZstdCodec()),
    "gzip": (3, codecs.GzipCodec()),
    "none": (3, None),
}


@pytest.mark.parametrize("codec", CODECS)
def test_chunk_of_an_ome_zarr_that_is_cut_short(tmp_path, pixels, codec):
    version, compressor = CODECS[codec]
    path = tmp_path / "S1.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=version)
    array = root.create_array("0", shape=pixels.shape, chunks=(1, 64, 64), dtype=np.uint8, compressors=compressor)
    array[:] = np.random.default_rng(0).integers(0, 255, pixels.shape)
    scale = {"coordinateTransformations": [{"type": "scale", "scale": [1, 0.64, 0.64]}], "path": "0"}
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space", "unit": "micrometer"} for n in "yx")]
    said: dict[str, Any] = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [scale]}]}
    root.attrs.update(said if version == 2 else {"ome": {"version": "0.5", **said}})
    chunk = path / "0" / ("1.1.2" if version == 2 else "c/1/1/2")
    content = chunk.read_bytes()
    chunk.write_bytes(content[: len(content) // 2])
    slide = io.read_slide(path, channels=ROLES)
    with pytest.raises(DamagedTileError) as caught:
        slide.read(0, *WHOLE)
    assert (caught.value.channel, caught.value.y, caught.value.x) == ("CK", (64, 128), (128, 192))
    assert slide.read(0, slice(0, 64), slice(0, 211)).shape == (4, 64, 211)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_picture_that_is_cut_short(tmp_path, pixels, ending):
    encoders: dict[str, Callable[..., Any]] = {"png": imagecodecs.png_encode, "jpg": imagecodecs.jpeg_encode}
    path = tmp_path / f"S1.{ending}"
    content = encoders[ending](pixels[0])
    path.write_bytes(content[: len(content) // 2])
    slide = io.read_slide(path, channels=["DAPI"], pixel_size_um=0.64)
    with pytest.raises(
        DamagedTileError, match="slide 'S1', channel DAPI: rows 0 to 150, columns 0 to 211 cannot be read"
    ):
        slide.read(0, slice(3, 9), slice(3, 9))
    path.write_bytes(content[:18])
    with pytest.raises(InputFileError, match=r"is not a whole (PNG|JPEG) file"):
        io.read_slide(path, channels=["DAPI"], pixel_size_um=0.64)


# --- files that are not what they should be -----------------------------------------------------------------------
@pytest.mark.parametrize("layout", [{}, {"tile": (64, 64), "compression": "zlib"}, {"bigtiff": True}])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.95])
def test_truncated_tiff(tmp_path, pixels, layout, share):
    path = write(tmp_path / "S1.ome.tif", pixels, **layout)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputFileError, match="S1.ome.tif: is (cut short|not a whole TIFF file)"):
        io.read_slide(path, channels={"DAPI": 0})


def test_what_is_no_image(tmp_path):
    for name, content, message in [
        ("a.tif", b"", r"the file is empty \(0 bytes\)"),
        ("b.tif", b"gene,c1\nERBB2,1\n", "no picture of a known format"),
        ("c.h5", b"\x89HDF\r\n\x1a\n" + bytes(30), "no picture of a known format"),
        ("d.tif", b"II*\0\x08\0\0\0", "is not a whole TIFF file"),
        (
            "far.tif",
            b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(30),
            "refers to byte 18,446,744,073,709,551,615, but ends",
        ),
        ("e.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "is not a whole PNG file"),
        ("f.gif", b"GIF89a" + bytes(40), "no picture of a known format"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputFileError, match=message):
            io.read_slide(tmp_path / name, channels=ROLES, pixel_size_um=0.64)
    with pytest.raises(InputFileError, match="no such file or folder"):
        io.read_slide(tmp_path / "nowhere.tif")


def test_folders_without_images(tmp_path):
    with pytest.raises(InputFileError, match="the folder is empty"):
        io.read_slide(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputFileError, match="no picture of a known format"):
        io.read_slide(tmp_path)
    for format in ("channels", "gallery", "ome-tiff"):
        with pytest.raises(InputFileError, match="holds no"):
            io.read_slide(tmp_path, format=format)


def test_format_that_is_said_but_is_not(tmp_path, pixels):
    path = tmp_path / "S1.png"
    path.write_bytes(imagecodecs.png_encode(pixels[0]))
    for format in ("ome-tiff", "ome-zarr", "fields", "channels"):
        with pytest.raises(Her2plasticError, match=r"S1.png|pattern"):
            io.read_slide(path, format=format, channels=["DAPI"], pixel_size_um=0.64)
    with pytest.raises(Her2plasticError, match="options: 'auto', 'fields', 'ome-zarr'"):
        io.read_slide(path, format="czi")


def test_pixels_that_are_no_intensities(tmp_path, pixels):
    said = {"channels": ["DAPI"], "pixel_size_um": 0.64}
    tifffile.imwrite(tmp_path / "white.tif", pixels[0], photometric="miniswhite")
    with pytest.raises(InputFileError, match="its zero is white"):
        io.read_slide(tmp_path / "white.tif", **said)
    tifffile.imwrite(tmp_path / "bits.tif", pixels[0] > 100, photometric="minisblack")
    with pytest.raises(InputFileError, match="pixels of dtype bool"):
        io.read_slide(tmp_path / "bits.tif", **said)
    tifffile.imwrite(tmp_path / "time.tif", np.stack([pixels] * 3), photometric="minisblack", metadata={"axes": "TCYX"})
    with pytest.raises(InputFileError, match="axes T 3, C 4, Y 150, X 211"):
        io.read_slide(tmp_path / "time.tif", **said)
    content = bytearray(imagecodecs.png_encode(pixels[0]))
    content[25] = 3
    (tmp_path / "palette.png").write_bytes(content)
    with pytest.raises(InputFileError, match="has a palette; expected grey"):
        io.read_slide(tmp_path / "palette.png", **said)


def test_metadata_that_cannot_be(tmp_path, pixels):
    changes: list[tuple[dict[str, Any], str]] = [
        ({"PhysicalSizeX": 640.0, "PhysicalSizeY": 640.0}, "says a pixel size that cannot be"),
        ({"SignificantBits": 12}, "says that 12 bits of its uint8 pixels are significant"),
    ]
    for change, message in changes:
        metadata = {"axes": "CYX", "PhysicalSizeX": 0.64, "PhysicalSizeY": 0.64, **change}
        tifffile.imwrite(tmp_path / "S1.ome.tif", pixels, photometric="minisblack", metadata=metadata)
        with pytest.raises(InputFileError, match=message):
            io.read_slide(tmp_path / "S1.ome.tif", channels=ROLES)


def test_tiff_that_would_decode_into_too_much(tmp_path, pixels):
    path = write(tmp_path / "S1.ome.tif", pixels, tile=(64, 64), compression="zlib")
    with pytest.raises(
        InputFileError, match=r"64 x 64 pixels would have to be decoded as one piece \(4,096; at most 99"
    ):
        io.read_slide(path, max_pixels=99)


def test_ome_set_with_a_file_missing(tmp_path, pixels):
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYCZT" Type="uint8" SizeX="211" SizeY="150" SizeC="2" SizeZ="1" SizeT="1" PhysicalSizeX="0.3" '
        'PhysicalSizeY="0.3"><Channel ID="Channel:0:0" Name="DAPI"/><Channel ID="Channel:0:1" Name="CK"/>'
        '<TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
        '<TiffData FirstC="1" IFD="0" PlaneCount="1"><UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels[0], description=text, metadata=None)
    with pytest.raises(InputFileError, match=r"a.ome.tif: .*(1 of its 2 planes are missing|missing)"):
        io.read_slide(tmp_path / "a.ome.tif")


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory, pixels):
    folder = tmp_path_factory.mktemp("whole")
    small = pixels[:, :40, :50]
    write(folder / "a.ome.tif", small, tile=(32, 32), compression="zlib")
    write(folder / "b.tif", small, ome=False)
    (folder / "c.png").write_bytes(imagecodecs.png_encode(small[0]))
    (folder / "d.jpg").write_bytes(imagecodecs.jpeg_encode(small[0]))
    return sorted(folder.iterdir())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.filterwarnings("ignore::her2plastic._errors.DataWarning")
def test_any_damage_is_told_or_harmless(tmp_path, whole_files, data):
    """Whatever is done to a file, it is read, or refused with an error of the package."""
    source = data.draw(st.sampled_from(whole_files))
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(content), 1000) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / source.name
    path.write_bytes(content)
    channels = ROLES if ".tif" in source.name else ["DAPI"]
    try:
        slide = io.read_slide(path, channels=channels, pixel_size_um=0.64, max_pixels=1_000_000)
        rows, columns = slide.fields[0].image.shape[1:]
        slide.read(0, slice(0, min(rows, 200)), slice(0, min(columns, 200)))
    except Her2plasticError as fault:
        assert str(fault)


# --- the parts ----------------------------------------------------------------------------------------------------
def test_memory_of_decoded_pieces_is_bounded():
    cache = DecodedCache(most_bytes=250)
    made = []

    def make(key):
        def decode():
            made.append(key)
            return np.zeros(100, np.uint8)

        return decode

    for key in "abab":
        cache.get(key, make(key))
    assert made == ["a", "b"]
    cache.get("c", make("c"))  # a was used longest ago
    cache.get("b", make("b"))
    assert made == ["a", "b", "c"]
    cache.get("a", make("a"))
    assert made == ["a", "b", "c", "a"]
    big = cache.get("big", lambda: np.zeros(1000, np.uint8))
    assert cache.get("big", lambda: np.zeros(1)) is big


def test_a_package_that_is_not_installed():
    with pytest.raises(MissingExtraError, match=r"needs no_such_package, .*pip install 'her2plastic\[imaging\]'"):
        from_extra("no_such_package.part", extra="imaging")


def test_a_file_that_goes_away(tmp_path, pixels):
    path = write(tmp_path / "S1.ome.tif", pixels)
    slide = io.read_slide(path)
    shutil.move(path, tmp_path / "elsewhere.tif")
    with pytest.raises(DamagedTileError, match="No such file"):
        slide.read(0, *WHOLE)
