"""Reading of ERBB2 alleles from alignments, variant files and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import InputFileError, ParameterError, SampleSheetError, check_whole, one_of
from her2plastic.io.alleles.alignments import Reading, count_alignments
from her2plastic.io.alleles.columns import (
    BUILDS,
    COLUMNS,
    COUNTS,
    MATERIAL,
    MATERIALS,
    NOT_IN_FILE,
    STATUS,
    WHO,
    known_alleles,
)
from her2plastic.io.alleles.count_tables import from_table, read_frame
from her2plastic.io.alleles.variant_files import read_variants
from her2plastic.io.number_columns import is_number

#: Endings of tables.
TABLES: Final = (".csv", ".tsv", ".txt", ".maf")
_FORMATS: Final = {
    "alignment": (".bam", ".cram", ".sam"),
    "variants": (".vcf", ".vcf.gz", ".bcf", ".vcf.bgz"),
    "table": TABLES,
}
_TAG: Final = re.compile("[A-Za-z][A-Za-z0-9]")
#: Columns of a sheet that say something of one file, and words for parameters of :func:`read_alleles`.
_OF_FILE: Final = ("build", "cell_tag", "umi_tag", MATERIAL, *(_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.CELL_ID))
PATH: Final = "path"


def read_alleles(
    source: str | Path | pd.DataFrame,
    *,
    build: str = "auto",
    genome: str | Path | None = None,
    variants: pd.DataFrame | None = None,
    material: str = "",
    donor_id: str = "",
    sample_id: str = "",
    cell_id: str = "",
    draw_day: float | None = None,
    cell_tag: str | None = None,
    umi_tag: str | None = None,
    barcodes: Iterable[str] | None = None,
    min_base_quality: int = 20,
    min_mapping_quality: int = 20,
) -> pd.DataFrame:
    """Read which ERBB2 alleles are seen, and how often, from alignments, variant files or a table.

    Of a BAM or CRAM file only the stretches around the alleles are read, by its index. Reads of one molecule (the same
    UMI of the same cell; without UMIs the same fragment) count once, as what most of them say; where they are at odds
    they count as conflicting. Reads that are unmapped, secondary, supplementary or failed are left out, and without
    UMIs also duplicates. Insertions and deletions are brought to their leftmost spelling by the reference genome (Tan
    et al. 2015); only reads that reach over the whole stretch in which they may be written count.

    Parameters
    ----------
    source
        A BAM, CRAM, VCF or BCF file; a table (CSV, TSV, MAF, DataFrame) of counts or genotypes; or such a table with
        the column ``path``: then each row is a file, beside which ``donor_id``, ``sample_id``, ``cell_id``,
        ``draw_day``, ``material``, ``build``, ``cell_tag`` and ``umi_tag`` may stand.
    build
        ``"GRCh37"`` or ``"GRCh38"``; ``"auto"`` tells it by the length of chromosome 17 in the header.
    genome
        FASTA file of the reference, with its index: needed for insertions and deletions, and for CRAM. Its bases are
        checked at every allele.
    variants
        Alleles to look for, as :func:`her2plastic.reference.erbb2_variants` gives them, which is the default.
    material
        What was sequenced: ``"leukocytes"``, ``"germline DNA"``, ``"normal tissue"`` (these tell the germline);
        ``"CTC"``, ``"tumour tissue"``, ``"cell-free DNA"``.
    donor_id, sample_id, cell_id, draw_day
        Whose file it is; the day is counted from the donor's day 0. Samples of a VCF file keep their names; that of an
        alignment is by default the name of the file, and the donor that of the sample.
    cell_tag
        Tag of the cell barcode in the reads (``"CB"`` of 10x): counts are then per cell, named
        ``sample_id:barcode``; None counts the file as a whole.
    umi_tag
        Tag of the molecule (``"UB"`` of 10x); None where there are no UMIs.
    barcodes
        Cells to count; by default all.
    min_base_quality, min_mapping_quality
        Phred qualities below which bases and reads are left out.

    Returns
    -------
    A row per sample (or cell) and allele: ``donor_id, sample_id, cell_id, draw_day, material, variant, hgvs_c, build,
    pos`` (1-based), ``ref, alt``; molecules, missing where the source does not tell: ``n_ref, n_alt, n_other,
    n_conflicting, n_ref_forward, n_alt_forward``; ``genotype`` (bases; only from variant files and tables),
    ``genotype_quality``, ``status`` (``ok``, or why nothing was seen; a site that is not in a VCF file is not known to
    be as the reference). Per cell, only alleles that are covered have rows. ``attrs["reads"]`` tells how many reads
    were left out and why.

    Raises
    ------
    InputFileError
        A file is cut short, has no index, or is no such file; a table has faulty rows.
    GenomeBuildError
        The build cannot be told, is contradicted, or a reference base does not match.
    SampleSheetError
        Files of a sheet cannot be read; ``problems`` lists them all.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import pandas as pd
    >>> counts = {"donor_id": "D01", "sample_id": "D01-plasma", "material": "cell-free DNA", "hgvs_c": "c.2264T>C"}
    >>> table = pd.DataFrame([counts | {"n_ref": 1042, "n_alt": 47}])
    >>> alleles = hp.io.read_alleles(table)
    >>> print(alleles[["donor_id", "variant", "n_ref", "n_alt"]].to_string(index=False))
    donor_id variant  n_ref  n_alt
         D01   L755S   1042     47
    """
    one_of("build", build, ("auto", *BUILDS))
    one_of(MATERIAL, material, MATERIALS)
    check_whole("min_base_quality", min_base_quality, least=0)
    check_whole("min_mapping_quality", min_mapping_quality, least=0)
    alleles = known_alleles(variants)
    who = {
        _keys.DONOR_ID: donor_id, _keys.SAMPLE_ID: sample_id, _keys.CELL_ID: cell_id, MATERIAL: material,
        _keys.DRAW_DAY: np.nan if draw_day is None else _day(draw_day),
    }  # fmt: skip
    reading = Reading(
        cell_tag, umi_tag, None if barcodes is None else _barcodes(barcodes), int(min_base_quality),
        int(min_mapping_quality),
    )  # fmt: skip
    if isinstance(source, pd.DataFrame):
        return _of_table(source, alleles, build, genome, who, reading, place="the table", root=Path())
    path = Path(source)
    kind = _kind_of(path)
    if kind == "table":
        return _of_table(read_frame(path), alleles, build, genome, who, reading, place=str(path), root=path.parent)
    if kind == "variants":
        return _finished(read_variants(path, alleles, build=build, genome=genome), who)
    for name, tag in (("cell_tag", cell_tag), ("umi_tag", umi_tag)):
        if tag is not None and not _TAG.fullmatch(tag):
            raise ParameterError(f"{name}={tag!r}: expected a tag of two characters, such as CB or UB")
    if reading.barcodes is not None and cell_tag is None:
        raise ParameterError("barcodes: without cell_tag no read has a barcode. Give cell_tag, such as 'CB'")
    counted = count_alignments(path, alleles, build=build, genome=genome, reading=reading)
    if reading.barcodes is None:
        _check_tags(path, reading, counted)
    who[_keys.SAMPLE_ID] = sample_id or path.name.partition(".")[0]
    if reading.cell_tag is not None:
        counted[_keys.CELL_ID] = [f"{sample_id}:{cell}" if sample_id else cell for cell in counted["cell"]]
    return _finished(counted, who)


def _barcodes(barcodes: Iterable[str]) -> frozenset[str]:
    """Return the barcodes asked for, or raise a ParameterError where they are none."""
    if isinstance(barcodes, str):
        raise ParameterError(f"barcodes={barcodes!r}: expected a list of barcodes, not one text")
    found = frozenset(map(str, barcodes))
    if not found:
        raise ParameterError("barcodes: holds no barcode. Leave it out to count all cells")
    return found


def _day(value: object) -> float:
    """Return a day as a number, or raise a ParameterError, as for a date."""
    if not is_number(str(value)):
        raise ParameterError(f"{_keys.DRAW_DAY}={value!r}: expected days since the donor's day 0, not a date")
    return float(str(value))


def _check_tags(path: Path, reading: Reading, counted: pd.DataFrame) -> None:
    """Raise an InputFileError where reads lie over the alleles, but none has the tag that was asked for."""
    reads = counted.attrs["reads"]
    for tag, missing in ((reading.cell_tag, "no cell barcode"), (reading.umi_tag, "no UMI")):
        if tag is not None and reads.get(missing, 0) and not counted[list(COUNTS)[:4]].to_numpy().any():
            raise InputFileError(
                f"{path}: none of {reads[missing]:,} reads over the alleles has the tag {tag!r}. Check cell_tag and "
                "umi_tag; leave them out for files without barcodes."
            )


def _kind_of(path: Path) -> str:
    name = path.name.lower()
    for kind, endings in _FORMATS.items():
        if name.endswith(endings):
            return kind
    known = ", ".join(ending for endings in _FORMATS.values() for ending in endings)
    raise InputFileError(f"{path}: its ending is not known; expected one of {known}.")


def _finished(table: pd.DataFrame, who: dict[str, Any]) -> pd.DataFrame:
    """Return the columns of the package in their order and type."""
    table = table.copy()
    for name, value in who.items():
        if name not in table:
            table[name] = value
        elif value not in ("", None) and value == value:
            table[name] = table[name].where(table[name].notna() & (table[name] != ""), value)
    text = ("genotype", _keys.DONOR_ID, _keys.SAMPLE_ID, _keys.CELL_ID, MATERIAL)
    for name in text:
        table[name] = table[name].fillna("").astype(str) if name in table else ""
    for name in COUNTS:
        table[name] = (table[name] if name in table else pd.Series(pd.NA, index=table.index)).astype("Int64")
    for name in ("genotype_quality", _keys.DRAW_DAY):
        table[name] = pd.to_numeric(table[name], errors="raise").astype(float) if name in table else np.nan
    for other in (_keys.SAMPLE_ID, _keys.CELL_ID):  # without a donor, samples are not taken for those of one
        table[_keys.DONOR_ID] = table[_keys.DONOR_ID].where(table[_keys.DONOR_ID] != "", table[other])
    attrs = table.attrs
    table = table[list(COLUMNS)].reset_index(drop=True)
    table.attrs = attrs
    return table


def _of_table(
    table: pd.DataFrame, alleles: pd.DataFrame, build: str, genome: str | Path | None, who: dict[str, Any],
    reading: Reading, *, place: str, root: Path,
) -> pd.DataFrame:  # fmt: skip
    if PATH not in table:
        return _finished(from_table(table, alleles, build=build, place=place), who)
    parts, problems = [], []
    of_all: dict[str, Any] = {"build": build, "cell_tag": reading.cell_tag, "umi_tag": reading.umi_tag}
    for number, row in enumerate(table.to_dict("records"), start=1):
        row = {str(key): value for key, value in row.items() if not pd.isna(value) and value != ""}
        said: dict[str, Any] = {key: str(row[key]) for key in _OF_FILE if key in row}
        day = row.get(_keys.DRAW_DAY)
        try:
            if _kind_of(Path(str(row.get(PATH, "")))) == "table":  # it could name itself
                raise InputFileError(f"{row[PATH]}: is a table; expected an alignment or a variant file")
            parts.append(read_alleles(
                root / str(row.get(PATH, "")), genome=genome, variants=alleles, barcodes=reading.barcodes,
                draw_day=None if day is None else _day(day),
                min_base_quality=reading.min_base_quality, min_mapping_quality=reading.min_mapping_quality,
                **(of_all | said),
            ))  # fmt: skip
        except (InputFileError, ParameterError, ValueError) as fault:
            problems.append(f"row {number}: {fault}")
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise SampleSheetError(f"{place}: {len(problems)} of {len(table)} files cannot be read:\n{listed}", problems)
    problems = _counted_twice(parts)
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise SampleSheetError(f"{place}: files that would count twice:\n{listed}", problems)
    return pd.concat(parts, ignore_index=True)


def _counted_twice(parts: list[pd.DataFrame]) -> list[str]:
    """Return the files that tell of the same sample, or cell, and allele as an earlier one."""
    found, first = [], dict[tuple[str, ...], int]()
    for number, part in enumerate(parts, start=1):
        told = part[part[STATUS] != NOT_IN_FILE]
        keys = told[[*WHO[:3], MATERIAL, "hgvs_c"]].drop_duplicates().itertuples(index=False, name=None)
        before = {first.setdefault(key, number): key for key in keys}
        before.pop(number, None)
        for earlier, key in sorted(before.items()):
            found.append(
                f"row {number}: the same sample as row {earlier} ({key[1]!r}); name them apart in {_keys.SAMPLE_ID}, "
                "or merge the files of one sample"
            )
    return found
