"""Which build of the human genome a file is of, and how it names chromosome 17."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from her2plastic._errors import GenomeBuildError, one_of
from her2plastic.io.alleles.columns import BUILDS

#: Length of chromosome 17, by which the builds are told.
CHR17_LENGTH: Final = {"GRCh37": 81_195_210, "GRCh38": 83_257_441}
_NAMES: Final = ("chr17", "17", "Chr17", "CHR17", "NC_000017.10", "NC_000017.11", "CM000679.1", "CM000679.2")
#: Accessions of chromosome 17 that are of one build alone.
_BUILD_OF_NAME: Final = {
    "NC_000017.10": "GRCh37", "CM000679.1": "GRCh37", "NC_000017.11": "GRCh38", "CM000679.2": "GRCh38",
}  # fmt: skip
_WORDS: Final = {"GRCh37": ("grch37", "hg19", "b37", "hs37d5", "g1k_v37"), "GRCh38": ("grch38", "hg38", "b38", "hs38")}


def chr17_of(path: Path, contigs: Iterable[str]) -> str:
    """Return how a file names chromosome 17."""
    names = list(contigs)
    found = [name for name in _NAMES if name in names]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(map(repr, names[:5])) or "none"
    what = f"several sequences that may be chromosome 17 ({', '.join(found)})" if found else "no chromosome 17"
    raise GenomeBuildError(
        f"{path}: {what} among its {len(names)} sequences ({shown}{', ...' if len(names) > 5 else ''}); expected "
        f"{' or '.join(_NAMES[:2])}. ERBB2 lies on chromosome 17 of the human genome: check what the file was aligned "
        "to."
    )


def build_of(path: Path, lengths: Mapping[str, int | None], *, said: str, words: str = "") -> tuple[str, str]:
    """Return the build and the name of chromosome 17, from its length, from words of the header, or as said.

    Raises
    ------
    GenomeBuildError
        The length is of neither build, what is said contradicts the file, or nothing tells the build.
    """
    one_of("build", said, ("auto", *BUILDS))
    contig = chr17_of(path, lengths)
    length = lengths[contig]
    if length:
        told = next((name for name, known in CHR17_LENGTH.items() if known == length), None)
        if told is None:
            raise GenomeBuildError(
                f"{path}: {contig!r} is {length:,} bases long; expected {CHR17_LENGTH['GRCh37']:,} (GRCh37) or "
                f"{CHR17_LENGTH['GRCh38']:,} (GRCh38). Align to one of these, or give a table of counts."
            )
        by = f"its {contig!r} is {length:,} bases long"
    elif contig in _BUILD_OF_NAME:
        told, by = _BUILD_OF_NAME[contig], f"its chromosome 17 is {contig!r}"
    else:
        told = _build_of_words(path, words)
        by = "its header says so"
    if told is None and said == "auto":
        raise GenomeBuildError(
            f"{path}: nothing in the header tells the build of the genome. Say build='GRCh37' or build='GRCh38'."
        )
    if told is not None and said not in ("auto", told):
        raise GenomeBuildError(f"{path}: build={said!r} was said, but the file is of {told} ({by}). Builds do not mix.")
    return told or said, contig


def _build_of_words(path: Path, words: str) -> str | None:
    lowered = words.lower()
    found = [build for build, names in _WORDS.items() if any(name in lowered for name in names)]
    if len(found) > 1:
        raise GenomeBuildError(f"{path}: the header names both GRCh37 and GRCh38. Say build=... which one it is.")
    return found[0] if found else None
