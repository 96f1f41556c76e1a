"""Gene names: Ensembl ids, old aliases, spreadsheet dates, and the names that are missing."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from her2plastic import reference
from her2plastic._errors import DataWarning, GeneError
from her2plastic.io.spreadsheet_dates import SpreadsheetDates, check_not_dates

ENSEMBL = re.compile(r"(ENSG\d{11})(\.\d+)?(_PAR_Y)?$")
_OTHER_ENSEMBL = re.compile(r"ENS(MUS|RNO|DAR|[A-Z]{3})G\d{11}")
# Two names in one: ENSG00000141736.13_ERBB2 (RSEM), ERBB2|ENSG..., ERBB2|2064 (TCGA: symbol and Entrez id).
_ID_AND_SYMBOL = re.compile(r"(ENSG\d{11}(?:\.\d+)?)[_|:;](.+)")
_SYMBOL_AND_ID = re.compile(r"(.+?)(?:[_:;](?=ENSG)|\|)(ENSG\d{11}(?:\.\d+)?|\d+)")
# ERBB2 (2064), as DepMap writes it.
_SYMBOL_AND_ID_IN_BRACKETS = re.compile(r"(.+?) ?\((ENSG\d{11}(?:\.\d+)?|\d+)\)")
# ERBB2__chr17, as the CEL-seq programs write it.
_SYMBOL_AND_CHROMOSOME = re.compile(r"(.+?)__(chr\w+)")
_DOUBLE_NAMES = (
    (_ID_AND_SYMBOL, False),
    (_SYMBOL_AND_ID, True),
    (_SYMBOL_AND_ID_IN_BRACKETS, True),
    (_SYMBOL_AND_CHROMOSOME, True),
)
_SEPARATED = re.compile(r"\||ENSG[\d.]*[_:;]|[_:;]ENSG|\)$|__chr", re.MULTILINE)
_SHOWN = 5
#: Share of the names from which Ensembl ids among symbols, or symbols among ids, are a second naming.
_SECOND_NAMING = 0.1
UNNAMED = "unnamed gene"
#: Spike-ins of the External RNA Controls Consortium. R writes a point, and some annotations an underscore, where the
#: consortium has a hyphen.
SPIKE_IN = re.compile(r"ERCC[-._]\d{5}", re.IGNORECASE)


@dataclass(frozen=True)
class NamedGenes:
    """Current symbol of each row or column of genes (not yet unique), its Ensembl id, and what was changed."""

    symbol: np.ndarray
    gene_id: np.ndarray | None
    details: dict[str, list[str]] = field(default_factory=dict)


@cache
def known_genes() -> frozenset[str]:
    """Return every gene name that the package's tables hold: symbols, aliases and Ensembl ids."""
    aliases = reference.gene_aliases()
    symbols = {gene for genes in reference.panels().values() for gene in genes}
    return frozenset({*aliases, *aliases.values(), *reference.amplicon()["gene"], *symbols})


def known_share(names: Iterable[str]) -> float:
    """Return the share of names that are genes that the package knows, or human Ensembl ids."""
    listed, _ = _split_double_names([str(name) for name in names])
    known = known_genes()
    found = sum(name in known or name.upper() in known or bool(ENSEMBL.match(name)) for name in listed)
    return found / len(listed) if listed else 0.0


