"""The workflow under Snakemake: written out, refused, killed, resumed, and compared with the single run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from tests.snakemaking import ended, hide_packages, snakemake

from her2plastic import run
from her2plastic.datasets import simulate_cohort, write_cohort
from her2plastic.run.template import config_text
from her2plastic.run.workflow_files import workflow_files, workflow_folder
from her2plastic.run.workflow_schemas import schema_texts

pytest.importorskip("snakemake", reason="the workflow extra is not installed")

Command = Callable[..., Any]
Tree = Callable[[Path], dict[str, bytes]]
N_PATIENTS = 12
TORN = "D07-d0"
#: The name of another sample: an option, where it is not told that it is none.
ODD = "--help"
CONFIG = """samples: samples.csv
map: false
quality: {doublets: false}
transitions: {n_null: 19}
figures: {formats: [png], dpi: 50}
"""


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """The workflow with twelve patients; the file of one is torn."""
    folder = tmp_path_factory.mktemp("workflow") / "cohort"
    ended = command("workflow", "init", folder)
    assert ended.code == 0, ended.error
    cells = simulate_cohort(n_donors=N_PATIENTS, draws=(0,), n_ctc=10, amplified=[0], seed=5)
    cells.layers["counts"] = cells.X
    (folder / "config" / "samples.csv").unlink()
    write_cohort(cells, folder / "config", format="h5ad")
    change(folder / "config" / "samples.csv", "D12,D12-d0,", f"D12,{ODD},")
    (folder / "config" / "cells.yaml").write_text(CONFIG, encoding="utf-8")
    hide_packages(folder)
    torn = folder / "config" / f"{TORN}.h5ad"
    torn.write_bytes(torn.read_bytes()[:4000])
    return folder


@pytest.fixture
def place(written: Path, tmp_path: Path) -> Path:
    """A copy, to be run or broken."""
    return Path(shutil.copytree(written, tmp_path / "cohort"))


def change(path: Path, old: str, new: str) -> None:
    """Change words in a text file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def marks(folder: Path) -> Iterator[Path]:
    """The marks of the samples that are whole."""
    return (folder / "results" / "kept" / "samples").glob("*/made.json")


