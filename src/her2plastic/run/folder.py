"""The output folder of a run: everything is staged in a hidden folder and moved into place file by file at the end.

Layout of ``results/.her2plastic``: ``lock`` (held while a run works here), ``staging/`` (a run's unfinished files),
``slides/`` (whole slides of a run that has not ended), ``state.json`` (``finished`` or ``publishing``, and which files
and folders are the package's, with the digests of the files as they were written).

What a person has made or changed is not lost: a run does not touch its own inputs, files of a former run are removed
only if they are as they were written, and those in ``input/`` (the example's, to start from) are never removed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from her2plastic._errors import OutputFolderError
from her2plastic.run.provenance import sha256

HIDDEN: Final = ".her2plastic"
STATE: Final = "state.json"
FINISHED: Final = "finished"
PUBLISHING: Final = "publishing"
#: Folder of the example's files: a person goes on from them.
INPUT: Final = "input"
#: What kinds of results there are, by the command that writes them.
CELLS: Final = "her2plastic run"
SLIDES: Final = "her2plastic slide"
EXAMPLE: Final = "her2plastic demo"
#: Written for slides alone, and always.
OF_SLIDES: Final = "slides.csv"
#: What any run replaces. The names of the other results are known once it has computed.
ALWAYS_WRITTEN: Final = ("cells.h5ad", "figures", "patients.csv", "provenance.json", "report.html")
OFTEN_WRITTEN: Final = (
    "alleles.csv", "concordance.csv", "consensus.csv", "conversion.csv", "direction.csv", "nulls.csv", "programmes.csv",
    "review_agreement.csv", "review_differing.csv", "rules.csv", "serum.csv", "serum_effects.csv", "slides.csv",
    "tissue.csv", "trajectory.csv", "transitions.csv",
)  # fmt: skip


def problem_of(path: Path, *, force: bool = False) -> str:
    """Return why a run may not write to ``path``, or an empty string."""
    if path.is_symlink() and not path.exists():
        return f"output folder {path} is a link that leads nowhere; name another folder"
    if path.exists() and not path.is_dir():
        return f"output folder {path} is a file; name a folder"
    standing = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), Path("."))
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        return f"output folder {path} cannot be written to (no permission in {standing}); name another folder"
    if path.is_dir() and not force and not (path / HIDDEN).is_dir() and any(path.iterdir()):
        return (
            f"output folder {path} holds files that are not of her2plastic; name a new or empty folder, or pass "
            "--force to write beside them (only files with the names of a result are replaced)"
        )
    return ""


def other_results(path: Path, kind: str, *, force: bool = False) -> str:
    """Return that ``path`` holds results of another kind, which this run would replace, or an empty string.

    Those of the example may be replaced by any: it can be made again.
    """
    state = _read_state(path)
    files = _inside(state.get("files"))
    former = EXAMPLE if any(map(_is_input, _inside(state.get("digests")))) else SLIDES if OF_SLIDES in files else CELLS
    if force or not files or former in (kind, EXAMPLE):
        return ""
    return (
        f"output folder {path} holds the results of `{former}`, and `{kind}` would replace them; name another folder, "
        "or pass --force to lose them"
    )


def endangered(path: Path, inputs: Iterable[Path]) -> list[str]:
    """Return why a run may not write to ``path``: each of its inputs that its results would replace or remove."""
    former = _read_state(path)
    removed = [name for key in ("files", "folders", "stale") for name in _inside(former.get(key))]
    names = [*ALWAYS_WRITTEN, *OFTEN_WRITTEN, HIDDEN, *(name for name in removed if not _is_input(name))]
    return _in_the_way(path, names, inputs)


class OutputFolder:
    """A results folder that shows either the former results or the new ones, never a part of them.

    Use as a context manager: write into :attr:`stage`, then call :meth:`publish`. Whatever ends the block before that
    leaves the former results as they were; what was staged is discarded at the next start. ``inputs`` are files that
    must not be replaced or removed.
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
        self.path = Path(path)
        self.force = force
        self.inputs = tuple(inputs)
        self.stage = self.path / HIDDEN / "staging"
        self._lock: IO[str] | None = None

    def __enter__(self) -> OutputFolder:
        problems = [problem_of(self.path, force=self.force)]
        problems += endangered(self.path, self.inputs)
        for problem in filter(None, problems):
            raise OutputFolderError(problem)
        self._hidden.mkdir(parents=True, exist_ok=True)
        self._lock = (self._hidden / "lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise OutputFolderError(
                f"another run is writing to {self.path}; wait for it to end, or name another folder"
            ) from None
        if (
            self.state().get("state") == PUBLISHING
        ):  # the former run was killed between two moves: its results are whole
            self._move()
        shutil.rmtree(self.stage, ignore_errors=True)
        self.stage.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.stage, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()  # gives the lock back, as the end of the process would

    @property
    def _hidden(self) -> Path:
        return self.path / HIDDEN

    def state(self) -> dict[str, object]:
        """Return what ``state.json`` says, or an empty mapping when no run has finished here."""
        return _read_state(self.path)

    def write(self, name: str, content: bytes) -> None:
        """Stage one file under its final relative name."""
        target = self.stage / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def staged(self) -> list[str]:
        """Return the relative names of the staged files, sorted."""
        return sorted(path.relative_to(self.stage).as_posix() for path in self.stage.rglob("*") if path.is_file())

    def refuse_changed_input(self) -> None:
        """Raise OutputFolderError where a staged file of ``input/`` would replace one that a person has changed."""
        written = self._digests()
        for name in filter(_is_input, self.staged()):
            standing = self.path / name
            if standing.is_file() and sha256(standing) not in (written.get(name), sha256(self.stage / name)):
                raise OutputFolderError(
                    f"{standing} was changed since it was written, and the example would replace it; name another "
                    "folder, or move the file away"
                )

    def publish(self, folders: Mapping[str, Path] | None = None) -> list[str]:
        """Move the staged files into place, remove what only the former run had, and return the new names.

        ``folders`` are moved as a whole: their names in the results, and where each stands now, within the results.

        Raises
        ------
        OutputFolderError
            Where that would replace or remove an input of the run, or a file of ``input/`` that was changed.
        """
        names = self.staged()
        self.refuse_changed_input()
        for name in names:
            _sync(self.stage / name)
        moved = {name: path.relative_to(self.path).as_posix() for name, path in (folders or {}).items()}
        stale = self._stale({*names, *moved})
        for problem in _in_the_way(self.path, [*names, *moved, *stale], self.inputs):
            raise OutputFolderError(problem)
        kept = {name: digest for name, digest in self._digests().items() if _is_input(name)}
        digests = kept | {name: sha256(self.stage / name) for name in names}
        self._write_state({"state": PUBLISHING, "files": names, "folders": moved, "stale": stale, "digests": digests})
        self._move()
        return names

    def _stale(self, new: set[str]) -> list[str]:
        """Return what only the former run wrote and nobody has touched since."""
        former, written = self.state(), self._digests()
        stale = {*_inside(former.get("files")), *_inside(former.get("folders"))} - new
        return sorted(
            name
            for name in stale
            if not _is_input(name)
            and not (name in written and (self.path / name).is_file() and sha256(self.path / name) != written[name])
        )

    def _digests(self) -> dict[str, str]:
        digests = self.state().get("digests")
        return {str(name): str(digest) for name, digest in digests.items()} if isinstance(digests, dict) else {}

    def _move(self) -> None:
        state = self.state()
        names, folders, stale = (_inside(state.get(key)) for key in ("files", "folders", "stale"))
        for name in names:
            staged = self.stage / name
            if staged.is_file():
                target = self.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged, target)
                _sync(target.parent)
        moved = state.get("folders")
        for name in folders:
            for source in _inside([moved[name]] if isinstance(moved, dict) else []):
                _move_folder(self.path / source, self.path / name)
        for name in stale:
            _remove(self.path / name)
        self._write_state(
            state | {"state": FINISHED, "files": names, "folders": dict.fromkeys(folders, ""), "stale": []}
        )

    def _write_state(self, state: Mapping[str, object]) -> None:
        temporary = self._hidden / f"{STATE}.new"
        temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        _sync(temporary)
        os.replace(temporary, self._hidden / STATE)
        _sync(self._hidden)


