"""What is known of the patients around their cells: tissue, serum HER2 and ERBB2 alleles of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import pandas as pd

from her2plastic import _keys, io, tl
from her2plastic._access import patient_cells
from her2plastic._errors import Her2plasticError, SampleSheetError
from her2plastic.io.alleles.count_tables import read_frame
from her2plastic.io.alleles.reading import PATH, TABLES
from her2plastic.reference.serum import CUTOFF_NG_ML
from her2plastic.run.clock import StepClock
from her2plastic.run.config import RunConfig

if TYPE_CHECKING:
    from anndata import AnnData

#: The steps, with what each does.
CLINICAL_STEPS: Final = {
    "io.read_alleles": "Reading the ERBB2 alleles",
    "tl.concordance": "Comparing tissue with CTCs",
    "tl.serum": "Following serum HER2",
    "tl.variants": "Telling germline and somatic ERBB2 alleles apart",
}
_SHOWN: Final = 5
_T = TypeVar("_T")


@dataclass(frozen=True)
class ClinicalTables:
    """The tables of a configuration: those that are small are read, that of the alleles is only known to be there."""

    tissue: pd.DataFrame | None = None
    serum: pd.DataFrame | None = None
    alleles_path: Path | None = None
    genome_path: Path | None = None
    #: Every file, with its role.
    files: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True)
class ClinicalFindings:
    """What was found of the patients; None where there was no table, or nothing could be asked."""

    #: A row per specimen with its HER2 status.
    tissue: pd.DataFrame | None = None
    concordance: tl.Concordance | None = None
    #: A row per visit.
    visits: pd.DataFrame | None = None
    serum: tl.Serum | None = None
    variants: tl.Variants | None = None
    #: Cut-off of serum HER2 that was said beforehand, ng/mL.
    cutoff: float = CUTOFF_NG_ML
    notes: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether there is anything to show."""
        return any(part is not None for part in (self.tissue, self.visits, self.variants))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of the results folder by file name."""
        found = {}
        if self.tissue is not None:
            found["tissue.csv"] = self.tissue
        if self.concordance is not None:
            found["concordance.csv"] = self.concordance.to_frame()
        if self.visits is not None:
            found["serum.csv"] = self.visits
        if self.serum is not None and self.serum.status == "ok":
            found["serum_effects.csv"] = self.serum.to_frame()
        if self.variants is not None:
            found["alleles.csv"] = self.variants.to_frame()
        return found


def read_clinical(config: RunConfig, folder: Path) -> tuple[ClinicalTables, list[str]]:
    """Read the tables that a configuration names, and return every fault in them."""
    tables, problems, files = ClinicalTables(), [], []
    for role, named in (("tissue", config.tissue), ("serum", config.serum), ("alleles", config.alleles)):
        if named.table is None:
            continue
        path = folder / named.table
        if not path.is_file():
            problems.append(f"{role}.table: {named.table} not found beside the configuration")
            continue
        files.append((role, path))
        try:
            if role == "tissue":
                tables = replace(tables, tissue=_tissue(path))
            elif role == "serum":
                told = config.serum
                visits = io.read_serum(path, unit=told.unit, ng_per_unit=told.ng_per_unit, repeats=told.repeats)
                tables = replace(tables, serum=visits)
            else:
                problems += _alleles_faults(path, config)
                tables = replace(tables, alleles_path=path)
        except SampleSheetError as error:
            found = error.problems or [str(error)]
            problems += [text if path.name in text else f"{path.name}, {text}" for text in found]
        except Her2plasticError as error:
            problems.append(str(error))
    genome = config.alleles.genome
    if genome is not None:
        tables = replace(tables, genome_path=folder / genome)
        problems += [] if (folder / genome).is_file() else [f"alleles.genome: {genome} not found"]
    return replace(tables, files=tuple(files)), problems


def _alleles_faults(path: Path, config: RunConfig) -> list[str]:
    """Return what is wrong with a table of alleles; alignments and variant files are only known to be there."""
    if not path.name.lower().endswith(TABLES):
        return []
    sheet = read_frame(path)
    if PATH not in sheet:
        io.read_alleles(path, build=config.alleles.build)
        return []
    return [
        f"{path.name}, line {line}, column {PATH!r}: {name!r} not found beside the sheet"
        for line, name in zip(sheet.index, sheet[PATH], strict=True)
        if not name or not (path.parent / name).is_file()
    ]


def _tissue(path: Path) -> pd.DataFrame:
    """Return the specimens with their status; a table that cannot be judged is a fault of the input."""
    table = io.read_tissue(path)
    status = tl.tissue_status(table)
    return pd.concat([table, status.drop(columns=[name for name in status if name in table])], axis=1)


def ask_clinical(adata: AnnData, config: RunConfig, tables: ClinicalTables, clock: StepClock) -> ClinicalFindings:
    """Ask what the tables allow, and compare them with the cells.

    Parameters
    ----------
    adata
        Cells with HER2 states. Results are recorded in it.
    config
        What the run was told.
    tables
        The tables.
    clock
        Announces and times the steps.

    Returns
    -------
    The findings. What could not be asked is a note with the reason.

    Raises
    ------
    Her2plasticError
        Where the alleles cannot be read.
    """
    notes: list[str] = []
    found = ClinicalFindings(tables.tissue, visits=tables.serum, cutoff=config.serum.cutoff, notes=notes)
    if tables.alleles_path is not None:
        told = config.alleles
        with clock.step("io.read_alleles"):
            alleles = io.read_alleles(tables.alleles_path, build=told.build, genome=tables.genome_path)
        with clock.step("tl.variants"):
            found = replace(found, variants=_tried("tl.variants", notes, lambda: tl.variants(alleles, adata=adata)))
    if tables.tissue is not None or _has_tissue(adata):

        def compare() -> tl.Concordance:
            return tl.concordance(
                adata, tissue=tables.tissue, which=config.tissue.which, seed=config.seed,
                n_null=config.transitions.n_null, level=config.transitions.level,
            )  # fmt: skip

        with clock.step("tl.concordance"):
            found = replace(found, concordance=_tried("tl.concordance", notes, compare))
    if tables.serum is not None:
        visits = tables.serum
        with clock.step("tl.serum"):
            serum = _tried("tl.serum", notes, lambda: tl.serum(visits, cutoff=config.serum.cutoff, seed=config.seed))
            found = replace(found, serum=serum)
    notes += _strangers(adata, tables, found)
    return found


def _tried(step: str, notes: list[str], ask: Callable[[], _T]) -> _T | None:
    try:
        return ask()
    except Her2plasticError as error:
        notes.append(f"{step} was not done: {error}")
        return None


def _has_tissue(adata: AnnData) -> bool:
    return _keys.IHC in adata.obs and bool(adata.obs[_keys.IHC].notna().any())


def _strangers(adata: AnnData, tables: ClinicalTables, found: ClinicalFindings) -> list[str]:
    """Return the patients of a table of whom there is no cell: often a name that is spelled in two ways."""
    known = {str(name) for name in adata.obs[_keys.DONOR_ID][patient_cells(adata)].unique()}
    alleles = None if found.variants is None else found.variants.to_frame()
    notes = []
    for role, table in (("tissue", tables.tissue), ("serum", tables.serum), ("alleles", alleles)):
        if table is None:
            continue
        listed = {str(name) for name in table[_keys.DONOR_ID].unique()} - {""}
        names = sorted(listed - known)
        if names:
            shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
            notes.append(
                f"{role}: {len(names)} of {len(listed)} patients have no cells here ({shown}) and are in the analysis "
                f"of {role} alone; where cells were expected, the sample sheet spells the donor otherwise"
            )
    return notes
