"""Where numba and Matplotlib keep their files, where the usual folders cannot be written."""

from __future__ import annotations

import atexit
import os
import shutil
import sysconfig
import tempfile
from pathlib import Path


def settle_caches() -> None:
    """Name a folder for compiled loops and lists of fonts where the home folder cannot be written.

    That is so in containers with a read-only file system, and on nodes without home folders. Packages that keep
    compiled loops could not even be imported there, and Matplotlib would warn. The folder is of this process and goes
    with it: one that users share could be filled by one of them with code that another runs.
    """
    home = os.path.expanduser("~")
    if os.path.isabs(home) and _can_write(Path(os.environ.get("XDG_CACHE_HOME") or Path(home) / ".cache")):
        return
    wanted = {"MPLCONFIGDIR": "matplotlib", "NUMBA_CACHE_DIR": "numba"}
    if _can_write(Path(sysconfig.get_path("purelib"))):
        del wanted["NUMBA_CACHE_DIR"]  # numba keeps them beside the packages then, for longer
    missing = {variable: name for variable, name in wanted.items() if variable not in os.environ}
    if missing:
        folder = Path(tempfile.mkdtemp(prefix="her2plastic-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for variable, name in missing.items():
            (folder / name).mkdir()
            os.environ[variable] = str(folder / name)


def _can_write(folder: Path) -> bool:
    """Return whether a file can be made in a folder, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
