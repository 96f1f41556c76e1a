"""Every format of images is read as what was written, lazily, with what the file says of channels and pixels."""

from __future__ import annotations

import json
import uuid
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from her2plastic import io
from her2plastic._errors import ChannelError, DataWarning, InputFileError, ParameterError

ROLES = ("DAPI", "CK", "CD45", "HER2")
Y, X = slice(60, 131), slice(1, 210)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 4096, (4, 150, 211)).astype(np.uint16)


def ome(*, names=ROLES, size=0.64, **more):
    return {
        "axes": "CYX", "Channel": {"Name": list(names)}, "PhysicalSizeX": size, "PhysicalSizeXUnit": "\u00b5m",
        "PhysicalSizeY": size, "PhysicalSizeYUnit": "\u00b5m", **more,
    }  # fmt: skip


def same(slide, pixels, *, field=0):
    np.testing.assert_array_equal(slide.read(field, Y, X), pixels[:, Y, X])


# --- OME-TIFF -----------------------------------------------------------------------------------------------------
def test_pyramid_is_read_at_full_resolution(tmp_path, pixels):
    path = tmp_path / "S1.ome.tif"
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(pixels, subifds=2, tile=(64, 64), metadata=ome(), photometric="minisblack", compression="zlib")
        for step in (2, 4):
            small = pixels[:, ::step, ::step]
            file.write(small, subfiletype=1, tile=(64, 64), metadata=None, photometric="minisblack")
    slide = io.read_slide(path)
    assert len(slide.fields) == 1
    assert slide.fields[0].image.shape == pixels.shape
    same(slide, pixels)


def write_set(folder, pixels, *, companion=None):
    """Write an OME-TIFF with a file a channel, each of which describes, or refers to, the whole set."""
    names = [f"scan_{role}.ome.tif" for role in ROLES]
    data = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{uuid.UUID(int=c + 1)}</UUID>'
        "</TiffData>"
        for c, name in enumerate(names)
    )
    channels = "".join(f'<Channel ID="Channel:0:{c}" Name="{role}"/>' for c, role in enumerate(ROLES))
    schema = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    body = (
        f'<Image ID="Image:0" Name="scan"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="211" '
        f'SizeY="150" SizeC="4" SizeZ="1" SizeT="1" PhysicalSizeX="0.32" PhysicalSizeY="0.32">{channels}{data}'
        "</Pixels></Image>"
    )
    for c, name in enumerate(names):
        xml = body
        if companion:
            xml = f'<BinaryOnly MetadataFile="{companion}" UUID="urn:uuid:{uuid.UUID(int=99)}"/>'
        text = f'<?xml version="1.0"?><OME {schema} UUID="urn:uuid:{uuid.UUID(int=c + 1)}">{xml}</OME>'
        tifffile.imwrite(folder / name, pixels[c], description=text, metadata=None, photometric="minisblack")
    if companion:
        (folder / companion).write_text(f'<?xml version="1.0"?><OME {schema}>{body}</OME>')
    return folder / names[0]


@pytest.mark.parametrize("by", ["file", "folder"])
def test_ome_tiff_of_several_files(tmp_path, pixels, by):
    first = write_set(tmp_path, pixels)
    slide = io.read_slide(first if by == "file" else tmp_path)
    assert (slide.channels, slide.pixel_size_um) == (ROLES, 0.32)
    same(slide, pixels)


@pytest.mark.parametrize("by", ["file", "folder", "companion"])
def test_ome_tiff_with_a_companion(tmp_path, pixels, by):
    first = write_set(tmp_path, pixels, companion="scan.companion.ome")
    slide = io.read_slide({"file": first, "folder": tmp_path, "companion": tmp_path / "scan.companion.ome"}[by])
    assert (slide.channels, slide.pixel_size_um) == (ROLES, 0.32)
    same(slide, pixels)


