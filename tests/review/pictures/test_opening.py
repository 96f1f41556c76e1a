"""Cells and pictures are found from every path that a person may name, and every fault is said in a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import zarr
from anndata import AnnData

from her2plastic import _keys, io
from her2plastic._errors import Her2plasticError, InputFileError, MissingKeyError, ReviewError
from her2plastic.review.pictures import open_review_data

CELLS = 36
Rewrite = Callable[[AnnData], Path]


# --- where cells may be -------------------------------------------------------------------------------------------
def test_results_folder(small: Any) -> None:
    data = open_review_data(small.folder)
    assert data.adata.n_obs == CELLS and data.name == "results"
    assert data.pictures.slides == ("S1", "S2")
    assert not data.pictures.missing
    assert data.pictures.cell_ids == tuple(data.adata.obs[_keys.CELL_ID])


def test_every_way_to_the_same_cells_has_one_fingerprint(small: Any) -> None:
    whole = open_review_data(small.folder)
    assert open_review_data(small.folder / "cells.h5ad").fingerprint == whole.fingerprint
    moved = small.folder.rename(small.folder.with_name("elsewhere"))
    data = open_review_data(moved)
    assert (data.fingerprint, data.name) == (whole.fingerprint, "elsewhere")
    assert data.pictures.crop("S1:3").digest == open_review_data(moved / "cells.h5ad").pictures.crop("S1:3").digest


def test_cells_as_zarr_beside_the_stores(small: Any) -> None:
    whole = open_review_data(small.folder)
    whole.adata.write_zarr(small.folder / "cells.zarr")
    (small.folder / "cells.h5ad").unlink()
    for path in (small.folder, small.folder / "cells.zarr"):
        data = open_review_data(path)
        assert data.fingerprint == whole.fingerprint and not data.pictures.missing


def test_cells_of_slides_beside_those_of_expression(small: Any) -> None:
    whole = open_review_data(small.folder)
    (small.folder / "images").mkdir()
    (small.folder / "cells.h5ad").rename(small.folder / "images" / "cells.h5ad")
    expression = whole.adata[:, :3].copy()
    expression.obs = expression.obs[[]]
    expression.write_h5ad(small.folder / "cells.h5ad")
    for path in ("", "slides", "images", "images/cells.h5ad"):  # as the results of the demo lie
        data = open_review_data(small.folder / path)
        assert data.fingerprint == whole.fingerprint
        assert not data.pictures.missing


def test_one_store_holds_cells_and_images(small: Any) -> None:
    data = open_review_data(small.folder / "slides" / "S2.zarr")
    assert data.name == "S2" and data.pictures.slides == ("S2",)
    assert data.adata.n_obs == 24 and not data.pictures.missing
    whole = open_review_data(small.folder)
    assert data.pictures.crop("S2:right:2").digest == whole.pictures.crop("S2:right:2").digest
    assert data.fingerprint != whole.fingerprint


def test_the_folder_of_the_stores_leads_to_the_cells(small: Any) -> None:
    data = open_review_data(small.folder / "slides")
    assert data.fingerprint == open_review_data(small.folder).fingerprint


def test_a_store_that_another_program_wrote_again(small: Any) -> None:
    """Such as spatialdata: what the package noted beside the image is not kept, and the folder has another name."""
    store = (small.folder / "slides" / "S1.zarr").rename(small.folder / "again.zarr")
    zarr.open_group(store, mode="a").attrs.pop("her2plastic")
    data = open_review_data(store)
    assert data.pictures.slides == ("S1",) and not data.pictures.missing
    assert data.pictures.crop("S1:6").cell.any()


def test_records_of_a_run_are_read_from_the_store(small: Any) -> None:
    store = small.folder / "slides" / "S1.zarr"
    group = zarr.open_group(store / "tables", mode="a")
    table = anndata.io.read_elem(group["table"])
    table.uns[_keys.ROOT] = {"records": json.dumps({"segment": {"params": {"tile_size": 64}}})}
    anndata.io.write_elem(group, "table", table)
    assert open_review_data(store).adata.uns[_keys.ROOT]["segment"]["params"] == {"tile_size": 64}


def test_expression_that_images_were_joined_to(small: Any) -> None:
    names = ["S1:2", "S2:left:5", "nowhere:1"]
    expression = AnnData(
        np.ones((3, 2), np.float32),
        obs=pd.DataFrame({_keys.CELL_ID: names}, index=pd.Index(["w1", "w2", "w3"], dtype=object)),
        var=pd.DataFrame(index=pd.Index(["ERBB2", "KRT8"], dtype=object)),
    )
    joined = io.join_cells(small.adata, expression)
    io.write_h5ad(joined, small.folder / "joined.h5ad")
    data = open_review_data(small.folder / "joined.h5ad")
    whole = open_review_data(small.folder).pictures
    assert data.name == "joined"
    assert data.pictures.missing == {"nowhere:1": "no image was joined to this cell"}
    for name in names[:2]:
        assert data.pictures.crop(name).digest == whole.crop(name).digest
    assert set(data.pictures.display_ranges()) == {"DAPI", "CK", "CD45", "HER2"}


def test_a_sample_sheet_leads_to_the_results_beside_it(small: Any) -> None:
    sheet = small.folder.parent / "slides.csv"
    rows = [f"P1,{name},0,{name}.ome.tif,," for name in ("S1", "S2")]
    sheet.write_text("donor_id,sample_id,draw_day,image_path,channels,pixel_size_um\n" + "\n".join(rows) + "\n")
    data = open_review_data(sheet)
    assert data.adata.n_obs == CELLS and not data.pictures.missing
    shutil.copytree(small.folder, small.folder.parent / "second")
    with pytest.raises(ReviewError, match=r"several results lie beside this sheet \(results, second\)"):
        open_review_data(sheet)
    shutil.rmtree(small.folder.parent / "second")
    shutil.rmtree(small.folder)
    with pytest.raises(ReviewError, match="Run `her2plastic slide` first"):
        open_review_data(sheet)


def test_images_of_the_sheet_serve_where_the_stores_are_gone(small: Any) -> None:
    import tifffile

    slide = small.slides["S1"].slide
    folder = small.folder.parent
    pixels = slide.read(0, slice(None), slice(None))
    tifffile.imwrite(folder / "S1.tif", pixels, photometric="minisblack")
    (folder / "slides.csv").write_text(
        "donor_id,sample_id,draw_day,image_path,channels,pixel_size_um,bit_depth\n"
        'P1,S1,0,S1.tif,"DAPI;CK;CD45;HER2",0.64,12\n'
    )
    stored = open_review_data(small.folder).pictures.crop("S1:3")
    shutil.rmtree(small.folder / "slides")
    data = open_review_data(folder / "slides.csv")
    picture = data.pictures.crop("S1:3")
    np.testing.assert_array_equal(picture.pixels, stored.pixels)
    assert not picture.cell.any(), "the original file has no outlines"
    assert len(data.pictures.missing) == 24 and "S2" in data.pictures.missing["S2:left:1"]
    assert [level.shape for level in data.pictures.slide_levels("S1")] == [(4, 180, 240)]
    elsewhere = open_review_data(small.folder, images=folder / "slides.csv")
    assert elsewhere.pictures.crop("S1:3").digest == picture.digest


def test_images_may_be_said_to_be_elsewhere(small: Any, tmp_path: Path) -> None:
    shutil.move(small.folder / "slides", tmp_path / "disk")
    with pytest.raises(ReviewError, match="none of its 36 cells has a picture.*Looked in"):
        open_review_data(small.folder)
    assert not open_review_data(small.folder, images=tmp_path / "disk").pictures.missing
    one = open_review_data(small.folder, images=tmp_path / "disk" / "S1.zarr")
    assert len(one.pictures.missing) == 24


# --- cells without a name, or without a place -----------------------------------------------------------------------
def test_cells_without_a_column_of_names_go_by_their_index(small: Any, rewritten: Rewrite) -> None:
    del small.adata.obs[_keys.CELL_ID]
    data = open_review_data(rewritten(small.adata))
    assert data.adata.obs[_keys.CELL_ID].tolist() == data.adata.obs_names.tolist()


@pytest.mark.parametrize(("name", "said"), [("S1:2", "more than once"), (None, "no name")])
def test_each_cell_needs_a_name_of_its_own(small: Any, rewritten: Rewrite, name: str | None, said: str) -> None:
    names = small.adata.obs[_keys.CELL_ID].astype(object).to_numpy().copy()
    names[0] = name
    small.adata.obs[_keys.CELL_ID] = names
    with pytest.raises(ReviewError, match=said):
        open_review_data(rewritten(small.adata))


def test_tables_that_do_not_say_where_cells_lie(small: Any, rewritten: Rewrite) -> None:
    lost = small.adata.copy()
    del lost.obsm[_keys.SPATIAL]
    with pytest.raises(MissingKeyError, match="spatial"):
        open_review_data(rewritten(lost))
    lost = small.adata.copy()
    del lost.obs[_keys.SLIDE_ID]
    with pytest.raises(MissingKeyError, match="slide_id.*her2plastic slide"):
        open_review_data(rewritten(lost))


def test_no_cells(small: Any, rewritten: Rewrite) -> None:
    with pytest.raises(ReviewError, match="no cells"):
        open_review_data(rewritten(small.adata[:0].copy()))


# --- files that are not what they should be -------------------------------------------------------------------------
def _nothing(folder: Path) -> Path:
    return folder / "not there"


def _empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _cut_short(folder: Path) -> Path:
    path = folder / "cells.h5ad"
    path.write_bytes(path.read_bytes()[:5000])
    return path


def _no_table(folder: Path) -> Path:
    shutil.rmtree(folder / "slides" / "S1.zarr" / "tables")
    return folder / "slides" / "S1.zarr"


def _broken_table(folder: Path) -> Path:
    (folder / "slides" / "S1.zarr" / "tables" / "table" / "obs" / "zarr.json").unlink()
    return folder / "slides" / "S1.zarr"


def _other_zarr(folder: Path) -> Path:
    zarr.open_group(folder / "other.zarr", mode="w").create_array("x", shape=(3,), dtype="i4")
    return folder / "other.zarr"


def _no_sheet(folder: Path) -> Path:
    (folder / "notes.csv").write_text("a,b\n1,2\n")
    return folder / "notes.csv"


def _picture(folder: Path) -> Path:
    (folder / "cell.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    return folder / "cell.png"


def _unknown_encoding(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "cells.h5ad", "a") as file:
        file["obs"].attrs["encoding-version"] = "9.0.0"
    return folder / "cells.h5ad"


def _not_anndata(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "other.h5ad", "w") as file:
        file["x"] = np.arange(3)
    return folder / "other.h5ad"


FAULTY = (
    _nothing, _empty_folder, _cut_short, _no_table, _broken_table, _other_zarr, _no_sheet, _picture, _unknown_encoding,
    _not_anndata,
)  # fmt: skip


@pytest.mark.parametrize("damage", FAULTY, ids=lambda damage: damage.__name__.strip("_"))
def test_files_that_cannot_be_reviewed(small: Any, damage: Callable[[Path], Path]) -> None:
    path = damage(small.folder)
    with pytest.raises(Her2plasticError) as error:
        open_review_data(path)
    said = str(error.value)
    assert path.name in said and len(said) < 1500 and "Traceback" not in said


# --- images that are not there, or not what they were ----------------------------------------------------------------
def test_a_slide_that_is_gone_leaves_the_others(small: Any) -> None:
    shutil.rmtree(small.folder / "slides" / "S1.zarr")
    pictures = open_review_data(small.folder).pictures
    assert len(pictures.missing) == 12
    assert "slide 'S1' was not found" in pictures.missing["S1:1"]
    with pytest.raises(ReviewError, match="S1:1.*was not found"):
        pictures.crop("S1:1")
    assert pictures.crop("S2:left:1").inside.any()


def test_a_store_of_an_older_version(small: Any) -> None:
    said = small.folder / "slides" / "S1.zarr" / "images" / "image" / "zarr.json"
    attributes = json.loads(said.read_text())
    attributes["attributes"]["ome"]["version"] = "0.1"
    said.write_text(json.dumps(attributes))
    pictures = open_review_data(small.folder).pictures
    assert "is OME-Zarr 0.1; expected 0.4 or 0.5" in pictures.missing["S1:1"]
    other = (small.folder / "slides" / "S1.zarr").rename(small.folder / "slides" / "other.zarr")
    assert other.name in open_review_data(small.folder).pictures.missing["S1:1"], "it says itself which slide it is"


def test_a_store_that_does_not_say_its_slide_goes_by_its_name(small: Any) -> None:
    root = zarr.open_group(small.folder / "slides" / "S1.zarr", mode="a")
    root.attrs.pop("her2plastic")
    assert not open_review_data(small.folder).pictures.missing


def test_a_broken_store_is_told_by_its_fault(small: Any) -> None:
    (small.folder / "slides" / "S1.zarr" / "images" / "image" / "s0" / "zarr.json").write_text("{")
    reason = open_review_data(small.folder).pictures.missing["S1:1"]
    assert "s0" in reason and "Copy the store again" in reason


def test_cells_outside_their_image_or_of_an_unknown_field(small: Any, rewritten: Rewrite) -> None:
    small.adata.obsm[_keys.SPATIAL][0] = 4000.0, 20.0
    small.adata.obsm[_keys.SPATIAL][1] = np.nan
    field = small.adata.obs[_keys.FIELD].astype(str).to_numpy()
    field[-1] = "middle"
    small.adata.obs[_keys.FIELD] = pd.Categorical(field)
    pictures = open_review_data(rewritten(small.adata)).pictures
    assert set(pictures.missing) == {"S1:1", "S1:2", "S2:right:12"}
    assert "lies outside its image (row 31, column 6,250; slide 'S1' has 180 x 240 pixels)" in pictures.missing["S1:1"]
    assert "place is not known" in pictures.missing["S1:2"]
    assert "no field 'middle'" in pictures.missing["S2:right:12"]


def test_an_h5ad_of_other_cells(small: Any, rewritten: Rewrite) -> None:
    """Images of the same name that the cells were not measured on are no pictures of them."""
    small.adata.obsm[_keys.SPATIAL][:12, 0] += 20.0
    pictures = open_review_data(rewritten(small.adata)).pictures
    with pytest.raises(ReviewError, match="object 3 is not where the table says.*not those that the cells"):
        pictures.crop("S1:3", size_um=12.0)
    assert "S1:3" in pictures.missing


def test_input_error_names_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="results folder of `her2plastic slide`"):
        open_review_data(tmp_path)
