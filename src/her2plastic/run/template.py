"""What ``her2plastic init`` writes: a commented configuration and an empty sample sheet, of cells or of slides."""

from __future__ import annotations

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
    if folder.exists() and not folder.is_dir():
        raise OutputFolderError(f"{folder} is a file; name a folder for the template")
    config, sheet = folder / CONFIG, folder / (SLIDE_SHEET if slides else SHEET)
    standing = [path.name for path in (config, sheet) if path.exists()]
    if standing and not force:
        raise OutputFolderError(
            f"{' and '.join(standing)} already in {folder}; name another folder, or pass --force to write over"
        )
    folder.mkdir(parents=True, exist_ok=True)
    io.write_text(config_text(slides=slides), config)
    io.write_text(",".join(SLIDE_SHEET_COLUMNS if slides else SHEET_COLUMNS) + "\n", sheet)
    return config, sheet
