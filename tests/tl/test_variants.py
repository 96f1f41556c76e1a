from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import datasets, io, tl
from her2plastic._errors import ParameterError


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    base = {"donor_id": "p1", "sample_id": "s1", "material": "CTC", "variant": "P1170A", "n_other": 0}
    return io.read_alleles(pd.DataFrame([base | row for row in rows]), build="GRCh38")


BLOOD = {"sample_id": "blood", "material": "leukocytes"}


def call_of(result: tl.Variants, sample: str = "s1") -> tuple[str, str]:
    row = result.frame[result.frame["sample_id"] == sample].iloc[0]
    return str(row["call"]), str(row["status"])


# --- germline ---
@pytest.mark.parametrize(
    ("n_ref", "n_alt", "genotype", "status"),
    [
        (30, 0, "C/C", "ok"),
        (14, 17, "C/G", "ok"),
        (0, 25, "G/G", "ok"),
        (5, 4, "", "insufficient: 9 reads, 10 needed"),
        (0, 0, "", "insufficient: not covered"),
        (11, 2, "", "insufficient: genotype quality"),
    ],
)
def test_genotypes_of_leukocytes(n_ref: int, n_alt: int, genotype: str, status: str) -> None:
    result = tl.variants(table({**BLOOD, "n_ref": n_ref, "n_alt": n_alt}), error_rate=0.01)
    row = result.genotypes.iloc[0]
    assert row["genotype"] == genotype
    assert row["status"].startswith(status)
    assert row["pl"] == "" or min(map(int, row["pl"].split(","))) == 0


def test_the_tumour_never_tells_the_germline() -> None:
    """Nine copies of one base to one of the other: most heterozygotes show 20 reads of one base alone or nearly."""
    result = tl.variants(table({"n_ref": 20, "n_alt": 0}))
    assert result.genotypes.empty
    assert call_of(result) == ("", "insufficient: the germline genotype is not known")
    assert result.frame["genotype"].tolist() == [""]
    assert "one base alone in the tumour may be a lost or an unseen allele" in result.summary()


def test_samples_of_two_people_are_told() -> None:
    rows = [
        {**BLOOD, "genotype": "C/C"},
        {**BLOOD, "sample_id": "buccal", "material": "germline DNA", "genotype": "C/G"},
    ]
    result = tl.variants(table(*rows))
    assert result.genotypes["status"].tolist() == ["samples disagree: C/C and C/G; one of them may be another person's"]
    assert result.genotypes["genotype"].tolist() == [""]
    mixed = tl.variants(table({**BLOOD, "genotype": "C/C"}, {**BLOOD, "sample_id": "b", "n_ref": 20, "n_alt": 25}))
    assert mixed.genotypes["status"].tolist() == ["genotype C/C and reads (C/G) disagree"]


# --- allele-specific amplification ---
@pytest.mark.parametrize(
    ("n_ref", "n_alt", "call"), [(90, 10, "C in excess"), (12, 80, "G in excess"), (22, 18, "balanced")]
)
def test_balance_of_heterozygotes(n_ref: int, n_alt: int, call: str) -> None:
    result = tl.variants(table({**BLOOD, "genotype": "C/G"}, {"n_ref": n_ref, "n_alt": n_alt}))
    assert call_of(result) == (call, "ok")
    row = result.frame[result.frame["sample_id"] == "s1"].iloc[0]
    assert row["lower"] < row["fraction"] == n_alt / (n_ref + n_alt) < row["upper"]


def test_homozygotes_do_not_tell_and_foreign_samples_are_told() -> None:
    same = tl.variants(table({**BLOOD, "genotype": "C/C"}, {"n_ref": 40, "n_alt": 1}))
    assert call_of(same) == ("homozygous C/C", "ok")
    other = tl.variants(table({**BLOOD, "genotype": "C/C"}, {"n_ref": 20, "n_alt": 20}))
    assert call_of(other)[0] == "doubtful"
    assert "is it another person's sample?" in call_of(other)[1]


def test_bursting_cells_are_not_taken_for_amplification() -> None:
    """Ten cells that each show one base of two at a time, seven by chance the same: no amplification."""
    cells = [{"cell_id": f"c{k}", "n_ref": 12 * (k < 7), "n_alt": 12 * (k >= 7)} for k in range(10)]
    result = tl.variants(table({**BLOOD, "genotype": "C/G"}, *cells))
    assert call_of(result) == ("balanced", "ok")
    lumped = tl.variants(table({**BLOOD, "genotype": "C/G"}, {"n_ref": 84, "n_alt": 36}), overdispersion=0.0)
    assert call_of(lumped) == ("C in excess", "ok")


