from __future__ import annotations

import pytest

from her2plastic import reference


def test_published_shares_are_shares_with_a_source():
    table = reference.published_conversion()
    assert table["source"].str.len().min() > 10
    shares = table[table["quantity"] == "share"]
    assert shares["share"].between(0, 1).all()
    assert set(table["quantity"]) == {"share", "kappa"}
    kappas = table[table["quantity"] == "kappa"].dropna(subset=["lower"])
    assert ((kappas["lower"] < kappas["share"]) & (kappas["share"] < kappas["upper"])).all()


def test_counts_give_the_published_shares():
    counted = reference.published_conversion().dropna(subset=["hits", "n"])
    assert len(counted) > 8
    assert (counted["hits"] / counted["n"]).to_numpy() == pytest.approx(counted["share"].to_numpy(), abs=6e-4)


def test_a_changed_copy_leaves_the_table_as_it_is():
    table = reference.published_conversion()
    table.loc[:, "share"] = 0.0
    assert (reference.published_conversion()["share"] != 0).any()
