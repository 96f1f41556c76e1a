"""Allele counts and genotypes out of a table, checked row by row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pandas as pd

from her2plastic import _keys
from her2plastic._errors import GenomeBuildError, InputFileError, SampleSheetError
from her2plastic.io.alleles.columns import (
    BUILDS,
    COUNTS,
    MATERIAL,
    MATERIALS,
    NOT_COVERED,
    POSITION_OF_BUILD,
    SEEN,
    STATUS,
    WHO,
    allele_columns,
)
from her2plastic.io.alleles.maf import from_maf, is_maf
from her2plastic.io.day_fields import LAST_DAY
from her2plastic.io.number_columns import is_number
from her2plastic.io.text_rows import read_text_rows

_WHAT: Final = "table of alleles"
_IDENTITY: Final = ("hgvs_c", "variant", "hgvs_p", "rs", "pos")
#: Transcripts and proteins by which the alleles are numbered; others number them otherwise.
_NUMBERED_BY: Final = re.compile(
    r"^(ERBB2|NM_004448|NP_004439|ENST00000269571|ENSP00000269571)(\.\d+)?[ :]+", re.IGNORECASE
)
_BUILD_OF_WORD: Final = {"hg19": "GRCh37", "37": "GRCh37", "b37": "GRCh37", "hg38": "GRCh38", "38": "GRCh38"}
_EXPECTED: Final = (_keys.DONOR_ID, _keys.SAMPLE_ID, MATERIAL, "hgvs_c", "n_ref", "n_alt", "genotype")
_SHOWN: Final = 50
_LARGEST: Final = 2.0**40
_SEPARATORS: Final = re.compile(r"[/|]")


def from_table(table: pd.DataFrame, alleles: pd.DataFrame, *, build: str, place: str) -> pd.DataFrame:
    """Return a table of counts or genotypes with the columns of the package, or an error that lists every fault."""
    if table.empty:
        raise InputFileError(f"{place}: holds no rows.")
    if is_maf(table):
        table = from_maf(table, alleles, place=place)
    columns = set(table.columns)
    who = [name for name in (_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.CELL_ID) if name in columns]
    what = [name for name in _IDENTITY if name in columns]
    counts = {"n_ref", "n_alt"} <= columns
    if not who or not what or not (counts or "genotype" in columns):
        raise InputFileError(
            f"{place}: columns {', '.join(map(str, table.columns))}; expected {_keys.DONOR_ID}, {_keys.SAMPLE_ID} or "
            f"{_keys.CELL_ID}; one of {', '.join(_IDENTITY)} (with build); and n_ref and n_alt, or genotype."
        )
    problems: list[str] = []
    at = "line" if table.index.name == "line" else "row"
    lines = table.index if at == "line" else range(1, len(table) + 1)
    settled = _Settled(alleles, build)
    rows = [
        _row(f"{at} {line}", {str(name): None if _is_missing(value) else value for name, value in row.items()},
             settled, problems)
        for line, row in zip(lines, table.to_dict("records"), strict=True)
    ]  # fmt: skip
    problems += _repeated(rows, [f"{at} {line}" for line in lines]) if not problems else []
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        message = f"{place}: {len(problems)} faults in the {_WHAT}:\n{listed}{more}"
        if any("build" in problem for problem in problems):
            raise GenomeBuildError(message)
        raise SampleSheetError(message, problems)
    return pd.DataFrame(rows)


def _repeated(rows: list[dict[str, Any]], places: list[str]) -> list[str]:
    """Return the rows that have no name, or that say the same sample and allele again: they would count twice."""
    found, first = [], dict[tuple[str, ...], str]()
    for row, place in zip(rows, places, strict=True):
        who = tuple(str(row.get(key, "")) for key in (*WHO[:3], _keys.DRAW_DAY, MATERIAL))
        if not any(who[:3]):
            found.append(f"{place}: {', '.join(WHO[:3])} are all empty; expected at least one")
        elif (*who, row["hgvs_c"]) in first:
            found.append(f"{place}: the same sample and allele as {first[*who, row['hgvs_c']]}; expected one row")
        first.setdefault((*who, row["hgvs_c"]), place)
    return found


class _Settled:
    """Which allele a row is about, found once for all rows that name it alike."""

    def __init__(self, alleles: pd.DataFrame, build: str) -> None:
        self.alleles, self.build = alleles, build
        self._known: dict[tuple[Any, ...], tuple[dict[str, Any], list[str]]] = {}

    def of(self, row: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the columns of the allele, or what is wrong."""
        key = tuple(row.get(name) for name in (*_IDENTITY, "ref", "alt", "build"))
        if key not in self._known:
            self._known[key] = self._found(row)
        return self._known[key]

    def _found(self, row: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        own = str(row.get("build") or ("" if self.build == "auto" else self.build)).strip().removesuffix(".0")
        own = _BUILD_OF_WORD.get(own.lower(), own)
        if own and own not in BUILDS:
            return {}, [f"build {own!r}; expected one of {', '.join(BUILDS)}"]
        if own and self.build not in ("auto", own):
            return {}, [f"build {own!r}, but build={self.build!r} was said: builds do not mix"]
        problem: list[str] = []
        name = _allele(row, self.alleles, own, problem)
        if not name:
            return {}, problem
        columns = allele_columns(self.alleles.loc[[name]], own or "GRCh38").iloc[0]
        return {str(key): value for key, value in columns.items()}, []


def _row(place: str, row: dict[str, Any], settled: _Settled, problems: list[str]) -> dict[str, Any]:
    named, faults = settled.of(row)
    problem = list(faults)
    out = dict(named)
    if named:
        out |= _counts(row, problem) | _genotype(row, named, problem)
    if str(row.get(MATERIAL) or "") not in MATERIALS:
        problem.append(f"{MATERIAL} {row[MATERIAL]!r}; expected one of {', '.join(filter(None, MATERIALS))}")
    for key in WHO:
        if row.get(key) is not None:
            out[key] = _day(row[key], problem) if key == _keys.DRAW_DAY else str(row[key])
    if named and not problem:
        counted = sum(out.get(key) or 0 for key in ("n_ref", "n_alt", "n_other")) > 0
        out[STATUS] = str(row.get(STATUS) or (SEEN if counted or out.get("genotype") else NOT_COVERED))
    problems += [f"{place}: {text}" for text in problem]
    return out


def _day(value: Any, problem: list[str]) -> float:
    if not is_number(str(value)) or abs(float(value)) > LAST_DAY:
        problem.append(f"{_keys.DRAW_DAY} {value!r}; expected days since the donor's day 0, not a date")
        return float("nan")
    return float(value)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value != value or (isinstance(value, str) and not value.strip())


def _allele(row: dict[str, Any], alleles: pd.DataFrame, build: str, problem: list[str]) -> str:
    """Return which allele a row is about, by its name or by its position."""
    found = alleles
    said = []
    for key in ("hgvs_c", "variant", "hgvs_p", "rs"):
        if row.get(key) is not None:
            word = str(row[key]).strip()
            said.append(word)
            found = found[_named(found, word)]
    if row.get("pos") is not None and not said:
        if not build:
            problem.append(f"position {row['pos']} without a build; add the column build, or say build=...")
            return ""
        said.append(f"{build} {row['pos']}")
        found = found[found[POSITION_OF_BUILD[build]].astype(str) == str(row["pos"]).removesuffix(".0")]
    if len(found) and row.get("pos") is not None and build:
        here = found[found[POSITION_OF_BUILD[build]].astype(str) == str(row["pos"]).removesuffix(".0")]
        if here.empty:
            problem.append(
                f"{said[0]} at position {row['pos']}; in {build} it is at {found[POSITION_OF_BUILD[build]].iloc[0]}: "
                "the position is of another build"
            )
            return ""
        found = here
    for key in ("ref", "alt"):
        if row.get(key) is not None:
            found = found[found[key] == str(row[key]).strip().upper()]
            said.append(f"{key} {row[key]}")
    if len(found) == 1:
        return str(found.index[0])
    if found.empty:
        problem.append(f"{' '.join(said)}: no such allele among the {len(alleles)} that are looked for")
    else:
        problem.append(f"{' '.join(said)}: may be {' or '.join(found.index)}; say which in hgvs_c")
    return ""


def _named(alleles: pd.DataFrame, word: str) -> pd.Series:
    """Return which alleles have a name: coding, protein in one or three letters, or rs number."""
    bare = _NUMBERED_BY.sub("", word).strip().lower()
    matches = alleles.index.to_series().str.lower().str.removeprefix("c.") == bare.removeprefix("c.")
    for column in ("variant", "hgvs_p", "rs"):
        if column in alleles:
            names = alleles[column].astype(str).str.lower().str.replace(r"^p\.|[()]", "", regex=True)
            matches |= (names == re.sub(r"^p\.|[()]", "", bare)) & (names != "")
    return matches


def _counts(row: dict[str, Any], problem: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in COUNTS:
        value = row.get(key)
        if value is None:
            continue
        number = float(value) if is_number(str(value)) else -1.0
        if not 0 <= number < _LARGEST or number != int(number):
            problem.append(f"{key} {value!r}; expected a whole number of at least 0")
            continue
        found[key] = int(number)
    return found


def _genotype(row: dict[str, Any], allele: dict[str, Any], problem: list[str]) -> dict[str, Any]:
    said = row.get("genotype")
    if said is None:
        return {}
    text = str(said).strip().upper()
    ref, alt = allele["ref"], allele["alt"]
    words = _SEPARATORS.split(text) if _SEPARATORS.search(text) else list(text)
    if len(words) != 2 or not all(word and set(word) <= set("ACGT") for word in words):
        problem.append(
            f"genotype {said!r} of {allele['variant']}; expected two bases such as {ref}/{alt}: which of the two is "
            "called the variant differs between papers"
        )
        return {}
    if not set(words) <= {ref, alt}:
        problem.append(f"genotype {said!r} of {allele['variant']}; expected the bases {ref} and {alt}")
        return {}
    quality = row.get("genotype_quality")
    found: dict[str, Any] = {"genotype": "/".join(sorted(words, key=lambda word: word != ref))}
    return found | ({} if quality is None else {"genotype_quality": float(quality)})


def read_frame(path: Path) -> pd.DataFrame:
    """Read a CSV or TSV file as text; the index is the line of each row."""
    rows, lines, problems = read_text_rows(path, what=_WHAT, columns=_EXPECTED)
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise SampleSheetError(f"{path}: {len(problems)} faults in the {_WHAT}:\n{listed}", problems)
    frame = pd.DataFrame(rows[1:], columns=rows[0], index=pd.Index(lines[1:], name="line"), dtype=str)
    return frame.apply(lambda column: column.str.strip())
