"""Names of the ERBB2 alleles, worked out again from one another: coding position, residue, genome, older numbering."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from her2plastic import reference

#: Residues by which shorter isoforms count less than NM_004448.
FEWER = 30
CODONS = {
    "Gly": "GGN", "Ala": "GCN", "Val": "GTN", "Pro": "CCN", "Thr": "ACN", "Ser": "TCN|AGY", "Leu": "CTN|TTR",
    "Arg": "CGN|AGR", "Ile": "ATH", "Met": "ATG", "Asp": "GAY", "His": "CAY", "Tyr": "TAY", "Phe": "TTY", "Gln": "CAR",
    "Cys": "TGY",
}  # fmt: skip
LETTERS = {"N": "ACGT", "Y": "CT", "R": "AG", "H": "ACT"}


def codons(residue: str) -> set[str]:
    found = set()
    for pattern in CODONS[residue].split("|"):
        found |= {f"{a}{b}{c}" for a in pattern[0] for b in pattern[1] for c in LETTERS.get(pattern[2], pattern[2])}
    return found


def substitutions() -> list[tuple[str, pd.Series]]:
    table = reference.erbb2_variants()
    return [(str(name), row) for name, row in table.iterrows() if ">" in str(name)]


@pytest.mark.parametrize(("name", "row"), substitutions())
def test_substitutions_change_the_residue_that_they_say(name: str, row: pd.Series) -> None:
    position, ref, alt = re.split("([ACGT])>", name.removeprefix("c."))
    before, residue, after = re.split(r"(\d+)", row["hgvs_p"].removeprefix("p.(").removesuffix(")"))
    assert (ref, alt) == (row["ref"], row["alt"])
    assert (int(position) + 2) // 3 == int(residue)
    place = (int(position) - 1) % 3
    turned = {codon[:place] + alt + codon[place + 1 :] for codon in codons(before) if codon[place] == ref}
    assert turned & codons(after)
    assert row["pos_grch38"] - row["pos_grch37"] == 1_843_747
    older = re.match(r"(?:.+ in older papers; )?([A-Z][a-z]{2})(\d+)[A-Z][a-z]{2} by isoform", row["also_called"])
    if older is None:
        assert "isoform" not in row["also_called"]
    else:
        assert older.groups() == (before, str(int(residue) - FEWER))


def test_alleles_of_one_exon_are_as_far_apart_in_the_genome_as_in_the_transcript() -> None:
    table = pd.DataFrame([{**row.to_dict(), "c": int(name[2:-3])} for name, row in substitutions()])
    for _, exon in table.groupby("exon"):
        assert (exon["pos_grch37"].astype(int) - exon["c"]).nunique() == 1


def test_statements_on_l755s_are_shown_as_at_odds() -> None:
    evidence = reference.erbb2_evidence()
    own = evidence[evidence["variant"] == "L755S"]
    assert set(own.loc[own["conflicting"], "drug"]) == {"neratinib", "none"}
