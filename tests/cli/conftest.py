"""Small cohorts on disk, and the command line to run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from typer.testing import CliRunner

from her2plastic import _keys
from her2plastic.cli import app
from her2plastic.datasets import simulate_cohort, write_cohort

#: The map and the doublet scores take long to compile and are tested by the demonstration.
CONFIG = """samples: samples.csv
map: false
quality: {doublets: false}
transitions: {designs: [draws], n_null: 19}
figures: {formats: [png], dpi: 50}
"""
SLIDE_CONFIG = "slides: slides.csv\nher2: {calibration: reference}\nfigures: {formats: [png], dpi: 50}\n"
SLIDE_SHEET = """donor_id,sample_id,draw_day,image_path,bit_depth,control_line
P01,P01-d0,0,P01-d0.ome.tif,,
SKBR3,control,,control.ome.zarr,12,SKBR3
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str
    error: str


Command = Callable[..., Ended]


@pytest.fixture(scope="session")
def command() -> Command:
    """Run a command in this process."""

    def command(*words: object) -> Ended:
        ended = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    return command


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start a command in a process of its own, which a signal can reach."""

    def start(*words: object) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "her2plastic.cli", *map(str, words)]
        environment = os.environ | {"PYTHONFAULTHANDLER": ""}
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    return start


@pytest.fixture(scope="session")
def cells() -> AnnData:
    """Three donors, two draws, some 20 CTCs in each."""
    adata = simulate_cohort(n_donors=3, draws=(0, 21), n_ctc=20, amplified=[0], seed=5)
    adata.layers["counts"] = adata.X
    return adata


@pytest.fixture(scope="session")
def _pristine(cells: AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(cells, folder, format="mixed")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.fixture
def cohort(_pristine: Path, tmp_path: Path) -> Path:
    """A copy of the cohort in six formats, to be broken."""
    return Path(shutil.copytree(_pristine, tmp_path / "cohort"))


@pytest.fixture(scope="session")
def results(_pristine: Path, tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """The results of one run of the cohort; not to be changed."""
    output = tmp_path_factory.mktemp("run") / "results"
    ended = command("run", _pristine / "config.yaml", "-o", output)
    assert ended.code == 0, ended.error
    return output


@pytest.fixture(scope="session")
def write_small() -> Callable[[AnnData, Path], Path]:
    """Write a cohort of any cells with its configuration; give the configuration."""

    def write_small(adata: AnnData, folder: Path) -> Path:
        write_cohort(adata, folder, format="h5ad")
        (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
        return folder / "config.yaml"

    return write_small


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Every visible file of a folder with its content."""

    def tree(folder: Path) -> dict[str, bytes]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".her2plastic" not in path.parts)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return tree


@pytest.fixture(scope="session")
def same_results(tree: Callable[[Path], dict[str, bytes]]) -> Callable[[Path, Path], None]:
    """Check two results folders: tables, figures and report the same bytes, and all but times and layout alike."""

    def same_results(ours: Path, single: Path) -> None:
        first, second = (tree(folder) for folder in (ours, single))
        assert sorted(first) == sorted(second)
        own = ("cells.h5ad", "provenance.json")  # how compressed cells are laid out, and when a run took place
        assert [name for name in first if name not in own and first[name] != second[name]] == []
        origins = [json.loads(files["provenance.json"]) for files in (first, second)]
        for origin in origins:
            digests = {entry["name"]: entry["sha256"] for entry in origin["outputs"] if entry["name"] not in own}
            origin |= {"outputs": digests, "started": "", "finished": "", "seconds": {}}
        assert origins[0] == origins[1]
        cells = [anndata.read_h5ad(folder / "cells.h5ad") for folder in (ours, single)]
        pd.testing.assert_frame_equal(cells[0].obs, cells[1].obs)
        assert (cells[0].X != cells[1].X).nnz == 0
        records = [json.dumps(one.uns[_keys.ROOT], default=_listed) for one in cells]
        assert records[0] == records[1]

    return same_results


def _listed(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else np.asarray(value).tolist()


@pytest.fixture(scope="session")
def _pristine_slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tifffile", reason="the imaging extra is not installed")
    from her2plastic.datasets import SlideCells, simulate_slide, write_slide

    folder = tmp_path_factory.mktemp("slides")
    for seed, (name, line) in enumerate({"P01-d0": None, "control": "SKBR3"}.items()):
        made = simulate_slide(
            shape=(512, 512), n_leukocytes=40, n_ctcs=8, control_line=line, seed=seed, slide_id=name,
            cells=SlideCells(debris_per_ctc=(1, 3)),
        )  # fmt: skip
        kind = "ome-zarr" if line else "ome-tiff"
        write_slide(made, folder / f"{name}.ome.{'zarr' if kind == 'ome-zarr' else 'tif'}", format=kind)
    (folder / "slides.csv").write_text(SLIDE_SHEET, encoding="utf-8")
    (folder / "config.yaml").write_text(SLIDE_CONFIG, encoding="utf-8")
    return folder


@pytest.fixture
def slides(_pristine_slides: Path, tmp_path: Path) -> Path:
    """A copy of a patient's slide and a control slide, to be broken."""
    return Path(shutil.copytree(_pristine_slides, tmp_path / "slides"))


@pytest.fixture(scope="session")
def slide_results(_pristine_slides: Path, tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """The results of one run over the slides; not to be changed."""
    output = tmp_path_factory.mktemp("slide_run") / "results"
    ended = command("slide", _pristine_slides / "config.yaml", "-o", output)
    assert ended.code == 0, ended.error
    return output