def test_fields_of_an_ome_tiff_have_their_stage_positions(tmp_path, pixels):
    path = tmp_path / "S1.ome.tif"
    with tifffile.TiffWriter(path) as file:
        for field in range(2):
            plane = {"PositionX": [float(field)] * 4, "PositionXUnit": ["mm"] * 4, "PositionY": [5.0] * 4}
            plane["PositionYUnit"] = ["\u00b5m"] * 4
            file.write(
                pixels + field, metadata=ome(Plane=plane, Name=f"f{field}"), photometric="minisblack", tile=(64, 64)
            )
    slide = io.read_slide(path)
    assert [(field.name, field.origin_um) for field in slide.fields] == [("f0", (5.0, 0.0)), ("f1", (5.0, 1000.0))]
    same(slide, pixels + 1, field=1)


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        (ome(PhysicalSizeY=0.5), InputFileError, r"0.5 um high and 0.64 um wide; expected squares"),
        (ome(PhysicalSizeXUnit="pixel"), InputFileError, "does not tell its pixel size"),
        ({"axes": "ZYX", "PhysicalSizeX": 0.64, "PhysicalSizeY": 0.64}, InputFileError, "axes Z 4, Y 150, X 211"),
        (ome(names=["405", "488", "561", "647"]), ChannelError, "calls its channels '405', '488'"),
        (ome(names=["DAPI", "CK", "ck", "HER2"]), ChannelError, "CK stands there more than once"),
    ],
)
def test_metadata_that_do_not_do(tmp_path, pixels, metadata, error, message):
    path = tmp_path / "S1.ome.tif"
    tifffile.imwrite(path, pixels, metadata=metadata, photometric="minisblack")
    with pytest.raises(error, match=message):
        io.read_slide(path)


# --- channel maps and what a person says --------------------------------------------------------------------------
def test_channel_maps(tmp_path, pixels):
    path = tmp_path / "S1.ome.tif"
    tifffile.imwrite(path, pixels, metadata=ome(names=["dapi", "PE", "APC", "x"]), photometric="minisblack")
    assert io.read_slide(path).channels == ("DAPI", "PE", "APC", "x")
    assert io.read_slide(path, channels={"CK": "pe", "HER2": 3}).channels == ("DAPI", "CK", "APC", "HER2")
    assert io.read_slide(path, channels=ROLES).channels == ROLES
    for wrong, message in [
        ({"CK": 4}, "CK is number 4, but the channels are 0: 'dapi'"),
        ({"CK": "FITC"}, "CK is 'FITC', but none here have that name|FITC"),
        ({"CK": 1, "HER2": 1}, "'PE' is both CK and HER2"),
        ({"DAPI": 1}, "DAPI stands there more than once"),
        (["DAPI", "CK"], r"has 4 channels \(dapi, PE, APC, x\), but channels names 2"),
        ("DAPI", "expected a map"),
    ]:
        with pytest.raises(ChannelError, match=message):
            io.read_slide(path, channels=wrong)


def test_what_is_said_goes_before_the_file(tmp_path, pixels):
    path = tmp_path / "S1.ome.tif"
    tifffile.imwrite(path, pixels, metadata=ome(SignificantBits=12), photometric="minisblack")
    with pytest.warns(DataWarning, match="says 0.64 um a pixel; 0.32 um, as said, is used"):
        slide = io.read_slide(path, pixel_size_um=0.32, bit_depth=14, slide_id="A", saturation=16000)
    assert (slide.slide_id, slide.pixel_size_um, slide.bit_depth, slide.saturation) == ("A", 0.32, 14, 16000)
    assert io.read_slide(path, bit_depth=16).saturation == 65535


# --- plain TIFF ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("resolution", "more", "size"),
    [
        ((1e4 / 0.64, 1e4 / 0.64), {"resolutionunit": "CENTIMETER"}, 0.64),
        ((25400 / 0.32, 25400 / 0.32), {"resolutionunit": "INCH"}, 0.32),
        ((1 / 0.5, 1 / 0.5), {"imagej": True, "metadata": {"axes": "CYX", "unit": "um"}}, 0.5),
        ((300, 300), {"resolutionunit": "INCH"}, None),
        ((1e4 / 0.64, 1e4 / 0.64), {"resolutionunit": "NONE"}, None),
    ],
)
def test_resolution_tags(tmp_path, pixels, resolution, more, size):
    path = tmp_path / "S1.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", resolution=resolution, **more)
    if size is None:
        with pytest.raises(InputFileError, match="does not tell its pixel size"):
            io.read_slide(path, channels=ROLES)
    else:
        slide = io.read_slide(path, channels=ROLES)
        assert slide.pixel_size_um == pytest.approx(size, rel=1e-4)
        same(slide, pixels)


