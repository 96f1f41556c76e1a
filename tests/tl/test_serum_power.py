from __future__ import annotations

import pytest

from her2plastic import tl
from her2plastic._errors import ParameterError

QUICK = {"n": 10, "progress": False}


@pytest.fixture(scope="module")
def power():
    return tl.serum_power((12, 50), differences=(-0.12,), **QUICK)


def test_more_patients_see_more(power):
    few, many = power.to_frame().to_dict("records")
    assert (few["patients"], many["patients"]) == (12, 50)
    assert many["power"] > few["power"]
    assert many["interval"] < few["interval"]
    assert many["area_width"] < few["area_width"]
    for row in (few, many):
        assert row["power_lower"] <= row["power"] <= row["power_upper"]
        assert row["false_positive_lower"] <= 0.05
    assert "NCT06492447" in power.summary()


def test_same_seed_same_power(power):
    assert tl.serum_power((12,), differences=(-0.12,), **QUICK).to_frame().equals(power.to_frame().head(1))


def test_six_patients_are_insufficient():
    row = tl.serum_power((4,), differences=(-0.3,), **QUICK).to_frame().iloc[0]
    assert row["insufficient"] == 1
    assert row["power"] == 0


@pytest.mark.parametrize(
    "kwargs", [{"n": 3}, {"alpha": 5}, {"differences": ()}, {"n_patients": (1,)}, {"looks": 2}, {"seed": "a"}]
)
def test_parameters(kwargs):
    with pytest.raises(ParameterError):
        tl.serum_power(**({"n_patients": (12,), "differences": (-0.1,)} | QUICK | kwargs))
