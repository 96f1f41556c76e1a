"""Whatever is wrong is said in the window, in words, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata
import pytest

from her2plastic import _keys, io
from her2plastic._errors import ReviewError

if TYPE_CHECKING:
    from her2plastic.review.window.dock import ReviewDock

Begin = Callable[..., "ReviewDock"]
Press = Callable[..., None]


@pytest.fixture
def copied(results: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results, tmp_path / "copied"))


def test_nothing_there(begin: Begin, tmp_path: Path) -> None:
    dock = begin(path=tmp_path / "nowhere", refused=True)
    assert "nowhere" in dock.message.text()
    assert dock.message.tone == "error"
    assert dock.form.isVisible()


def test_nobody_named(begin: Begin) -> None:
    assert "initials" in begin("", refused=True).message.text()


def test_what_the_form_has_no_field_for_is_kept_when_it_is_sent_again(begin: Begin) -> None:
    dock = begin("", refused=True, outlines=False, filters=("is_ctc=True",), target=7)
    dock.form.fill(replace(dock.form.wish(), images="elsewhere"))
    dock.form.reviewer.setText("AB")
    again = dock.form.wish()
    assert (again.reviewer, again.images) == ("AB", "elsewhere")
    assert again.settings is not None
    assert (again.settings["outlines"], again.settings["target"]) == (False, 7)
    dock.form.path.setText("other results")
    assert dock.form.wish().images == ""


def test_no_cell_is_left(begin: Begin) -> None:
    dock = begin(filters=("is_ctc=False", "is_ctc=True"), refused=True)
    assert "cell" in dock.message.text()


def test_a_filter_of_no_column(begin: Begin) -> None:
    assert "no_such" in begin(filters=("no_such=1",), refused=True).message.text()


def test_a_journal_of_other_cells(begin: Begin, press: Press, copied: Path, tmp_path: Path) -> None:
    journal = tmp_path / "review.journal"
    begin(target=4)
    press("01")
    cells = anndata.read_h5ad(copied / "cells.h5ad")
    cells.obs[_keys.CELL_ID] = cells.obs_names = [f"other-{name}" for name in cells.obs_names]
    io.write_h5ad(cells, copied / "cells.h5ad")
    shutil.rmtree(copied / "slides")
    dock = begin(path=copied, journal=journal, refused=True)
    assert dock.message.tone == "error"
    assert len(io.read_decisions(journal)) == 2


def test_a_file_that_is_no_journal(begin: Begin, tmp_path: Path) -> None:
    path = tmp_path / "letter.journal"
    path.write_text("Dear colleague")
    assert "letter.journal" in begin(journal=path, refused=True).message.text()
    assert path.read_text() == "Dear colleague"


def test_a_locked_journal_keeps_the_cell_and_goes_on(begin: Begin, press: Press, tmp_path: Path, Qt: Any) -> None:
    journal = tmp_path / "review.journal"
    dock = begin(target=5)
    press("0")
    here = dock.opened.session.current
    dock.opened.session._journal._file._wait = 0.05  # not half a minute, as in earnest
    other = sqlite3.connect(journal, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    press("2")
    assert "review.journal" in dock.message.text()
    assert dock.message.tone == "error"
    assert dock.opened.session.current == here
    press("t", "odd", Qt.Key.Key_Return)
    assert dock.panel.typed == "odd"
    assert not dock.go_to(dock.opened.session.queue[3][0])
    other.execute("ROLLBACK")
    other.close()
    press(Qt.Key.Key_Return)
    press("2")
    assert dock.message.text() == ""
    assert "note" in set(io.read_journal(journal)["kind"])
    assert list(io.read_decisions(journal)["decision"]) == ["HER2-0", "HER2-positive"]


def test_the_image_of_a_slide_is_missing(begin: Begin, press: Press, copied: Path) -> None:
    shutil.rmtree(copied / "slides" / "S2.zarr")
    dock = begin(path=copied, target=None)
    assert "left out" in dock.message.text()
    assert {cell.split(":")[0] for cell, _ in dock.opened.session.queue} == {"S1"}
    press("0")
    assert dock.panel.head.aside == "1 decided"


def test_a_store_of_an_older_version(begin: Begin, press: Press, copied: Path) -> None:
    said = copied / "slides" / "S2.zarr" / "images" / "image" / "zarr.json"
    attributes = json.loads(said.read_text())
    attributes["attributes"]["ome"]["version"] = "0.1"
    said.write_text(json.dumps(attributes))
    dock = begin(path=copied, target=None)
    assert "left out" in dock.message.text()
    assert {cell.split(":")[0] for cell, _ in dock.opened.session.queue} == {"S1"}
    press("0")
    assert dock.panel.head.aside == "1 decided"
    everywhere = begin(path=copied, filters=("slide_id=S2",), journal=copied / "other.journal", refused=True)
    assert everywhere.message.tone == "error"
    assert "picture" in everywhere.message.text()


def test_a_cell_outside_its_image(begin: Begin, press: Press, copied: Path) -> None:
    cells = anndata.read_h5ad(copied / "cells.h5ad")
    outside = cells.obs_names[cells.obs[_keys.IS_CTC].to_numpy(dtype=bool)][0]
    cells.obsm[_keys.SPATIAL][cells.obs_names.get_loc(outside)] = 4000.0, 20.0
    io.write_h5ad(cells, copied / "cells.h5ad")
    dock = begin(path=copied, target=None)
    assert "left out" in dock.message.text()
    assert outside not in {cell for cell, _ in dock.opened.session.queue}
    assert len(dock.opened.session.queue) == int(cells.obs[_keys.IS_CTC].sum()) - 1
    press("1")
    assert dock.panel.head.aside == "1 decided"


def test_an_image_that_is_damaged_is_not_decided_on(begin: Begin, press: Press, copied: Path) -> None:
    for chunk in (copied / "slides" / "S1.zarr" / "images").rglob("c/**/*"):
        if chunk.is_file():
            chunk.write_bytes(b"damaged")
    dock = begin(path=copied, filters=("slide_id=S1",), target=4)
    if dock.stage.shown is None:
        press("0")
        assert "no picture" in dock.message.text()
        assert dock.panel.head.aside == "0 decided"
    else:  # what cannot be read is grey, and said to be outside
        assert dock.stage.shown.composite.std() < 5


def test_a_cell_without_a_picture_does_not_keep_a_review_open(
    begin: Begin, press: Press, monkeypatch: pytest.MonkeyPatch, Qt: Any
) -> None:
    dock = begin(target=4)
    pictures, lost = dock.opened.data.pictures, [cell for cell, _ in dock.opened.session.queue[2:]]
    crop = pictures.crop

    def damaged(cell_id: str, **how: Any) -> Any:
        if cell_id in lost:
            raise ReviewError("damaged")
        return crop(cell_id, **how)

    monkeypatch.setattr(pictures, "crop", damaged)
    press("00", Qt.Key.Key_Right)
    assert "Every cell is decided; 2 cells had no picture" in dock.message.text()
    press("1")
    assert "Nothing was decided" in dock.message.text()
    del lost[1]  # the disk is back
    press(Qt.Key.Key_Left, Qt.Key.Key_Right, "1")
    assert "Every cell is decided; 1 cell had no picture" in dock.message.text()
    dock.panel.end.click()
    assert dock.opened.session.closed  # at once: nothing is left


def test_a_path_from_home(begin: Begin, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(results.parent))
    monkeypatch.setenv("USERPROFILE", str(results.parent))
    dock = begin(path=Path("~", results.name), target=3)
    assert dock.opened is not None
    dock.end()
    assert "nobody~here" in begin(path=Path("~nobody~here"), refused=True).message.text()


def test_a_cell_that_is_gone_is_reported(begin: Begin, press: Press, copied: Path, tmp_path: Path) -> None:
    journal = tmp_path / "review.journal"
    dock = begin(path=copied, target=8)
    cell, _ = dock.opened.session.current
    press("0")
    dock.end()
    cells = anndata.read_h5ad(copied / "cells.h5ad")
    io.write_h5ad(cells[cells.obs_names != cell].copy(), copied / "cells.h5ad")
    again = begin(path=copied, journal=journal, resume=True)
    assert "1 cell is" in again.message.text()
    assert list(io.read_decisions(journal)["cell_id"]) == [cell]