# --- somatic ---
@pytest.mark.parametrize(
    ("n_ref", "n_alt", "call", "status"),
    [
        (30, 12, "mutated", "ok"),
        (50, 0, "not seen", "ok"),
        (1000, 3, "not seen", "ok"),
        (20, 2, "not seen", "ok"),
        (5, 0, "", "insufficient: 5 reads, 10 needed"),
        (0, 0, "", "insufficient: not covered"),
    ],
)
def test_somatic_calls(n_ref: int, n_alt: int, call: str, status: str) -> None:
    result = tl.variants(table({"variant": "L755S", "n_ref": n_ref, "n_alt": n_alt}))
    assert call_of(result) == (call, status)
    assert len(result.mutated()) == (call == "mutated")


def test_an_allele_of_the_germline_is_no_somatic_call() -> None:
    rows = [{**BLOOD, "variant": "G660D", "n_ref": 20, "n_alt": 22}, {"variant": "G660D", "n_ref": 30, "n_alt": 25}]
    result = tl.variants(table(*rows))
    assert call_of(result) == ("germline", "ok")
    assert result.evidence.empty and result.genotypes.empty


def test_an_allele_on_one_strand_is_doubtful() -> None:
    row = {"variant": "L755S", "n_ref": 60, "n_alt": 20, "n_ref_forward": 30, "n_alt_forward": 20}
    assert call_of(tl.variants(table(row)))[0] == "doubtful"
    # of a library that reads one strand only, nothing can be said against it
    assert call_of(tl.variants(table(row | {"n_ref_forward": 60})))[0] == "mutated"


def test_conflicting_publications_stand_side_by_side() -> None:
    result = tl.variants(table({"variant": "L755S", "n_ref": 30, "n_alt": 12}))
    rows = result.evidence[result.evidence["drug"] == "neratinib"]
    assert {"sensitive", "resistant"} <= set(rows["direction"])
    assert rows["conflicting"].all()
    assert "L755S and neratinib, publications disagree" in result.summary()
    assert result.evidence["source"].ne("").all()


@pytest.mark.statistical
def test_errors_of_reading_are_rarely_called() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(10):
        rows = [
            {"sample_id": f"s{k}", "hgvs_c": name, "variant": None, "n_ref": 400, "n_alt": rng.binomial(400, 0.003)}
            for k in range(5) for name in ("c.2264T>C", "c.2329G>T", "c.2524G>A", "c.929C>T")
        ]  # fmt: skip
        wrong += (tl.variants(table(*rows)).frame["call"] == "mutated").sum()
    assert wrong <= 3  # 200 alleles in 50 samples; one sample in a hundred may have one


# --- simulated files, cells, records ---
@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, pd.DataFrame]:
    made = datasets.simulate_alleles(
        tmp_path_factory.mktemp("alleles"), n_donors=4, n_cells=9, molecules_per_cell=90, leukocyte_fragments=500,
        seed=3,
    )  # fmt: skip
    return made, io.read_alleles(made.sheet, genome=made.genome)


def test_truth_is_found_in_simulated_files(simulated: tuple[Any, pd.DataFrame]) -> None:
    made, alleles = simulated
    result = tl.variants(alleles)
    called = result.mutated()
    assert dict(zip(called["donor_id"], called["hgvs_c"], strict=True)) == {
        donor.donor_id: donor.somatic for donor in made.donors if donor.somatic
    }
    for row in result.genotypes[result.genotypes["status"] == "ok"].to_dict("records"):
        donor = next(donor for donor in made.donors if donor.donor_id == row["donor_id"])
        assert row["genotype"].split("/").count(row["alt"]) == donor.genotype(row["hgvs_c"])
    excess = result.frame[result.frame["call"].str.endswith("in excess")]
    amplified = {donor.donor_id for donor in made.donors if donor.amplified > 1}
    assert set(excess["donor_id"]) <= amplified


