"""Slides from the command line: results, the same again, interruptions, slides that fail, a disk that is full."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys

Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]
Tree = Callable[[Path], dict[str, bytes]]
TABLES = ("patients.csv", "rules.csv", "slides.csv", "report.html")


def test_results_are_complete(slide_results: Path) -> None:
    slides = pd.read_csv(slide_results / "slides.csv", keep_default_na=False).set_index("slide_id")
    assert slides.index.tolist() == ["P01-d0", "control"]
    assert (slides["status"] == "whole").all()
    adata = anndata.read_h5ad(slide_results / "cells.h5ad")
    obs: Any = adata.obs
    assert obs.groupby(_keys.SLIDE_ID, observed=True).size().to_dict() == slides["n_events"].astype(int).to_dict()
    found = slides["n_ctc"].astype(int)
    assert (found - 8).abs().max() <= 1, "eight CTCs were simulated on each slide"
    patients = pd.read_csv(slide_results / "patients.csv")
    assert patients["donor_id"].tolist() == ["P01"] * 2, "control lines are no patients"
    donors = patients[patients["scope"] == "donor"].set_index("donor_id")
    assert donors["n_ctc"].tolist() == found.iloc[:1].tolist()
    for state in _keys.STATES:
        assert (donors[f"lower_{state}"] <= donors[f"share_{state}"]).all()
        assert (donors[f"share_{state}"] <= donors[f"upper_{state}"]).all()
    rules = pd.read_csv(slide_results / "rules.csv")
    assert rules.groupby("donor_id")["n_ctc"].first().to_dict() == donors["n_ctc"].to_dict()
    assert (rules["source"] != "").all()


def test_store_of_a_slide_has_image_labels_table_and_crops(slide_results: Path) -> None:
    import zarr

    adata = anndata.read_h5ad(slide_results / "cells.h5ad")
    store = zarr.open_group(slide_results / "slides" / "P01-d0.zarr", mode="r")
    assert {"images", "labels", "tables", "crops"} <= set(store.group_keys())
    assert np.asarray(store["images/image/s0"]).shape == (4, 512, 512)
    assert np.asarray(store["labels/cells/s0"]).max() == (adata.obs[_keys.SLIDE_ID] == "P01-d0").sum()
    own = adata[adata.obs[_keys.SLIDE_ID] == "P01-d0"]
    assert set(own.obs_names[own.obs[_keys.IS_CTC].to_numpy()]) <= set(store["crops"].attrs["cell_id"])
    table = anndata.io.read_elem(store["tables/table"])
    assert table.obs[_keys.HER2_IF_CALL].astype(str).tolist() == own.obs[_keys.HER2_IF_CALL].astype(str).tolist()


def test_provenance_names_everything_and_no_person(slide_results: Path) -> None:
    text = (slide_results / "provenance.json").read_text(encoding="utf-8")
    origin = json.loads(text)
    assert str(slide_results.parents[1]) not in text
    assert [entry["name"] for entry in origin["inputs"]] == [
        "slides.csv", "P01-d0.ome.tif", "control.ome.zarr/",
    ]  # fmt: skip
    assert all(len(entry["sha256"]) == 64 for entry in origin["inputs"])
    assert {"segment", "measure", "image_identity", "her2_if"} <= {step["step"] for step in origin["steps"]}
    assert [entry["store"] for entry in origin["slides"]][0] == "slides/P01-d0.zarr"
    assert {"dask", "tifffile", "scikit-image"} <= set(origin["versions"])
    assert str(slide_results.parents[1]).encode() not in (slide_results / "report.html").read_bytes()


def test_a_rerun_gives_the_same_and_resuming_measures_nothing_again(
    slides: Path, slide_results: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (slides / "config.yaml").read_text(encoding="utf-8")
    (slides / "config.yaml").write_text(config + "segmentation: {tile_size: 256}\n", encoding="utf-8")
    again = tmp_path / "again"
    assert command("slide", slides / "config.yaml", "-o", again).code == 0
    first, second = (anndata.read_h5ad(folder / "cells.h5ad") for folder in (slide_results, again))
    pd.testing.assert_frame_equal(first.obs, second.obs)
    np.testing.assert_array_equal(first.X, second.X)
    for name in ("patients.csv", "rules.csv", "slides.csv"):
        assert (again / name).read_bytes() == (slide_results / name).read_bytes(), name
    before = (again / "report.html").read_bytes()
    monkeypatch.setattr("her2plastic.im.segment", lambda *_, **__: pytest.fail("a whole slide was segmented again"))
    ended = command("slide", slides / "config.yaml", "-o", again, "--resume")
    assert ended.code == 0, ended.error
    assert ended.error.count("(from the former run)") == 2
    assert (again / "report.html").read_bytes() == before


def test_resuming_takes_no_slide_that_has_changed(slides: Path, command: Command, tmp_path: Path) -> None:
    (slides / "slides.csv").write_text(
        "donor_id,sample_id,draw_day,image_path,bit_depth\nP01,P01-d0,0,P01-d0.ome.tif,\n", encoding="utf-8"
    )
    assert command("slide", slides / "config.yaml", "-o", tmp_path / "results").code == 0
    sheet = (slides / "slides.csv").read_text(encoding="utf-8")
    (slides / "slides.csv").write_text(sheet.replace(".tif,", ".tif,13"), encoding="utf-8")
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results", "--resume")
    assert ended.code == 0, ended.error
    assert "from the former run" not in ended.error
    kept = list((tmp_path / "results" / ".her2plastic" / "slides").iterdir())
    assert len(kept) == 1, "what the former run kept is gone"


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_run_keeps_whole_slides_and_the_former_results(
    slides: Path, slide_results: Path, start: Start, command: Command, tree: Tree, tmp_path: Path, sent: signal.Signals
) -> None:
    output = tmp_path / "results"
    output.mkdir()
    (output / ".her2plastic").mkdir()
    (output / "report.html").write_text("former", encoding="utf-8")
    kept = output / ".her2plastic" / "slides"
    with start("slide", slides / "config.yaml", "-o", output) as running:
        while not list(kept.glob("*[!t]/slide.json")) and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(sent)
        _, error = running.communicate(timeout=60)
    assert running.returncode == (130 if sent == signal.SIGINT else -signal.SIGKILL), error
    if sent == signal.SIGINT:
        assert "Slides that are whole are kept: --resume goes on from there." in error
        assert "Traceback" not in error
    assert tree(output) == {"report.html": b"former"}
    ended = command("slide", slides / "config.yaml", "-o", output, "--resume")
    assert ended.code == 0, ended.error
    assert "slide 1 of 2, P01-d0" in ended.error
    assert "(from the former run)" in ended.error
    for name in TABLES:
        assert (output / name).read_bytes() == (slide_results / name).read_bytes(), name


def test_interruption_that_a_library_swallows_ends_the_run_and_keeps_no_doubtful_slide(
    slides: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2plastic import im

    measured = []

    def measure(*given: Any, **options: Any) -> Any:
        measured.append(given)
        if len(measured) == 2:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        return real(*given, **options)

    real = im.measure
    with monkeypatch.context() as patch:
        patch.setattr("her2plastic.im.measure", measure)
        ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 130
    assert "Interrupted." in ended.error
    assert [path.name for path in (tmp_path / "results").iterdir()] == [".her2plastic"]
    assert len(list((tmp_path / "results" / ".her2plastic" / "slides").iterdir())) == 1


def test_full_disk_stops_the_run_and_keeps_what_is_whole(
    slides: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2plastic import im

    measured = []

    def measure(*given: Any, **options: Any) -> Any:
        measured.append(given)
        if len(measured) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*given, **options)

    real = im.measure
    with monkeypatch.context() as patch:
        patch.setattr("her2plastic.im.measure", measure)
        ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 2
    assert ended.error.splitlines()[-1] == (
        "error: the results cannot be written: No space left on device. 1 whole slide is kept: make room, then run the "
        "same command with --resume."
    )
    assert [path.name for path in (tmp_path / "results").iterdir()] == [".her2plastic"]
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results", "--resume")
    assert ended.code == 0, ended.error
    assert ended.error.count("(from the former run)") == 1


def test_names_of_people_who_try_things(slides: Path, command: Command, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    sheet = (slides / "slides.csv").read_text(encoding="utf-8").splitlines()
    (slides / "slides.csv").write_text(
        "\n".join([sheet[0], sheet[1].replace("P01,P01-d0", f"=cmd|calc!A1,{hostile}")]) + "\n", encoding="utf-8"
    )
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    for name in ("patients.csv", "rules.csv", "slides.csv"):
        rows = (tmp_path / "results" / name).read_text(encoding="utf-8").splitlines()
        assert not [cell for row in rows for cell in row.replace('"', "").split(",") if cell.startswith("=")]
    (store,) = (tmp_path / "results" / "slides").iterdir()
    assert store.name.isascii()
    assert not set(store.name) & set("<>=() ")


def test_expression_of_picked_cells_is_compared(slides: Path, command: Command, tmp_path: Path) -> None:
    """A cell of the expression carries the name of its object; one that no run has called is refused."""
    (slides / "slides.csv").write_text(
        "donor_id,sample_id,draw_day,image_path\nP01,P01-d0,0,P01-d0.ome.tif\n", encoding="utf-8"
    )
    config = slides / "config.yaml"
    assert command("slide", config, "-o", tmp_path / "results").code == 0
    images = anndata.read_h5ad(tmp_path / "results" / "cells.h5ad")
    ctcs = images[images.obs[_keys.IS_CTC].to_numpy()]
    cells = anndata.AnnData(np.zeros((ctcs.n_obs, 1)), obs=pd.DataFrame(index=ctcs.obs_names.to_numpy()))
    cells.obs[_keys.CELL_ID] = cells.obs_names.to_numpy()
    cells.write_h5ad(slides / "picked.h5ad")
    with config.open("a", encoding="utf-8") as text:
        text.write("expression: picked.h5ad\n")
    ended = command("check", config)
    assert ended.code == 2
    assert "expression: picked.h5ad has no HER2 states; run `her2plastic run` on the cells first" in ended.error
    states = np.tile([0.02, 0.03, 0.95], (ctcs.n_obs, 1))
    cells.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(states, index=cells.obs_names, columns=list(_keys.STATES))
    cells.obs[_keys.HER2_CALL] = pd.Categorical(["HER2-positive"] * ctcs.n_obs, categories=list(_keys.CALLS))
    cells.write_h5ad(slides / "picked.h5ad")
    ended = command("slide", config, "-o", tmp_path / "results", "--resume")
    assert ended.code == 0, ended.error
    table = pd.read_csv(tmp_path / "results" / "consensus.csv").set_index("cell_id")
    assert set(table.index) == set(ctcs.obs_names)
    by_protein = table.sort_values(_keys.HER2_INTENSITY)[_keys.HER2_DISAGREEMENT].tolist()
    assert by_protein[0] > 0.5 > by_protein[-1], "all are positive by RNA"
    assert "Image and expression of the same cell" in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
