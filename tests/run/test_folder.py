from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from her2plastic._errors import OutputFolderError
from her2plastic.run import folder as folder_module
from her2plastic.run.folder import OutputFolder

#: Stages two files, says so, and dies by SIGKILL: before publishing, or after the first of two moves.
DYING = """
import os, signal, sys
from her2plastic.run import folder as module
moves = 0
replace = os.replace
def counted(source, target):
    global moves
    replace(source, target)
    if "staging" in str(source):
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "publishing":
    os.replace = counted
with module.OutputFolder(sys.argv[1]) as folder:
    folder.write("a.csv", b"new a")
    folder.write("figures/b.png", b"new b")
    if sys.argv[2] == "staging":
        os.kill(os.getpid(), signal.SIGKILL)
    folder.publish()
"""


def publish(path: Path, **files: str) -> None:
    with OutputFolder(path) as folder:
        for name, text in files.items():
            folder.write(name.replace("__", "/").replace("_", "."), text.encode())
        folder.publish()


def die(path: Path, when: str) -> None:
    ended = subprocess.run([sys.executable, "-c", DYING, str(path), when], check=False)
    assert ended.returncode == -signal.SIGKILL


def seen(path: Path) -> dict[str, str]:
    """What a person sees in the folder."""
    files = (file for file in path.rglob("*") if file.is_file() and ".her2plastic" not in file.parts)
    return {file.relative_to(path).as_posix(): file.read_text(encoding="utf-8") for file in files}


def test_results_replace_the_former_ones_whole(tmp_path: Path) -> None:
    publish(tmp_path, a_csv="old a", figures__old_png="old")
    publish(tmp_path, a_csv="new a", figures__b_png="new b")
    assert seen(tmp_path) == {"a.csv": "new a", "figures/b.png": "new b"}


def test_killed_before_publishing_leaves_the_former_results(tmp_path: Path) -> None:
    publish(tmp_path, a_csv="old a", figures__old_png="old")
    die(tmp_path, "staging")
    assert seen(tmp_path) == {"a.csv": "old a", "figures/old.png": "old"}
    publish(tmp_path, a_csv="newer a")
    assert seen(tmp_path) == {"a.csv": "newer a"}


def test_killed_in_an_empty_folder_shows_nothing_and_starts_again(tmp_path: Path) -> None:
    die(tmp_path / "results", "staging")
    assert seen(tmp_path / "results") == {}
    publish(tmp_path / "results", a_csv="a")
    assert seen(tmp_path / "results") == {"a.csv": "a"}


def test_killed_between_two_moves_is_completed_by_the_next_start(tmp_path: Path) -> None:
    publish(tmp_path, a_csv="old a", figures__old_png="old")
    die(tmp_path, "publishing")
    assert seen(tmp_path)["a.csv"] == "new a", "each file is whole, the old or the new one"
    with pytest.raises(RuntimeError, match="this run fails"), OutputFolder(tmp_path):
        raise RuntimeError("this run fails")
    assert seen(tmp_path) == {"a.csv": "new a", "figures/b.png": "new b"}


def test_failing_run_leaves_the_former_results(tmp_path: Path) -> None:
    publish(tmp_path, a_csv="old a")
    with pytest.raises(ValueError, match="no"), OutputFolder(tmp_path) as folder:
        folder.write("a.csv", b"half")
        raise ValueError("no")
    assert seen(tmp_path) == {"a.csv": "old a"}
    assert not folder.stage.exists()


def test_foreign_folder_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFolderError, match="pass --force"), OutputFolder(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["thesis.docx"]
    with OutputFolder(tmp_path, force=True) as folder:
        folder.write("a.csv", b"a")
        folder.publish()
    assert seen(tmp_path) == {"thesis.docx": "mine", "a.csv": "a"}


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        OutputFolder(tmp_path),
        pytest.raises(OutputFolderError, match="another run is writing to"),
        OutputFolder(tmp_path),
    ):
        pass


