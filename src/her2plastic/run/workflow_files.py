"""The Snakemake workflow: where its files stand, and its writing into a folder of someone's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from her2plastic import io
from her2plastic._errors import OutputFolderError
from her2plastic.run.template import refuse_standing

#: Where the workflow stands in an installed package, and in a checkout of the project.
_PLACES: Final = ("workflow", "../../workflows/her2plastic")
#: What belongs to it; what else stands there is of the catalogue's tests, or of a run.
_PARTS: Final = (".snakemake-workflow-catalog.yml", "README.md", "config", "container", "profiles", "workflow")
#: Folders in which a person fills in files.
_THEIRS: Final = ("config", "profiles")
#: What is called by its name. A wheel does not always say so.
_PROGRAM: Final = ".sh"


def workflow_folder() -> Path:
    """Return the folder of the workflow's files."""
    package = Path(str(files("her2plastic")))
    for place in _PLACES:
        folder = (package / place).resolve()
        if (folder / "workflow" / "Snakefile").is_file():
            return folder
    raise OutputFolderError(
        f"the workflow is not part of this installation of her2plastic ({package}); install it anew"
    )


def workflow_files() -> dict[str, str]:
    """Return the text of every file of the workflow by its name within the folder."""
    folder = workflow_folder()
    found = [path for part in _PARTS for path in (folder / part, *sorted((folder / part).rglob("*"))) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def write_workflow(folder: str | Path, *, force: bool = False) -> list[str]:
    """Write the Snakemake workflow into a folder.

    Parameters
    ----------
    folder
        Made where it is missing.
    force
        Write over files of these names, but never over those that a person fills in: in ``config`` and ``profiles``.

    Returns
    -------
    The names of the files that were written, within the folder.

    Raises
    ------
    OutputFolderError
        When a file of one of these names is there already, or one cannot be written.
    """
    folder = Path(folder)
    texts = workflow_files()
    if force:
        texts = {name: text for name, text in texts.items() if not _is_filled_in(folder, name)}
    refuse_standing(folder, list(texts), what="the workflow", force=force)
    try:
        for part in sorted({(folder / name).parent for name in texts}):
            part.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            io.write_text(text, folder / name)
            if name.endswith(_PROGRAM):
                (folder / name).chmod((folder / name).stat().st_mode | 0o111)
    except OSError as error:
        where = error.filename or folder
        raise OutputFolderError(f"{where}: {error.strerror}; name another folder for the workflow") from None
    return list(texts)


def _is_filled_in(folder: Path, name: str) -> bool:
    """Whether a file is a person's: written once, it is theirs."""
    return name.split("/")[0] in _THEIRS and (folder / name).exists()
