from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pytest
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st

from her2plastic._access import record_step, step_record
from her2plastic.models import NullTest, TransitionRates
from her2plastic.models.transition_rates import IDENTIFIED, NOT_ALLOWED, NOT_IDENTIFIED

STATES = ("HER2-0", "HER2-low", "HER2-positive")


def _rates() -> TransitionRates:
    rates = np.array([[np.nan, 0.04, np.nan], [0.03, np.nan, 0.03], [np.nan, 0.05, np.nan]])
    words = np.array(
        [["", IDENTIFIED, NOT_IDENTIFIED], [IDENTIFIED, "", IDENTIFIED], [NOT_ALLOWED, IDENTIFIED, ""]], dtype=object
    )
    test = NullTest.by_simulation("no switching", "likelihood ratio", 9.0, np.arange(99) / 11)
    return TransitionRates(
        "draws", STATES, rates, rates / 2, rates * 2, words, 0.9, tests=(test,), numbers={"donors": 12},
        notes=("effective rates: switching, growth, shedding and clearance together",), effective=True,
    )  # fmt: skip


def test_the_observed_value_counts_among_the_simulated_ones() -> None:
    assert NullTest.by_simulation("n", "s", 5.0, np.zeros(99)).p == pytest.approx(0.01)
    assert NullTest.by_simulation("n", "s", 0.0, np.zeros(99)).p == 1.0  # ties count
    assert NullTest.by_simulation("n", "s", 5.0, np.full(9, np.nan)).p == 1.0  # a failed refit is no evidence


def test_missing_values_count_against_and_nothing_to_go_by_does_not() -> None:
    test = NullTest.by_simulation("n", "s", 5.0, np.r_[np.zeros(6), np.nan, -np.inf, -np.inf])
    assert test.p == pytest.approx(0.2)  # the observed and the missing one of ten
    assert (test.n_failed, test.n_empty) == (1, 2)


@pytest.mark.parametrize(
    ("deciding", "p", "found", "decisive"),
    [
        (1, (0.01, 0.4), True, "first"),
        (2, (0.01, 0.4), False, "second"),
        (2, (0.4, 0.01), False, "first"),
        (2, (0.01, 0.04), True, "second"),
        (2, (0.01, np.nan), False, "second"),
        (2, (np.nan, 0.01), False, "first"),
    ],
)
def test_nulls_that_decide_together_must_all_be_rejected(
    deciding: int, p: tuple[float, float], found: bool, decisive: str
) -> None:
    tests = tuple(NullTest(name, "s", 5.0, value) for name, value in zip(("first", "second"), p, strict=True))
    rates = replace(_rates(), tests=tests, deciding=deciding)
    assert rates.found() is found
    assert rates.decisive is not None
    assert rates.decisive.name == decisive
    again = TransitionRates.from_record(rates.record())
    assert (again.deciding, again.found()) == (deciding, found)
    said = f"the larger of the first 2 p decides: {max(p):.2g} ({decisive})"
    assert (said in rates.summary()) == (deciding == 2 and bool(np.isfinite(p).all()))


def test_of_records_that_do_not_say_the_first_null_decides() -> None:
    record = _rates().record()
    del record["deciding"]
    assert TransitionRates.from_record(record).deciding == 1


def test_no_data_and_no_simulation_give_no_p() -> None:
    for test in (
        NullTest.by_simulation("n", "s", np.nan, np.zeros(9)),
        NullTest.by_simulation("n", "s", 1.0, np.empty(0)),
    ):
        assert np.isnan(test.p)
        assert test.status.startswith("insufficient: ")


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_p_is_a_rank(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n + 1)
    p = NullTest.by_simulation("n", "s", values[0], values[1:]).p
    assert p == pytest.approx((np.sum(values[1:] >= values[0]) + 1) / (n + 1))


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_a_record_survives_a_file(tmp_path: Path, suffix: str) -> None:
    adata = AnnData(np.zeros((2, 1)))
    record_step(adata, "switching_draws", params={}, **_rates().record())
    path = tmp_path / f"cells.{suffix}"
    adata.write_h5ad(path) if suffix == "h5ad" else adata.write_zarr(path)
    read = anndata.read_h5ad(path) if suffix == "h5ad" else anndata.read_zarr(path)
    again = TransitionRates.from_record(step_record(read, "switching_draws"))
    assert again.summary() == _rates().summary()
    assert again.found()
    np.testing.assert_array_equal(again.rates, _rates().rates)


def test_what_is_lacking_has_no_number_and_says_why() -> None:
    lacking = TransitionRates.lacking("draws", STATES, "1 draw, 2 needed", level=0.9, numbers={"draws": 1})
    assert not lacking.found()
    assert np.isnan(lacking.to_frame()["rate"]).all()
    assert "1 draw, 2 needed" in lacking.summary()
    assert TransitionRates.from_record(lacking.record()).status == lacking.status


def test_the_summary_gives_no_number_for_what_is_not_identified() -> None:
    text = _rates().summary()
    assert "HER2-0 -> HER2-positive: not identified" in text
    assert "HER2-positive -> HER2-0" not in text  # not allowed: nothing to say
    assert "p = 0.01" in text
