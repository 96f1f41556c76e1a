from __future__ import annotations

import pytest

from her2plastic import io
from her2plastic._errors import InputFileError, SampleSheetError
from her2plastic.io.assay_names import assay_of

HEADER = "donor_id,sample_id,draw_day,assay,path,treatment,er,ihc,ish_ratio,label,hospital"
GOOD = [
    HEADER,
    "P1,P1-d0,0,10x 3' v3,a.csv,,positive,2+,1.6,,North",
    "P1,P1-d21,21,10x,b.csv,paclitaxel,Positive,,,,North",
    "SKBR3,skbr3,0,Smart-seq2,c.csv,,,3+,,HER2-Positive,",
]


@pytest.fixture
def sheet(tmp_path):
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text("gene,c1\nERBB2,1\n")

    def write(lines, *, end="\n", encoding="utf-8"):
        path = tmp_path / "samples.csv"
        path.write_bytes("".join(line + end for line in lines).encode(encoding))
        return path

    return write


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_good_sheet(sheet, end, encoding):
    frame = io.read_sheet(sheet(GOOD, end=end, encoding=encoding))
    assert frame["assay"].tolist() == ["10x", "10x", "smart-seq2"]
    assert frame["draw_day"].tolist() == [0.0, 21.0, 0.0]
    assert frame["er"].fillna("").tolist() == ["positive", "positive", ""]
    assert frame["label"].fillna("").tolist() == ["", "", "HER2-positive"]
    assert frame["hospital"].fillna("").tolist() == ["North", "North", ""]
    assert frame["ish_ratio"].isna().tolist() == [False, True, True]
    assert list(frame.columns) == HEADER.split(",")


def test_control_cells_have_no_day(sheet):
    frame = io.read_sheet(sheet([*GOOD[:2], "SKBR3,skbr3,,Smart-seq2,c.csv,,,3+,,HER2-positive,"]))
    assert frame["draw_day"].tolist()[0] == 0.0
    assert frame["draw_day"].isna().tolist() == [False, True]
    with pytest.raises(SampleSheetError, match=r"line 2, column 'draw_day': ''; expected a number .* have a label"):
        io.read_sheet(sheet(["donor_id,sample_id,draw_day,assay,path", "P1,s1,,10x,a.csv"]))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators(sheet, separator):
    assert len(io.read_sheet(sheet([line.replace(",", separator) for line in GOOD]))) == 3


def test_every_fault_is_reported_with_its_place(sheet):
    rows = [
        HEADER,
        "P1,s1,0,10x,a.csv,,positive,2+,1.6,,North",
        "",
        "P2,s1,day 3,Illumina,missing.csv,,maybe,4+,-1,HER2-ultra,",
        ",s3,nan,10x,/etc/passwd,,,,,,",
        "P4,s4,0,10x,../a.csv,,,,,,",
        "P5,s5,0,10x,a.csv",
        '"P6","s\n6",0,10x,b.csv,,,,,,',
        "P7,s7,,10x,C:\\data\\a.csv,,,,,,",
    ]
    with pytest.raises(SampleSheetError) as fault:
        io.read_sheet(sheet(rows))
    problems = fault.value.problems
    for words in (
        ["line 4", "'draw_day'", "'day 3'", "a number"],
        ["line 4", "'assay'", "'Illumina'", "10x", "smart-seq2"],
        ["line 4", "'er'", "'maybe'", "positive, negative, unknown"],
        ["line 4", "'ihc'", "'4+'", "ultralow"],
        ["line 4", "'ish_ratio'", "'-1'", "at least 0"],
        ["line 4", "'label'", "'HER2-ultra'", "HER2-low"],
        ["line 4", "'sample_id'", "'s1'", "line 2"],
        ["line 4", "'path'", "'missing.csv'", "does not exist"],
        ["line 5", "'donor_id'", "not empty"],
        ["line 5", "'draw_day'", "'nan'"],
        ["line 5", "'path'", "/etc/passwd", "absolute"],
        ["line 6", "'path'", "../a.csv", "leaves the folder"],
        ["line 7", "5 fields where the header has 11"],
        ["line 8", "'sample_id'", "control characters"],
        ["line 10", "'draw_day'", "''"],
        ["line 10", "'path'", "absolute"],
    ):
        assert any(all(word in problem for word in words) for problem in problems), (words, problems)
        assert all("samples.csv" in problem for problem in problems)
    assert all(problem in str(fault.value) for problem in problems)
    assert len(problems) == 16


