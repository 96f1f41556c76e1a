from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from her2plastic import _keys, io, tl
from her2plastic._errors import InputFileError, SampleSheetError


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "tissue.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_table_is_read_in_our_spelling_and_by_day(written) -> None:
    table = io.read_tissue(
        written("donor_id,day,ihc,ish_ratio,ish_copies,biopsy\nB,0,2,1.2,2.1,core\nA,400,Equivocal,,,\nA,-30,0,,,x\n")
    )
    assert list(table[_keys.DONOR_ID]) == ["A", "A", "B"]
    assert list(table["day"]) == [-30.0, 400.0, 0.0]
    assert list(table["ihc"]) == ["0", "2+", "2+"]
    assert list(table["site"]) == ["", "", ""]
    assert list(table["biopsy"]) == ["x", "", "core"]
    assert np.isnan(table["ish_ratio"].iloc[0])
    status = tl.tissue_status(table)
    assert list(status["step"]) == ["", "reflex_required", ""]


@pytest.mark.parametrize(
    "form",
    [
        "\ufeffdonor_id;day;ihc\r\nA;0;3+\r\n", "donor_id\tday\tihc\rA\t0\t3+\r",
        "#Patient\tDay, of biopsy\tHER2\n#STRING\tNUMBER\tSTRING\n\ndonor_id\tday\tihc\nA\t0\t3+\n",
    ],
)  # fmt: skip
def test_forms_of_text(written, form: str) -> None:
    assert list(io.read_tissue(written(form))["ihc"]) == ["3+"]


def test_lines_above_the_header_keep_their_numbers(written) -> None:
    with pytest.raises(SampleSheetError, match=r"line 3, column 'ihc': '4\+'"):
        io.read_tissue(written("# patients of the study\ndonor_id,day,ihc\nA,0,4+\n"))


def test_every_fault_is_listed_with_its_line(written) -> None:
    text = (
        "donor_id,day,ihc,ish_ratio,ish_copies,ish_recount,ish_probe\n"
        "A,2024-05-01,2+,,,,\n"  # a date for a day
        ",0,1+,,,,\n"
        'B,0,positive,"2,1",-4,same,triple\n'
        "C,,3+,,,,\n"
        "D,40000,3+,,,,\n"
        "E,0,3+\n"
        "F,0,3+,,,,\n"
        "F,0,3+,,,,\n"
    )
    with pytest.raises(SampleSheetError) as caught:
        io.read_tissue(written(text))
    problems = caught.value.problems
    for line, word in [
        (2, "is a date"), (3, "donor_id"), (4, "a result and no score"), (4, "ish_ratio"), (4, "ish_copies"),
        (4, "ish_recount"), (4, "ish_probe"), (5, "day"), (6, "day"), (7, "fields"), (9, "same specimen"),
    ]:  # fmt: skip
        assert any(f"line {line}" in text and word in text for text in problems), (line, word)
    assert len(problems) == 11


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("donor_id,ihc\nA,3+\n", "'day' is missing"), ("donor_id,day\nA,0\n", "ish_copies"),
        ("donor_id,day,ihc,ihc\nA,0,3+,2+\n", "twice"), ("donor_id,day,ihc,status\nA,0,3+,positive\n", "rename"),
        ("donor_id,day,ihc\n", "no specimen"),
    ],
)  # fmt: skip
def test_faulty_headers(written, text: str, word: str) -> None:
    with pytest.raises(SampleSheetError, match=word):
        io.read_tissue(written(text))


def test_files_that_are_no_tables(written, tmp_path: Path) -> None:
    for path in (written("", "utf-8"), tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputFileError):
            io.read_tissue(path)
    with pytest.raises(InputFileError, match="UTF-16"):
        io.read_tissue(written("donor_id,day,ihc\nA,0,3+\n", "utf-16"))


def test_same_day_of_another_site_is_another_specimen(written) -> None:
    table = io.read_tissue(written("donor_id,day,site,ihc\nA,0,primary,3+\nA,0,metastasis,3+\n"))
    assert list(table["site"]) == ["primary", "metastasis"]


@pytest.mark.parametrize("day", ["2024-07-04", "soon", "45477"])
def test_days_are_told_as_this_table_counts_them(written, day: str) -> None:
    with pytest.raises(SampleSheetError, match="expected days since the patient's day 0") as error:
        io.read_tissue(written(f"donor_id,day,ihc\nA,{day},3+\n"))
    assert "first dose" not in str(error.value)
