from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2plastic.run.kept_marks import folder_name, key_of
from her2plastic.run.kept_slides import KeptSlides


def keep(results: Path, recipe: str) -> str:
    key = key_of({"recipe": recipe})
    with KeptSlides(results).writing(key, {"slide": "S1"}) as folder:
        (folder / "labels").write_text(recipe, encoding="utf-8")
    return key


def test_slide_is_found_only_where_everything_is_the_same(tmp_path: Path) -> None:
    kept = KeptSlides(tmp_path)
    found = kept.find(keep(tmp_path, "tiles"))
    assert found is not None
    assert (found / "labels").read_text(encoding="utf-8") == "tiles"
    assert kept.find(key_of({"recipe": "other"})) is None


def test_slide_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    kept = KeptSlides(tmp_path)
    with pytest.raises(OSError, match="disk"), kept.writing("0" * 32, {}) as folder:
        (folder / "half").write_text("half", encoding="utf-8")
        raise OSError("disk full")
    part = tmp_path / ".her2plastic" / "slides" / f"{'1' * 32}.part"  # of a process that was killed
    part.mkdir(parents=True)
    (part / "slide.json").write_text('{"key": "' + "1" * 32 + '"}', encoding="utf-8")
    assert kept.find("0" * 32) is None
    assert kept.find("1" * 32) is None


@pytest.mark.parametrize("text", ["", "not json", "[1]", '{"key": 3}'])
def test_slide_with_a_broken_mark_is_made_again(tmp_path: Path, text: str) -> None:
    key = keep(tmp_path, "tiles")
    (tmp_path / ".her2plastic" / "slides" / key / "slide.json").write_text(text, encoding="utf-8")
    assert KeptSlides(tmp_path).find(key) is None
    keep(tmp_path, "tiles")
    assert KeptSlides(tmp_path).find(key) is not None


def test_slides_of_former_runs_are_removed(tmp_path: Path) -> None:
    old, new = keep(tmp_path, "old"), keep(tmp_path, "new")
    kept = KeptSlides(tmp_path)
    kept.keep_only([new])
    assert kept.find(old) is None
    assert kept.find(new) is not None


@given(st.lists(st.text(max_size=120), unique=True, max_size=8))
def test_folder_names_stay_inside_and_apart(names: list[str]) -> None:
    folders = [folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    for folder in folders:
        assert Path(folder).name == folder
        assert folder.isascii()
        assert 0 < len(folder) < 100
