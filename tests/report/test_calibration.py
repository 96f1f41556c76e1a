from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from her2plastic import _keys, datasets, tl
from her2plastic.report import calibration
from her2plastic.tl.her2_calibration import shipped_scale


@pytest.fixture(scope="module")
def cohort() -> Any:
    return datasets.simulate_cohort(n_donors=2, n_ctc=10, controls=12, seed=1)


def called(cohort: Any, how: Any) -> Any:
    cells = cohort.copy()
    tl.her2_state(cells, calibration=how)
    return cells


def test_control_cells_are_the_source_of_their_scale(cohort):
    cells = called(cohort, "controls")
    basis = calibration.basis_table(cells)
    assert basis is not None
    assert [column.title for column in basis.columns] == ["State", "Component", "ERBB2 per million"]
    assert "control cells in the run (12 HER2-0, 12 HER2-low, 12 HER2-positive)" in calibration.sentences(cells)[0]


def test_a_scale_that_borrows_a_shipped_name_does_not_borrow_its_sources(cohort):
    shipped = shipped_scale()
    moved = tuple(mean + 1 for mean in shipped.mean_log2_cpm)
    cells = called(cohort, replace(shipped, mean_log2_cpm=moved, source="my own lines"))
    basis = calibration.basis_table(cells)
    assert basis is not None
    assert len(basis.columns) == 3
    assert "my own lines" in calibration.sentences(cells)[0]
    assert "a typical HER2-0 cell has 58 ERBB2 per million" in calibration.overlap_sentence(cells)


def test_states_that_do_not_overlap_are_not_said_to(cohort):
    shipped = shipped_scale()
    apart = replace(shipped, name="apart", mean_log2_cpm=(-4.0, -2.0, 5.0, 9.0, 12.0))
    told = calibration.overlap_sentence(called(cohort, apart))
    assert "overlap" not in told
    assert told.endswith("Cells that were sequenced too little get it.")


def test_a_rule_has_no_scale(cohort):
    cells = called(cohort, "jordan2016")
    assert calibration.basis_table(cells) is None
    assert calibration.scale_table(cells) is None
    assert calibration.overlap_sentence(cells) == ""
    assert "published rule “jordan2016”" in calibration.sentences(cells)[0]


def test_offset_of_the_cohort_is_told_as_a_factor(cohort):
    cells = called(cohort, "reference")
    found = cells.uns[_keys.ROOT]["her2_state"]["assays"]["10x"]
    found["scale_offset_log2"] = -1.0
    assert "lies below the scale by a factor of 2;" in calibration.sentences(cells)[1]
