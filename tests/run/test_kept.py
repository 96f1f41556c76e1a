from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2plastic.run.folder import OutputFolder
from her2plastic.run.kept import KeptSlides, folder_name, key_of


def keep(results: Path, slide: str, recipe: str) -> str:
    key = key_of({"slide": slide, "recipe": recipe})
    with KeptSlides(results, published="slides").writing(key, {"slide": slide}) as folder:
        (folder / "cells").mkdir()
        (folder / "cells" / "0").write_text(recipe, encoding="utf-8")
    return key


def publish(results: Path, slides: dict[str, str]) -> None:
    """Write and publish slides as a run does."""
    kept = KeptSlides(results, published="slides")
    with OutputFolder(results) as folder:
        folder.write("cells.h5ad", b"cells")
        places = {}
        for slide, recipe in slides.items():
            found = kept.find(slide, keep(results, slide, recipe))
            assert found is not None
            places[f"slides/{folder_name(slide)}"] = found
        folder.publish(places)
        kept.clear()


def content(results: Path) -> dict[str, str]:
    return {path.parents[1].name: path.read_text(encoding="utf-8") for path in results.glob("slides/*/cells/0")}


def test_slide_is_found_only_where_everything_is_the_same(tmp_path: Path) -> None:
    kept = KeptSlides(tmp_path, published="slides")
    key = keep(tmp_path, "S1", "tiles of 1024")
    assert kept.find("S1", key) is not None
    assert kept.find("S1", key_of({"slide": "S1", "recipe": "other"})) is None
    assert kept.count() == 1


def test_slide_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    kept = KeptSlides(tmp_path, published="slides")
    with pytest.raises(OSError, match="disk"), kept.writing("0" * 32, {}) as folder:
        (folder / "half").write_text("half", encoding="utf-8")
        raise OSError("disk full")
    part = tmp_path / ".her2plastic" / "slides" / f"{'1' * 32}.part"  # of a process that was killed
    part.mkdir(parents=True)
    (part / "slide.json").write_text('{"key": "' + "1" * 32 + '"}', encoding="utf-8")
    assert kept.count() == 0
    assert kept.find("S1", "0" * 32) is None
    assert kept.find("S1", "1" * 32) is None


def test_published_slides_are_found_again_replaced_and_removed(tmp_path: Path) -> None:
    publish(tmp_path, {"S1": "old", "S2": "old"})
    assert content(tmp_path) == {"S1": "old", "S2": "old"}
    key = key_of({"slide": "S1", "recipe": "old"})
    assert KeptSlides(tmp_path, published="slides").find("S1", key) == tmp_path / "slides" / "S1"
    publish(tmp_path, {"S1": "new"})
    assert content(tmp_path) == {"S1": "new"}
    with OutputFolder(tmp_path) as folder:
        folder.write("cells.h5ad", b"cells")
        folder.publish({"slides/S1": tmp_path / "slides" / "S1"})
    assert content(tmp_path) == {"S1": "new"}, "a slide that stands in its place already"


def test_killed_between_two_slides_is_completed_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, {"S1": "old", "S2": "old"})
    with monkeypatch.context() as patch:
        patch.setattr("her2plastic.run.folder._move_folder", lambda source, target: None)
        patch.setattr("her2plastic.run.folder._remove", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
        patch.setattr("her2plastic.run.kept.KeptSlides.clear", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, {"S1": "new"})
    assert content(tmp_path) == {"S1": "old", "S2": "old"}
    with OutputFolder(tmp_path):
        pass
    assert content(tmp_path) == {"S1": "new"}


@given(st.lists(st.text(max_size=120), unique=True, max_size=8))
def test_folder_names_stay_inside_and_apart(names: list[str]) -> None:
    folders = [folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    for folder in folders:
        assert Path(folder).name == folder
        assert folder.isascii()
        assert 0 < len(folder) < 100
