from __future__ import annotations

import json
import shutil
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
from anndata import AnnData

from her2plastic import _keys
from her2plastic.run.folder import ALWAYS_WRITTEN, OFTEN_WRITTEN

Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]
Tree = Callable[[Path], dict[str, bytes]]
TABLES = ("patients.csv", "programmes.csv", "report.html")


def test_results_are_complete(results: Path, tree: Tree) -> None:
    files = tree(results)
    assert {"cells.h5ad", "provenance.json", *TABLES} <= set(files)
    assert [name for name in files if name.startswith("figures/") and name.endswith(".png")]
    patients = pd.read_csv(results / "patients.csv")
    assert patients["scope"].tolist() == ["donor"] * 3 + ["draw"] * 6
    obs: Any = anndata.read_h5ad(results / "cells.h5ad").obs
    ctcs = obs.groupby(_keys.DONOR_ID, observed=True)[_keys.IS_CTC].sum()
    donors = patients[patients["scope"] == "donor"].set_index("donor_id")
    assert donors["n_ctc"].to_dict() == ctcs.to_dict()
    for state in _keys.STATES:
        assert (donors[f"lower_{state}"] <= donors[f"share_{state}"]).all()
        assert (donors[f"share_{state}"] <= donors[f"upper_{state}"]).all()


def test_provenance_names_everything_and_no_person(results: Path, tree: Tree) -> None:
    origin = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    assert {entry["name"] for entry in origin["outputs"]} == set(tree(results)) - {"provenance.json"}
    assert [entry["name"] for entry in origin["inputs"]][:3] == ["samples.csv", "D01-d0.h5", "D01-d21_mtx/"]
    assert all(len(entry["sha256"]) == 64 for entry in origin["inputs"])
    assert {"python", "her2plastic", "scanpy"} <= set(origin["versions"])
    assert {"quality", "ctc_identity", "amplicon", "her2_state", "programmes"} <= {s["step"] for s in origin["steps"]}
    assert origin["config"]["her2"]["calibration"] == "reference"
    for name, content in tree(results).items():
        assert str(results.parents[1]).encode() not in content, f"an absolute path in {name}"


