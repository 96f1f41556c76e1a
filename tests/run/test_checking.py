"""Sheets that hold slides beside, or instead of, expression."""

from __future__ import annotations

import pytest

from her2plastic._errors import ConfigError
from her2plastic.run.checking import check


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_text("gene,c1,c2\nERBB2,1,3\nEPCAM,2,0\n")
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    (tmp_path / "config.yaml").write_text("samples: samples.csv\n")
    return tmp_path


def test_rows_about_slides_are_not_opened_as_expression(folder):
    header = "donor_id,sample_id,draw_day,assay,path,image_path"
    (folder / "samples.csv").write_text(f"{header}\nP1,rna,0,10x,a.csv,\nP1,slide,21,,,a.tif\n")
    assert [path.name for path in check(folder / "config.yaml").files] == ["a.csv"]


def test_slides_alone_are_not_for_this_command(folder):
    (folder / "samples.csv").write_text("donor_id,sample_id,draw_day,image_path\nP1,slide,21,a.tif\n")
    with pytest.raises(ConfigError, match="no row has a 'path'. For slides alone use `her2plastic slide`"):
        check(folder / "config.yaml")
