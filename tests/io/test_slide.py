from __future__ import annotations

import pickle
import tracemalloc
import zlib

import dask.array as da
import numpy as np
import pytest
import tifffile

from her2plastic import io
from her2plastic._errors import ChannelError, InputFileError, ParameterError

ROLES = ("DAPI", "CK", "CD45", "HER2")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 4096, (4, 150, 211)).astype(np.uint16)


# --- slides from arrays -------------------------------------------------------------------------------------------
def test_slide_from_array(pixels):
    slide = io.Slide.from_array(pixels, channels=["dapi", "CK", "CD45", "Her2"], pixel_size_um=0.64, bit_depth=12)
    assert slide.channels == ROLES
    assert (slide.pixel_size_um, slide.bit_depth, slide.saturation, slide.source) == (0.64, 12, 4095.0, "memory")
    assert slide.channel("HER2") == 3
    assert slide.has("CK") and not slide.has("vimentin")
    assert slide.fields[0].origin_um == (0.0, 0.0)
    window = slide.read(0, slice(3, 40), slice(100, 211))
    assert window.dtype == np.uint16
    np.testing.assert_array_equal(window, pixels[:, 3:40, 100:211])


def test_slide_from_dask_stays_lazy():
    def fail(block):
        raise AssertionError("computed")

    lazy = da.zeros((1, 9, 9), dtype=np.uint8).map_blocks(fail, dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8))
    slide = io.Slide.from_array(lazy, channels=["DAPI"], pixel_size_um=0.3)
    assert slide.bit_depth == 8
    with pytest.raises(AssertionError, match="computed"):
        slide.read(0, slice(0, 1), slice(0, 1))


def test_fractions_never_saturate(pixels):
    slide = io.Slide.from_array(pixels / 2, channels=ROLES, pixel_size_um=0.64)
    assert slide.saturation == np.inf
    assert io.Slide.from_array(pixels / 2, channels=ROLES, pixel_size_um=0.64, bit_depth=12).saturation == 4095


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"channels": ["DAPI"]}, ParameterError, r"shape \(4, 150, 211\): expected .* 1 channels DAPI"),
        ({"channels": ["DAPI", "CK", "ck", "HER2"]}, ChannelError, "CK stands there more than once"),
        ({"channels": ["DAPI", "CK", "", "HER2"]}, ChannelError, "expected a name for each"),
        ({"pixel_size_um": 640}, ParameterError, "expected micrometres between 0.01 and 20"),
        ({"pixel_size_um": float("nan")}, ParameterError, "expected micrometres"),
        ({"bit_depth": 17}, ParameterError, "hold 1 to 16 bits"),
        ({"saturation": 70_000}, ParameterError, "lie between 0 and 65535"),
    ],
)
def test_what_a_slide_does_not_take(pixels, change, error, message):
    with pytest.raises(error, match=message):
        io.Slide.from_array(pixels, **{"channels": ROLES, "pixel_size_um": 0.64, **change})


def test_a_channel_that_is_not_there(pixels):
    slide = io.Slide.from_array(pixels[:1], channels=["DAPI"], pixel_size_um=0.64, slide_id="S1")
    with pytest.raises(ChannelError, match="slide 'S1' has no channel 'CK'; it has 'DAPI'"):
        slide.channel("CK")


# --- TIFF ---------------------------------------------------------------------------------------------------------
LAYOUTS = {
    "plain": {},
    "tiles": {"tile": (64, 64)},
    "zlib": {"tile": (64, 64), "compression": "zlib", "predictor": True},
    "lzw": {"tile": (64, 64), "compression": "lzw"},
    "zstd": {"tile": (64, 64), "compression": "zstd"},
    "strips": {"rowsperstrip": 7, "compression": "zlib"},
    "big-endian": {"byteorder": ">", "tile": (32, 64)},
}