def _read_state(path: Path) -> dict[str, object]:
    try:
        state = json.loads((path / HIDDEN / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _is_input(name: str) -> bool:
    return Path(name).parts[0] == INPUT


def _in_the_way(folder: Path, names: Iterable[str], inputs: Iterable[Path]) -> list[str]:
    """Return a complaint for each input that is, or lies in, one of the files and folders of these names."""
    places = {_place(folder / name) for name in names}
    return [
        f"{given} is an input of this run, and its results in {folder} would replace or remove it; name another "
        "output folder"
        for given in inputs
        if any(places & {place, *place.parents} for place in (_place(given), given.resolve()))
    ]


def _place(path: Path) -> Path:
    """Return where a file stands, which for a link is not what it leads to."""
    absolute = Path(os.path.abspath(path))
    return absolute.parent.resolve() / absolute.name


def _inside(names: object) -> list[str]:
    """Return the relative names that stay in the folder: a marker that someone edited must not reach outside."""
    kept = []
    for name in names if isinstance(names, list | dict) else []:
        path = Path(str(name))
        if path.parts and not path.is_absolute() and ".." not in path.parts:
            kept.append(str(name))
    return kept


def _move_folder(source: Path, target: Path) -> None:
    """Put a folder in the place of another; one that was moved before is left."""
    if not source.is_dir() or source == target:
        return
    _remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)
    _sync(target.parent)


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; a link is removed, and what it leads to left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