def test_colour_tiff(tmp_path, pixels):
    path = tmp_path / "S1.tif"
    tifffile.imwrite(path, np.moveaxis(pixels[:3], 0, -1), photometric="rgb", tile=(64, 64), compression="zlib")
    slide = io.read_slide(path, channels={"DAPI": "blue"}, pixel_size_um=0.3)
    assert slide.channels == ("red", "green", "DAPI")
    same(slide, pixels[:3])
    tifffile.imwrite(path, np.moveaxis(pixels[[1, 1, 1]], 0, -1), photometric="rgb", tile=(64, 64))
    slide = io.read_slide(path, channels=["DAPI"], pixel_size_um=0.3)
    same(slide, pixels[1:2])


# --- PNG and JPEG -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png(tmp_path, pixels, dtype):
    path = tmp_path / "S1.png"
    path.write_bytes(imagecodecs.png_encode(pixels[0].astype(dtype)))
    slide = io.read_slide(path, channels=["DAPI"], pixel_size_um=0.3)
    assert slide.bit_depth == 8 * np.dtype(dtype).itemsize
    same(slide, pixels[:1].astype(dtype))


@pytest.mark.parametrize("samples", [3, 4])
def test_colours_of_a_png(tmp_path, pixels, samples):
    path = tmp_path / "S1.png"
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(np.moveaxis(pixels[:samples], 0, -1))))
    with pytest.raises(ChannelError, match="calls its channels 'red', 'green', 'blue'"):
        io.read_slide(path, pixel_size_um=0.3)
    same(io.read_slide(path, channels={"CK": "red"}, pixel_size_um=0.3), pixels[:3])


def test_jpeg(tmp_path, pixels):
    grey = (pixels[0] // 16).astype(np.uint8)
    path = tmp_path / "S1.jpg"
    path.write_bytes(imagecodecs.jpeg_encode(np.stack([grey] * 3, axis=-1)))
    slide = io.read_slide(path, channels=["DAPI"], pixel_size_um=0.3)
    assert slide.fields[0].image.shape == (1, 150, 211)
    assert np.corrcoef(slide.read(0, Y, X).ravel(), grey[Y, X].ravel())[0, 1] > 0.9


def test_decompression_bomb(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(imagecodecs.png_encode(np.zeros((400, 300), np.uint8)))
    with pytest.raises(InputFileError, match=r"400 x 300 pixels .* \(120,000; at most 100,000\).* max_pixels=120000"):
        io.read_slide(path, channels=["DAPI"], pixel_size_um=0.3, max_pixels=100_000)
    assert io.read_slide(path, channels=["DAPI"], pixel_size_um=0.3, max_pixels=120_000).channels == ("DAPI",)
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=r"100,000 x 100,000 pixels .* \(10,000,000,000; at most 200,000,000\)"):
        io.read_slide(path, channels=["DAPI"], pixel_size_um=0.3)


# --- folders ------------------------------------------------------------------------------------------------------
def test_a_file_a_channel(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "dapi.tif", pixels[0], tile=(64, 64), compression="zlib")
    (tmp_path / "CK.png").write_bytes(imagecodecs.png_encode(pixels[1]))
    tifffile.imwrite(tmp_path / "her2.ome.tif", pixels[3])
    tifffile.imwrite(tmp_path / "APC.tiff", pixels[2])
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden.png").write_bytes(imagecodecs.png_encode(pixels[1]))
    slide = io.read_slide(tmp_path, pixel_size_um=0.64, channels={"CD45": "APC"})
    assert slide.channels == ("CD45", "CK", "DAPI", "HER2")
    same(slide, pixels[[2, 1, 0, 3]])


def test_channels_of_different_size(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "CK.tif", pixels[0])
    tifffile.imwrite(tmp_path / "DAPI.tif", pixels[0, :-1])
    with pytest.raises(InputFileError, match="channel DAPI: is 149 x 211 pixels, but the first channel is 150 x 211"):
        io.read_slide(tmp_path, pixel_size_um=0.64)


def test_channels_of_different_depth(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "CK.tif", pixels[0])
    tifffile.imwrite(tmp_path / "DAPI.tif", pixels[0].astype(np.uint8))
    with pytest.raises(InputFileError, match="differ in bit depth: 16, 8"):
        io.read_slide(tmp_path, pixel_size_um=0.64)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("run_1_f{field}_{channel}.png", "{field}_{channel}.png"),
        ("{field}/{channel}.png", "{field}/{channel}.png"),
        ("{channel}/x{field}.png", "{channel}/x{field}.png"),
    ],
)
def test_fields_by_a_pattern(tmp_path, pixels, name, pattern):
    for field in (2, 10):
        for channel, role in enumerate(ROLES):
            path = tmp_path / name.format(field=field, channel=role)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(imagecodecs.png_encode(pixels[channel] + np.uint16(field)))
    slide = io.read_slide(tmp_path, pattern=pattern, pixel_size_um=0.64)
    assert [field.name.removeprefix("run_1_f") for field in slide.fields] == ["2", "10"]
    order = [ROLES.index(channel) for channel in slide.channels]
    same(slide, pixels[order] + 10, field=1)