# --- end to end ---------------------------------------------------------------------------------------------------
def test_killed_and_resumed_it_gives_what_the_single_run_gives(
    place: Path, command: Command, tree: Tree, same_results: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    with snakemake(place, "--profile", "profiles/local", "--cores", "2") as process:
        while len(list(marks(place))) < 3 and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before = {mark: mark.stat().st_mtime_ns for mark in marks(place)}
    assert 3 <= len(before) < N_PATIENTS
    assert not (place / "results" / "cells").exists()

    assert ended(place, "--unlock")[0] == 0
    code, said = ended(place, "--profile", "profiles/local", "--cores", "2")
    assert code == 0, said
    kept = [mark for mark, moment in before.items() if mark.stat().st_mtime_ns == moment]
    # those at work as the signal came are done again, and no others
    assert len(kept) >= len(before) - 2
    assert "1 of 12 samples could not be used and are left out:" in said
    assert re.search(rf"^  {TORN}: {TORN}\.h5ad: ", said, re.M)
    assert said.rstrip().endswith("Open results/cells/report.html")

    single = tmp_path / "single"
    assert command("run", place / "config" / "cells.yaml", "-o", single, "--keep-going").code == 3
    same_results(place / "results" / "cells", single)
    page = (place / "results" / "cells" / "report.html").read_text(encoding="utf-8")
    assert f"left out: sample &#39;{TORN}&#39;" in page
    patients = pd.read_csv(single / "patients.csv").query("scope == 'donor'")
    assert len(patients) == N_PATIENTS
    assert (patients["n_cells"] > 0).sum() == N_PATIENTS - 1
    usage = pd.read_csv(place / "results" / "benchmarks" / "called.tsv", sep="\t")
    assert (usage["max_rss"] > 10).all()

    # a file of another patient, older than all results, in the place of one; and another assay
    config = place / "config"
    os.utime(config / "D02-d0.h5ad", (1e9, 1e9))
    (config / "D02-d0.h5ad").rename(config / "D01-d0.h5ad")
    shutil.copy2(config / "D01-d0.h5ad", config / "D02-d0.h5ad")
    change(config / "samples.csv", "D03-d0,0.0,10x", "D03-d0,0.0,drop-seq")
    code, said = ended(place, "--profile", "profiles/local", "--dry-run")
    assert code == 0, said
    assert re.search(r"^sample +3$", said, re.M)
    assert re.search(r"^called +1$", said, re.M)


def test_what_is_refused_is_tried_once_and_names_the_sample(place: Path) -> None:
    sheet = place / "config" / "samples.csv"
    header, *rows = sheet.read_text(encoding="utf-8").splitlines()
    sheet.write_text("\n".join([header, *(row for row in rows if TORN in row)]) + "\n", encoding="utf-8")
    code, said = ended(place, "--profile", "profiles/local", "--cores", "1")
    assert code == 1
    assert re.search(rf"^  {TORN}: {TORN}\.h5ad: ", said, re.M)
    assert "error: none of the 1 samples of the sheet holds a cell" in said
    log = place / "results" / "logs" / "called.log"
    # an attempt that had worked would have written its own
    assert log.read_bytes() == Path(f"{log}.refused").read_bytes()
    assert said.count("Trying to restart job") == 2


def test_path_that_snakemake_would_take_for_a_wildcard_is_refused(place: Path) -> None:
    (place / "config" / "D05-d0.h5ad").rename(place / "config" / "{D05}.h5ad")
    change(place / "config" / "samples.csv", "D05-d0.h5ad", "{D05}.h5ad")
    code, said = ended(place, "--profile", "profiles/local", "--dry-run")
    assert code == 1
    assert "Snakemake takes no path with { or }: rename config/{D05}.h5ad" in said


# --- refusals -------------------------------------------------------------------------------------------------------
def test_faults_are_told_before_anything_is_computed(place: Path) -> None:
    sheet = place / "config" / "samples.csv"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("D03-d0,0.0", "D03-d0,soon"), encoding="utf-8")
    (place / "results" / "cells").mkdir(parents=True)
    (place / "results" / "cells" / "thesis.txt").write_text("mine\n", encoding="utf-8")
    code, said = ended(place, "--profile", "profiles/local", "--dry-run")
    assert code == 1
    assert "samples.csv, line 4, column 'draw_day': 'soon'" in said
    assert "output folder results/cells holds files that are not of her2plastic" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        ("config", {"cells": 3}, "3 is not of type 'string', 'null'"),
        ("config", {"sampels": "a.csv"}, "'sampels' was unexpected"),
        ("cells", {"samples": "a.csv", "seed": -1}, "-1 is less than the minimum of 0"),
        ("cells", {"samples": "a.csv", "her2": {"lvel": 0.9}}, "'lvel' was unexpected"),
        ("slides", {"slides": "a.csv", "identity": {"threshold": 1.0}}, "greater than or equal to the maximum"),
        ("samples", {"donor_id": "P1", "sample_id": "S1", "path": "a", "ihc": "4+"}, "'4+' is not one of"),
        ("samples", {"donor_id": "P1", "sample_id": "S1"}, "is not valid under any of the given schemas"),
        ("samples", {"donor_id": "P1", "path": "a"}, "'sample_id' is a required property"),
    ],
)
def test_schemas_refuse(schema: str, value: dict[str, Any], why: str) -> None:
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import validate

    path = str(workflow_folder() / "workflow" / "schemas" / f"{schema}.schema.yaml")
    with pytest.raises(WorkflowError, match=re.escape(why)):
        validate(value, path)


def test_schemas_are_those_of_the_models() -> None:
    """Where they differ, write them anew: the texts of ``schema_texts()``."""
    folder = workflow_folder() / "workflow" / "schemas"
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    own = written.pop("config.schema.yaml")
    assert written == schema_texts()
    settings = yaml.safe_load((workflow_folder() / "config" / "config.yaml").read_text(encoding="utf-8"))
    assert sorted(settings) == sorted(yaml.safe_load(own)["properties"])


