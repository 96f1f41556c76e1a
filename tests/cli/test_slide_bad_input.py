"""Slides as people hand them in: one clear error or a result that says what is wrong; what is sound stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

Command = Callable[..., Any]
Break = Callable[[Path], None]
NAMES = ("DAPI", "CK", "CD45", "HER2")
SLIDE = "P01-d0.ome.tif"


def pixels_of(path: Path) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as file:
        return file.series[0].levels[0].asarray()


def rewritten(change: Callable[[np.ndarray], np.ndarray]) -> Break:
    """Write other pixels into the patient's slide, with its metadata."""

    def spoil(folder: Path) -> None:
        import tifffile

        pixels = change(pixels_of(folder / SLIDE))
        bits = 12 if pixels.dtype == np.uint16 else 8
        metadata = {"axes": "CYX", "Channel": {"Name": list(NAMES[: len(pixels)])}, "PhysicalSizeX": 0.64,
                    "PhysicalSizeY": 0.64, "SignificantBits": bits}  # fmt: skip
        (folder / SLIDE).unlink()
        tifffile.imwrite(
            folder / SLIDE, pixels, photometric="minisblack", tile=(256, 256), compression="zlib", metadata=metadata,
            ome=True,
        )  # fmt: skip

    return spoil


def halved(folder: Path) -> None:
    path = folder / SLIDE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replaced(content: bytes) -> Break:
    def spoil(folder: Path) -> None:
        (folder / SLIDE).write_bytes(content)

    return spoil


def edited(old: str, new: str) -> Break:
    def spoil(folder: Path) -> None:
        sheet = folder / "slides.csv"
        text = sheet.read_text(encoding="utf-8")
        assert old in text
        sheet.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def configured(line: str) -> Break:
    def spoil(folder: Path) -> None:
        with (folder / "config.yaml").open("a", encoding="utf-8") as config:
            config.write(line + "\n")

    return spoil


def controls_without_a_line(folder: Path) -> None:
    edited(",SKBR3\n", ",\n")(folder)
    edited("SKBR3,control,,", "P02,control,0,")(folder)
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    (folder / "config.yaml").write_text(config.replace("reference", "controls"), encoding="utf-8")


