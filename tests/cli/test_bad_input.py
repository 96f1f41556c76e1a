"""What people hand in: one clear error that names the place, exit code 2, and nothing that is there is lost."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from her2plastic.run.folder import OutputFolder

Command = Callable[..., Any]
Break = Callable[[Path], None]
TABLE = "D03-d0.csv.gz"


def halve(name: str) -> Break:
    def spoil(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return spoil


def empty(name: str) -> Break:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(b"")

    return spoil


def edit_table(change: Callable[[list[str]], list[str]]) -> Break:
    """Change the lines of the plain table of the cohort."""

    def spoil(folder: Path) -> None:
        with gzip.open(folder / TABLE, "rt", encoding="utf-8") as table:
            lines = table.read().splitlines()
        with gzip.open(folder / TABLE, "wt", encoding="utf-8") as table:
            table.write("\n".join(change(lines)) + "\n")

    return spoil


def edit_sheet(old: str, new: str) -> Break:
    def spoil(folder: Path) -> None:
        sheet = folder / "samples.csv"
        text = sheet.read_text(encoding="utf-8")
        assert old in text
        sheet.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def value(new: str) -> Break:
    """Put a value into the first cell of a gene in the middle of the table."""

    def change(lines: list[str]) -> list[str]:
        parts = lines[900].split(",")
        return [*lines[:900], ",".join([parts[0], new, *parts[2:]]), *lines[901:]]

    return edit_table(change)


def rename_genes(rename: Callable[[int, str], str]) -> Break:
    def change(lines: list[str]) -> list[str]:
        rows = [line.split(",", 1) for line in lines[1:]]
        return [lines[0], *(f"{rename(k, gene)},{rest}" for k, (gene, rest) in enumerate(rows))]

    return edit_table(change)


def twice_the_same_cell(lines: list[str]) -> list[str]:
    head = lines[0].split(",")
    return [",".join([head[0], head[1], head[1], *head[3:]]), *lines[1:]]


def drop_a_barcode(folder: Path) -> None:
    path = next((folder / "D01-d21_mtx").rglob("barcodes.tsv*"))
    packed = path.suffix == ".gz"
    lines = (gzip.decompress(path.read_bytes()) if packed else path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:-1])) if packed else b"".join(lines[:-1]))


def latin_1_table(folder: Path) -> None:
    with gzip.open(folder / TABLE, "rb") as table:
        text = table.read()
    with gzip.open(folder / TABLE, "wb") as table:
        table.write(text.replace(b"\n", b"\ng\xe9ne,", 1))


CASES: dict[str, tuple[Break, str]] = {
    "truncated h5ad": (halve("D03-d21.h5ad"), "D03-d21.h5ad"),
    "truncated 10x h5": (halve("D01-d0.h5"), "D01-d0.h5"),
    "truncated loom": (halve("D02-d21.loom"), "D02-d21.loom"),
    "truncated gz": (halve(TABLE), TABLE),
    "truncated mtx": (halve("D01-d21_mtx/matrix.mtx.gz"), "matrix.mtx.gz"),
    "a barcode short": (drop_a_barcode, "barcodes.tsv"),
    "negative": (value("-3"), TABLE),
    "not finite": (value("inf"), TABLE),
    "words for numbers": (value("many"), TABLE),
    "the same cell twice": (edit_table(twice_the_same_cell), TABLE),
    "no ERBB2": (rename_genes(lambda k, gene: "ERBBX" if gene == "ERBB2" else gene), "HER2"),
    "mixed namings": (rename_genes(lambda k, gene: "ENSG00000141736" if k == 900 else gene), TABLE),
    "genes as dates": (rename_genes(lambda k, gene: f"{k - 9}-Sep" if 10 <= k < 16 else gene), "Sep"),
    "not UTF-8": (latin_1_table, TABLE),
    "path that leaves": (edit_sheet("D01-d0.h5", "../D01-d0.h5"), "line 2"),
    "absolute path": (edit_sheet("D01-d0.h5", "/etc/passwd"), "line 2"),
    "file that is not there": (edit_sheet("D01-d0.h5", "D01-d00.h5"), "D01-d00.h5"),
    "unknown assay": (edit_sheet(",10x,", ",11x,"), "assay"),
    "day in words": (edit_sheet(",21.0,", ",later,"), "draw_day"),
    "the same sample twice": (edit_sheet("D01-d21,", "D01-d0,"), "sample_id"),
    "column left out": (edit_sheet("draw_day", "day"), "draw_day"),
    "sheet left out": (lambda folder: (folder / "samples.csv").unlink(), "samples.csv"),
    "empty sheet": (empty("samples.csv"), "samples.csv"),
    "empty file": (empty("D01-d0.h5"), "D01-d0.h5"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, cohort: Path, command: Command, tmp_path: Path) -> None:
    spoil, named = CASES[name]
    spoil(cohort)
    output = tmp_path / "results"
    with OutputFolder(output) as folder:
        folder.write("patients.csv", b"former results")
        folder.publish()
    ended = command("run", cohort / "config.yaml", "-o", output)
    assert ended.code == 2
    assert ended.error.startswith("error: ")
    assert named in ended.error
    assert "Traceback" not in ended.error
    assert ended.error.count("error: ") == 1
    assert len(ended.error) < 1500, "a message is read, not scrolled"
    assert (output / "patients.csv").read_bytes() == b"former results"
    assert [path.name for path in output.iterdir() if path.name != ".her2plastic"] == ["patients.csv"]


def test_every_bad_sample_is_named_at_once(cohort: Path, command: Command, tmp_path: Path) -> None:
    value("-3")(cohort)
    drop_a_barcode(cohort)
    halve("D03-d21.h5ad")(cohort)
    ended = command("run", cohort / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 2
    if "D03-d21.h5ad" in ended.error:  # found by the look at the heads of the files, before any is read
        (cohort / "D03-d21.h5ad").unlink()
        shutil.copy2(cohort / TABLE, cohort / "again.csv.gz")
        edit_sheet("D03-d21.h5ad", "again.csv.gz")(cohort)
        edit_sheet("D03,D03-d21,21.0", "D03,D03-d21,22.0")(cohort)
        ended = command("run", cohort / "config.yaml", "-o", tmp_path / "results")
    assert TABLE in ended.error
    assert "D01-d21" in ended.error
    assert "problems" in ended.error


def test_foreign_folder_is_refused_without_force(cohort: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").write_bytes(b"mine")
    ended = command("run", cohort / "config.yaml", "-o", tmp_path / "mine")
    assert ended.code == 2
    assert "--force" in ended.error
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.docx"]


def test_results_of_one_kind_are_not_replaced_by_another(
    cohort: Path, slides: Path, command: Command, tmp_path: Path
) -> None:
    kinds = {"run": ("patients.csv", cohort), "slide": ("slides.csv", slides)}
    for kind, (name, _) in kinds.items():
        with OutputFolder(tmp_path / kind) as folder:
            folder.write(name, b"former results")
            folder.publish()
    for kind, other in (("run", "slide"), ("slide", "run")):
        name, _ = kinds[kind]
        config = kinds[other][1] / "config.yaml"
        for ended in (
            command("check", config, "-o", tmp_path / kind),
            command(other, config, "-o", tmp_path / kind),
            command("demo", "-o", tmp_path / kind),
        ):
            assert ended.code == 2
            assert f"holds the results of `her2plastic {kind}`" in ended.error
            assert "name another folder" in ended.error
        assert (tmp_path / kind / name).read_bytes() == b"former results"
        own = kinds[kind][1] / "config.yaml"
        assert command("check", own, "-o", tmp_path / kind).code == 0
        assert command("check", config, "-o", tmp_path / kind, "--force").code == 0


def test_bare_cr_table_is_read(cohort: Path, command: Command) -> None:
    with gzip.open(cohort / TABLE, "rb") as table:
        text = table.read()
    with gzip.open(cohort / TABLE, "wb") as table:
        table.write(text.replace(b"\r\n", b"\n").replace(b"\n", b"\r"))
    assert command("check", cohort / "config.yaml").code == 0


def test_names_of_people_who_try_things(cohort: Path, command: Command, tmp_path: Path) -> None:
    """A sample name is never markup in the report, and never a formula in a table."""
    edit_sheet("D01,D01-d0,", '"=cmd|calc!A1","<img src=x onerror=alert(1)>",')(cohort)
    ended = command("run", cohort / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    rows = (tmp_path / "results" / "patients.csv").read_text(encoding="utf-8").splitlines()
    cells = [cell for row in rows for cell in row.replace('"', "").split(",")]
    assert not [cell for cell in cells if cell.startswith("=")]