def test_fields_of_several_channels_by_a_pattern(tmp_path, pixels):
    for field in range(3):
        plane = {"PositionX": [100.0 * field] * 4, "PositionXUnit": ["\u00b5m"] * 4}
        plane |= {"PositionY": [7.0] * 4, "PositionYUnit": ["\u00b5m"] * 4}
        tifffile.imwrite(
            tmp_path / f"f{field}.ome.tif", pixels + field, metadata=ome(Plane=plane), photometric="minisblack"
        )
    slide = io.read_slide(tmp_path, pattern="{field}.ome.tif")
    assert [field.name for field in slide.fields] == ["f0", "f1", "f2"]
    assert slide.fields[2].origin_um == (7.0, 200.0)
    same(slide, pixels + 2, field=2)


def test_fields_without_a_pattern(tmp_path, pixels):
    for name in ("f1_DAPI", "f1_panCK", "f2_DAPI", "f2_panCK"):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels[int(name[1])])
    slide = io.read_slide(tmp_path, pixel_size_um=0.64)
    assert ([field.name for field in slide.fields], slide.channels) == (["f1", "f2"], ("DAPI", "CK"))
    np.testing.assert_array_equal(slide.read(1, Y, X)[0], pixels[2, Y, X])
    (tmp_path / "f2_panCK.tif").unlink()  # a field lacks a channel: names tell no pattern
    with pytest.raises(ChannelError, match=r"'f1_DAPI', .* say how they are called: pattern='\{field\}_"):
        io.read_slide(tmp_path, pixel_size_um=0.64)


@pytest.mark.parametrize(
    ("pattern", "error", "message"),
    [
        ("{field}.png", InputFileError, "no file fits the pattern"),
        ("x.tif", ParameterError, "expected a name like"),
        ("{field}_{field}.tif", ParameterError, "expected a name like"),
        ("../{field}.tif", ParameterError, "expected a name like"),
        ("{field}_{channel}.tif", InputFileError, "field 'b' has no file for CK; the others have"),
    ],
)
def test_patterns_that_do_not_fit(tmp_path, pixels, pattern, error, message):
    for name in ("a_CK", "a_DAPI", "b_DAPI"):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels[0])
    with pytest.raises(error, match=message):
        io.read_slide(tmp_path, pattern=pattern, pixel_size_um=0.64)


def test_gallery_in_a_folder(tmp_path, pixels):
    sizes = {"c1": 40, "c2": 31, "c10": 52}
    for name, size in sizes.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels[:, :size, :size], photometric="minisblack")
    slide = io.read_slide(tmp_path, channels=ROLES, pixel_size_um=0.64)
    assert [field.name for field in slide.fields] == ["c1", "c2", "c10"]
    for place, size in enumerate(sizes.values()):
        np.testing.assert_array_equal(slide.read(place, slice(0, size), slice(3, size)), pixels[:, :size, 3:size])


def test_gallery_in_one_file(tmp_path, pixels):
    path = tmp_path / "gallery.tif"
    with tifffile.TiffWriter(path) as file:
        for size in (40, 31):
            file.write(pixels[:, :size, :size], photometric="minisblack")
    with pytest.raises(InputFileError, match=r"its pages have different sizes \(31x31, 40x40\).*format='gallery'"):
        io.read_slide(path, channels=ROLES, pixel_size_um=0.64)
    slide = io.read_slide(path, format="gallery", channels=ROLES, pixel_size_um=0.64)
    assert [(field.name, field.image.shape) for field in slide.fields] == [("0", (4, 40, 40)), ("1", (4, 31, 31))]
    tifffile.imwrite(path, np.stack([pixels[:, :9, :9]] * 5), photometric="minisblack")
    slide = io.read_slide(path, format="gallery", channels=ROLES, pixel_size_um=0.64)
    assert [field.name for field in slide.fields] == list("01234")


