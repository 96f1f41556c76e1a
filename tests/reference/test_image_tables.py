from __future__ import annotations

import numpy as np
import pytest

from her2plastic import _keys, reference
from her2plastic._errors import ParameterError


def test_every_row_has_a_source() -> None:
    tables = [reference.if_gates(name) for name in reference.if_gate_names()]
    for table in (*tables, reference.control_lines(), reference.patient_rules()):
        assert table["source"].str.len().gt(5).all()


def test_areas_in_pixels_become_square_micrometres() -> None:
    """75 pixels of 0.64 um are 30.7 square micrometres, a circle of 6.3 um; 75 um2 are one of 9.8 um."""
    by_unit = {}
    for unit in ("px", "um2"):
        rows = reference.if_gates(f"accept_breast_{unit}")
        area = rows[(rows["feature"] == "cell_area_um2") & (rows["bound"] == "above")]["value"].item()
        by_unit[unit] = 2 * np.sqrt(area / np.pi)
    assert by_unit["px"] == pytest.approx(6.3, abs=0.05)
    assert by_unit["um2"] == pytest.approx(9.8, abs=0.05)


def test_control_lines_rise_with_their_receptors() -> None:
    lines = reference.control_lines()
    known = lines.dropna(subset=["receptors"]).sort_values("receptors")
    place = known["stands_for"].map(list(_keys.IF_SCORES).index)
    assert place.is_monotonic_increasing
    assert set(lines["stands_for"]) == set(_keys.IF_SCORES)


def test_no_patient_rule_is_the_default() -> None:
    rules = reference.patient_rules()
    assert {"any_3plus", "half_positive", "over_30_percent", "h_score_200", "intensity_2_5"} <= set(rules.index)
    assert rules["warning"].str.len().gt(0).all()


def test_unknown_set_of_gates_lists_the_known() -> None:
    with pytest.raises(ParameterError, match="accept_breast_px"):
        reference.if_gates("accept")
