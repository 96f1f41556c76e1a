"""Slides of a cohort come by the same sample sheet as expression."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile

from her2plastic import io
from her2plastic._errors import DataWarning, SampleSheetError

ROLES = ("DAPI", "CK", "CD45", "HER2")
HEADER = "donor_id,sample_id,draw_day,image_path,channels,pixel_size_um,control_line"
MAP = '"DAPI=0;CK=1;CD45=2;HER2=3"'


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 255, (4, 20, 30))
    tifffile.imwrite(tmp_path / "a.tif", pixels.astype(np.uint16), photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", pixels.astype(np.uint16), photometric="minisblack")
    tifffile.imwrite(tmp_path / "eight.tif", pixels.astype(np.uint8), photometric="minisblack")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("gene,c1,c2\nERBB2,1,3\nEPCAM,2,0\nACTB,9,14\n")
    return tmp_path


def write(folder, *lines, header=HEADER):
    path = folder / "slides.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_slides_with_their_draws(folder):
    sheet = write(folder, f"P1,P1-d0,0,a.tif,{MAP},0.64,", "SKBR3,skbr3,,b.tif,DAPI;CK;CD45;HER2,0.64,SKBR3")
    frame = io.read_sheet(sheet)
    assert frame["pixel_size_um"].tolist() == [0.64, 0.64]
    assert frame["control_line"].fillna("").tolist() == ["", "SKBR3"]
    first, second = io.read_slides(sheet)
    assert (first.donor_id, first.sample_id, first.draw_day, first.control_line) == ("P1", "P1-d0", 0.0, "")
    assert (first.slide.slide_id, first.slide.channels, first.slide.pixel_size_um) == ("P1-d0", ROLES, 0.64)
    assert np.isnan(second.draw_day) and second.control_line == "SKBR3" and second.slide.channels == ROLES
    assert first.slide.read(0, slice(0, 20), slice(0, 30)).shape == (4, 20, 30)


def test_folders_with_a_pattern_and_bits(folder):
    for field in "12":
        for role in ROLES:
            tifffile.imwrite(folder / f"{field}_{role}.tif", np.zeros((9, 9), np.uint16))
    (folder / "scan").mkdir()
    for path in folder.glob("?_*.tif"):
        path.rename(folder / "scan" / path.name)
    header = HEADER + ",pattern,bit_depth,saturation"
    sheet = write(folder, "P1,s1,0,scan,,0.64,,{field}_{channel}.tif,12,4000", header=header)
    (one,) = io.read_slides(sheet)
    assert [field.name for field in one.slide.fields] == ["1", "2"]
    assert (one.slide.bit_depth, one.slide.saturation) == (12, 4000)


def test_images_and_expression_in_one_sheet(folder):
    header = "donor_id,sample_id,draw_day,assay,path,image_path,channels,pixel_size_um,hospital"
    sheet = write(
        folder,
        f"P1,both,0,10x,a.csv,a.tif,{MAP},0.64,North",
        f"P1,image,21,,,b.tif,{MAP},0.64,North",
        "P1,rna,42,10x,b.csv,,,,South",
        header=header,
    )
    frame = io.read_sheet(sheet)
    assert frame["path"].isna().tolist() == [False, True, False]
    assert frame["assay"].isna().tolist() == [False, True, False]
    assert frame["image_path"].isna().tolist() == [False, False, True]
    assert [one.sample_id for one in io.read_slides(frame)] == ["both", "image"]
    cells = io.read_samples(frame, progress=False)
    assert list(dict.fromkeys(cells.obs["sample_id"])) == ["both", "rna"]
    assert "hospital" in cells.obs
    assert {"image_path", "channels", "pixel_size_um"} & set(cells.obs) == set()


def test_sheets_of_the_other_kind(folder):
    images = write(folder, f"P1,s1,0,a.tif,{MAP},0.64,")
    with pytest.raises(SampleSheetError, match="no row of the sheet has a 'path': it is about slides"):
        io.read_samples(images)
    rna = write(folder, "P1,s1,0,10x,a.csv", header="donor_id,sample_id,draw_day,assay,path")
    with pytest.raises(SampleSheetError, match="no row of the sheet has an 'image_path'"):
        io.read_slides(rna)


def test_every_fault_is_reported_with_its_place(folder):
    (folder.parent / "outside.tif").write_bytes(b"II*\0")
    header = "donor_id,sample_id,draw_day,assay,path,image_path,channels,pixel_size_um,control_line"
    sheet = write(
        folder,
        f"P1,s1,0,10x,,../outside.tif,{MAP},0.64,",
        f"P1,s2,0,,,/a.tif,{MAP},0.64,",
        "P1,s3,0,,,a.tif,DAPI=;CK=1,0.64,",
        "P1,s4,0,,,b.tif,DAPI=0;DAPI=1,-1,",
        "P1,s5,0,10x,,,,,",
        "P1,s6,0,,a.csv,,,,",
        "P1,s7,,,,nowhere.tif,,small,",
        "SKBR3,s8,,10x,b.csv,eight.tif,,,SKBR3",
        header=header,
    )
    with pytest.raises(SampleSheetError) as caught:
        io.read_sheet(sheet)
    expected = [
        r"line 2, column 'image_path': '../outside.tif' leaves the folder",
        r"line 3, column 'image_path': '/a.tif' is absolute",
        r"line 4, column 'channels': 'DAPI=;CK=1'; expected DAPI=0;CK=1;CD45=2;HER2=3: each channel once",
        r"line 5, column 'pixel_size_um': '-1'; expected a number above 0",
        r"line 5, column 'channels': 'DAPI=0;DAPI=1'; expected",
        r"line 6: neither 'path' nor 'image_path'; expected one or both",
        r"line 7, column 'assay': ''; expected the assay of the file in 'path'",
        r"line 8, column 'draw_day': ''; expected a number",
        r"line 8, column 'image_path': 'nowhere.tif' does not exist",
        r"line 8, column 'pixel_size_um': 'small'; expected a number above 0",
        r"line 9, column 'draw_day': ''; expected a number",
    ]
    for place, text in enumerate(expected):
        assert any(text in problem for problem in caught.value.problems), (place, caught.value.problems)
    assert len(caught.value.problems) == len(expected)


def test_slides_that_cannot_be_read(folder):
    sheet = write(folder, "P1,s1,0,a.tif,,0.64,", f"P1,s2,0,b.tif,{MAP},,", f"P1,s3,0,eight.tif,{MAP},0.64,")
    with pytest.raises(SampleSheetError, match="slide 's1': .*does not name its channels") as caught:
        io.read_slides(sheet)
    assert len(caught.value.problems) == 2
    assert [one.sample_id for one in io.read_slides(sheet, on_error="skip")] == ["s3"]


def test_depths_in_one_cohort(folder):
    header = HEADER + ",bit_depth"
    eight = write(folder, f"P1,s1,0,a.tif,{MAP},0.64,,", f"P1,s2,0,eight.tif,{MAP},0.64,,", header=header)
    with pytest.raises(SampleSheetError, match=r"8 bits beside slides of more \(8 bits: s2; 16 bits: s1\)"):
        io.read_slides(eight)
    twelve = write(folder, f"P1,s1,0,a.tif,{MAP},0.64,,12", f"P1,s2,0,b.tif,{MAP},0.64,,", header=header)
    with pytest.warns(DataWarning, match=r"differ in bit depth \(12 bits: s1; 16 bits: s2\)"):
        assert len(io.read_slides(twelve)) == 2


def test_a_table_that_is_not_from_a_sheet(folder):
    frame = pd.DataFrame({"donor_id": ["P1"], "sample_id": ["s"], "draw_day": [0.0], "image_path": ["a.tif"]})
    frame["channels"], frame["pixel_size_um"] = "DAPI;CK;CD45;HER2", 0.5
    assert io.read_slides(frame, root=folder)[0].slide.pixel_size_um == 0.5


def test_one_image_of_two_samples_is_refused(folder):
    sheet = write(folder, f"P1,x,0,a.tif,{MAP},0.64,", f"P2,y,0,../{folder.name}/a.tif,{MAP},0.64,")
    with pytest.raises(SampleSheetError, match=r"line 3, column 'image_path'.* is the image of line 2 already"):
        io.read_sheet(sheet)