def name_genes(
    path: Path, names: np.ndarray, *, gene_id: np.ndarray | None, require: Iterable[str], dates: SpreadsheetDates
) -> NamedGenes:
    """Give genes their current symbols.

    Parameters
    ----------
    path
        The file, for messages.
    names, gene_id
        Names as the file has them, and Ensembl ids where it has them apart from the names.
    require
        Symbols without which the table is of no use.
    dates
        ``"error"`` or ``"keep"``: what to do with names that a spreadsheet turned into dates.

    Returns
    -------
    Symbols. An Ensembl id without a known symbol stays, without its version. A gene without a name has its id for
    one, or "unnamed gene". Where a tenth of the names or more are Ensembl ids and another tenth are not,
    ``details["mixed_namings"]`` says how many, and a DataWarning unless the file has ids of its own (annotations call
    genes without a symbol by their id): the same gene may then stand there under two names that nothing joins.

    Raises
    ------
    GeneError
        For names that are dates or bare numbers, genes of another species, one gene under two namings, genes of the
        package of which some have symbols and some have ids, and a table without a required gene.
    """
    symbol, found_id = _split_double_names([str(name).strip() for name in names])
    if gene_id is None and found_id is not None:
        gene_id = found_id
    has_ids = gene_id is not None
    details: dict[str, list[str]] = {}
    symbol = _named(symbol, gene_id, details)
    if not (kept := check_not_dates(path, symbol, dates)) == []:
        details["spreadsheet_dates_kept"] = kept
    _check_not_numbers(path, symbol)
    ids = {name: match.group(1) for name in symbol if name.startswith("ENSG") and (match := ENSEMBL.match(name))}
    if gene_id is None and len(ids) > len(symbol) / 2:
        gene_id = np.array(symbol, dtype=object)
    current = _current_symbols(path, symbol, ids, details)
    _check_mixture(path, symbol, ids, details, has_ids=has_ids)
    symbol = current
    _check_required(path, symbol, require)
    return NamedGenes(np.array(symbol, dtype=object), _without_versions(gene_id), details)


def _split_double_names(names: list[str]) -> tuple[list[str], np.ndarray | None]:
    """Split names that hold a symbol and an id, if most names do."""
    if not _SEPARATED.search("\n".join(names)):
        return names, None
    for pattern, symbol_first in _DOUBLE_NAMES:
        matches = [pattern.fullmatch(name) for name in names]
        if sum(map(bool, matches)) <= len(names) / 2:
            continue
        symbol = [
            match.group(1 if symbol_first else 2) if match else name for match, name in zip(matches, names, strict=True)
        ]
        ids = [match.group(2 if symbol_first else 1) if match else "" for match in matches]
        return symbol, np.array(ids, dtype=object) if any(ENSEMBL.match(item) for item in ids) else None
    return names, None


def _named(symbol: list[str], gene_id: np.ndarray | None, details: dict[str, list[str]]) -> list[str]:
    """Name genes without a symbol by their id."""
    if all(symbol):
        return symbol
    ids = [""] * len(symbol) if gene_id is None else [str(name).strip() for name in gene_id]
    details["genes_without_a_symbol"] = [str(symbol.count(""))]
    return [name or key or UNNAMED for name, key in zip(symbol, ids, strict=True)]


def _check_mixture(
    path: Path, symbol: list[str], ids: dict[str, str], details: dict[str, list[str]], *, has_ids: bool
) -> None:
    """Raise a GeneError, or warn, where symbols and Ensembl ids stand side by side as names."""
    n_ids = sum(name in ids for name in symbol)
    n_others = sum(name not in ids and SPIKE_IN.fullmatch(name) is None for name in symbol) if n_ids else len(symbol)
    if min(n_ids, n_others) < max(_SECOND_NAMING * len(symbol), 1):
        return
    aliases = reference.gene_aliases()
    known = {key for key in ids.values() if key in aliases}
    symbols = known_genes().intersection(name for name in symbol if name not in ids)
    if min(len(known), len(symbols)) >= max(_SECOND_NAMING * (len(known) + len(symbols)), 2):
        raise GeneError(
            f"{path}: mixes two namings: {n_ids:,} of {len(symbol):,} names are Ensembl ids, the others are not, and "
            f"genes such as {aliases[min(known)]} ({min(known)}) have ids where {min(symbols)} has its symbol. Use "
            "symbols or Ensembl ids throughout."
        )
    details["mixed_namings"] = [f"{n_ids} Ensembl ids", f"{n_others} other names"]
    if not has_ids:
        warnings.warn(
            f"{path}: {n_ids:,} of {len(symbol):,} gene names are Ensembl ids, the others are not. They are kept as "
            "they are: a gene that stands there under both is counted apart.",
            DataWarning,
            stacklevel=2,
        )


def _check_not_numbers(path: Path, names: list[str]) -> None:
    if sum(map(str.isdigit, names)) > len(names) / 2:
        raise GeneError(
            f"{path}: gene names are bare numbers ({', '.join(names[:_SHOWN])}, ...): Entrez ids, or the row "
            "numbers of a "
            "table without names. Expected symbols (ERBB2) or Ensembl ids (ENSG00000141736)."
        )


