"""What ``her2plastic init`` writes: a commented configuration and an empty sample sheet, of cells or of slides."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from her2plastic import io
from her2plastic._errors import OutputFolderError

CONFIG: Final = "config.yaml"
SHEET: Final = "samples.csv"
SHEET_COLUMNS: Final = (
    "donor_id", "sample_id", "draw_day", "assay", "path", "treatment", "er", "pr", "ihc", "ish_ratio", "ish_copies",
    "label",
)  # fmt: skip
SLIDE_SHEET: Final = "slides.csv"
SLIDE_SHEET_COLUMNS: Final = (
    "donor_id", "sample_id", "draw_day", "image_path", "channels", "pixel_size_um", "control_line",
)  # fmt: skip


def config_text(*, slides: bool = False) -> str:
    """Return the commented configuration, every key with its default."""
    name = "slides_template.yaml" if slides else "template.yaml"
    return (files("her2plastic.run") / name).read_text(encoding="utf-8")


def write_template(folder: str | Path, *, slides: bool = False, force: bool = False) -> tuple[Path, Path]:
    """Write ``config.yaml`` and the header of ``samples.csv``, or of ``slides.csv``.

    Parameters
    ----------
    folder
        Made where it is missing.
    slides
        Write them for images.
    force
        Write over files of these names.

    Returns
    -------
    The paths of the configuration and of the sample sheet.

    Raises
    ------
    OutputFolderError
        When a file of one of these names is there already, or the folder cannot be made.
    """
    folder = Path(folder)
    config, sheet = folder / CONFIG, folder / (SLIDE_SHEET if slides else SHEET)
    refuse_standing(folder, [config.name, sheet.name], what="the template", force=force)
    folder.mkdir(parents=True, exist_ok=True)
    io.write_text(config_text(slides=slides), config)
    io.write_text(",".join(SLIDE_SHEET_COLUMNS if slides else SHEET_COLUMNS) + "\n", sheet)
    return config, sheet


def refuse_standing(folder: Path, names: Sequence[str], *, what: str, force: bool) -> None:
    """Raise an OutputFolderError where a file of one of these names is there already, unless ``force`` allows it."""
    if folder.exists() and not folder.is_dir():
        raise OutputFolderError(f"{folder} is a file; name a folder for {what}")
    standing = [name for name in names if (folder / name).exists()]
    if standing and not force:
        shown = ", ".join(standing[:3]) if len(standing) > 2 else " and ".join(standing)
        more = f" and {len(standing) - 3} more" if len(standing) > 3 else ""
        raise OutputFolderError(
            f"{shown}{more} already in {folder}; name another folder, or pass --force to write over"
        )
