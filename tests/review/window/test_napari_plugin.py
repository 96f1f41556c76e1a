"""What napari finds of the plugin: its manifest, readers, sample data, widgets and menus."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import her2plastic

if TYPE_CHECKING:
    from npe2 import PluginManifest

MANIFEST = Path(her2plastic.__file__).parent / "review" / "napari.yaml"


@pytest.fixture(scope="module")
def manifest(qapp: Any) -> PluginManifest:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # npe2's own, at its import
        from npe2 import PluginManifest

        return PluginManifest.from_file(MANIFEST)


def test_manifest_is_valid_and_every_command_is_there(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    commands = manifest.contributions.commands or []
    assert all(command.id.startswith("her2plastic.") for command in commands)
    assert all(command.title.startswith("her2plastic: ") for command in commands)
    assert {widget.display_name for widget in manifest.contributions.widgets or []} == {
        "Review cells", "HER2 cell gallery",
    }  # fmt: skip


def test_manifest_is_named_where_napari_looks(manifest: PluginManifest) -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, value),) = project["entry-points"]["napari.manifest"].items()
    entry = EntryPoint(name, value, "napari.manifest")
    # as napari finds it: a value with a slash in it is none to it, and the plugin would be in no menu
    found = type(manifest)._from_entrypoint(entry, distribution("her2plastic"))
    assert found.contributions == manifest.contributions and found.contributions.widgets


def test_results_are_opened_as_layers(viewer: Any, results: Path) -> None:
    from her2plastic.review.layers.reading import get_reader

    for path in (results, results / "cells.h5ad"):
        read = get_reader(str(path))
        assert read is not None
        layers = read(str(path))
        assert [arguments["name"] for _, arguments, _ in layers] == [
            f"{slide} {name}" for slide in ("S1", "S2") for name in ("DAPI", "CK", "CD45", "HER2", "outlines")
        ]
        assert [arguments["visible"] for _, arguments, _ in layers] == [True] * 5 + [False] * 5
    store = str(results / "slides" / "S2.zarr")
    read = get_reader(store)
    assert read is not None
    assert len(read(store)) == 5


def test_files_of_others_are_left_to_others(results: Path, tmp_path: Path) -> None:
    from her2plastic.review.layers.reading import get_reader

    (tmp_path / "table.csv").write_text("x,y\n1,2\n")
    (tmp_path / "their.zarr").mkdir()
    (tmp_path / "cells.h5ad").write_bytes(b"")
    for name in ("table.csv", "their.zarr", "cells.h5ad", "nothing.zarr", "photo.tif", "."):
        assert get_reader(str(tmp_path / name)) is None
    assert get_reader([str(results), str(results)]) is None


def test_sample_slide_becomes_layers(viewer: Any) -> None:
    from her2plastic.review.layers.sample import simulated_slide

    made = simulated_slide()
    assert [kind for *_, kind in made] == ["image"] * 4 + ["labels"]
    for data, arguments, kind in made:
        getattr(viewer, f"add_{kind}")(data, **arguments)
    assert viewer.layers[0].contrast_limits[0] < viewer.layers[0].contrast_limits[1]
    viewer.layers.clear()


def test_window_hands_itself_to_widgets_beside_it(viewer: Any, begin: Any) -> None:
    from her2plastic.review.window.under_way import review_under_way

    dock = begin(target=5)
    assert review_under_way(viewer) is dock
    seen: list[str] = []
    dock.shown_cell.connect(seen.append)
    cell = dock.opened.session.queue[3][0]
    assert dock.go_to(cell)
    assert seen == [cell]
    assert not dock.go_to("no such cell")
    assert "not in the queue" in dock.message.text()
