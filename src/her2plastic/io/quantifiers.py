"""Tables of counting programs that have a form of their own: featureCounts, HTSeq, RSEM, STAR, GEO series matrices."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from her2plastic._errors import InputFileError
from her2plastic.io.number_columns import TableForm, read_numbers
from her2plastic.io.opening import head_lines, read_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions
from her2plastic.io.table_columns import NO_GENE

_STAR_SPECIAL = ("N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous")
_FEATURECOUNTS_COLUMNS = ("Geneid", "Chr", "Start", "End", "Strand", "Length")
_GEO_BEGIN, _GEO_END = "!series_matrix_table_begin", "!series_matrix_table_end"
#: Lines of a series matrix and the columns that they become; characteristics name theirs themselves.
_GEO_COLUMNS = {"!Sample_title": "title", "!Sample_source_name_ch1": "source", "!Sample_characteristics_ch1": ""}
_RSEM_COLUMNS = {"auto": "expected_count", "counts": "expected_count", "tpm": "TPM", "fpkm": "FPKM"}


# --- how they are recognised ---
def is_featurecounts(lines: list[str]) -> bool:
    """Tell featureCounts by its header, with or without the comment line above it."""
    return any(tuple(line.split("\t")[:6]) == _FEATURECOUNTS_COLUMNS for line in lines[:2])


def is_rsem(lines: list[str]) -> bool:
    """Tell RSEM ``genes.results`` (or ``isoforms.results``) by its header."""
    return bool(lines) and {"expected_count", "TPM", "FPKM"} <= set(lines[0].split("\t"))


def is_star_counts(lines: list[str]) -> bool:
    """Tell STAR ``ReadsPerGene.out.tab`` by its first four lines."""
    return len(lines) > 4 and all(
        line.startswith(name + "\t") for line, name in zip(lines, _STAR_SPECIAL, strict=False)
    )


def is_htseq(path: Path, lines: list[str]) -> bool:
    """Tell HTSeq: no header, names and whole numbers, and its special counters at the end of the file."""
    fields = lines[0].split("\t") if lines else []
    if len(fields) < 2 or not all(field.isdigit() for field in fields[-1:]):
        return False
    return any(NO_GENE.fullmatch(line.split("\t")[0]) for line in read_lines(path)[-6:])


def is_geo_series(lines: list[str]) -> bool:
    """Tell a GEO series matrix by its first line."""
    return bool(lines) and lines[0].startswith("!Series_")


# --- how they are read ---
def read_featurecounts(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a featureCounts table: columns after Length are cells, named by their BAM files."""
    lines = head_lines(path)
    skipped = 0 if lines[0].startswith("Geneid") else 1
    header = lines[skipped].split("\t")
    text = [name for name in header[6:] if name in ("gene_name", "gene_id", "gene_type", "gene_biotype")]
    cells = [index for index in range(6, len(header)) if header[index] not in text]
    form = TableForm(separator="\t", skip=skipped + 1, width=len(header), first_line=skipped + 2)
    names, numbers = read_numbers(path, form, names=[0, *(header.index(name) for name in text)], numbers=cells, genes=0)
    genes = names[header.index("gene_name")] if "gene_name" in text else names[0]
    return genes_in_rows(
        numbers,
        genes=genes,
        gene_id=names[0] if "gene_name" in text else None,
        unit="counts",
        cells=_bam_names([header[index] for index in cells]),
    )


def _bam_names(paths: list[str]) -> list[str]:
    """Return BAM paths without folder and ending, unless that makes two the same."""
    short = [re.sub(r"\.(bam|sam|cram)$", "", PurePosixPath(path).name) for path in paths]
    return short if len(set(short)) == len(short) else paths


def read_htseq(path: Path, options: ReadOptions) -> RawMatrix:
    """Read an HTSeq table: one file a cell, or one column a cell; special counters are left out and recorded."""
    fields = head_lines(path)[0].split("\t")
    cells = [index for index, field in enumerate(fields) if index and field.isdigit()]
    names_at = [index for index in range(len(fields)) if index not in cells]
    form = TableForm(separator="\t", skip=0, width=len(fields), first_line=1)
    names, numbers = read_numbers(path, form, names=names_at, numbers=cells, genes=0)
    special = np.array([bool(NO_GENE.fullmatch(name)) for name in names[0]])
    if len(set(names[0][special])) < special.sum():
        raise InputFileError(f"{path}: its counters of reads without a gene stand there twice: two files in one.")
    # --additional-attr=gene_name puts the symbol second
    symbol = np.where(names[1] == "", names[0], names[1]) if len(names_at) > 1 else names[0]
    raw = genes_in_rows(
        numbers[~special],
        genes=symbol[~special],
        gene_id=names[0][~special] if len(names_at) > 1 else None,
        cells=_one_or_numbered(path, len(cells)),
        unit="counts",
    )
    raw.details["not_counted_for_a_gene"] = float(numbers[special].sum())
    return raw