@pytest.mark.parametrize("day", ["1_0", "１２", "1,5", "inf", "nan", "1e999", "day", "1e300", "-36526", "20240131"])
def test_days_that_are_no_numbers(sheet, day):
    with pytest.raises(SampleSheetError, match="line 2, column 'draw_day'"):
        io.read_sheet(sheet(["donor_id;sample_id;draw_day;assay;path", f"P1;s1;{day};10x;a.csv"]))


def test_a_path_that_cannot_be_looked_up(sheet):
    with pytest.raises(SampleSheetError, match="line 2, column 'path'"):
        io.read_sheet(sheet(["donor_id,sample_id,draw_day,assay,path", f"P1,s1,0,10x,{'x' * 300}"]))


def test_a_link_may_not_lead_out(sheet, tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "b.csv").write_text("x")
    (inside / "link.csv").symlink_to(outside / "b.csv")
    path = inside / "samples.csv"
    path.write_text("donor_id,sample_id,draw_day,assay,path\nP1,s1,0,10x,link.csv\n")
    with pytest.raises(SampleSheetError, match="leaves the folder"):
        io.read_sheet(path)
    assert len(io.read_sheet(path, root=tmp_path).index) == 1 if (tmp_path / "link.csv").exists() else True


def test_another_root(sheet, tmp_path):
    path = tmp_path / "sheets" / "samples.csv"
    path.parent.mkdir()
    path.write_text("donor_id,sample_id,draw_day,assay,path\nP1,s1,0,10x,a.csv\n")
    with pytest.raises(SampleSheetError, match="does not exist"):
        io.read_sheet(path)
    (tmp_path / "a.csv").write_text("x")
    assert io.read_sheet(path, root=tmp_path).attrs["root"] == str(tmp_path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("donor_id,sample_id,assay,path", ["'draw_day' is missing"]),
        ("donor_id,sample_id,draw_day,assay,path,path", ["'path' stands there 2 times"]),
        ("donor_id,sample_id,draw_day,assay,path,cell_id", ["'cell_id'", "rename yours"]),
        ("donor_id,sample_id,draw_day,assay,path,is_ctc", ["'is_ctc'", "rename yours"]),
        ("donor_id,sample_id,draw_day,assay,path,her2_call", ["'her2_call'", "rename yours"]),
        ("donor_id,sample_id,draw_day,assay,path,HER2/neu", ["'HER2/neu' cannot be stored"]),
        ("donor_id,sample_id,draw_day,assay,path,", ["column 6 has no name"]),
    ],
)
def test_faulty_headers(sheet, header, words):
    with pytest.raises(SampleSheetError) as fault:
        io.read_sheet(sheet([header, "P1,s1,0,10x,a.csv,x"]))
    assert all(word in str(fault.value) for word in words)


def test_a_sheet_without_samples(sheet):
    with pytest.raises(SampleSheetError, match="no sample"):
        io.read_sheet(sheet([HEADER]))
    with pytest.raises(InputFileError, match="empty"):
        io.read_sheet(sheet([]))
    with pytest.raises(InputFileError, match="no such sample sheet"):
        io.read_sheet("nowhere.csv")


def test_other_encodings_are_named(sheet):
    with pytest.raises(InputFileError, match=r"samples\.csv, line 2: byte 0xfc is not UTF-8"):
        io.read_sheet(sheet([HEADER, "Müller,s1,0,10x,a.csv,,,,,,"], encoding="latin-1"))
    with pytest.raises(InputFileError, match="UTF-16"):
        io.read_sheet(sheet(GOOD, encoding="utf-16"))


@pytest.mark.parametrize(
    ("name", "assay"),
    [
        ("10x 3' v3", "10x"),
        ("10X Genomics", "10x"),
        ("Chromium v2", "10x"),
        ("Smart-seq2", "smart-seq2"),
        ("SMARTseq2", "smart-seq2"),
        ("Smart-Seq3xpress", "smart-seq3"),
        ("SMART-Seq v4", "smart-seq"),
        ("Drop-seq", "drop-seq"),
        ("CEL-Seq2", "cel-seq2"),
        ("Seq-Well", "seq-well"),
        ("microarray", None),
        ("", None),
    ],
)
def test_assay_names(name, assay):
    assert assay_of(name) == assay


@pytest.mark.parametrize("column", ["sorted_from", "clone_id"])
def test_cultures_and_clones_have_no_draw_day(sheet, column):
    header = f"donor_id,sample_id,draw_day,assay,path,{column}"
    frame = io.read_sheet(sheet([header, "P1,s1,0,10x,a.csv,", "line,s2,,10x,b.csv,HER2-low"]))
    assert frame["draw_day"].isna().tolist() == [False, True]
    with pytest.raises(SampleSheetError, match="line 2, column 'draw_day': ''; .* sorted_from or clone_id"):
        io.read_sheet(sheet([header, "P1,s1,,10x,a.csv,"]))
