"""Real images of three sources are read as they are."""

from __future__ import annotations

import numpy as np
import pytest

from her2plastic import io
from her2plastic._errors import ChannelError


@pytest.mark.parametrize("montage", ["ctc_quant_breast1", "ctc_quant_lung1"])
def test_montages_of_ctcs_are_a_file_a_channel(shared_data, montage):
    slide = io.read_slide(shared_data / "images" / montage, pixel_size_um=0.5)
    assert slide.channels == ("CD45", "CK", "DAPI", "vim")
    assert slide.fields[0].image.shape == (4, 4258, 4433)
    assert (slide.bit_depth, slide.saturation) == (8, 255.0)
    window = slide.read(0, slice(0, 4258), slice(1000, 2000))
    assert (window.max(axis=(1, 2)) > 50).all()


def test_dcis_field_loads_as_channels(shared_data):
    slide = io.read_slide(
        shared_data / "images" / "mibi_dcis", pixel_size_um=0.5, channels={"DAPI": "HH3", "CK": "PanKRT"}
    )
    assert slide.channels == ("CD45", "CK7", "ECAD", "ER", "HER2", "DAPI", "CK", "VIM")
    assert slide.fields[0].image.shape == (8, 1024, 1024)
    assert slide.read(0, slice(0, 1024), slice(0, 1024))[slide.channel("HER2")].max() > 0


def test_coloured_jpeg_of_nuclei_is_read_by_the_colour_that_is_said(shared_data):
    path = shared_data / "images" / "nuclei" / "33.jpg"
    with pytest.raises(ChannelError, match="calls its channels 'red', 'green', 'blue'"):
        io.read_slide(path, pixel_size_um=0.3)
    slide = io.read_slide(path, pixel_size_um=0.3, channels={"DAPI": "blue"})
    assert slide.channels == ("red", "green", "DAPI")
    assert slide.fields[0].image.shape == (3, 768, 1024)
    red, _, blue = slide.read(0, slice(0, 768), slice(0, 1024)).astype(float)
    assert np.corrcoef(red.ravel(), blue.ravel())[0, 1] > 0.9
    assert blue.max() > red.max() > 0
