"""Genotypes and allele depths out of VCF and BCF files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from her2plastic import _keys
from her2plastic._errors import GenomeBuildError, Her2plasticError, InputFileError, from_extra
from her2plastic.io.alleles.columns import (
    BUILDS,
    FAILED,
    NOT_COVERED,
    NOT_IN_FILE,
    POSITION_OF_BUILD,
    SEEN,
    STATUS,
    allele_columns,
    is_indel,
)
from her2plastic.io.alleles.genome import open_genome
from her2plastic.io.alleles.genome_build import build_of
from her2plastic.io.alleles.sites import AROUND, spelled
from her2plastic.models.left_alignment import left_aligned, trimmed

if TYPE_CHECKING:
    import pandas as pd

#: What stands for "as the reference" in files that also tell where there is no variant.
_SAME_AS_REFERENCE: Final = ("<NON_REF>", "<*>")
# Records that begin further away do not reach an allele, unless they are blocks: those are found by the index.
_REACH: Final = 100


def read_variants(path: Path, alleles: pd.DataFrame, *, build: str, genome: str | Path | None) -> pd.DataFrame:
    """Return genotypes and depths of a VCF or BCF file, a row per sample and allele."""
    import pandas as pd

    with opened_variants(path) as file:
        header = file.header
        samples = list(header.samples)
        if not samples:
            raise InputFileError(f"{path}: holds no samples, so no genotypes. Give the file with its genotype columns.")
        lengths = {name: contig.length for name, contig in header.contigs.items()}
        lengths = lengths or _contigs_of_index(file)
        build, contig = build_of(path, lengths, said=build, words=_words(header))
        fasta, its_contig = (None, contig) if genome is None else open_genome(genome, build=build, alleles=alleles)
        try:
            named = allele_columns(alleles, build)
            spellings = [_spelling(row, fasta, its_contig) for row in named.itertuples(index=False)]
            found = _records(path, file, contig, named, spellings, fasta, its_contig)
            if not found and not lengths[contig]:  # the build is only what was said
                _check_other_build(path, file, contig, alleles, build)
        finally:
            if fasta is not None:
                fasta.close()
    rows = [
        {_keys.SAMPLE_ID: sample, "number": number, **found.get((number, sample), {STATUS: NOT_IN_FILE})}
        for sample in samples
        for number in range(len(named))
    ]
    table = pd.DataFrame(rows)
    return pd.concat([named.iloc[table["number"]].reset_index(drop=True), table.drop(columns="number")], axis=1)


@contextmanager
def opened_variants(path: Path) -> Iterator[Any]:
    """Open a VCF or BCF file, or say what is wrong with it."""
    pysam = from_extra("pysam", extra="clinical")
    if not path.is_file():
        raise InputFileError(f"{path}: no such file. Check the path.")
    loudness = pysam.set_verbosity(0)
    try:
        with _open(pysam, path) as file:
            yield file
    except (OSError, ValueError) as fault:
        if isinstance(fault, Her2plasticError):
            raise
        raise InputFileError(
            f"{path}: cannot be read as a VCF or BCF file ({fault}). It may be cut short: copy it again."
        ) from fault
    finally:
        pysam.set_verbosity(loudness)


def _open(pysam: Any, path: Path) -> Any:
    try:
        return pysam.VariantFile(str(path))
    except NotImplementedError as fault:  # htslib cannot go back to the first record of such a file
        raise InputFileError(
            f"{path}: is compressed by gzip, in which no place can be found. Compress it by bgzip: gunzip {path.name}, "
            f"then bgzip {path.stem}"
        ) from fault


def _contigs_of_index(file: Any) -> dict[str, int | None]:
    """Return the sequences that the records are of, where the header names none."""
    found: dict[str, int | None] = {}
    for record in file:
        found.setdefault(record.chrom, None)
    file.reset()
    return found


def _words(header: Any) -> str:
    """Return what the header tells of the reference."""
    kept = ("reference", "assembly", "contig")
    return "\n".join(str(record) for record in header.records if str(record.key) in kept)


def _spelling(row: Any, fasta: Any | None, contig: str) -> tuple[int, str, str]:
    if is_indel(row.ref, row.alt) and fasta is not None:
        indel = spelled(0, int(row.pos) - 1, row.ref, row.alt, genome=fasta, contig=contig)
        return indel.pos, indel.ref, indel.alt
    return int(row.pos) - 1, row.ref, row.alt


def _records(
    path: Path, file: Any, contig: str, named: pd.DataFrame, spellings: list[tuple[int, str, str]], fasta: Any | None,
    fasta_contig: str,
) -> dict[tuple[int, str], dict[str, Any]]:  # fmt: skip
    """Return what the records say of each allele and sample; a record that has the allele goes before others."""
    first = min(pos for pos, _, _ in spellings)
    last = max(pos + len(ref) for pos, ref, _ in spellings)
    records = file.fetch(contig, max(first - _REACH, 0), last + _REACH) if file.index is not None else file
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for record in records:
        if record.chrom != contig or record.stop <= first or record.start > last:
            continue
        given = _spellings_of(record, fasta, fasta_contig)
        for number, (pos, ref, alt) in enumerate(spellings):
            place = _place_of(record, (pos, ref, alt), given)
            if place is None and not record.start <= pos < record.stop:
                continue
            _check_base(path, record, pos, ref, named.iloc[number])
            for sample in record.samples:
                if place is not None or (number, sample) not in found:
                    found[number, sample] = _genotype(record, sample, place, (pos, ref, alt))
    return found


def _check_other_build(path: Path, file: Any, contig: str, alleles: pd.DataFrame, build: str) -> None:
    """Raise GenomeBuildError where nothing lies on the alleles of the build, but records on those of another."""
    for other in (name for name in BUILDS if name != build):
        there = set(zip(alleles[POSITION_OF_BUILD[other]], alleles["ref"], strict=True))
        if file.index is None:
            file.reset()
        places = [int(pos) for pos, _ in there]
        for record in file if file.index is None else file.fetch(contig, min(places) - 1, max(places)):
            if record.chrom == contig and (record.pos, record.ref.upper()) in there:
                raise GenomeBuildError(
                    f"{path}: build={build!r} was said, but records lie on alleles as {other} has them, such as "
                    f"{contig}:{record.pos}. Read it with build={other!r} if that is what it is; builds do not mix."
                )


def _check_base(path: Path, record: Any, pos: int, ref: str, allele: Any) -> None:
    """Raise GenomeBuildError where the file's reference base is not the one known."""
    offset = pos - record.start
    there = record.ref.upper()[offset : offset + len(ref)] if offset >= 0 else ""
    if there and there[0] in "ACGT" and not ref.startswith(there):
        raise GenomeBuildError(
            f"{path}: at {record.chrom}:{pos + 1} the file has the reference base {there}, {allele['build']} has {ref} "
            f"({allele['variant']}). The file is of another build, or its alleles are swapped: report them by the "
            "forward strand of the reference."
        )


