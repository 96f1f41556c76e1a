from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from her2plastic import io, reference, tl
from her2plastic._errors import MissingKeyError, ParameterError


def published() -> pd.DataFrame:
    return reference.published_genotypes().rename(columns={"genotype": "P1170A"})


def cohort(n: int = 300, *, effect: float = 0.6, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    dose = rng.binomial(2, 0.35, n)
    return pd.DataFrame({
        "P1170A": np.array(["G/G", "C/G", "C/C"])[dose],
        "I655V": np.array(["A/A", "A/G", "G/G"])[rng.binomial(2, 0.2, n)],
        "positive": rng.random(n) < 1 / (1 + np.exp(0.5 - effect * dose)),
        "copies": 2 ** (1 + 0.3 * dose + rng.normal(0, 0.5, n)), "age": rng.normal(60, 10, n),
        "site": rng.choice(["a", "b", "c"], n),
    })  # fmt: skip


def test_the_published_cohort_is_reproduced() -> None:
    result = tl.variant_association(published(), outcome="her2_positive", variants=["P1170A"], number="n", n_tests=2)
    assert published()["source"].str.contains("whole numbers that fit").all(), "the counts were not published"
    row = result.to_frame().iloc[0]
    assert row["test"] == "carriers, Fisher" and row["base"] == "C"
    assert 1.68 <= row["value"] <= 1.72
    assert 0.014 <= row["p"] <= 0.021
    assert row["p_corrected"] == pytest.approx(2 * row["p"])
    assert "p is corrected for 2 alleles tested (Bonferroni: p times 2)" in result.summary()
    counts = result.genotypes.set_index("genotype")
    assert counts["with_outcome"].sum() / 360 == pytest.approx(0.49, abs=0.005)
    assert 93 / 166 == pytest.approx(0.56, abs=0.005) and 83 / 194 == pytest.approx(0.43, abs=0.005)


def test_what_the_publication_does_not_tell_is_insufficient() -> None:
    result = tl.variant_association(published(), outcome="her2_positive", variants=["P1170A"], number="n")
    assert result.to_frame()["status"].str.startswith("insufficient").tolist() == [False, True, True]
    assert result.hardy_weinberg["status"].str.startswith("insufficient").all()


def test_every_test_of_a_cohort() -> None:
    result = tl.variant_association(cohort(seed=1), outcome="positive", copies="copies", covariates=["age", "site"])
    frame = result.to_frame().set_index(["variant", "test"])
    assert (frame["status"] == "ok").all() and len(frame) == 8
    for test, truth in (("per base, logistic", np.exp(0.6)), ("log2 copies per base, linear", 0.3)):
        half = (frame["upper"]["P1170A", test] - frame["lower"]["P1170A", test]) / 2
        assert abs(frame["value"]["P1170A", test] - truth) < 1.6 * half  # about three standard errors
    assert (frame["p_corrected"] == np.minimum(frame["p"] * 2, 1)).all()
    assert result.n_tests == 2
    assert (result.hardy_weinberg["p"] > 0.05).all()
    assert all(np.asarray(values).dtype != object or all(isinstance(value, str) for value in values)
               for values in result.record()["frame"].values())  # fmt: skip


@pytest.mark.statistical
def test_false_positives_without_an_effect() -> None:
    found = [
        tl.variant_association(cohort(120, effect=0, seed=seed), outcome="positive").to_frame() for seed in range(60)
    ]
    frame = pd.concat(found)
    trends = frame[frame["test"].str.startswith("trend")]
    assert (trends["p"] < 0.05).mean() < 0.09
    assert (trends.groupby(np.arange(len(trends)) // 2)["p_corrected"].min() < 0.05).mean() < 0.10


def test_genotypes_of_a_result_are_joined_to_donors() -> None:
    rows = [
        {"donor_id": f"d{k}", "sample_id": f"d{k}", "material": "leukocytes", "variant": "P1170A",
         "genotype": ("C/C", "C/G", "G/G")[k % 3]}
        for k in range(30)
    ]  # fmt: skip
    found = tl.variants(io.read_alleles(pd.DataFrame(rows), build="GRCh38"))
    donors = pd.DataFrame({"donor_id": [f"d{k}" for k in range(32)], "her2": ["HER2-positive", "HER2-low"] * 16})
    result = tl.variant_association(found, outcome="her2", donors=donors, variants=["P1170A"], bases={"P1170A": "C"})
    assert result.numbers["people"] == 30
    assert result.genotypes["with_outcome"].sum() == 15


def test_faults() -> None:
    table = cohort(30)
    with pytest.raises(MissingKeyError, match="available"):
        tl.variant_association(table, outcome="her2")
    with pytest.raises(ParameterError, match="expected two bases such as C/G"):
        tl.variant_association(table.assign(P1170A="Pro/Ala"), outcome="positive")
    with pytest.raises(ParameterError, match="expected true or false"):
        tl.variant_association(table.assign(positive="2+"), outcome="positive")
    with pytest.raises(ParameterError, match="3 bases"):
        tl.variant_association(table.assign(P1170A=["C/G", "C/T", "G/G"] * 10), outcome="positive")
    with pytest.raises(ParameterError, match="copies"):
        tl.variant_association(table.assign(copies=0.0), outcome="positive", copies="copies")
    with pytest.raises(ParameterError, match="not 'T'"):
        tl.variant_association(table, outcome="positive", bases={"P1170A": "T"})
    with pytest.raises(ParameterError, match="n_tests"):
        tl.variant_association(table, outcome="positive", n_tests=1)
    with pytest.raises(ParameterError, match="who carries G is not told"):
        tl.variant_association(published(), outcome="her2_positive", variants=["P1170A"], number="n",
                               bases={"P1170A": "G"})  # fmt: skip


def test_nobody_counts_twice() -> None:
    """Two rows of a person are no two people, and rows that share a name in the index are not counted four times."""
    table = cohort(40).assign(donor_id=[f"D{k % 20}" for k in range(40)])
    with pytest.raises(ParameterError, match="data: 'D0' has several rows"):
        tl.variant_association(table, outcome="positive")
    counted = published()
    counted.index = pd.Index([0, 0, 1, 1])
    result = tl.variant_association(counted, outcome="her2_positive", variants=["P1170A"], number="n")
    assert result.numbers["people"] == 360


def test_of_two_bases_as_frequent_the_order_of_rows_chooses_none() -> None:
    table = pd.DataFrame({"P1170A": ["C/C"] * 5 + ["C/G"] * 10 + ["G/G"] * 5, "positive": [True] * 8 + [False] * 12})
    one, other = (
        tl.variant_association(rows, outcome="positive", variants=["P1170A"]).to_frame()
        for rows in (table, table[::-1])
    )
    pd.testing.assert_frame_equal(one, other)
    assert set(one["base"]) == {"C"}


def test_donors_of_a_result_are_matched_by_name_once_and_the_rest_counted() -> None:
    made = tl.variants(io.read_alleles(pd.DataFrame({
        "donor_id": [str(k) for k in range(6)], "sample_id": [f"s{k}" for k in range(6)], "material": "leukocytes",
        "variant": "P1170A", "n_ref": 40, "n_alt": [0, 40, 42, 39, 0, 0],
    })))  # fmt: skip
    donors = pd.DataFrame({"donor_id": range(8), "positive": [True, False] * 4})
    result = tl.variant_association(made, donors=donors, outcome="positive", variants=["P1170A"])
    assert result.numbers["people"] == 6
    assert result.numbers["donors without a result of variants, left out"] == 2
    with pytest.raises(ParameterError, match="donors: '0' has several rows"):
        tl.variant_association(made, donors=pd.concat([donors, donors]), outcome="positive", variants=["P1170A"])
