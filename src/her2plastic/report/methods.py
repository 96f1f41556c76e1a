"""How the results were made: the method in words, the amplicon, programmes, inputs, parameters and versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from her2plastic import _keys
from her2plastic._access import patient_cells, step_record
from her2plastic.report.summary import median
from her2plastic.report.tables import Cell, Column, Table, frame_table, number_cell, text_cell

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.tl import ProgrammeComparison


def method_sentences(adata: AnnData) -> list[str]:
    """Return in words how the calls and shares came about."""
    record = step_record(adata, "her2_state")
    if record["calibration"]["kind"] == "rule":
        return [
            "A CTC whose ERBB2 counts per million lie above the bound of the rule is HER2-positive. The interval of a "
            "share is that of a binomial proportion; it holds the number of cells and no doubt about the single cell."
        ]
    return [
        "ERBB2 counts are modelled as counts with the depth of their cell. Each CTC gets a probability for HER2-0, "
        "HER2-low and HER2-positive, and its call is the smallest set of neighbouring states that holds "
        f"{float(record['params']['level']):.0%}.",
        "The shares of a donor are those of the population that its CTCs came from. Their intervals hold the doubt "
        "about each cell and the number of cells.",
    ]


def mechanisms_table(adata: AnnData) -> Table | None:
    """Return how many CTCs of each patient and call are amplified, or None where the amplicon was not scored."""
    obs: Any = adata.obs[patient_cells(adata)]
    if _keys.ERBB2_MECHANISM not in obs:
        return None
    ctc = obs[obs[_keys.IS_CTC].astype(bool)]
    donors, calls = ctc[_keys.DONOR_ID].astype(str), ctc[_keys.HER2_CALL].astype(str)
    mechanism = ctc[_keys.ERBB2_MECHANISM].astype(str)
    columns = (
        Column("Donor", f"obs: {_keys.DONOR_ID}"),
        Column("Call", f"obs: {_keys.HER2_CALL}"),
        Column("CTCs", "obs: rows", numeric=True),
        *(Column(name, f"obs: {_keys.ERBB2_MECHANISM}", numeric=True) for name in _keys.MECHANISMS),
        Column("Median score", f"obs: {_keys.AMPLICON_SCORE}", numeric=True),
    )
    rows = []
    for (donor, call), cells in ctc.groupby([donors, calls], sort=True):
        kinds = mechanism.loc[cells.index].value_counts()
        counted = [number_cell(kinds.get(name, 0)) for name in _keys.MECHANISMS]
        score = number_cell(median(cells[_keys.AMPLICON_SCORE].to_numpy(dtype=float)))
        rows.append([text_cell(donor), text_cell(call), number_cell(len(cells)), *counted, score])
    caption = (
        "Amplified or not, from the neighbours of ERBB2 on 17q12 against their flanks. A HER2-positive CTC that is not "
        f"amplified expresses HER2 without the amplification: the plastic state. Read from {_note(adata)}."
    )
    return Table("amplicon", caption, columns, rows)


def comparison_table(comparison: ProgrammeComparison) -> Table:
    """Return the programmes compared between HER2 states."""
    first, second = " or ".join(comparison.first), " or ".join(comparison.second)
    caption = (
        f"Log2 ratio of each programme in {first} against {second}, within patients and then over them, with its "
        f"{comparison.level:.0%} interval. Patients are the units, not cells."
    )
    return frame_table(comparison.to_frame(), name="programmes", caption=caption, source="programmes.csv")


def reading_table(adata: AnnData) -> Table | None:
    """Return what the file of each sample was taken for, or None for cells that were not read from a sample sheet."""
    record = step_record(adata, "read_samples")
    columns = [name for name in ("samples", "files", "formats", "units", "counts", "cells") if name in record]
    if not columns:
        return None
    frame = pd.DataFrame({name.removesuffix("s") if name != "counts" else name: list(record[name]) for name in columns})
    caption = "What each file was taken for. Samples without an event have no row."
    return frame_table(frame, name="reading", caption=caption, source="uns: her2plastic/read_samples")


def inputs_table(inputs: Sequence[Mapping[str, Any]]) -> Table:
    """Return the input files with size and digest."""
    frame = pd.DataFrame([{key: entry[key] for key in ("role", "name", "bytes", "sha256")} for entry in inputs])
    caption = "What was read, named from the sample sheet's folder; the digest shows whether a file is the same."
    return frame_table(frame, name="inputs", caption=caption, source="provenance.json: inputs")


def parameters_table(steps: Sequence[Mapping[str, Any]]) -> Table:
    """Return every parameter of every step."""
    columns = (
        Column("Step", "provenance.json: steps"),
        Column("Parameter", "provenance.json: steps.parameters"),
        Column("Value", "provenance.json: steps.parameters"),
    )
    rows = [
        [Cell(str(step["step"])), Cell(str(name)), Cell(_shown(value))]
        for step in steps
        for name, value in step["parameters"].items()
    ]
    return Table("parameters", "The parameters of every step, as they were used.", columns, rows)


def versions_table(versions: Mapping[str, str]) -> Table:
    """Return the versions that can change a result."""
    frame = pd.DataFrame({"package": list(versions), "version": list(versions.values())})
    return frame_table(frame, name="versions", caption="Versions.", source="provenance.json: versions")


def _note(adata: AnnData) -> str:
    return str(step_record(adata, "amplicon").get("note", "mRNA")).rstrip(".")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
