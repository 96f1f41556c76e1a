"""Sorted cultures and clones out of count files: what a run finds in them, from the sheet to the rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.linalg import expm
from typer.testing import CliRunner

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic.cli import app
from her2plastic.datasets import Contamination, simulate_cohort, write_cohort
from her2plastic.report import draw
from her2plastic.report.cells import ctc_data
from her2plastic.report.summary import headline
from her2plastic.run import execute
from her2plastic.run.config import RunConfig
from her2plastic.run.pipeline import Analysis, analyse

LOW, POSITIVE = "HER2-low", "HER2-positive"
#: HER2-low to HER2-positive and back, per day.
RATES = (0.04, 0.08)
N_CELLS = 150
DAYS = (0.0, 3.0, 7.0, 14.0, 28.0)
QUIET = {"map": False, "quality": {"doublets": False}, "figures": {"formats": ("png",)}}


@pytest.fixture(scope="module")
def pool() -> AnnData:
    """Cell-line cells of known state, to make cultures of."""
    cells = simulate_cohort(
        n_donors=1, draws=(0,), n_ctc=1, controls=1_700, control_amplified=0.5, n_genes=1_000, seed=11,
        contamination=Contamination.none(),
    )  # fmt: skip
    return cells[cells.obs[_keys.LABEL].isin([LOW, POSITIVE])].copy()


def positive_share(start: str, day: float) -> float:
    """The share of HER2-positive cells that a pure sort has become."""
    up, down = RATES
    moved = expm(day * np.array([[-up, up], [down, -down]]))
    return float(moved[1 if start == POSITIVE else 0, 1])


def written(pool: AnnData, folder: Path, samples: list[dict[str, object]], seed: int) -> Path:
    """Write a file for each sample, with its share of HER2-positive cells, and the sheet."""
    rng = np.random.default_rng(seed)
    label = pool.obs[_keys.LABEL].to_numpy(dtype=object)
    free = {state: list(rng.permutation(np.flatnonzero(label == state))) for state in (LOW, POSITIVE)}
    rows, taken = [], []
    for sample in samples:
        n = int(str(sample["n"]))
        n_positive = int(rng.binomial(n, float(str(sample["positive"]))))
        for state, number in ((POSITIVE, n_positive), (LOW, n - n_positive)):
            taken += [free[state].pop() for _ in range(number)]
        rows += [sample] * n
    cells = pool[taken].copy()
    told = pd.DataFrame(rows, index=cells.obs_names)
    cells.obs[_keys.LABEL] = np.nan
    for key in (_keys.SAMPLE_ID, _keys.DONOR_ID):
        cells.obs[key] = told[key].astype("category")
    cells.obs[_keys.DRAW_DAY] = 0.0
    cells.layers[_keys.COUNTS] = cells.X
    sheet = write_cohort(cells, folder, format="h5ad")
    columns = pd.DataFrame(samples).drop(columns=["n", "positive", _keys.DONOR_ID])
    table = pd.read_csv(sheet).drop(columns=[_keys.LABEL]).merge(columns, on=_keys.SAMPLE_ID)
    marked = table[[key for key in (_keys.SORTED_FROM, _keys.CLONE_ID) if key in table]].notna().any(axis=1)
    table[_keys.DRAW_DAY] = table[_keys.DRAW_DAY].where(~marked)
    table.to_csv(sheet, index=False)
    return sheet


def run(sheet: Path, *designs: str) -> Analysis:
    told = {"designs": designs or "auto", "n_null": 99}
    return analyse(RunConfig(samples=sheet.name, transitions=told, **QUIET), sheet)


def cultures(*, moving: bool) -> list[dict[str, object]]:
    """Two sorts, each under a donor of its own: their posteriors then lean on different shares and scales."""
    return [
        {
            _keys.SAMPLE_ID: f"{start}-{day:g}", "n": N_CELLS, _keys.DONOR_ID: f"line, {start}",
            "positive": positive_share(start, day) if moving else float(start == POSITIVE),
            _keys.SORTED_FROM: start, _keys.DAYS_AFTER_SORT: day, _keys.WELL_ID: f"{start}-{day:g}",
            _keys.WELL_CELLS: round(1e5 * np.exp(0.3 * day)),
        }
        for start in (LOW, POSITIVE) for day in DAYS
    ]  # fmt: skip


def test_sorted_cultures_give_rates_near_the_truth(pool: AnnData, tmp_path: Path) -> None:
    analysis = run(written(pool, tmp_path, cultures(moving=True), seed=1))
    assert "draws" in analysis.answers.not_asked
    rates = analysis.answers.results["sorted"]
    assert rates.states == ("HER2-0/low", POSITIVE)
    assert rates.found()
    for (i, j), truth in zip(((0, 1), (1, 0)), RATES, strict=True):
        assert rates.lower[i, j] <= truth <= rates.upper[i, j]
    record = step_record(analysis.adata, "switching_sorted")
    assert record["params"]["prior"] == "donor"
    assert "cultures of 2 donors in the sheet were taken as one line" in list(record["notes"])


def test_sorted_cultures_that_do_not_move_give_no_transition(pool: AnnData, tmp_path: Path) -> None:
    rates = run(written(pool, tmp_path, cultures(moving=False), seed=2), "sorted").answers.results["sorted"]
    assert rates.status == "ok"
    assert not rates.found()


@pytest.mark.parametrize("moving", [True, False])
def test_clones_of_known_founders(pool: AnnData, tmp_path: Path, moving: bool) -> None:
    samples = [
        {
            _keys.SAMPLE_ID: f"clone-{number}", "n": 20, _keys.DONOR_ID: "line", _keys.CLONE_ID: f"clone-{number}",
            "positive": positive_share(start, 12.0) if moving else float(start == POSITIVE),
            _keys.FOUNDER_STATE: start, _keys.CLONE_DAY: 12.0,
        }
        for number, start in enumerate((LOW, POSITIVE) * 8)
    ]  # fmt: skip
    analysis = run(written(pool, tmp_path, samples, seed=3))
    rates = analysis.answers.results["clones"]
    assert rates.states == ("HER2-0/low", POSITIVE)
    assert rates.found() == moving


def test_cultures_are_in_no_number_of_patients(pool: AnnData, tmp_path: Path) -> None:
    drawn: list[dict[str, object]] = [
        {_keys.SAMPLE_ID: f"{donor}-blood", "n": 30, _keys.DONOR_ID: donor, "positive": 0.5} for donor in ("P1", "P2")
    ]
    sheet = written(pool, tmp_path, [*drawn, *cultures(moving=True)[:2]], seed=4)
    analysis = run(sheet, "draws")
    assert set(analysis.patients["donor_id"]) == {"P1", "P2"}
    assert analysis.patients.loc[analysis.patients["scope"] == "draw", "n_cells"].tolist() == [30, 30]
    found = headline(analysis.adata, analysis.patients)
    ctcs = analysis.adata.obs[_keys.IS_CTC] & analysis.adata.obs[_keys.DONOR_ID].isin(["P1", "P2"])
    assert (found.n_donors, found.n_draws, found.n_events, found.n_cultured) == (2, 2, 60, 2 * N_CELLS)
    assert found.n_ctc == ctcs.sum() == ctc_data(analysis.adata)["total"]
    assert "Not counted here: 300 cells of cultures and clones." in found.sentences()


def test_a_run_of_cultures_alone_says_that_no_patient_was_read(pool: AnnData, tmp_path: Path) -> None:
    sheet = written(pool, tmp_path, cultures(moving=True)[:2], seed=5)
    (tmp_path / "config.yaml").write_text(f"samples: {sheet.name}\nmap: false\nquality: {{doublets: false}}\n")
    ended = CliRunner().invoke(app, ["check", str(tmp_path / "config.yaml")])
    assert "0 donors, 0 draws, 2 files" in ended.output
    finished = execute(tmp_path / "config.yaml", tmp_path / "results", report=draw)
    assert finished.analysis.patients.empty
    found = headline(finished.analysis.adata, finished.analysis.patients)
    assert found.sentences() == ["No patient's cells were read, but 300 cells of cultures and clones."]
