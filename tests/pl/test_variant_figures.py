from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib import pyplot

from her2plastic import io, pl, tl


def result(*rows: dict[str, Any]) -> tl.Variants:
    base = {"material": "CTC", "variant": "L755S", "n_other": 0}
    return tl.variants(io.read_alleles(pd.DataFrame([base | row for row in rows]), build="GRCh38"))


@pytest.fixture(scope="module")
def cohort() -> tl.Variants:
    rows: list[dict[str, Any]] = [
        {"donor_id": f"p{k}", "sample_id": f"p{k}", "variant": name, "n_ref": 30, "n_alt": alt}
        for k, (name, alt) in enumerate([("L755S", 14), ("L755S", 9), ("S310F", 20), ("D769Y", 0)])
    ]
    rows += [
        {"donor_id": "p0", "sample_id": "b", "material": "leukocytes", "variant": "P1170A", "genotype": "C/G"},
        {"donor_id": "p1", "sample_id": "b1", "material": "leukocytes", "variant": "P1170A", "genotype": "C/C"},
        {"donor_id": "p0", "sample_id": "p0", "variant": "P1170A", "n_ref": 90, "n_alt": 9},
        {"donor_id": "p1", "sample_id": "p1", "variant": "P1170A", "n_ref": 40, "n_alt": 0},
        {"donor_id": "p2", "sample_id": "p2", "variant": "P1170A", "n_ref": 20, "n_alt": 20},
    ]
    return result(*rows)


def test_alleles_stand_at_their_residues(cohort: tl.Variants) -> None:
    data = pl.prepare_variant_map(cohort)
    assert data.called["variant"].tolist() == ["S310F", "L755S", "L755S"]
    assert data.called["residue"].tolist() == [310, 755, 755]
    assert data.called["x"].nunique() == 3  # no donor hides another
    assert data.called["disputed"].tolist() == [False, True, True]
    assert data.looked_for.tolist() == [310, 755, 769]
    assert data.headline == "3 of 4 donors with a somatic allele, 3 places looked at"
    domains = data.domains
    assert (domains["first"].to_numpy()[1:] == domains["last"].to_numpy()[:-1] + 1).all()


def test_map_is_drawn(cohort: tl.Variants) -> None:
    axes = pl.variant_map(cohort)
    names = [text.get_text() for text in axes.texts]
    assert {"L755S (2)", "S310F", "kinase", "extracellular"} <= set(names)
    assert axes.get_legend() is not None
    axes.figure.canvas.draw()
    pyplot.close("all")


def test_balance_leaves_out_what_does_not_tell(cohort: tl.Variants) -> None:
    data = pl.prepare_allele_balance(cohort)
    assert data.rows["look"].tolist() == ["one base in excess", "nothing can be said"]
    assert data.homozygous == 1
    assert data.headline == "1 of 1 heterozygous sites with one base in excess"
    axes = pl.allele_balance(cohort)
    assert axes.get_xlabel() == "share of G"
    axes.figure.canvas.draw()
    pyplot.close("all")


def test_nothing_to_draw_is_said() -> None:
    none = result({"donor_id": "a", "sample_id": "a", "n_ref": 30, "n_alt": 0})
    assert "no somatic allele was called" in [text.get_text() for text in pl.variant_map(none).texts]
    assert any("no reads of the tumour" in text.get_text() for text in pl.allele_balance(none).texts)
    pyplot.close("all")
