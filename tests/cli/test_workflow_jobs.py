"""The jobs of a workflow, called one by one, against the single run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic._errors import WorkersLostError
from her2plastic.io.samples import Reading
from her2plastic.pp.doublets import SampleDoublets
from her2plastic.run import slide_pipeline
from her2plastic.run.config import RunConfig
from her2plastic.run.kept_cells import keep_sample, kept_sample
from her2plastic.run.kept_marks import mark_of
from her2plastic.run.samples import Sample
from her2plastic.run.told import told

Command = Callable[..., Any]
Tree = Callable[[Path], dict[str, bytes]]
Same = Callable[[Path, Path], None]


def test_jobs_give_what_the_single_run_gives(
    cohort: Path, results: Path, command: Command, same_results: Same, tmp_path: Path
) -> None:
    do_jobs(cohort, command, tmp_path)
    same_results(tmp_path / "results", results)


def do_jobs(cohort: Path, command: Command, folder: Path) -> list[Any]:
    """Do all jobs of a cohort as a workflow does, each in the order of need."""
    config, kept = cohort / "config.yaml", folder / "kept"
    names = pd.read_csv(cohort / "samples.csv")["sample_id"]
    ended = [command("workflow", "sample", config, name, "--kept", kept) for name in reversed(list(names))]
    ended += [command("workflow", job, config, "--kept", kept) for job in ("called", "transitions")]
    ended.append(command("workflow", "report", config, "--kept", kept, "-o", folder / "results"))
    assert [one.code for one in ended] == [0] * len(ended), [one.error for one in ended]
    return ended


def test_sample_that_cannot_be_read_is_left_out_and_named(
    cohort: Path, command: Command, same_results: Same, tmp_path: Path
) -> None:
    broken = cohort / "D02-d21.loom"
    content = bytearray(broken.read_bytes())
    content[len(content) // 3 :] = b"\0" * (len(content) - len(content) // 3)
    broken.write_bytes(content)
    single = tmp_path / "single"
    refused = command("run", cohort / "config.yaml", "-o", single)
    assert (refused.code, (single / "report.html").exists()) == (2, False)
    ended = command("run", cohort / "config.yaml", "-o", single, "--keep-going")
    assert ended.code == 3
    assert "note: io.read_samples: not read and left out: sample 'D02-d21'" in ended.error

    *_, last = do_jobs(cohort, command, tmp_path)
    assert "note: io.read_samples: not read and left out: sample 'D02-d21'" in last.error
    assert last.said.splitlines()[:-1] == ended.said.splitlines()[:-1]  # the last line says where the report is
    same_results(tmp_path / "results", single)
    report = (single / "report.html").read_text(encoding="utf-8")
    assert "left out: sample &#39;D02-d21&#39;: D02-d21.loom" in report
    assert "Not read and left out: D02-d21. What is in there is not known." in report
    patients = pd.read_csv(single / "patients.csv", keep_default_na=False)
    notes = {(row["donor_id"], row["scope"], row["draw_day"]): row["note"] for row in patients.to_dict("records")}
    assert notes[("D02", "donor", "")].endswith("not read and left out: D02-d21")
    assert notes[("D02", "draw", "21.0")] == "insufficient: not read and left out: D02-d21"
    assert not [row for row, note in notes.items() if row[0] != "D02" and "left out" in note]


def test_jobs_refuse_what_was_made_from_something_else(cohort: Path, command: Command, tmp_path: Path) -> None:
    config, kept = cohort / "config.yaml", tmp_path / "kept"
    missing = command("workflow", "called", config, "--kept", kept)
    assert missing.code == 2
    assert "sample 'D01-d0': nothing is kept in" in missing.error
    unknown = command("workflow", "sample", config, "D9", "--kept", kept)
    assert unknown.code == 2
    assert "samples.csv has no sample 'D9' of cells; there are D01-d0, D01-d21" in unknown.error

    sheet = cohort / "samples.csv"
    sheet.write_text("\n".join(sheet.read_text(encoding="utf-8").splitlines()[:2]) + "\n", encoding="utf-8")
    assert command("workflow", "sample", config, "D01-d0", "--kept", kept).code == 0
    config.write_text(config.read_text(encoding="utf-8") + "seed: 5\n", encoding="utf-8")
    other = command("workflow", "called", config, "--kept", kept)
    assert other.code == 2
    assert "was made from other files, by another configuration" in other.error
    config.write_text(config.read_text(encoding="utf-8").removesuffix("seed: 5\n"), encoding="utf-8")
    (name,) = pd.read_csv(sheet)["path"]
    (cohort / f"moved-{name}").write_bytes((cohort / name).read_bytes())
    moved = sheet.read_text(encoding="utf-8").replace(f",{name}", f",moved-{name}")
    (cohort / "moved.csv").write_text(moved, encoding="utf-8")
    other_file = cohort / "other.yaml"
    other_file.write_text(config.read_text(encoding="utf-8").replace("samples.csv", "moved.csv"), encoding="utf-8")
    assert "was made from other files" in command("workflow", "called", other_file, "--kept", kept).error
    mark = kept / "samples" / "D01-d0" / "made.json"
    mark.write_text("{", encoding="utf-8")
    assert "is damaged" in command("workflow", "called", config, "--kept", kept).error


def test_kept_sample_comes_back_as_it_was(tmp_path: Path) -> None:
    """Words stay words, floats keep every digit, and missing scores stay missing."""
    obs = pd.DataFrame({"site": ["b", "a", "c"], "x": [0.1, np.nan, 1 / 3]}, index=["c1", "c2", "c3"])
    cells = anndata.AnnData(np.eye(3, dtype=np.float32), obs=obs)
    scores = SampleDoublets(np.array([1 / 3, np.nan, 1e-17]), float("nan"), "ok; 1 cells have too few counts")
    keep_sample(Sample(Reading(cells), scores, ("a note",), {"x": 1.0}), tmp_path, key="k", entry={"name": "f"})
    mark = mark_of(tmp_path, what="sample")
    back = kept_sample(tmp_path, mark)
    assert back.reading.cells is not None and back.doublets is not None
    pd.testing.assert_frame_equal(back.reading.cells.obs, obs)
    np.testing.assert_array_equal(back.doublets.scores, scores.scores)
    assert np.isnan(back.doublets.threshold)
    assert (back.doublets.status, back.notes, mark["input"]) == (scores.status, ("a note",), {"name": "f"})

    keep_sample(Sample(Reading(fault="torn")), tmp_path, key="k", entry={})
    torn = kept_sample(tmp_path, mark_of(tmp_path, what="sample"))
    assert torn.reading == Reading(fault="torn")


@pytest.mark.filterwarnings("ignore:.*:her2plastic._errors.DataWarning")
def test_slides_job_gives_what_the_single_run_gives(slides: Path, command: Command, tree: Tree, tmp_path: Path) -> None:
    """One slide is torn: it is left out of both, and named."""
    sheet = slides / "slides.csv"
    sheet.write_text(sheet.read_text(encoding="utf-8") + "P02,P02-d0,0,torn.ome.tif,,\n", encoding="utf-8")
    (slides / "torn.ome.tif").write_bytes((slides / "P01-d0.ome.tif").read_bytes()[:300])
    config, kept, single, ours = slides / "config.yaml", tmp_path / "kept", tmp_path / "single", tmp_path / "results"
    assert command("slide", config, "-o", single).code == 2
    ended = command("slide", config, "-o", single, "--keep-going")
    assert ended.code == 3
    assert "note: slide P02-d0 failed: torn.ome.tif" in ended.error
    for name in ("P02-d0", "control", "P01-d0"):
        done = command("workflow", "slide", config, name, "--kept", kept, "-o", ours)
        assert done.code == 0
        assert ("is left out" in done.error) == (name == "P02-d0")
    assert command("workflow", "slides", config, "--kept", kept, "-o", ours).code == 0
    first, second = (tree(folder) for folder in (ours, single))
    assert sorted(first) == sorted(second)
    names = [name for name in first if name.endswith((".csv", ".html", ".png"))]
    assert {"slides.csv", "patients.csv", "report.html"} <= set(names)
    assert [name for name in names if first[name] != second[name]] == []
    table = pd.read_csv(ours / "slides.csv").set_index("slide_id")
    assert table["status"].to_dict() == {"P01-d0": "whole", "control": "whole", "P02-d0": "failed"}
    # what the sheet says of a slide was mended: its former fault does not stand
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("P02,P02-d0,0,", "P02,P02-d0,7,"), encoding="utf-8")
    refused = command("workflow", "slides", config, "--kept", kept, "-o", ours)
    assert refused.code == 2
    assert "slide 'P02-d0': " in refused.error and "was made from other files" in refused.error


def test_slide_of_which_the_workers_died_can_be_done_again(
    slides: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """That says nothing of the slide: in a run it is left out and the others go on, and a workflow tries it again."""

    def lost(*_: object, **__: object) -> None:
        raise WorkersLostError("the processes have died")

    monkeypatch.setattr(slide_pipeline, "measure_slide", lost)
    ended = command("workflow", "slide", slides / "config.yaml", "P01-d0", "--kept", tmp_path, "-o", tmp_path / "out")
    assert (ended.code, "the processes have died" in ended.error) == (1, True)  # 2 would be final
    assert not list(tmp_path.rglob("made.json"))
    whole = command("slide", slides / "config.yaml", "-o", tmp_path / "single")
    assert "the processes have died; the processes have died" in whole.error


@pytest.mark.parametrize("words", [("slide", "--keep-going"), ("workflow", "slide", "P1"), ("workflow", "slides")])
def test_sheet_without_slides_is_refused(words: tuple[str, ...], cohort: Path, command: Command) -> None:
    config = cohort / "slides.yaml"
    config.write_text("slides: samples.csv\n", encoding="utf-8")
    at = 2 if words[0] == "workflow" else 1
    ended = command(*words[:at], config, *words[at:])
    assert (ended.code, "no row of the sheet has an 'image_path'" in ended.error) == (2, True)


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ({"quality": {"mads": 4.0}}, {"called", "report"}),
        ({"quality": {"doublets": False}}, {"sample", "called", "report"}),
        ({"transitions": {"n_null": 199}}, {"transitions", "report"}),
        ({"title": "Another"}, {"report"}),
        ({"seed": 3}, {"sample", "called", "transitions", "report"}),
    ],
)
def test_job_depends_on_what_it_uses_of_the_configuration(change: dict[str, Any], jobs: set[str]) -> None:
    before, after = (RunConfig.model_validate({"samples": "samples.csv"} | more) for more in ({}, change))
    changed = {job for job in ("sample", "called", "transitions", "report") if told(before, job) != told(after, job)}
    assert changed == jobs