def test_edited_marker_does_not_reach_outside(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("keep", encoding="utf-8")
    results = tmp_path / "results"
    publish(results, a_csv="a")
    marker = results / ".her2plastic" / "state.json"
    marker.write_text(json.dumps({"state": "finished", "files": ["../precious.txt", str(precious)]}), encoding="utf-8")
    publish(results, a_csv="b")
    assert precious.read_text(encoding="utf-8") == "keep"


@pytest.mark.parametrize("text", ["", "not json", "[1]", '{"state": 3, "files": "x"}'])
def test_broken_marker_is_no_obstacle(tmp_path: Path, text: str) -> None:
    publish(tmp_path, a_csv="a")
    (tmp_path / ".her2plastic" / "state.json").write_text(text, encoding="utf-8")
    publish(tmp_path, a_csv="b")
    assert seen(tmp_path) == {"a.csv": "b"}


def test_output_that_is_a_file_or_a_dead_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, said in (("file", "is a file"), ("file/below", "cannot be written to"), ("link", "leads nowhere")):
        with pytest.raises(OutputFolderError, match=said), OutputFolder(tmp_path / name):
            pass


def publish_slides(path: Path, **slides: str) -> None:
    with OutputFolder(path) as folder:
        folder.write("cells.h5ad", b"cells")
        places = {}
        for name, text in slides.items():
            made = path / ".her2plastic" / "stores" / name
            (made / "image").mkdir(parents=True)
            (made / "image" / "0").write_text(text, encoding="utf-8")
            places[f"slides/{name}"] = made
        folder.publish(places)


def test_folders_are_replaced_and_removed_as_a_whole(tmp_path: Path) -> None:
    publish_slides(tmp_path, S1="old", S2="old")
    publish_slides(tmp_path, S1="new")
    assert seen(tmp_path) == {"cells.h5ad": "cells", "slides/S1/image/0": "new"}
    publish(tmp_path, a_csv="a")
    assert seen(tmp_path) == {"a.csv": "a"}


def test_killed_between_two_folders_is_completed_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_slides(tmp_path, S1="old", S3="old")
    moved = []

    def die_at_the_second(source: Path, target: Path) -> None:
        moved.append(target.name)
        if len(moved) == 2:
            raise KeyboardInterrupt
        move(source, target)

    move = folder_module._move_folder
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(folder_module, "_move_folder", die_at_the_second)
        publish_slides(tmp_path, S1="new", S2="new")
    assert seen(tmp_path)["slides/S1/image/0"] == "new"
    with OutputFolder(tmp_path):
        pass
    assert seen(tmp_path) == {"cells.h5ad": "cells", "slides/S1/image/0": "new", "slides/S2/image/0": "new"}


def test_what_a_person_changed_of_the_former_run_is_kept(tmp_path: Path) -> None:
    publish(tmp_path, a_csv="a", b_csv="b", input__config_yaml="example")
    (tmp_path / "b.csv").write_text("my notes", encoding="utf-8")
    publish(tmp_path, c_csv="c")
    assert seen(tmp_path) == {"b.csv": "my notes", "c.csv": "c", "input/config.yaml": "example"}


def test_example_is_written_again_unless_it_was_changed(tmp_path: Path) -> None:
    publish(tmp_path, input__config_yaml="example")
    publish(tmp_path, a_csv="a")
    publish(tmp_path, input__config_yaml="newer example", a_csv="newer a")
    assert seen(tmp_path) == {"a.csv": "newer a", "input/config.yaml": "newer example"}
    (tmp_path / "input" / "config.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFolderError, match=r"input/config\.yaml was changed"):
        publish(tmp_path, input__config_yaml="example", a_csv="newest a")
    assert seen(tmp_path) == {"a.csv": "newer a", "input/config.yaml": "mine"}


def test_inputs_of_the_run_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("an input", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to("a.csv")
    (tmp_path / "loop").symlink_to(tmp_path)
    for given in ("a.csv", "link.csv", "loop/a.csv"):
        with (
            pytest.raises(OutputFolderError, match=f"{given} is an input of this run"),
            OutputFolder(tmp_path, force=True, inputs=[tmp_path / given]) as folder,
        ):
            folder.write("a.csv", b"a result")
            folder.publish()
    assert seen(tmp_path)["a.csv"] == "an input"


def test_slide_of_a_former_run_is_no_input_of_the_next(tmp_path: Path) -> None:
    publish_slides(tmp_path, S1="old")
    with (
        pytest.raises(OutputFolderError, match="is an input of this run"),
        OutputFolder(tmp_path, inputs=[tmp_path / "slides" / "S1"]),
    ):
        pass
