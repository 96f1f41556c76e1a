"""Tissue, serum and alleles of a run: what the configuration names, what is wrong with it, what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from anndata import AnnData

from her2plastic import _keys, datasets, io, tl
from her2plastic._errors import ConfigError
from her2plastic.run import check
from her2plastic.run.clinical import ClinicalTables, ask_clinical, read_clinical
from her2plastic.run.clock import StepClock
from her2plastic.run.config import RunConfig, load_config
from her2plastic.run.demonstration import _with_tables
from her2plastic.run.pipeline import STEPS
from her2plastic.run.template import config_text

SECTIONS = ("tissue", "serum", "alleles")


def cells(donors: tuple[str, ...] = ("D01", "D02", "D03", "D04", "D05", "D06"), n: int = 8) -> AnnData:
    """CTCs of donors, all of them surely HER2-low."""
    obs = pd.DataFrame({"donor_id": np.repeat(donors, n), "draw_day": 0.0, "is_ctc": True})
    obs.index = [f"c{k}" for k in range(len(obs))]
    adata = AnnData(np.zeros((len(obs), 1), dtype=np.float32), obs=obs)
    adata.obs[_keys.HER2_STATE] = pd.Categorical(["HER2-low"] * len(obs), categories=list(_keys.STATES), ordered=True)
    adata.obs[_keys.HER2_CALL] = pd.Categorical(["HER2-low"] * len(obs), categories=list(_keys.CALLS))
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(
        np.tile([0.05, 0.9, 0.05], (len(obs), 1)), index=obs.index, columns=list(_keys.STATES)
    )
    return adata


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    datasets.demo_patients(tmp_path)
    return tmp_path


def config(**sections: Any) -> RunConfig:
    told = {name: {"table": f"{name}.csv"} for name in SECTIONS} | sections
    return RunConfig(samples="samples.csv", transitions={"n_null": 19}, **told)


def test_tables_of_the_example_are_read_and_asked(folder: Path) -> None:
    tables, problems = read_clinical(config(), folder)
    assert problems == []
    assert [role for role, _ in tables.files] == list(SECTIONS)
    adata, clock = cells(), StepClock(None, STEPS)
    found = ask_clinical(adata, config(), tables, clock)
    assert set(clock.seconds) == {"io.read_alleles", "tl.variants", "tl.concordance", "tl.serum"}
    assert found.tissue is not None
    assert found.tissue["step"].tolist().count("recount_required") == 1
    assert found.concordance is not None
    verdicts = found.concordance.to_frame().set_index("donor_id")["verdict"]
    assert verdicts["D01"] == "discordant, within misreading"
    assert found.serum is not None
    assert found.variants is not None
    assert set(found.variants.mutated()["variant"]) == {"L755S", "V777L"}
    assert set(found.tables()) == {"tissue.csv", "concordance.csv", "serum.csv", "serum_effects.csv", "alleles.csv"}
    assert any(
        "patients have no cells here (" in note and "19 more) and are in the analysis of serum" in note
        for note in found.notes
    )
    adata.write_h5ad(folder / "cells.h5ad")
    again = anndata.read_h5ad(folder / "cells.h5ad").uns[_keys.ROOT]
    assert tl.Concordance.from_record(again["concordance"]).counts() == found.concordance.counts()


def test_nothing_is_asked_without_tables(tmp_path: Path) -> None:
    found = ask_clinical(cells(), RunConfig(samples="s.csv"), ClinicalTables(), StepClock(None, STEPS))
    assert not found.any
    assert found.tables() == {}
    assert found.notes == []


def test_tissue_of_the_sample_sheet_is_compared_too() -> None:
    adata = cells()
    adata.obs["ihc"] = pd.Categorical(["1+"] * adata.n_obs)
    found = ask_clinical(adata, RunConfig(samples="s.csv"), ClinicalTables(), StepClock(None, STEPS))
    assert found.concordance is not None
    assert found.concordance.counts()["concordant"] == 6


def test_every_fault_of_the_tables_is_told_before_a_run(tmp_path: Path) -> None:
    sheet = datasets.write_cohort(datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=3, seed=1), tmp_path)
    (tmp_path / "tissue.csv").write_text("donor_id,day,ihc\nA,2024-01-01,2+\nB,0,positive\n")
    (tmp_path / "serum.csv").write_text("donor_id,day,value\nA,0,12\n")
    told = {name: {"table": f"{name}.csv"} for name in SECTIONS}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"samples": sheet.name, **told}))
    with pytest.raises(ConfigError) as caught:
        check(tmp_path / "config.yaml")
    problems = "\n".join(caught.value.problems)
    for word in ("line 2", "is a date", "line 3", "a result and no score", "unit", "alleles.csv not found"):
        assert word in problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("donor_id,material,variant,n_ref,n_alt\nD01,blood,L755S,1,2\n", "alleles.csv, line 2: material 'blood'"),
        ("path,donor_id\nnone.bam,D01\n", "line 2, column 'path': 'none.bam' not found"),
        ("x\n1\n", "expected donor_id"),
    ],
)
def test_faults_of_the_alleles_are_told_before_a_run(folder: Path, text: str, expected: str) -> None:
    (folder / "alleles.csv").write_text(text)
    _, problems = read_clinical(config(), folder)
    assert len(problems) == 1
    assert expected in problems[0]


def test_percentages_that_cannot_be_are_a_fault_of_the_input(tmp_path: Path) -> None:
    (tmp_path / "tissue.csv").write_text("donor_id,day,ihc_complete_intense,ihc_complete_weak\nA,0,80,40\n")
    told = RunConfig(samples="s.csv", tissue={"table": "tissue.csv"})
    _, problems = read_clinical(told, tmp_path)
    assert len(problems) == 1
    assert "120" in problems[0]


def test_what_cannot_be_asked_is_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adata = cells()
    del adata.obsm[_keys.HER2_POSTERIOR]
    told = RunConfig(samples="s.csv", tissue={"table": "tissue.csv"}, transitions={"n_null": 19})
    tables, _ = read_clinical(told, folder)
    found = ask_clinical(adata, told, tables, StepClock(None, STEPS))
    assert found.concordance is None
    assert any("tl.concordance was not done" in note and "her2_posterior" in note for note in found.notes)


def test_configuration_of_the_example_names_its_tables(folder: Path) -> None:
    text = _with_tables(config_text(), {name: folder / f"{name}.csv" for name in SECTIONS})
    (folder / "config.yaml").write_text(text)
    loaded = load_config(folder / "config.yaml")
    assert [getattr(loaded, name).table for name in SECTIONS] == ["tissue.csv", "serum.csv", "alleles.csv"]
    assert loaded.serum.cutoff == 15.0


@pytest.mark.parametrize(
    "section",
    [{"serum": {"cutoff": 0.0}}, {"serum": {"ng_per_unit": -1.0}}, {"tissue": {"which": "best"}},
     {"alleles": {"build": "hg19"}}, {"tissue": "tissue.csv"}, {"serum": {"tabel": "serum.csv"}}],
)  # fmt: skip
def test_faulty_sections_are_named(tmp_path: Path, section: dict[str, Any]) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"samples": "s.csv", **section}))
    with pytest.raises(ConfigError, match=next(iter(section))):
        load_config(tmp_path / "config.yaml")


def test_example_tables_are_always_the_same(tmp_path: Path) -> None:
    first = {name: path.read_bytes() for name, path in datasets.demo_patients(tmp_path).items()}
    assert first == {name: path.read_bytes() for name, path in datasets.demo_patients(tmp_path).items()}
    assert io.read_serum(tmp_path / "serum.csv")["below_lod"].sum() >= 1