def read_rsem(path: Path, options: ReadOptions) -> RawMatrix:
    """Read RSEM ``genes.results`` of one cell: expected counts, or TPM or FPKM where that unit is asked for."""
    header = head_lines(path)[0].split("\t")
    if header[0] != "gene_id":
        raise InputFileError(f"{path}: is a table of transcripts ({header[0]!r}); expected genes.results of RSEM.")
    if options.unit not in _RSEM_COLUMNS:
        raise InputFileError(f"{path}: RSEM has no unit {options.unit!r}; it has {', '.join(_RSEM_COLUMNS)}.")
    column = _RSEM_COLUMNS[options.unit]
    form = TableForm(separator="\t", skip=1, width=len(header), first_line=2)
    names, numbers = read_numbers(path, form, names=[0], numbers=[header.index(column)], genes=0)
    unit = "counts" if column == "expected_count" else options.unit
    raw = genes_in_rows(numbers, genes=names[0], cells=[stem(path)], unit=unit)
    raw.estimated = True
    raw.details["column"] = column
    return raw


def read_star_counts(path: Path, options: ReadOptions) -> RawMatrix:
    """Read STAR ``ReadsPerGene.out.tab`` of one cell: the unstranded column."""
    form = TableForm(separator="\t", skip=len(_STAR_SPECIAL), width=4, first_line=len(_STAR_SPECIAL) + 1)
    names, numbers = read_numbers(path, form, names=[0], numbers=[1], genes=0)
    if any(NO_GENE.fullmatch(name) for name in names[0]):
        raise InputFileError(f"{path}: its first four lines stand there twice: two files in one.")
    raw = genes_in_rows(numbers, genes=names[0], cells=[stem(path)], unit="counts")
    raw.details["column"] = "unstranded"
    return raw


def read_geo_series(path: Path, options: ReadOptions) -> RawMatrix:
    """Read the table of a GEO series matrix: genes in rows, samples (GSM) in columns."""
    lines = read_lines(path)
    starts = [number for number, line in enumerate(lines) if line.startswith(_GEO_BEGIN)]
    ends = [number for number, line in enumerate(lines) if line.startswith(_GEO_END)]
    if not starts or not ends:
        raise InputFileError(f"{path}: no line {_GEO_BEGIN} or {_GEO_END}; the file is cut short.")
    start, end = starts[0] + 1, ends[0]
    if end - start < 2:
        raise InputFileError(
            f"{path}: its table is empty. The values of sequencing series stand in the supplementary files of the "
            "series."
        )
    header = [name.strip('"') for name in lines[start].split("\t")]
    form = TableForm(separator="\t", skip=start + 1, width=len(header), first_line=start + 2, rows=end - start - 1)
    names, numbers = read_numbers(path, form, names=[0], numbers=list(range(1, len(header))), genes=0)
    raw = genes_in_rows(numbers, genes=names[0], cells=header[1:], unit=None)
    raw.obs = _of_samples(lines[:start], header[1:])
    return raw


def _of_samples(lines: list[str], cells: list[str]) -> pd.DataFrame:
    """Return what a series matrix tells of its samples: title, source, and characteristics by their names."""
    columns: dict[str, list[str]] = {}
    for line in lines:
        key, *fields = (field.strip().strip('"') for field in line.split("\t"))
        name = _GEO_COLUMNS.get(key)
        if name is None or len(fields) != len(cells):
            continue
        if name:
            columns.setdefault(name, fields)
            continue
        for place, field in enumerate(fields):
            what, colon, value = field.partition(":")
            if colon:
                # h5ad files take no slash in the name of a column
                column = columns.setdefault(what.strip().replace("/", "_"), [""] * len(cells))
                column[place] = value.strip()
    return pd.DataFrame(columns, index=cells)


def genes_in_rows(
    numbers: np.ndarray, *, genes: np.ndarray, cells: list[str], unit: str | None, gene_id: np.ndarray | None = None
) -> RawMatrix:
    """Return the values of a table whose rows are genes."""
    return RawMatrix(
        values=np.ascontiguousarray(numbers.T),
        cells=np.array(cells, dtype=object),
        genes=genes,
        gene_id=gene_id,
        unit=unit,
        details={"genes_in": "rows"},
    )


def _one_or_numbered(path: Path, n: int) -> list[str]:
    return [stem(path)] if n == 1 else [f"{stem(path)}_{number}" for number in range(1, n + 1)]


def stem(path: Path) -> str:
    """Return the name of a file without the endings that counting programs give."""
    return re.sub(
        r"(\.genes\.results|\.?ReadsPerGene\.out\.tab|\.htseq|\.counts?|\.txt|\.tsv|\.tab|\.csv|\.genes|\.sf"
        r"|\.fpkm_tracking)+$",
        "",
        re.sub(r"\.(gz|bz2|xz)$", "", path.name),
    )