def test_mutation_and_state_of_cells_stand_beside_one_another(
    simulated: tuple[Any, pd.DataFrame], tmp_path: Path
) -> None:
    made, alleles = simulated
    calls = ["HER2-0", "HER2-low", "HER2-positive", None]
    obs = pd.DataFrame({"cell_id": made.cells["cell_id"], "her2_call": pd.Categorical(
        [calls[k % 4] for k in range(len(made.cells))])})  # fmt: skip
    adata = AnnData(np.zeros((len(obs), 1), dtype=np.float32), obs=obs.set_index("cell_id", drop=False))
    adata.obs.index.name = None
    result = tl.variants(alleles, adata=adata)
    assert result.cell_table().to_numpy().sum() == len(result.cells)
    truth = made.cells.set_index("cell_id")["mutated"]
    seen = result.cells[result.cells["mutation"] == "mutated"]
    assert len(seen) > 3
    assert truth[seen["cell_id"]].all()
    unseen = result.cells[result.cells["mutation"] == "no mutant copy seen"]
    assert (unseen["missed"] == 0.5 ** (unseen["n_ref"] + unseen["n_alt"])).all()
    assert set(adata.obs["erbb2_mutation"].cat.categories) == {"mutated", "no mutant copy seen", "not covered"}
    adata.write_h5ad(tmp_path / "cells.h5ad")
    adata.write_zarr(tmp_path / "cells.zarr")
    without = adata.copy()
    without.obs["her2_call"] = None
    tl.variants(alleles, adata=without)


def test_lobular_against_ductal() -> None:
    rows = [
        {"donor_id": f"d{k}", "sample_id": f"d{k}", "variant": "L755S", "n_ref": 30, "n_alt": 10 if k < 4 else 0}
        for k in range(20)
    ]
    rows.append({"donor_id": "thin", "sample_id": "thin", "variant": "L755S", "n_ref": 2, "n_alt": 0})
    donors = pd.DataFrame({"donor_id": [row["donor_id"] for row in rows]})
    donors["histology"] = ["lobular" if k < 8 else "ductal" for k in range(len(rows))]
    result = tl.mutated_shares(tl.variants(table(*rows)), donors=donors)
    frame = result.to_frame().set_index("group")
    assert frame["mutated"].to_dict() == {"ductal": 0, "lobular": 4}
    assert frame["donors"].to_dict() == {"ductal": 12, "lobular": 8}
    assert frame["unknown"].to_dict() == {"ductal": 1, "lobular": 0}
    assert frame.loc["lobular", "alleles"] == "L755S 4"
    assert result.odds_ratio.p == pytest.approx(0.0144, abs=1e-3)
    assert "lobular: 4 of 8 mutated" in result.summary()
    with pytest.raises(ParameterError, match="two values"):
        tl.mutated_shares(tl.variants(table(*rows)), donors=pd.concat([donors, donors.assign(histology="x")]))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"min_reads": 0}, "min_reads"), ({"error_rate": 0}, "error_rate"), ({"overdispersion": 1}, "overdispersion"),
        ({"level": 1.0}, "level"), ({"alpha": 0}, "alpha"),
    ],
)  # fmt: skip
def test_parameters_out_of_range(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ParameterError, match=expected):
        tl.variants(table({"n_ref": 1, "n_alt": 1}), **given)


def test_tables_that_are_something_else() -> None:
    with pytest.raises(ParameterError, match="expected a table of her2plastic.io.read_alleles"):
        tl.variants(pd.DataFrame({"donor_id": ["a"]}))
    with pytest.raises(ParameterError, match="material 'blood' is not known"):
        tl.variants(table({"n_ref": 1, "n_alt": 1}).assign(material="blood"))
    with pytest.raises(ParameterError, match="no rows"):
        tl.variants(table({"n_ref": 1, "n_alt": 1}).head(0))


def test_what_its_caller_did_not_trust_is_no_call() -> None:
    mutant = {"variant": "L755S", "n_ref": 60, "n_alt": 12}
    found = tl.variants(table(mutant | {"status": "failed the filter strand_bias"}))
    assert call_of(found) == ("", "insufficient: failed the filter strand_bias")
    assert found.evidence.empty
    assert call_of(tl.variants(table(mutant))) == ("mutated", "ok")
    germline = tl.variants(table({**BLOOD, "n_ref": 14, "n_alt": 17, "status": "failed the filter weak"})).genotypes
    assert germline[["genotype", "status"]].to_numpy().tolist() == [["", "failed the filter weak"]]


def test_a_genotype_alone_is_no_count_of_a_somatic_allele() -> None:
    read = table({"variant": "L755S", "genotype": "T/C"})
    assert call_of(tl.variants(read)) == ("", "insufficient: genotype T/C without counts of reads")


def test_days_of_samples_without_a_name_are_not_one_sample() -> None:
    draws = [
        {"sample_id": "", "variant": "L755S", "draw_day": day, "n_ref": 100, "n_alt": n}
        for day, n in ((0, 0), (21, 30))
    ]
    frame = tl.variants(table(*draws)).frame
    assert frame[["draw_day", "n_ref", "n_alt", "call"]].to_numpy().tolist() == [
        [0.0, 100.0, 0.0, "not seen"], [21.0, 100.0, 30.0, "mutated"],
    ]  # fmt: skip