# --- files --------------------------------------------------------------------------------------------------------
def test_what_is_filled_in_is_what_init_writes(written: Path, tmp_path: Path) -> None:
    config = workflow_folder() / "config"
    assert (config / "cells.yaml").read_text(encoding="utf-8") == config_text()
    assert (config / "slides.yaml").read_text(encoding="utf-8") == config_text(slides=True)
    for slides, name in ((False, "samples.csv"), (True, "slides.csv")):
        _, sheet = run.write_template(tmp_path / name, slides=slides)
        assert (config / name).read_bytes() == sheet.read_bytes()
    shown = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
    assert set(workflow_files()) <= shown
    assert {"workflow/Snakefile", "profiles/slurm/config.yaml", "container/Dockerfile", "README.md"} <= shown


def test_init_writes_over_nothing(written: Path, command: Command) -> None:
    refused = command("workflow", "init", written)
    assert refused.code == 2
    assert "already in" in refused.error and "--force" in refused.error


def test_init_anew_leaves_what_a_person_filled_in(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "a cohort"
    said = command("workflow", "init", folder).said
    assert f"cd '{folder}' && " in said
    theirs = [folder / name for name in ("config/samples.csv", "config/cells.yaml", "profiles/slurm/config.yaml")]
    for path in (*theirs, folder / "workflow" / "Snakefile"):
        path.write_text("mine\n", encoding="utf-8")
    (folder / "config" / "slides.csv").unlink()
    assert command("workflow", "init", folder, "--force").code == 0
    assert {path.read_text(encoding="utf-8") for path in theirs} == {"mine\n"}
    assert (folder / "config" / "slides.csv").exists()
    assert "rule all" in (folder / "workflow" / "Snakefile").read_text(encoding="utf-8")


def test_init_leaves_nothing_half_written_where_a_folder_cannot_be_made(command: Command, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file\n", encoding="utf-8")
    refused = command("workflow", "init", tmp_path)
    assert refused.code == 2
    assert "config: File exists; name another folder for the workflow" in refused.error
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "config"]


def test_programs_of_the_workflow_can_be_called(written: Path) -> None:
    assert os.access(written / "container" / "build.sh", os.X_OK)
    assert not (written / "container" / "Dockerfile").stat().st_mode & 0o111


def test_container_recipe_is_sound(tmp_path: Path) -> None:
    """What can be checked without an engine; docs/workflow.md says how it was built."""
    folder = workflow_folder() / "container"
    lines = (folder / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    names = [name for name, _ in steps]
    assert set(names) <= {"FROM", "ARG", "LABEL", "ENV", "COPY", "RUN", "USER", "WORKDIR", "CMD"}
    assert names.count("FROM") == 1
    assert re.fullmatch(r"BASE=python:3\.\d+-slim-\w+", steps[0][1]), "an image of a named version, never the latest"
    assert names.index("USER") > max(place for place, name in enumerate(names) if name == "RUN")
    json.loads(dict(steps)["CMD"])
    subprocess.run(["sh", "-n", str(folder / "build.sh")], check=True)
    wheel = tmp_path / "her2plastic-9.8.7-py3-none-any.whl"
    wheel.write_bytes(b"")
    said = subprocess.run(
        ["sh", str(folder / "build.sh"), str(wheel), "lab/her2plastic"], check=True, capture_output=True, text=True,
        env=os.environ | {"DRY_RUN": "1", "JOB_UID": "1234"},
    ).stdout  # fmt: skip
    assert "build --build-arg VERSION=9.8.7 --build-arg JOB_UID=1234 --tag lab/her2plastic:9.8.7 --file" in said


def test_image_is_built_by_an_engine_that_works(tmp_path: Path) -> None:
    """A client of docker whose service does not run is passed over."""
    for name, code in {"docker": 1, "podman": 1, "buildah": 0}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} $*\nexit {code}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "her2plastic-9.8.7-py3-none-any.whl").write_bytes(b"")
    script = ["sh", str(workflow_folder() / "container" / "build.sh"), *map(str, tmp_path.glob("*.whl"))]
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    built = subprocess.run(script, check=True, capture_output=True, text=True, env=environment)
    assert built.stdout.startswith("buildah build ")
    (tmp_path / "buildah").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    failed = subprocess.run(script, check=False, capture_output=True, text=True, env=environment)
    assert (failed.returncode, "none of docker, podman and buildah works here" in failed.stderr) == (1, True)