def _current_symbols(path: Path, names: list[str], ids: dict[str, str], details: dict[str, list[str]]) -> list[str]:
    """Replace Ensembl ids and old names of the genes that the package knows.

    ``ids`` holds the names that are Ensembl ids, with their ids without version.
    """
    aliases, present = _aliases_as_written_by_r(), set(names)
    old = {name: key for name in present if (key := ids.get(name) or name.upper()) in aliases and aliases[key] != name}
    meant: dict[str, set[str]] = defaultdict(set)
    for key in old.values():
        meant[aliases[key]].add(key)
    _check_one_naming(path, meant, present)
    # HER2 beside ERBB2 is not the same row twice (it may be an antibody): it is not added to ERBB2.
    left = {name for name, key in old.items() if aliases[key] in present}
    current = ids | {name: aliases[key] for name, key in old.items() if name not in left}
    if renamed := sorted(name for name in old if name not in ids and name not in left):
        details["renamed"] = [f"{name} -> {current[name]}" for name in renamed]
    if left:
        details["aliases_left"] = sorted(left)
    return [current.get(name, name) for name in names] if current else names


@cache
def _aliases_as_written_by_r() -> dict[str, str]:
    """Return the aliases, and beside them every name with a hyphen as make.names of R writes it: MT.CO1."""
    aliases = reference.gene_aliases()
    with_hyphen = {*aliases, *known_genes()}
    dotted = {name.replace("-", "."): aliases.get(name, name) for name in with_hyphen if "-" in name}
    return dotted | dict(aliases)


def _check_one_naming(path: Path, meant: dict[str, set[str]], present: set[str]) -> None:
    twice = {gene: keys for gene, keys in meant.items() if gene in present and any(ENSEMBL.match(key) for key in keys)}
    several = {gene: keys for gene, keys in meant.items() if gene not in present and len(keys) > 1}
    if twice:
        gene, keys = next(iter(twice.items()))
        raise GeneError(
            f"{path}: mixes two namings: {gene} stands beside {', '.join(sorted(keys))}, which is the same gene "
            f"({len(twice)} such genes). Use symbols or Ensembl ids throughout."
        )
    if several:
        gene, keys = next(iter(several.items()))
        raise GeneError(
            f"{path}: {', '.join(sorted(keys))} all mean {gene}, and {gene} itself is not there. "
            f"Rename the one that is {gene}, and drop or rename the others."
        )


def _check_required(path: Path, symbol: list[str], require: Iterable[str]) -> None:
    present = set(symbol)
    aliases = reference.gene_aliases()
    for gene in require:
        if gene in present:
            continue
        looked_for = [gene, *sorted(alias for alias, target in aliases.items() if target == gene)]
        raise GeneError(
            f"{path}: gene {gene} not found among {len(symbol):,} gene names (first: "
            f"{', '.join(symbol[:_SHOWN])}). Looked "
            f"for: {', '.join(looked_for)}.{_other_species(gene, symbol, present)} If these are not genes, say "
            "where genes "
            "stand with genes_in='rows' or 'columns'."
        )


def _other_species(gene: str, symbol: list[str], present: set[str]) -> str:
    foreign = next((name for name in symbol[:100] if _OTHER_ENSEMBL.match(name)), None)
    if foreign is not None:
        return f" {foreign} is an id of another species: human genes are expected."
    for spelled, species in ((gene.capitalize(), "mouse or rat"), (gene.lower(), "zebrafish")):
        if spelled in present:
            return (
                f" {spelled!r} is there: the names are those of {species}. Human genes are expected; translate "
                "them to their human orthologues first."
            )
    return ""


def _without_versions(gene_id: np.ndarray | None) -> np.ndarray | None:
    if gene_id is None:
        return None
    return np.array(
        [name if name[-12:-11] == "G" and name.isalnum() else _base_id(name) for name in map(str, gene_id)],
        dtype=object,
    )


def _base_id(name: str) -> str:
    match = ENSEMBL.match(name)
    return match.group(1) if match else name
