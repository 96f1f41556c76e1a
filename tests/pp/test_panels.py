"""The gene panels: what they must hold, and must not."""

from __future__ import annotations

import pandas as pd
import pytest

import her2plastic.reference as reference
from her2plastic._errors import ParameterError

PANELS = (
    "epithelial", "leukocyte", "t_cell", "b_cell", "nk", "myeloid", "platelet", "erythroid", "endothelial", "emt_up",
    "emt_down", "proliferation", "hormone", "notch", "rtk", "stress", "dna_damage",
)  # fmt: skip


def test_panels_are_complete_and_sourced() -> None:
    panels = reference.panels()

    assert set(panels) == set(PANELS)
    assert all(len(genes) >= 4 for genes in panels.values())
    assert all(len(set(genes)) == len(genes) for genes in panels.values())
    table = pd.read_csv(reference.__path__[0] + "/panels.tsv", sep="\t", comment="#")
    assert table["source"].str.len().gt(10).all()


def test_identity_panels_share_no_gene() -> None:
    names = [gene for panel in PANELS[:10] for gene in reference.panel(panel)]

    assert len(names) == len(set(names))


def test_erbb2_and_its_neighbours_are_in_no_panel() -> None:
    neighbours = {"ERBB2", *reference.amplicon()["gene"]} - {"TOP2A"}  # TOP2A is a gene of the cell cycle first

    for genes in reference.panels().values():
        assert not neighbours & set(genes)


def test_unknown_panel() -> None:
    with pytest.raises(ParameterError, match="epithelial"):
        reference.panel("epithelium")
