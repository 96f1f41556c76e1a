"""Cohorts of slides: what the sheet, the truth and the expression say agrees with one another and with the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, datasets, io
from her2plastic._errors import ParameterError

SMALL: dict[str, Any] = {
    "shape": (420, 420), "n_leukocytes": 12, "control_cells": 12, "control_lines": ("MDA-MB-231", "SKBR3"),
    "cells": datasets.SlideCells(debris_per_ctc=(0, 1)), "optics": datasets.SlideOptics(gain_sd_log=0.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> datasets.SlideCohort:
    return datasets.simulate_slide_cohort(
        tmp_path_factory.mktemp("slides"), n_donors=2, n_ctc=[[8, 0], [5, 6]], draws=(0, 21), picked=0.5,
        disagreement=0.3, batches=2, staining_sd_log=0.5, truth=True, seed=1, **SMALL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sheet(cohort: datasets.SlideCohort) -> pd.DataFrame:
    return pd.read_csv(cohort.sheet, keep_default_na=False)


def test_sheet_names_every_slide(cohort: datasets.SlideCohort, sheet: pd.DataFrame) -> None:
    assert list(sheet.columns) == [
        "donor_id", "sample_id", "draw_day", "image_path", "channels", "pixel_size_um", "bit_depth",
        "pattern", "control_line", "batch",
    ]  # fmt: skip
    controls = [f"control-{batch}-{line}" for batch in (1, 2) for line in ("MDA-MB-231", "SKBR3")]
    assert list(sheet["sample_id"]) == ["D01-d0", "D01-d21", "D02-d0", "D02-d21", *controls]
    assert list(sheet["batch"]) == [1, 1, 2, 2, 1, 1, 2, 2]
    assert sorted(path.name for path in cohort.sheet.parent.iterdir()) == sorted(
        [*sheet["image_path"], "slides.csv", "truth.csv"]
    )


def test_images_are_read_as_the_sheet_says(cohort: datasets.SlideCohort, sheet: pd.DataFrame) -> None:
    for row in sheet.iloc[[0, 5]].itertuples():
        slide = io.read_slide(cohort.sheet.parent / str(row.image_path), slide_id=str(row.sample_id))
        assert slide.channels == ("DAPI", "CK", "CD45", "HER2")
        place = cohort.truth[(cohort.truth["sample_id"] == row.sample_id) & (cohort.truth["kind"] == "CTC")].iloc[0]
        pixel = np.asarray(slide.fields[0].image[:, int(place["y_um"] / 0.64), int(place["x_um"] / 0.64)])
        assert pixel[0] > 200  # its nucleus
        assert pixel[1] > 200  # its cytokeratin


@pytest.mark.parametrize("format", ["ome-tiff", "ome-zarr", "ome-zarr-0.4", "tiff", "channels", "fields"])
def test_sheet_says_what_the_files_do_not(tmp_path: Path, format: str) -> None:
    parameters = SMALL | {"control_lines": ["SKBR3"], "control_cells": 2, "n_leukocytes": 2}
    made = datasets.simulate_slide_cohort(tmp_path, n_donors=1, n_ctc=2, format=format, **parameters)
    (patient, control) = io.read_slides(made.sheet)
    assert (patient.sample_id, control.control_line) == ("D01-d0", "SKBR3")
    for slide in (patient.slide, control.slide):
        assert sorted(slide.channels) == sorted(["DAPI", "CK", "CD45", "HER2"])
        assert (slide.pixel_size_um, slide.bit_depth, slide.saturation) == (0.64, 12, 4095)
        assert slide.fields[0].image.shape == (4, 420, 420)


def test_composition_counts_the_cells_of_the_truth(cohort: datasets.SlideCohort) -> None:
    assert list(cohort.composition.sum(axis=1)) == [8, 0, 5, 6]
    ctcs = cohort.truth[(cohort.truth["kind"] == "CTC") & (cohort.truth["sample_id"] == "D02-d21")]
    assert cohort.composition.loc["D02-d21"].to_dict() == {
        name: int((ctcs["her2_class"] == name).sum()) for name in _keys.IF_SCORES
    }


def test_picked_cells_lie_where_the_slide_has_them(cohort: datasets.SlideCohort) -> None:
    rna = cohort.expression
    assert rna is not None
    assert rna.n_obs == round(0.5 * 19)
    ctcs = cohort.truth[cohort.truth["ctc"] >= 0]
    for place, slide, score, state in zip(
        rna.obsm["spatial"], rna.obs["sample_id"], rna.obs["true_if_score"], rna.obs["true_state"], strict=True
    ):
        there = ctcs[(ctcs["sample_id"] == slide) & (ctcs["x_um"] == place[0]) & (ctcs["y_um"] == place[1])]
        assert there[["her2_class", "state"]].to_numpy().tolist() == [[score, state]]


def test_protein_disagrees_with_rna_as_often_as_asked_for(tmp_path: Path) -> None:
    parameters: dict[str, Any] = SMALL | {"control_lines": (), "shape": (800, 800)}
    for share in (0.0, 0.3):
        cohort = datasets.simulate_slide_cohort(
            tmp_path / f"{share}", n_donors=1, n_ctc=60, disagreement=share, seed=3, **parameters
        )
        ctcs = cohort.truth[cohort.truth["ctc"] >= 0]
        protein = ctcs["her2_class"].map(dict(zip(_keys.IF_SCORES, _keys.STATE_OF_SCORE, strict=True)))
        # 60 cells: standard deviation 0.06
        assert np.mean(protein != ctcs["state"]) == pytest.approx(share, abs=0.2 if share else 0)


def test_batches_differ_in_staining_and_their_controls_with_them(cohort: datasets.SlideCohort) -> None:
    strong = cohort.truth[cohort.truth["control_line"] == "SKBR3"].query("kind == 'CTC'")
    assert strong["staining"].nunique() == 2
    for staining, cells in strong.groupby("staining"):
        expected = 1 + (20 - 1) * float(staining)
        assert np.log(cells["her2_units"] / expected).mean() == pytest.approx(0, abs=4 * 0.35 / np.sqrt(12))
    stainings = cohort.truth.groupby("batch")["staining"].agg(["min", "max"])
    assert (stainings["min"] == stainings["max"]).all()


def test_picked_cells_get_the_names_of_measured_ones(cohort: datasets.SlideCohort) -> None:
    from anndata import AnnData

    rna = cohort.expression
    assert rna is not None
    truth = cohort.truth[cohort.truth["control_line"] == ""]
    obs = pd.DataFrame({"slide_id": truth["sample_id"].to_numpy()})
    obs.index = [f"{slide}:{number}" for slide, number in zip(truth["sample_id"], truth["number"], strict=True)]
    images = AnnData(np.zeros((len(obs), 1), dtype=np.float32), obs=obs)
    images.obsm["spatial"] = truth[["x_um", "y_um"]].to_numpy() + 1.5
    missing = str(obs.index[np.flatnonzero(truth["ctc"] >= 0)[0]])
    named = datasets.name_picked_cells(rna, images=images[images.obs_names != missing].copy())
    expected = [
        f"{slide}:{truth.loc[(truth['sample_id'] == slide) & (truth['x_um'] == place[0]), 'number'].iloc[0]}"
        for slide, place in zip(rna.obs["sample_id"], rna.obsm["spatial"], strict=True)
    ]
    kept = [own if name == missing else name for own, name in zip(rna.obs_names, expected, strict=True)]
    assert list(named.obs_names) == list(named.obs["cell_id"]) == kept
    assert list(rna.obs_names) != kept


def test_nothing_is_overwritten_and_faults_are_named(cohort: datasets.SlideCohort, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"slides\.csv is there already"):
        datasets.simulate_slide_cohort(cohort.sheet.parent, **SMALL)
    with pytest.raises(ParameterError, match="control_lines='HeLa' is not known"):
        datasets.simulate_slide_cohort(tmp_path / "new", control_lines=["HeLa"])
    assert not (tmp_path / "new").exists()


def test_demo_slides_are_always_the_same_few(tmp_path: Path) -> None:
    demo = datasets.demo_slides(tmp_path)
    sheet = pd.read_csv(demo.sheet, keep_default_na=False)
    assert list(sheet["control_line"]) == ["", "", "MDA-MB-231", "T47D", "MDA-MB-453", "SKBR3"]
    assert demo.expression is not None
    assert demo.expression.n_obs == 24
    assert (demo.composition.sum() > 0).all()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20e6
