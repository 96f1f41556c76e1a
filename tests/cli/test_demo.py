from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import pandas as pd

from her2plastic import _keys


def test_demonstration_is_whole_and_can_be_run_on(
    command: Callable[..., Any], tree: Callable[[Path], dict[str, bytes]], tmp_path: Path
) -> None:
    ended = command("demo", "-o", tmp_path / "demo")
    assert ended.code == 0, ended.error
    files = tree(tmp_path / "demo")
    expected = {"composition", "erbb2_depth", "amplicon", "identity", "embedding"}
    assert {f"figures/{name}.{kind}" for name in expected for kind in ("png", "svg")} <= set(files)
    patients = pd.read_csv(tmp_path / "demo" / "patients.csv")
    donors = patients[patients["scope"] == "donor"].set_index("donor_id")
    assert donors.index.tolist() == ["D01", "D02", "D03", "D04", "D05", "D06"], "control cells are no patients"
    assert donors["share_HER2-positive"].idxmax() == "D03", "the donor with the amplified tumour"
    assert donors["n_amplified"].idxmax() == "D03"
    draw = patients[(patients["donor_id"] == "D04") & (patients["draw_day"] == 21)]
    assert draw["note"].tolist() == ["insufficient: no CTC"]
    adata = anndata.read_h5ad(tmp_path / "demo" / "cells.h5ad")
    assert adata.n_obs > int(donors["n_cells"].sum()), "the control cells are kept"
    assert {"X_umap", _keys.HER2_POSTERIOR, _keys.IDENTITY_POSTERIOR} <= set(adata.obsm)
    assert command("check", tmp_path / "demo" / "input" / "config.yaml").code == 0
    # a person goes on from the example's files, with the results where they are
    config = tmp_path / "demo" / "input" / "config.yaml"
    config.write_text("samples: samples.csv\nmap: false\nquality: {doublets: false}\n", encoding="utf-8")
    edited = tree(tmp_path / "demo" / "input")
    ended = command("run", config, "-o", tmp_path / "demo")
    assert ended.code == 0, ended.error
    assert tree(tmp_path / "demo" / "input") == edited
    again = command("demo", "-o", tmp_path / "demo")
    assert again.code == 2
    assert "config.yaml was changed since it was written" in again.error
    assert tree(tmp_path / "demo" / "input") == edited
