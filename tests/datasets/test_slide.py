"""Simulated slides: the same pixels however they are drawn, and a truth that the picture agrees with."""

from __future__ import annotations

import numpy as np
import pytest

from her2plastic import datasets
from her2plastic._errors import ParameterError


@pytest.fixture(scope="module")
def simulated() -> datasets.SimulatedSlide:
    return datasets.simulate_slide(shape=(700, 900), n_leukocytes=40, n_ctcs=8, seed=3)


def test_pixels_do_not_depend_on_how_they_are_drawn(simulated: datasets.SimulatedSlide) -> None:
    lazy = datasets.simulate_slide(shape=(700, 900), n_leukocytes=40, n_ctcs=8, seed=3, lazy=True)
    whole = np.asarray(simulated.slide.fields[0].image)
    image = lazy.slide.fields[0].image
    assert np.array_equal(image.compute(), whole)
    assert np.array_equal(image[:, 130:601, 77:530].rechunk((4, 100, 90)).compute(), whole[:, 130:601, 77:530])
    assert np.array_equal(np.asarray(lazy.nuclei), simulated.nuclei)
    assert np.array_equal(np.asarray(lazy.cells), simulated.cells)


def test_slide_is_of_four_channels_and_twelve_bits(simulated: datasets.SimulatedSlide) -> None:
    slide = simulated.slide
    assert slide.channels == ("DAPI", "CK", "CD45", "HER2")
    assert (slide.bit_depth, slide.saturation, slide.pixel_size_um) == (12, 4095.0, 0.64)
    assert slide.fields[0].image.dtype == np.uint16
    assert int(slide.fields[0].image.max().compute()) <= 4095


def test_masks_hold_what_the_table_says(simulated: datasets.SimulatedSlide) -> None:
    truth = simulated.truth
    assert set(np.unique(simulated.cells)) - {0} == set(truth.loc[truth["kind"] != "bright blob", "number"])
    with_nucleus = ~truth["kind"].isin(["bright blob", "debris"])
    assert set(np.unique(simulated.nuclei)) - {0} == set(truth.loc[with_nucleus, "number"])
    inside = np.asarray(simulated.nuclei) != 0
    assert np.array_equal(np.asarray(simulated.nuclei)[inside], np.asarray(simulated.cells)[inside])


def test_faulty_arguments_are_named() -> None:
    with pytest.raises(ParameterError, match=r"shape: no room left"):
        datasets.simulate_slide(shape=(300, 300), n_leukocytes=5000)
    with pytest.raises(ParameterError, match="her2_classes='4"):
        datasets.simulate_slide(her2_classes={"4+": 1.0})