def test_a_rerun_gives_the_same(cohort: Path, results: Path, command: Command, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert command("run", cohort / "config.yaml", "-o", again).code == 0
    for name in TABLES:
        assert (again / name).read_bytes() == (results / name).read_bytes(), name
    first, second = (anndata.read_h5ad(folder / "cells.h5ad") for folder in (results, again))
    assert_equal_cells(first, second)


def assert_equal_cells(first: Any, second: Any) -> None:
    pd.testing.assert_frame_equal(first.obs, second.obs)
    assert (first.X != second.X).nnz == 0
    for key in first.obsm:
        pd.testing.assert_frame_equal(first.obsm[key], second.obsm[key])
    assert json.dumps(first.uns[_keys.ROOT], default=str) == json.dumps(second.uns[_keys.ROOT], default=str)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_run_keeps_the_former_results_and_starts_again(
    cohort: Path, results: Path, start: Start, command: Command, tree: Tree, tmp_path: Path, sent: signal.Signals
) -> None:
    output = Path(shutil.copytree(results, tmp_path / "results"))
    before = tree(output)
    stage = output / ".her2plastic" / "staging"
    with start("run", cohort / "config.yaml", "-o", output) as running:
        while not stage.is_dir() and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(sent)
        _, error = running.communicate(timeout=60)
    assert running.returncode == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    if sent == signal.SIGINT:
        assert "Interrupted." in error
        assert "Traceback" not in error
    assert tree(output) == before
    ended = command("run", cohort / "config.yaml", "-o", output)
    assert ended.code == 0, ended.error
    assert not stage.exists()
    assert {name: tree(output)[name] for name in TABLES} == {name: before[name] for name in TABLES}


@pytest.mark.parametrize("place", ["tl.amplicon", "report.draw"])
def test_interruption_that_a_library_swallows_ends_the_run(
    cohort: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def swallowing(*given: Any, **options: Any) -> Any:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return {} if place == "report.draw" else None

    monkeypatch.setattr(f"her2plastic.{place}", swallowing)
    ended = command("run", cohort / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 130
    assert "Interrupted." in ended.error
    assert [path.name for path in (tmp_path / "results").iterdir()] == [".her2plastic"]


def test_samples_that_hold_little_are_results(
    cells: Any, command: Command, write_small: Callable[[AnnData, Path], Path], tmp_path: Path
) -> None:
    """No CTC in one draw, one cell in another, none at all in a third."""
    sample = cells.obs[_keys.SAMPLE_ID].astype(str).to_numpy()
    leukocyte = (cells.obs["true_identity"].astype(str) == "leukocyte").to_numpy()
    depth = np.asarray(cells.layers["counts"].sum(axis=1)).ravel() * ((sample == "D02-d0") & ~leukocyte)
    one = np.arange(cells.n_obs) == depth.argmax()
    kept = ((sample == "D01-d0") & leukocyte) | one | (sample == "D03-d0")
    config = write_small(cells[kept].copy(), tmp_path / "in")
    cells[:0].copy().write_h5ad(config.parent / "nothing.h5ad")
    with (config.parent / "samples.csv").open("a", encoding="utf-8") as sheet:
        header = (config.parent / "samples.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
        row = {"donor_id": "D04", "sample_id": "D04-d0", "draw_day": "0", "assay": "10x", "path": "nothing.h5ad"}
        sheet.write(",".join(row.get(column, "") for column in header) + "\n")
    ended = command("run", config, "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    patients = pd.read_csv(tmp_path / "results" / "patients.csv")
    donors = patients[patients["scope"] == "donor"].set_index("donor_id")
    assert donors.loc["D01", "note"] == "insufficient: no CTC"
    assert donors.loc["D01", "n_ctc"] == 0
    assert donors.loc["D02", "n_cells"] == 1
    assert donors.loc["D04", "note"] == "insufficient: the files of this group hold no event"
    assert donors.loc["D04", "n_cells"] == 0
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "No CTC was found in D01 and D04." in page


def test_cohort_without_any_ctc_is_a_result(
    cells: Any, command: Command, write_small: Callable[[AnnData, Path], Path], tmp_path: Path
) -> None:
    leukocytes = cells[cells.obs["true_identity"].astype(str) == "leukocyte"].copy()
    ended = command("run", write_small(leukocytes, tmp_path / "in"), "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    assert "None of them is a circulating tumour cell" in ended.said
    assert (pd.read_csv(tmp_path / "results" / "patients.csv")["note"] == "insufficient: no CTC").all()


def test_published_rule(cohort: Path, command: Command, tmp_path: Path) -> None:
    with (cohort / "config.yaml").open("a", encoding="utf-8") as config:
        config.write("her2: {calibration: jordan2016}\n")
    ended = command("run", cohort / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "The calls rest on the published rule “jordan2016”" in page
    assert "By the rule jordan2016, which knows no doubt," in ended.said
    assert "certainty" not in ended.said


def test_relative_values_are_run_by_a_rule_and_refused_by_a_model(
    cells: Any, command: Command, write_small: Callable[[AnnData, Path], Path], tmp_path: Path
) -> None:
    config = write_small(cells[cells.obs[_keys.SAMPLE_ID] == "D01-d0"].copy(), tmp_path / "in")
    counts = cells[cells.obs[_keys.SAMPLE_ID] == "D01-d0"].layers["counts"].toarray()
    uneven = counts * np.random.default_rng(0).uniform(0.8, 1.2, counts.shape)
    table = pd.DataFrame(uneven / uneven.sum(axis=1, keepdims=True) * 1e6, columns=cells.var_names)
    table.rename(index="cell{}".format).T.to_csv(config.parent / "relative.csv")
    sheet = (config.parent / "samples.csv").read_text(encoding="utf-8")
    (config.parent / "samples.csv").write_text(sheet.replace("D01-d0.h5ad", "relative.csv"), encoding="utf-8")
    with config.open("a", encoding="utf-8") as text:
        text.write("reading: {unit: cpm}\n")
    ended = command("run", config, "-o", tmp_path / "results")
    assert ended.code == 2
    assert "her2_state models counts, but these values were read as 'cpm'" in ended.error
    with config.open("a", encoding="utf-8") as text:
        text.write("her2: {calibration: jordan2016}\n")
    ended = command("run", config, "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    assert "tl.amplicon was not done" in ended.error
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "The amplicon was not scored; the reason stands in the result above." in page
    assert pd.read_csv(tmp_path / "results" / "patients.csv")["n_amplified"].isna().all()


def test_inputs_are_never_overwritten(
    command: Command, write_small: Callable[[AnnData, Path], Path], cells: Any, tmp_path: Path, tree: Tree
) -> None:
    config = write_small(cells[cells.obs[_keys.SAMPLE_ID] == "D01-d0"].copy(), tmp_path)
    (tmp_path / "D01-d0.h5ad").rename(tmp_path / "cells.h5ad")
    sheet = (tmp_path / "samples.csv").read_text(encoding="utf-8")
    (tmp_path / "samples.csv").write_text(sheet.replace("D01-d0.h5ad", "cells.h5ad"), encoding="utf-8")
    before = tree(tmp_path)
    for verb in ("check", "run"):
        ended = command(verb, config, "-o", tmp_path, "--force")
        assert ended.code == 2
        assert "cells.h5ad is an input of this run" in ended.error
        assert "name another output folder" in ended.error
    assert tree(tmp_path) == before


def test_every_result_is_known_before_the_run(results: Path, tree: Tree) -> None:
    known = {*ALWAYS_WRITTEN, *OFTEN_WRITTEN}
    assert {Path(name).parts[0] for name in tree(results)} <= known