REFUSED: dict[str, tuple[Break, str]] = {
    "truncated": (halved, SLIDE),
    "empty": (replaced(b""), SLIDE),
    "8 bits beside 12": (rewritten(lambda pixels: (pixels // 16).astype(np.uint8)), "8 bits"),
    "not an image": (replaced(b"not an image" * 99), SLIDE),
    "file that is not there": (edited("control.ome.zarr", "nowhere.ome.zarr"), "nowhere.ome.zarr"),
    "unknown line": (edited(",SKBR3\n", ",HeLa\n"), "HeLa"),
    "unknown gates": (configured("identity: {gates: best}"), "best"),
    "unknown key": (configured("crops: {sise_um: 3}"), "did you mean 'size_um'?"),
    "controls asked for": (controls_without_a_line, "controls needs control slides"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_is_computed(name: str, slides: Path, command: Command, tmp_path: Path) -> None:
    spoil, named = REFUSED[name]
    spoil(slides)
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 2
    assert named in ended.error
    assert "Traceback" not in ended.error
    assert ended.error.count("error: ") == 1
    assert not (tmp_path / "results" / "cells.h5ad").exists()


def test_wrong_channel_count_is_named(slides: Path, command: Command) -> None:
    rewritten(lambda pixels: pixels[:3])(slides)
    edited("image_path,bit_depth", "image_path,channels,bit_depth")(slides)
    edited("P01-d0.ome.tif,", "P01-d0.ome.tif,DAPI=0;CK=1;CD45=2;HER2=3,")(slides)
    edited("control.ome.zarr,", "control.ome.zarr,,")(slides)
    ended = command("check", slides / "config.yaml")
    assert ended.code == 2
    assert "channels says HER2 is number 3, but the channels are 0: 'DAPI', 1: 'CK', 2: 'CD45'" in ended.error


def test_corrupt_tile_is_reported_and_the_rest_stands(slides: Path, command: Command, tmp_path: Path) -> None:
    import tifffile

    rewritten(lambda pixels: pixels)(slides)
    with tifffile.TiffFile(slides / SLIDE) as file:
        page = file.pages[1]
        place, size = page.dataoffsets[3], page.databytecounts[3]
    with (slides / SLIDE).open("r+b") as raw:
        raw.seek(place)
        raw.write(b"\xff" * size)
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    assert "note: slide P01-d0: " in ended.error
    assert "rows 256 to 512, columns 256 to 512 cannot be read" in ended.error
    table = pd.read_csv(tmp_path / "results" / "slides.csv").set_index("slide_id")
    assert "cannot be read" in str(table["note"]["P01-d0"])
    assert int(table["n_ctc"]["P01-d0"]) >= 4, "those of the other three tiles"


def test_slide_that_fails_is_reported_and_the_others_stand(
    slides: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2plastic import im
    from her2plastic._errors import InputFileError

    def segment(slide: Any, **options: Any) -> Any:
        if slide.slide_id == "control":
            raise InputFileError("control.ome.zarr: chunk 3 is gone")
        return real(slide, **options)

    real = im.segment
    monkeypatch.setattr("her2plastic.im.segment", segment)
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 3
    assert "note: slide control failed: control.ome.zarr: chunk 3 is gone" in ended.error
    table = pd.read_csv(tmp_path / "results" / "slides.csv").set_index("slide_id")
    assert table["status"].to_dict() == {"P01-d0": "whole", "control": "failed"}
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "control could not be measured; the reason stands below, and the others stand." in page
    assert [path.name for path in (tmp_path / "results" / "slides").iterdir()] == ["P01-d0.zarr"]


def test_field_without_nuclei_and_channel_of_zeros_are_results(slides: Path, command: Command, tmp_path: Path) -> None:
    def dark(pixels: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(0).poisson(100, pixels.shape).astype(np.uint16)
        noise[1] = 0
        return noise

    rewritten(dark)(slides)
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    assert "No CTC was found on P01-d0." in ended.said
    patients = pd.read_csv(tmp_path / "results" / "patients.csv")
    assert patients["note"].str.startswith("insufficient").all()
    rules = pd.read_csv(tmp_path / "results" / "rules.csv")
    assert rules["note"].str.startswith("insufficient").all()
    assert rules["value"].isna().all()


def test_channel_of_zeros_is_told(slides: Path, command: Command, tmp_path: Path) -> None:
    def without_ck(pixels: np.ndarray) -> np.ndarray:
        return pixels * np.array([1, 0, 1, 1], dtype=pixels.dtype)[:, None, None]

    rewritten(without_ck)(slides)
    (slides / "slides.csv").write_text(
        f"donor_id,sample_id,draw_day,image_path\nP01,P01-d0,0,{SLIDE}\n", encoding="utf-8"
    )
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results")
    assert ended.code == 0, ended.error
    told = "slide P01-d0: channel CK holds one value all over: what rests on it means nothing"
    assert f"note: {told}" in ended.error
    assert told in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    (row,) = pd.read_csv(tmp_path / "results" / "slides.csv").to_dict("records")
    assert (row["n_ctc"], row["note"]) == (0, "channel CK holds one value all over: what rests on it means nothing")


@pytest.mark.parametrize(
    ("address", "said"),
    [("tcp://127.0.0.1:1", "nothing answers there"), ("cluster", "expected an address like tcp://")],
)
def test_scheduler_that_is_not_there(slides: Path, command: Command, tmp_path: Path, address: str, said: str) -> None:
    ended = command("slide", slides / "config.yaml", "-o", tmp_path / "results", "--scheduler", address)
    assert ended.code == 2
    assert said in ended.error