def write_ome(path, pixels, *, names=ROLES, **layout):
    metadata = {
        "axes": "CYX", "Channel": {"Name": list(names)}, "PhysicalSizeX": 640, "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.64, "PhysicalSizeYUnit": "\u00b5m", "SignificantBits": 12,
    }  # fmt: skip
    tifffile.imwrite(path, pixels, metadata=metadata, photometric="minisblack", ome=True, **layout)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ome_tiff(tmp_path, pixels, layout):
    slide = io.read_slide(write_ome(tmp_path / "S1.ome.tif", pixels, **LAYOUTS[layout]))
    assert (slide.slide_id, slide.source, slide.channels) == ("S1", "S1.ome.tif", ROLES)
    assert slide.pixel_size_um == pytest.approx(0.64)
    assert (slide.bit_depth, slide.saturation) == (12, 4095.0)
    assert isinstance(slide.fields[0].image, da.Array)
    again = pickle.loads(pickle.dumps(slide))
    np.testing.assert_array_equal(again.read(0, slice(60, 131), slice(1, 210)), pixels[:, 60:131, 1:210])
    np.testing.assert_array_equal(slide.fields[0].image.compute(), pixels)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_plain_tiff_needs_channels_and_pixel_size(tmp_path, pixels, layout):
    path = tmp_path / "S1.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", **LAYOUTS[layout])
    with pytest.raises(ChannelError, match=r"S1.tif: does not name its channels \(4\)"):
        io.read_slide(path, pixel_size_um=0.64)
    with pytest.raises(InputFileError, match="does not tell its pixel size"):
        io.read_slide(path, channels=ROLES)
    slide = io.read_slide(path, channels={"CK": 2, "HER2": 0}, pixel_size_um=0.64)
    assert slide.channels == ("HER2", "channel 1", "CK", "channel 3")
    assert slide.bit_depth == 16
    np.testing.assert_array_equal(slide.read(0, slice(0, 150), slice(0, 211)), pixels)


# --- windows ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "index",
    [
        np.s_[1, 3:90, 7], np.s_[[2, 0], 5:9, :], np.s_[:, ::3, 200:10:-2], np.s_[-1], np.s_[:, 149:, -1:],
        np.s_[:, 5:5], np.s_[:, :, [3, 200, 3]], np.s_[::2, [140], 1:2],
    ],
)  # fmt: skip
def test_any_index_of_the_lazy_image(tmp_path, pixels, index):
    image = io.read_slide(write_ome(tmp_path / "S1.ome.tif", pixels, tile=(64, 64))).fields[0].image
    np.testing.assert_array_equal(image[index].compute(), pixels[index])


def test_only_the_tiles_of_a_window_are_read(tmp_path, pixels, monkeypatch):
    from her2plastic.io import tiff_planes

    decoded = []
    whole = tiff_planes._Pieces.decoded

    def told(pieces, file, number):
        decoded.append(number)
        return whole(pieces, file, number)

    monkeypatch.setattr(tiff_planes._Pieces, "decoded", told)
    slide = io.read_slide(write_ome(tmp_path / "S1.ome.tif", pixels, tile=(64, 64), compression="zlib"))
    assert decoded == []
    slide.read(0, slice(70, 90), slice(64, 129))
    assert decoded == [5, 6] * 4


def test_a_large_slide_is_never_in_memory(tmp_path):
    path = tmp_path / "S1.ome.tif"
    side, metadata = 20_000, {"axes": "CYX", "PhysicalSizeX": 0.64, "PhysicalSizeY": 0.64}
    tile = zlib.compress(np.full((512, 512), 7, np.uint16).tobytes())
    tifffile.imwrite(
        path, iter([tile] * (4 * 40 * 40)), shape=(4, side, side), dtype=np.uint16, tile=(512, 512),
        compression="zlib", bigtiff=True, photometric="minisblack", metadata=metadata,
    )  # fmt: skip
    tracemalloc.start()
    try:
        slide = io.read_slide(path, channels=ROLES)
        for start in range(0, side, 2_500):
            window = slide.read(0, slice(start, start + 1_000), slice(start, start + 1_000))
            assert window.shape == (4, 1_000, 1_000) and (window == 7).all()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert slide.fields[0].image.nbytes == 3_200_000_000
    assert peak < 150_000_000
