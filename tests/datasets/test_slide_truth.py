"""The generator does what its parameters say, and the picture holds what the truth table says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from her2plastic import datasets

CTCS_ONLY = datasets.SlideCells(debris_per_ctc=(0, 0), ck_negative=0.0, clusters=0.0, blobs=0.0)
CLEAN = datasets.SlideOptics(
    gradient=0.0, vignetting=0.0, read_noise=0.0, bleed_through=0.0, shift_px=0.0, gain_sd_log=0.0, bits=16
)


def simulated(**parameters: Any) -> datasets.SimulatedSlide:
    given: dict[str, Any] = {"shape": (1200, 1200), "n_leukocytes": 0, "n_ctcs": 60, "cells": CTCS_ONLY, "seed": 4}
    return datasets.simulate_slide(**(given | parameters))


def pixels(slide: datasets.SimulatedSlide, channel: str) -> np.ndarray:
    image = slide.slide.fields[0].image[slide.slide.channel(channel)]
    return np.asarray(image, dtype=float)


def means(slide: datasets.SimulatedSlide, channel: str, background: float = 100.0) -> np.ndarray:
    """Return the mean over each object of the truth table."""
    return ndimage.mean(pixels(slide, channel) - background, np.asarray(slide.cells), slide.truth["number"].to_numpy())


@pytest.mark.parametrize("pixel_size_um", [0.64, 0.32])
def test_picture_has_the_intensities_of_the_table(pixel_size_um: float) -> None:
    slide = simulated(optics=CLEAN, pixel_size_um=pixel_size_um, n_ctcs=20, shape=(900, 900))
    ratio = means(slide, "HER2") / slide.truth["her2_intensity"]
    within = ~slide.truth["saturated"]
    assert within.sum() > 10
    assert np.abs(ratio[within] - 1).max() < 0.02


def test_vignetting_and_gain_are_in_the_intensities_of_the_table() -> None:
    optics = datasets.SlideOptics(gradient=0.0, read_noise=0.0, vignetting=0.3, bits=16, camera_field_px=1200)
    slide = simulated(optics=optics, gains=(1, 1, 1, 1.5))
    truth = slide.truth
    assert slide.her2_unit == pytest.approx(1.5 * simulated(optics=optics, gains=(1, 1, 1, 1)).her2_unit)
    from_centre = np.hypot(truth["y_um"] - 384, truth["x_um"] - 384).to_numpy()
    share = truth["her2_intensity"] / (truth["her2_units"] * slide.her2_unit)
    assert share[from_centre.argmin()] == pytest.approx(1.0, abs=0.01)
    assert share.min() < 0.85
    shade = np.asarray(share)
    ratio = means(slide, "HER2", background=0.0) - 100 * shade
    bright = (truth["her2_units"] > 5) & ~truth["saturated"]
    assert np.abs(ratio / truth["her2_intensity"] - 1)[bright].max() < 0.03


def test_diameters_are_as_asked_for() -> None:
    cells = datasets.SlideCells(debris_per_ctc=(0, 0), ck_negative=0.0, blobs=0.0, bare_nuclei=0.0)
    slide = simulated(n_leukocytes=100, n_ctcs=100, cells=cells)
    truth = slide.truth
    area = ndimage.sum_labels(np.ones((1200, 1200)), np.asarray(slide.cells), truth["number"].to_numpy())
    alone = (truth["cluster"] == 0).to_numpy()
    measured = 2 * np.sqrt(area * 0.64**2 / math.pi)
    assert np.abs(measured / truth["diameter_um"] - 1)[alone].max() < 0.05
    for kind, median, sd in (("CTC", 12.0, 0.2), ("leukocyte", 8.5, 0.12)):
        logs = np.log(truth.loc[truth["kind"] == kind, "diameter_um"] / median)
        assert abs(logs.mean()) < 4 * sd / math.sqrt(100)
        assert logs.std() == pytest.approx(sd, rel=0.25)
    nucleus = ndimage.sum_labels(np.ones((1200, 1200)), np.asarray(slide.nuclei), truth["number"].to_numpy())
    ratio = pd.Series(np.sqrt(nucleus / area)[alone]).groupby(truth["kind"].to_numpy()[alone]).median()
    assert ratio["CTC"] == pytest.approx(0.65, abs=0.02)
    assert ratio["leukocyte"] == pytest.approx(0.8, abs=0.02)


def test_classes_have_their_medians_and_spread() -> None:
    slide = simulated(shape=(2600, 2600), n_ctcs=480, optics=datasets.SlideOptics(gain_sd_log=0.0), lazy=True)
    for name, median in {"0": 1.1, "1+": 3.0, "2+": 8.0, "3+": 20.0}.items():
        logs = np.log(slide.truth.loc[slide.truth["her2_class"] == name, "her2_units"])
        assert len(logs) == 120
        assert logs.mean() == pytest.approx(math.log(median), abs=4 * 0.35 / math.sqrt(120))
        assert logs.std() == pytest.approx(0.35, rel=0.25)


def test_saturated_share_is_as_asked_for() -> None:
    slide = simulated(
        shape=(2600, 2600), n_ctcs=200, her2_classes={"3+": 1.0}, gains=(1, 1, 1, 1), lazy=True,
        optics=datasets.SlideOptics(vignetting=0.0),
    )  # fmt: skip
    # 5 % of 200: 10, standard deviation 3.1
    assert 1 <= slide.truth["saturated"].sum() <= 20


def test_saturated_cells_of_the_table_are_those_of_the_picture() -> None:
    slide = simulated(her2=datasets.HER2Stain(saturated=0.4), her2_classes={"3+": 1.0})
    highest = ndimage.maximum(pixels(slide, "HER2"), np.asarray(slide.cells), slide.truth["number"].to_numpy())
    assert slide.truth["saturated"].sum() > 10
    assert np.mean((highest == 4095) == slide.truth["saturated"]) > 0.9
    assert (highest[slide.truth["saturated"]] > 3900).all()


def test_masked_receptors_are_not_seen() -> None:
    free, masked = (
        simulated(her2=datasets.HER2Stain(masking=(share, share)), lazy=True).truth["her2_units"] for share in (1, 0.5)
    )
    # autofluorescence is seen all the same
    assert np.allclose(masked - np.minimum(free, 1), (free - np.minimum(free, 1)) / 2)


def test_her2_lies_on_the_membrane_and_keratin_in_the_cytoplasm() -> None:
    slide = simulated(optics=CLEAN, pixel_size_um=0.32, n_ctcs=8, her2_classes={"3+": 1.0}, shape=(512, 512))
    outwards = _profile(slide, "HER2")
    assert 1.6 < outwards[-2:].max() / outwards[0] < 2.4
    keratin = _profile(slide, "CK")
    # dimmer over the nucleus, which is nearest to the centre
    assert keratin[4:7].max() > 1.1 * keratin[0]
    assert keratin[-1] < 0.8 * keratin.max()


def _profile(slide: datasets.SimulatedSlide, channel: str) -> np.ndarray:
    """Return the mean intensity in ten rings of the cells, from their centre to their edge."""
    image, rings = pixels(slide, channel) - 100, []
    for row in slide.truth.itertuples():
        inside = np.asarray(slide.cells) == row.number
        depth = ndimage.distance_transform_edt(inside)[inside]
        ring = np.minimum((10 * (1 - depth / depth.max())).astype(int), 9)
        values = image[inside] / image[inside].mean()
        rings.append([values[ring == number].mean() for number in range(10)])
    return np.mean(rings, axis=0)


def test_background_is_of_the_asked_level_slope_and_noise() -> None:
    optics = datasets.SlideOptics(vignetting=0.0, camera_field_px=1200)
    image = pixels(simulated(n_ctcs=0, optics=optics), "CD45")
    assert image.mean() == pytest.approx(100, abs=0.5)
    corners = [image[:60, :60].mean(), image[-60:, -60:].mean()]
    assert corners == pytest.approx([81, 119], abs=1)
    assert image[560:640, 560:640].std() == pytest.approx(math.sqrt(100 + 25), rel=0.05)


def test_keratin_channel_sees_a_share_of_her2() -> None:
    cells = datasets.SlideCells(debris_per_ctc=(0, 0), ck=0.0, ck_negative=0.0, clusters=0.0)
    optics = datasets.SlideOptics(gradient=0.0, vignetting=0.0, bleed_through=0.1, shift_px=0.0, bits=16)
    slide = simulated(cells=cells, optics=optics, her2_classes={"3+": 1.0})
    assert np.median(means(slide, "CK") / means(slide, "HER2")) == pytest.approx(0.1, abs=0.005)


def test_gain_drifts_between_slides() -> None:
    gains = [math.log(simulated(seed=seed, n_ctcs=1, shape=(100, 100)).her2_unit) for seed in range(30)]
    assert np.std(gains) == pytest.approx(0.1, rel=0.5)


def test_every_kind_is_there_in_its_number() -> None:
    cells = datasets.SlideCells(bare_nuclei=0.05, blobs=0.04, clusters=0.25, leukocyte_pairs=0.2, ck_negative=0.1)
    slide = simulated(n_leukocytes=100, n_ctcs=20, cells=cells)
    truth = slide.truth
    numbers = truth["kind"].value_counts()
    assert numbers.drop("debris").to_dict() == {
        "leukocyte": 100, "CTC": 20, "bare nucleus": 5, "bright blob": 4, "CK- HER2+": 2,
    }  # fmt: skip
    assert 5 * 20 <= numbers["debris"] <= 20 * 20
    groups = truth[truth["cluster"] > 0].groupby("cluster")["kind"].agg(lambda kinds: "+".join(sorted(kinds)))
    # five CTCs in clusters: two pairs, and one with a leukocyte; ten pairs of the other leukocytes
    assert groups.value_counts().to_dict() == {"CTC+CTC": 2, "CTC+leukocyte": 1, "leukocyte+leukocyte": 10}
    labels, masks = np.asarray(slide.cells), ndimage.label(np.asarray(slide.cells) > 0, np.ones((3, 3)))[0]
    for _, group in truth[truth["cluster"] > 0].groupby("cluster"):
        assert len({masks[labels == number][0] for number in group["number"]}) == 1


def test_control_slide_is_of_one_class() -> None:
    slide = simulated(control_line="MDA-MB-453", n_leukocytes=5, n_ctcs=10, cells=datasets.SlideCells(ck_negative=0.5))
    assert set(slide.truth.loc[slide.truth["kind"] == "CTC", "her2_class"]) == {"2+"}
    assert "CK- HER2+" not in set(slide.truth["kind"])
    assert slide.control_line == "MDA-MB-453"


def test_ceiling_is_what_the_best_call_reaches() -> None:
    ceiling = datasets.her2_ceiling()
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 200_000)
    centres = np.log([1.1, 3.0, 8.0, 20.0])
    logs = rng.normal(centres[classes], 0.35)
    # equal spread and shares: the likeliest class is the nearest; 2+ and 3+ meet half way, and so do 0 and 1+
    called = np.abs(logs[:, None] - centres).argmin(axis=1)
    state = np.array([0, 1, 1, 2])
    assert ceiling.class_accuracy == pytest.approx(np.mean(called == classes), abs=0.003)
    assert ceiling.state_accuracy == pytest.approx(np.mean(state[called] == state[classes]), abs=0.003)
    assert np.allclose(ceiling.states.sum(axis=1), 1)
    assert datasets.her2_ceiling(measurement_sd_log=0.5).state_accuracy < ceiling.state_accuracy - 0.05
