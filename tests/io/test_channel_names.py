"""Channels are known by the usual other names of their stains; what is not sure is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from her2plastic import io
from her2plastic._errors import DataWarning


def written(path, names):
    pixels = np.zeros((len(names), 16, 16), dtype=np.uint16)
    metadata = {"axes": "CYX", "Channel": {"Name": list(names)}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, pixels, metadata=metadata, photometric="minisblack")
    return path


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (["Hoechst 33342", "panCK", "CD45", "Her2"], ("DAPI", "CK", "CD45", "HER2")),
        (["dsDNA", "PanKRT", "PTPRC", "ErbB2"], ("DAPI", "CK", "CD45", "HER2")),
        (["DAPI (405)", "CK-PE", "CD45-APC", "HER2/neu FITC"], ("DAPI", "CK", "CD45", "HER2")),
        (["HH3", "CK19", "CD45RO", "Opal 570 HER2"], ("DAPI", "CK", "CD45RO", "HER2")),
        (["CK8/18", "CK19", "DAPI", "EpCAM"], ("CK", "CK19", "DAPI", "EpCAM")),  # a cocktail before a single keratin
        (["DAPI", "Hoechst", "CK", "Pan-Cytokeratin"], ("DAPI", "Hoechst", "CK", "Pan-Cytokeratin")),
    ],
)
def test_other_names_of_a_stain(tmp_path, names, roles):
    assert io.read_slide(written(tmp_path / "s.ome.tif", names)).channels == roles


def test_two_names_that_fit_alike_are_asked_for(tmp_path):
    path = written(tmp_path / "s.ome.tif", ["DAPI", "CK8", "CK18", "CD45"])
    with pytest.warns(DataWarning, match="'CK8', 'CK18' may each be CK, and none of them is taken"):
        assert io.read_slide(path).channels == ("DAPI", "CK8", "CK18", "CD45")
    assert io.read_slide(path, channels={"CK": "CK8", "DAPI": 0}).channels == ("DAPI", "CK", "CK18", "CD45")


def test_files_of_one_field_may_begin_with_its_name(tmp_path):
    for name in ("slide_1_dapi", "slide_1_panCK", "slide_1_cd45"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((16, 16), dtype=np.uint16))
    assert io.read_slide(tmp_path, pixel_size_um=0.5).channels == ("CD45", "DAPI", "CK")
    said = io.read_slide(tmp_path, pixel_size_um=0.5, channels={"HER2": "slide_1_panCK"})
    assert said.channels == ("CD45", "DAPI", "HER2")


def test_labels_of_imagej_are_names(tmp_path):
    path, pixels = tmp_path / "s.tif", np.zeros((3, 16, 16), dtype=np.uint16)
    metadata = {"axes": "CYX", "unit": "um", "Labels": ["DAPI", "Pan-CK", "x"]}
    tifffile.imwrite(path, pixels, imagej=True, metadata=metadata, resolution=(2, 2))
    slide = io.read_slide(path)
    assert (slide.channels, slide.pixel_size_um) == (("DAPI", "CK", "x"), 0.5)


@pytest.mark.parametrize("ome", [False, True])
def test_signed_pixels_have_a_bit_less(tmp_path, ome):
    path = tmp_path / ("s.ome.tif" if ome else "s.tif")
    more = {"metadata": {"axes": "CYX", "SignificantBits": 16}} if ome else {}
    tifffile.imwrite(path, np.ones((2, 16, 16), dtype=np.int16), photometric="minisblack", **more)
    slide = io.read_slide(path, channels=["DAPI", "CK"], pixel_size_um=0.5)
    assert (slide.bit_depth, slide.saturation) == (15, 32767.0)
