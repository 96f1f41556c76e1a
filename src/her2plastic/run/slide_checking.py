"""Everything about slides that can be known to be wrong before any computing, found at once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from her2plastic import _keys, io, reference
from her2plastic._errors import ConfigError, DataWarning, Her2plasticError, SampleSheetError
from her2plastic.io.image_columns import IMAGE_PATH
from her2plastic.io.slide_sheet import with_image
from her2plastic.run.folder import SLIDES, endangered, other_results, problem_of
from her2plastic.run.slide_config import SlidesConfig, load_slides_config
from her2plastic.run.slide_review import journal_paths, journal_problems

if TYPE_CHECKING:
    from her2plastic.io import Slide


@dataclass(frozen=True)
class SlidePlan:
    """A run over slides that may begin. Of the slides nothing but metadata has been read."""

    config: SlidesConfig
    config_folder: Path
    sheet_path: Path
    sheet: pd.DataFrame
    #: Those that can be opened: without ``keep_going``, all.
    slides: tuple[Slide, ...]
    files: tuple[Path, ...]
    #: All files and folders that the run reads, the configuration and the sheet included.
    inputs: tuple[Path, ...]
    #: What a person should know, though it is no obstacle.
    notes: tuple[str, ...]
    #: Why each of the others cannot be opened, by name.
    faults: Mapping[str, str] = field(default_factory=dict)


def check_slides(
    config: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    keep_going: bool = False,
) -> SlidePlan:
    """Validate a configuration of slides, its sheet, the head of every image, and the output folder.

    Parameters
    ----------
    config
        The configuration file.
    output
        The results folder; None leaves it out.
    force
        Whether the run may write to a folder that holds files of someone else's.
    keep_going
        Leave slides that cannot be opened to the run, which leaves them out.

    Returns
    -------
    What will be run.

    Raises
    ------
    ConfigError
        With every problem that was found, one a line.
    MissingExtraError
        When the packages that read images are not installed.
    """
    config_path = Path(config)
    problems: list[str] = []
    if output is not None:
        place = Path(output)
        problems += filter(None, [problem_of(place, force=force), other_results(place, SLIDES, force=force)])
    try:
        loaded = load_slides_config(config_path)
        sheet_path = config_path.parent / loaded.slides
        sheet = io.read_sheet(sheet_path)
    except (ConfigError, SampleSheetError) as error:
        raise _all([*(error.problems or (str(error),)), *problems]) from None
    except Her2plasticError as error:
        raise _all([str(error), *problems]) from None
    slides, notes, faults, found = _opened(sheet, keep_going=keep_going)
    problems += found
    if loaded.her2.calibration == "controls" and not _has_controls(sheet):
        problems.append(
            f"{config_path.name}: her2.calibration: controls needs control slides, but no row of {sheet_path.name} has "
            "a `control_line`"
        )
    problems += _unknown_lines(sheet, sheet_path.name)
    problems += _expression_problems(loaded.expression, config_path)
    journals = journal_paths(loaded.review, config_path.parent)
    problems += journal_problems(journals, name=config_path.name)
    if problems:
        raise _all(problems)
    sheet = with_image(sheet)  # rows of expression alone are for `her2plastic run`
    files = tuple(sheet_path.parent / str(path) for path in sheet[IMAGE_PATH])
    picked = () if loaded.expression is None else (config_path.parent / loaded.expression,)
    inputs = (config_path, sheet_path, *files, *picked, *journals)
    if output is not None and (problems := endangered(Path(output), inputs)):
        raise _all(problems)
    noted = (*notes, *_unlike(slides))
    return SlidePlan(loaded, config_path.parent, sheet_path, sheet, tuple(slides), files, inputs, noted, faults)


def _opened(sheet: pd.DataFrame, *, keep_going: bool) -> tuple[list[Slide], list[str], dict[str, str], tuple[str, ...]]:
    """Return the slides that can be opened, what is to be noted, the faults of the others, and what forbids the run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        try:
            faults = _faults(sheet) if keep_going else {}
            sampled = io.read_slides(sheet[~sheet[_keys.SAMPLE_ID].isin(list(faults))])
        except SampleSheetError as error:
            return [], [], {}, error.problems or (str(error),)
    notes = [str(warning.message) for warning in caught if issubclass(warning.category, DataWarning)]
    return [one.slide for one in sampled], notes, faults, ()


def _faults(sheet: pd.DataFrame) -> dict[str, str]:
    """Return why slides cannot be opened, by name. Where none can, there is no run, and none is set aside."""
    rows = with_image(sheet)
    tried = {str(name): open_slide(rows.loc[[place]]) for place, name in rows[_keys.SAMPLE_ID].items()}
    faults = {name: fault for name, (_, fault) in tried.items() if fault}
    return {} if len(faults) == len(rows) else faults


def open_slide(row: pd.DataFrame) -> tuple[Slide | None, str]:
    """Open the slide of a sheet of one row; return it, or why it cannot be opened."""
    try:
        (opened,) = io.read_slides(row)
    except SampleSheetError as error:
        said = "; ".join(error.problems) or str(error)
        return None, said.removeprefix(f"slide {row[_keys.SAMPLE_ID].iloc[0]!r}: ")
    return opened.slide, ""


def _unlike(slides: list[Slide]) -> list[str]:
    """Return what differs between slides and can be lived with."""
    said = []
    sizes = sorted({slide.pixel_size_um for slide in slides})
    if len(sizes) > 1 and sizes[-1] > 1.05 * sizes[0]:
        listed = ", ".join(f"{size:g}" for size in sizes)
        said.append(f"the slides differ in pixel size ({listed} um): measures of rim and shape do not compare")
    everywhere = {name for slide in slides for name in slide.channels}
    for name in sorted(everywhere):
        lacking = [slide.slide_id for slide in slides if not slide.has(name)]
        if lacking:
            said.append(f"channel {name} is missing on {', '.join(lacking[:8])}{', ...' if len(lacking) > 8 else ''}")
    return said


def _expression_problems(name: str | None, config_path: Path) -> list[str]:
    """Return why the expression of the picked cells cannot be used: it must have been called by a run."""
    if name is None:
        return []
    import h5py

    path = config_path.parent / name
    if not path.is_file():
        return [f"{config_path.name}: expression: {name} not found; name the cells.h5ad of a `her2plastic run`"]
    try:
        with h5py.File(path) as file:
            called = _keys.HER2_POSTERIOR in file.get("obsm", {})
    except OSError as error:
        return [f"{config_path.name}: expression: {name} is no h5ad file ({error})"]
    return [] if called else [
        f"{config_path.name}: expression: {name} has no HER2 states; run `her2plastic run` on the cells first"
    ]  # fmt: skip


def _unknown_lines(sheet: pd.DataFrame, name: str) -> list[str]:
    """Return the control lines whose HER2 is not known: they could not be used."""
    known = [*reference.control_lines().index, *_keys.IF_SCORES]
    lines = sorted({str(line) for line in sheet.get(_keys.CONTROL_LINE, pd.Series(dtype=object)).dropna()})
    strange = [line for line in lines if line and line not in known]
    return [f"{name}: control_line {line!r} is not known; options: {', '.join(known)}" for line in strange]


def _has_controls(sheet: pd.DataFrame) -> bool:
    return _keys.CONTROL_LINE in sheet and bool(sheet[_keys.CONTROL_LINE].fillna("").ne("").any())


def _all(problems: list[str]) -> ConfigError:
    return ConfigError("\n".join(problems), problems)