def test_thumbnails_of_different_channels(tmp_path, pixels):
    for name, count in (("a", 4), ("b", 3)):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels[:count], photometric="minisblack")
    with pytest.raises(InputFileError, match="field 'b' has the channels 3 without names, but 'a' has 4"):
        io.read_slide(tmp_path, channels=ROLES, pixel_size_um=0.64)


# --- OME-Zarr -----------------------------------------------------------------------------------------------------
def write_ngff(path, pixels, *, version="0.5", unit="micrometer", axes="cyx", names=ROLES, chunks=None, scale=0.64):
    shape = (1,) * (len(axes) - pixels.ndim) + pixels.shape
    root = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    kinds = {"t": "time", "c": "channel"}
    described = [{"name": name, "type": kinds.get(name, "space")} for name in axes]
    for axis in described[-2:] if unit else ():
        axis["unit"] = unit
    datasets = []
    for level in range(2):
        step = 2**level
        values = pixels[..., ::step, ::step].reshape(*shape[:-2], *pixels[0, ::step, ::step].shape)
        array = root.create_array(
            str(level), shape=values.shape, dtype=values.dtype, chunks=chunks or (*(1,) * (len(axes) - 2), 64, 64)
        )
        array[:] = values
        factors = [1.0] * (len(axes) - 2) + [scale * step] * 2
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": factors}]})
    said: dict[str, Any] = {
        "multiscales": [{"version": version, "axes": described, "datasets": datasets[::-1], "name": "x"}],
        "omero": {"channels": [{"label": name} for name in names]},
    }
    root.attrs.update(said if version == "0.4" else {"ome": {"version": version, **said}})
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("chunks", [None, (4, 50, 70)])
def test_ome_zarr(tmp_path, pixels, version, chunks):
    slide = io.read_slide(write_ngff(tmp_path / "S1.ome.zarr", pixels, version=version, chunks=chunks))
    assert (slide.slide_id, slide.channels, slide.pixel_size_um) == ("S1", ROLES, 0.64)
    assert slide.fields[0].image.shape == pixels.shape
    same(slide, pixels)


def test_ome_zarr_with_five_axes_and_nanometres(tmp_path, pixels):
    path = write_ngff(tmp_path / "S1.zarr", pixels[None, :, None].reshape(4, 150, 211), version="0.4")
    slide = io.read_slide(write_ngff(path, pixels, axes="cyx", unit="nanometer", scale=640.0))
    assert slide.pixel_size_um == pytest.approx(0.64)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"unit": None}, InputFileError, "does not tell its pixel size"),
        ({"version": "0.3"}, InputFileError, r"is OME-Zarr 0.3; expected 0.4 or 0.5"),
        ({"axes": "zyx"}, InputFileError, "axes z 4, y 150, x 211; expected channels"),
        ({"names": ()}, ChannelError, "does not name its channels"),
    ],
)
def test_ome_zarr_that_does_not_do(tmp_path, pixels, more, error, message):
    with pytest.raises(error, match=message):
        io.read_slide(write_ngff(tmp_path / "S1.zarr", pixels, **more))


def test_images_of_an_ome_zarr_series_and_plate_are_fields(tmp_path, pixels):
    root = zarr.open_group(tmp_path / "S1.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    for field in (0, 1):
        write_ngff(tmp_path / "S1.zarr" / str(field), pixels + field, version="0.4")
    slide = io.read_slide(tmp_path / "S1.zarr")
    assert [field.name for field in slide.fields] == ["0", "1"]
    same(slide, pixels + 1, field=1)
    plate = zarr.open_group(tmp_path / "P.zarr", mode="w", zarr_format=3)
    plate.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "A/1"}]}}
    well = plate.create_group("A/1")
    well.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}, {"path": "1"}]}}
    for field in (0, 1):
        write_ngff(tmp_path / "P.zarr/A/1" / str(field), pixels + field)
    assert [field.name for field in io.read_slide(tmp_path / "P.zarr").fields] == ["A/1/0", "A/1/1"]


def test_a_store_without_images(tmp_path):
    zarr.open_group(tmp_path / "S1.zarr", mode="w")
    with pytest.raises(InputFileError, match="is a zarr store without multiscales"):
        io.read_slide(tmp_path / "S1.zarr")
    (tmp_path / "S1.zarr/zarr.json").write_text(json.dumps({"zarr_format": 3})[:-3])
    with pytest.raises(InputFileError, match="is not a whole zarr group"):
        io.read_slide(tmp_path / "S1.zarr")
