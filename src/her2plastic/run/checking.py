"""Everything that can be known to be wrong before any computing, found at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from her2plastic import _keys, io
from her2plastic._errors import ConfigError, Her2plasticError, SampleSheetError
from her2plastic.io.sample_sheet import PATH
from her2plastic.io.sniff import sniff
from her2plastic.run.clinical import ClinicalTables, read_clinical
from her2plastic.run.config import RunConfig, load_config
from her2plastic.run.folder import CELLS, endangered, other_results, problem_of


@dataclass(frozen=True)
class Plan:
    """A run that may begin: its configuration, sample sheet, and input files in the order of the sheet."""

    config: RunConfig
    config_folder: Path
    sheet_path: Path
    sheet: pd.DataFrame
    files: tuple[Path, ...]
    #: All files and folders that the run reads, the configuration and the sheet included.
    inputs: tuple[Path, ...]
    #: Tissue, serum and alleles of the patients.
    clinical: ClinicalTables = ClinicalTables()


def check(
    config: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    keep_going: bool = False,
) -> Plan:
    """Validate a configuration, its sample sheet, the head of every input file, and the output folder.

    Parameters
    ----------
    config
        The configuration file.
    output
        The results folder; None leaves it out.
    force
        Whether the run may write to a folder that holds files of someone else's.
    keep_going
        Leave files of no known format to the run, which leaves out their samples.

    Returns
    -------
    What will be run.

    Raises
    ------
    ConfigError
        With every problem that was found, one a line.
    """
    config_path = Path(config)
    problems: list[str] = []
    if output is not None:
        place = Path(output)
        problems += filter(None, [problem_of(place, force=force), other_results(place, CELLS, force=force)])
    try:
        loaded = load_config(config_path)
    except ConfigError as error:
        raise _all([*error.problems, *problems]) from None
    sheet_path = config_path.parent / loaded.samples
    try:
        sheet = io.read_sheet(sheet_path)
    except SampleSheetError as error:
        raise _all([*(error.problems or (str(error),)), *problems]) from None
    except Her2plasticError as error:
        raise _all([str(error), *problems]) from None
    # rows about slides only have none
    paths = list(sheet[PATH].dropna()) if PATH in sheet else []
    files = tuple(dict.fromkeys(sheet_path.parent / str(path) for path in paths))
    if not files:
        problems.append(f"{sheet_path.name}: no row has a {PATH!r}. For slides alone use `her2plastic slide`")
    problems += [] if keep_going else _file_problems(files)
    clinical, faults = read_clinical(loaded, config_path.parent)
    problems += faults
    inputs = (config_path, sheet_path, *files, *(path for _, path in clinical.files))
    if output is not None:
        problems += endangered(Path(output), inputs)
    if loaded.her2.calibration == "controls" and not _has_controls(sheet):
        problems.append(
            f"{config_path.name}: her2.calibration: controls needs control cells, but no row of {sheet_path.name} has "
            f"a `label` ({', '.join(_keys.STATES)})"
        )
    if problems:
        raise _all(problems)
    return Plan(loaded, config_path.parent, sheet_path, sheet, files, inputs, clinical)


def _file_problems(files: tuple[Path, ...]) -> list[str]:
    """Open the head of every file and say which have no known format."""
    problems = []
    for path in files:
        try:
            sniff(path)
        except Her2plasticError as error:
            problems.append(str(error))
    return problems


def _has_controls(sheet: pd.DataFrame) -> bool:
    return _keys.LABEL in sheet and bool(sheet[_keys.LABEL].isin(_keys.STATES).any())


def _all(problems: list[str]) -> ConfigError:
    return ConfigError("\n".join(problems), problems)
