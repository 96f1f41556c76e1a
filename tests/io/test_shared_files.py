"""One table for several patients: the sheet says which cells are whose, and no cell counts twice."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from her2plastic import io
from her2plastic._errors import SampleSheetError
from her2plastic.run import check

NAMES = ["BRx-42_1", "BRx-42_2", "BRx-420_1", "BRx-82_1", "BRx-82_2", "P(3).a"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    counts = np.random.default_rng(0).poisson(3, (60, len(NAMES)))
    genes = ["ERBB2", "EPCAM", "KRT8", "KRT18", "PTPRC", *(f"G{number}" for number in range(55))]
    pd.DataFrame(counts, index=genes, columns=NAMES).to_csv(tmp_path / "series.csv")
    return tmp_path


def _sheet(folder: Path, *cells: str, file: str = "series.csv") -> Path:
    lines = ["donor_id,sample_id,draw_day,assay,path,cell_names"]
    lines += [f"P{number},S{number},0,10x,{file},{own}" for number, own in enumerate(cells, 1)]
    (folder / "samples.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "samples.csv"


@pytest.mark.parametrize("stored", [False, True])
def test_each_row_takes_its_own_cells(folder: Path, stored: bool, caplog: pytest.LogCaptureFixture) -> None:
    sheet = _sheet(folder, "BRx-42_*", "BRx-420*|P(3).?", "BRx-82_*")
    cohort = io.read_samples(sheet, store=folder / "cohort.zarr" if stored else None)
    assert cohort.obs["donor_id"].value_counts().to_dict() == {"P1": 2, "P2": 2, "P3": 2}
    assert set(cohort.obs_names) == {
        "S1:BRx-42_1", "S1:BRx-42_2", "S2:BRx-420_1", "S2:P(3).a", "S3:BRx-82_1", "S3:BRx-82_2",
    }  # fmt: skip
    whole = io.read_counts(folder / "series.csv", assay="10x")
    here, there = list(cohort.obs_names).index("S2:P(3).a"), list(whole.obs_names).index("P(3).a")
    found, expected = (table.to_memory().to_df("counts").to_numpy() for table in (cohort, whole))
    np.testing.assert_array_equal(found[here], expected[there])
    assert "cell_names" not in cohort.obs
    assert "belong to no row" not in caplog.text


def test_cells_of_no_row_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert io.read_samples(_sheet(folder, "BRx-42_*", "BRx-82_*")).n_obs == 4
    assert "series.csv: 2 of its 6 cells belong to no row of the sheet" in caplog.text


@pytest.mark.parametrize("stored", [False, True])
def test_a_cell_of_two_rows_is_refused(folder: Path, stored: bool) -> None:
    sheet = _sheet(folder, "BRx-42*", "BRx-420*")
    with pytest.raises(SampleSheetError, match=r"series\.csv: cell 'BRx-420_1' belongs to several rows: S1, S2"):
        io.read_samples(sheet, store=folder / "cohort.zarr" if stored else None)
    assert not (folder / "cohort.zarr").exists()


def test_a_name_that_no_cell_has_is_refused_with_those_there_are(folder: Path) -> None:
    message = r"none of its 6 cells is named 'BRX-42\*', as column 'cell_names' .* their names are BRx-42_1, BRx-42_2"
    with pytest.raises(SampleSheetError, match=message):
        io.read_samples(_sheet(folder, "BRx-82_*|BRX-42*"))


def test_separators_alone_name_no_cell(folder: Path) -> None:
    with pytest.raises(SampleSheetError, match=r"column 'cell_names' of the sheet says '\|'; expected names of cells"):
        io.read_samples(_sheet(folder, "|"))


def test_a_table_of_python_may_leave_names_empty(folder: Path) -> None:
    table = io.read_sheet(_sheet(folder, "")).assign(cell_names="")
    assert io.read_samples(table).n_obs == len(NAMES)


@pytest.mark.parametrize("cells", [("", ""), ("BRx-42_*", "")])
def test_a_file_of_two_rows_without_names_would_count_twice(folder: Path, cells: tuple[str, str]) -> None:
    (folder / "again").mkdir()
    with pytest.raises(SampleSheetError, match=r"line 3, column 'path': 'series\.csv' is the file of line 2 already"):
        io.read_sheet(_sheet(folder, *cells))


def test_a_run_takes_the_cells_of_each_row_too(folder: Path) -> None:
    from her2plastic.run.samples import join, work_on_samples

    _sheet(folder, "BRx-42_*", "BRx-82_*|BRx-420*|P*")
    (folder / "config.yaml").write_text("samples: samples.csv\nquality: {doublets: false}\n", encoding="utf-8")
    plan = check(folder / "config.yaml")
    cohort = join(work_on_samples(plan.sheet, plan.config, None), plan.sheet, plan.config, skip=False)
    assert cohort.obs["sample_id"].value_counts().to_dict() == {"S1": 2, "S2": 4}
