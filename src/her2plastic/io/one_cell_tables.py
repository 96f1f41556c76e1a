"""Tables of one cell with several measures of each gene: salmon, kallisto, StringTie, Cufflinks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from her2plastic._errors import InputFileError, UnitError
from her2plastic.io.number_columns import TableForm, read_numbers
from her2plastic.io.opening import head_lines
from her2plastic.io.quantifiers import genes_in_rows, stem
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions

# GENCODE names a transcript by its ids, the gene's symbol and more: ENST..|ENSG..|-|-|ERBB2-201|ERBB2|4557|..
_GENCODE_FIELDS = 6
_TRANSCRIPT = re.compile(r"ENST\d{11}|[NX][MR]_\d+")


@dataclass(frozen=True)
class Program:
    """Columns of a program's table: names of genes, their ids, and which column has which unit, the best first."""

    name: str
    genes: str
    ids: str
    units: Mapping[str, str]


_PROGRAMS = (
    Program("salmon", "Name", "", {"counts": "NumReads", "tpm": "TPM"}),
    Program("kallisto", "target_id", "", {"counts": "est_counts", "tpm": "tpm"}),
    Program("StringTie", "Gene Name", "Gene ID", {"tpm": "TPM", "fpkm": "FPKM"}),
    Program("Cufflinks", "gene_short_name", "gene_id", {"fpkm": "FPKM"}),
)


def program_of(lines: list[str]) -> Program | None:
    """Return the program whose columns the header has."""
    header = set(lines[0].split("\t")) if lines else set()
    return next(
        (row for row in _PROGRAMS if {row.genes, *filter(None, [row.ids]), *row.units.values()} <= header), None
    )


def read_one_cell(path: Path, options: ReadOptions) -> RawMatrix:
    """Read one cell: counts where the program has them, or the unit asked for. Transcripts with genes are summed."""
    lines = head_lines(path)
    program = program_of(lines)
    if program is None:
        raise InputFileError(f"{path}: its header is not that of {', '.join(row.name for row in _PROGRAMS)}.")
    header = lines[0].split("\t")
    unit = next(iter(program.units)) if options.unit == "auto" else options.unit
    if unit not in program.units:
        raise UnitError(f"{path}: {program.name} has no unit {unit!r} here; it has {', '.join(program.units)}.")
    form = TableForm(separator="\t", skip=1, width=len(header), first_line=2)
    column, first = header.index(program.units[unit]), header.index(program.genes)
    ids = header.index(program.ids) if program.ids else None
    names, numbers = read_numbers(
        path, form, names=[first] if ids is None else [first, ids], numbers=[column], genes=first
    )
    genes, gene_id = _genes_of(path, program, names[first])
    if ids is not None:
        genes = np.where(np.isin(genes, ["-", "."]), names[ids], genes)
        gene_id = names[ids] if any(str(name).startswith("ENSG") for name in names[ids][:100]) else None
    raw = genes_in_rows(numbers, genes=genes, gene_id=gene_id, cells=[stem(path)], unit=unit)
    raw.estimated = unit == "counts"
    raw.details["column"] = program.units[unit]
    return raw


def _genes_of(path: Path, program: Program, names: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    fields = [str(name).split("|") for name in names]
    if all(len(row) > _GENCODE_FIELDS for row in fields):
        symbol, gene_id = (np.array([row[place] for row in fields], dtype=object) for place in (5, 1))
        return symbol, gene_id
    if 2 * sum(bool(_TRANSCRIPT.match(str(name))) for name in names) > len(names):
        raise InputFileError(
            f"{path}: {program.name} counted transcripts ({names[0]}, ...) and not genes. Sum them by gene (tximport "
            "does; salmon with --geneMap writes quant.genes.sf)."
        )
    return names, None
