from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import pandas as pd
import pytest

from her2plastic import _keys


def test_demonstration_is_whole_and_can_be_run_on(
    command: Callable[..., Any], tree: Callable[[Path], dict[str, bytes]], tmp_path: Path
) -> None:
    ended = command("demo", "-o", tmp_path / "demo")
    assert ended.code == 0, ended.error
    files = tree(tmp_path / "demo")
    expected = {"composition", "erbb2_depth", "amplicon", "identity", "embedding"}
    assert {f"figures/{name}.{kind}" for name in expected for kind in ("png", "svg")} <= set(files)
    patients = pd.read_csv(tmp_path / "demo" / "patients.csv")
    donors = patients[patients["scope"] == "donor"].set_index("donor_id")
    assert donors.index.tolist() == ["D01", "D02", "D03", "D04", "D05", "D06"], "control cells are no patients"
    assert donors["share_HER2-positive"].idxmax() == "D03", "the donor with the amplified tumour"
    assert donors["n_amplified"].idxmax() == "D03"
    draw = patients[(patients["donor_id"] == "D04") & (patients["draw_day"] == 21)]
    assert draw["note"].tolist() == ["insufficient: no CTC"]
    adata = anndata.read_h5ad(tmp_path / "demo" / "cells.h5ad")
    assert adata.n_obs > int(donors["n_cells"].sum()), "the control cells are kept"
    assert {"X_umap", _keys.HER2_POSTERIOR, _keys.IDENTITY_POSTERIOR} <= set(adata.obsm)
    assert command("check", tmp_path / "demo" / "input" / "config.yaml").code == 0
    # moves between the states: what was asked, and a line for what was not
    assert set(pd.read_csv(tmp_path / "demo" / "transitions.csv")["status"]) == {"ok"}
    assert {"draws", "trajectory"} == set(pd.read_csv(tmp_path / "demo" / "nulls.csv")["design"])
    assert {"figures/draws_state_diagram.png", "figures/draws_composition_over_time.svg"} <= set(files)
    assert "the files hold no spliced and unspliced counts" in files["report.html"].decode()
    # the image side, and the cells that have both
    slides = pd.read_csv(tmp_path / "demo" / "images" / "slides.csv")
    assert (slides["status"] == "whole").all()
    assert slides["control_line"].notna().sum() == 4
    assert {f"slides/{name}.zarr/zarr.json" for name in slides["slide_id"]} <= set(files)
    consensus = pd.read_csv(tmp_path / "demo" / "images" / "consensus.csv")
    images = anndata.read_h5ad(tmp_path / "demo" / "images" / "cells.h5ad")
    assert set(consensus["cell_id"]) <= set(images.obs_names)
    assert len(consensus) >= 20
    assert set(consensus["her2_agreement"].dropna()) <= set(_keys.AGREEMENTS)
    assert "Image and expression of the same cell" in files["report.html"].decode()
    assert command("check", tmp_path / "demo" / "input" / "slides" / "config.yaml").code == 0
    # a person goes on from the example's files, with the results where they are
    config = tmp_path / "demo" / "input" / "config.yaml"
    config.write_text(
        "samples: samples.csv\nmap: false\nquality: {doublets: false}\ntransitions: {enabled: false}\n",
        encoding="utf-8",
    )
    edited = tree(tmp_path / "demo" / "input")
    ended = command("run", config, "-o", tmp_path / "demo")
    assert ended.code == 0, ended.error
    assert tree(tmp_path / "demo" / "input") == edited
    again = command("demo", "-o", tmp_path / "demo")
    assert again.code == 2
    assert "config.yaml was changed since it was written" in again.error
    assert tree(tmp_path / "demo" / "input") == edited


def test_demonstration_without_what_reads_images_says_so(
    command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2plastic import _errors, run
    from her2plastic.run import demonstration

    def missing(folder: Path) -> None:
        raise _errors.MissingExtraError("tifffile", "imaging")

    monkeypatch.setattr("her2plastic.datasets.demo_slides", missing)
    notes: list[str] = []

    def carry_out(plan: Any, folder: Any, *, measure: Callable[[Any], Any], **options: Any) -> None:
        analysis = SimpleNamespace(notes=notes)
        assert measure(analysis).slides is None

    monkeypatch.setattr(demonstration, "carry_out", carry_out)
    run.demonstrate(tmp_path / "demo")
    assert notes == [
        "the slides of the example were left out: this needs tifffile, which is not installed: pip install "
        "'her2plastic[imaging]'"
    ]