def _spellings_of(record: Any, fasta: Any | None, contig: str) -> list[tuple[int, str, str] | None]:
    """Return each allele of a record in its one spelling; None for those without bases of their own."""
    found: list[tuple[int, str, str] | None] = []
    for given in record.alts or ():
        if not set(given.upper()) <= set("ACGT"):
            found.append(None)
            continue
        spelling = trimmed(record.start, record.ref.upper(), given.upper())
        if fasta is not None and is_indel(*spelling[1:]):
            start = max(spelling[0] - AROUND, 0)
            context = fasta.fetch(contig, start, spelling[0] + len(spelling[1])).upper()
            spelling = left_aligned(*spelling, context=context, start=start)
        found.append(spelling)
    return found


def _place_of(record: Any, wanted: tuple[int, str, str], given: list[tuple[int, str, str] | None]) -> int | None:
    """Return which allele of the record is the one that is looked for."""
    pos, ref, alt = wanted
    for place, spelling in enumerate(given, start=1):
        if spelling is None:
            continue
        if spelling == wanted:
            return place
        text = record.alts[place - 1].upper()
        several = len(ref) == len(alt) == 1 and len(text) == len(record.ref) and record.start <= pos < record.stop
        if several and text[pos - record.start] == alt:
            return place
    return None


def _genotype(record: Any, sample: str, place: int | None, wanted: tuple[int, str, str]) -> dict[str, Any]:
    pos, ref, alt = wanted
    call = record.samples[sample]
    numbers = call.get("GT") or ()
    words = [alt if number == place else _word(record, number, pos, ref) for number in numbers if number is not None]
    whole = len(words) == 2 and len(numbers) == 2
    row: dict[str, Any] = {"genotype": "/".join(sorted(words, key=lambda word: (word != ref, word))) if whole else ""}
    depths = call.get("AD") if "AD" in call else None
    if depths is not None and depths[0] is not None and len(depths) == len(record.alleles):
        known = [int(depth or 0) for depth in depths]
        row["n_ref"], row["n_alt"] = known[0], known[place] if place else 0
        row["n_other"] = sum(known) - row["n_ref"] - row["n_alt"]
    elif place is None and "DP" in call and whole and set(numbers) == {0} and call["DP"] is not None:
        row |= {"n_ref": int(call["DP"]), "n_alt": 0, "n_other": 0}
    if "GQ" in call and call["GQ"] is not None:
        row["genotype_quality"] = float(call["GQ"])
    failed = [name for name in record.filter if name not in ("PASS", ".")]
    seen = whole or any(row.get(name) for name in ("n_ref", "n_alt", "n_other"))
    row[STATUS] = f"{FAILED} {', '.join(failed)}" if failed else (SEEN if seen else NOT_COVERED)
    return row


def _word(record: Any, number: int, pos: int, ref: str) -> str:
    """Return an allele of a record as it reads at one place."""
    if number == 0:
        return ref
    given = record.alleles[number].upper()
    if given in _SAME_AS_REFERENCE:
        return "?"
    if len(ref) == 1 and len(given) == len(record.ref):
        return given[pos - record.start]
    return given
