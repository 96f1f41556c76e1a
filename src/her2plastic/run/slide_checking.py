"""Everything about slides that can be known to be wrong before any computing, found at once."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from her2plastic import _keys, io
from her2plastic._errors import ConfigError, DataWarning, Her2plasticError, SampleSheetError
from her2plastic.run.folder import problem_of
from her2plastic.run.slide_config import SlidesConfig, load_slides_config

if TYPE_CHECKING:
    from her2plastic.io import Slide


@dataclass(frozen=True)
class SlidePlan:
    """A run over slides that may begin. Of the slides nothing but metadata has been read."""

    config: SlidesConfig
    config_folder: Path
    sheet_path: Path
    sheet: pd.DataFrame
    slides: tuple[Slide, ...]
    files: tuple[Path, ...]
    #: What a person should know, though it is no obstacle.
    notes: tuple[str, ...]


def check_slides(
    config: str | os.PathLike[str], *, output: str | os.PathLike[str] | None = None, force: bool = False
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
    problem = problem_of(Path(output), force=force) if output is not None else ""
    problems = [problem] if problem else []
    try:
        loaded = load_slides_config(config_path)
        sheet_path = config_path.parent / loaded.slides
        sheet = _sheet(sheet_path)
    except (ConfigError, SampleSheetError) as error:
        raise _all([*(error.problems or (str(error),)), *problems]) from None
    except Her2plasticError as error:
        raise _all([str(error), *problems]) from None
    slides, notes = [], []
    for row in sheet.to_dict("records"):
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", DataWarning)
                slides.append(_slide(row, sheet_path.parent))
            notes += [str(warning.message) for warning in caught if issubclass(warning.category, DataWarning)]
        except (Her2plasticError, OSError) as error:
            problems.append(f"slide {row[_keys.SAMPLE_ID]}: {error}")
    problems += _unlike_depths(slides)
    if loaded.her2.calibration == "controls" and not _has_controls(sheet):
        problems.append(
            f"{config_path.name}: her2.calibration: controls needs control slides, but no row of {sheet_path.name} has "
            "a `control_line`"
        )
    if problems:
        raise _all(problems)
    files = tuple(sheet_path.parent / str(path) for path in sheet["image_path"])
    return SlidePlan(loaded, config_path.parent, sheet_path, sheet, tuple(slides), files, (*notes, *_unlike(slides)))


def _slide(row: Mapping[Any, Any], root: Path) -> Slide:
    size = row.get("pixel_size_um")
    return io.read_slide(
        root / str(row["image_path"]),
        channels=_channels(row.get("channels")),
        pixel_size_um=None if pd.isna(size) else float(size),
        slide_id=str(row[_keys.SAMPLE_ID]),
    )


def _unlike_depths(slides: list[Slide]) -> list[str]:
    """Return the complaint about slides of several bit depths: their intensities do not compare."""
    depths = Counter(slide.bit_depth for slide in slides)
    if len(depths) < 2:
        return []
    named = {depth: next(slide.slide_id for slide in slides if slide.bit_depth == depth) for depth in sorted(depths)}
    listed = "; ".join(f"{depth} bits: {depths[depth]}, such as {name}" for depth, name in named.items())
    return [
        f"the slides differ in bit depth ({listed}), so that their intensities do not compare: export them alike, or "
        "run them apart"
    ]


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


def _has_controls(sheet: pd.DataFrame) -> bool:
    return _keys.CONTROL_LINE in sheet and bool(sheet[_keys.CONTROL_LINE].fillna("").ne("").any())


def _all(problems: list[str]) -> ConfigError:
    return ConfigError("\n".join(problems), problems)


def _sheet(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


def _channels(text: Any) -> dict[str, int | str] | None:
    if not isinstance(text, str):
        return None
    pairs = (part.split("=", 1) for part in text.split(";"))
    return {role.strip(): int(which) if which.strip().isdigit() else which.strip() for role, which in pairs}
