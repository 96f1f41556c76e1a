"""What a run was made from: inputs with their digests, parameters, versions. Times stand here and nowhere else.

No absolute path and no user name is written: files are named relative to the folder of the sample sheet.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys

if TYPE_CHECKING:
    from her2plastic.run.folder import OutputFolder

#: The packages whose version can change a result.
PACKAGES: Final = (
    "her2plastic", "anndata", "dask", "h5py", "imagecodecs", "jinja2", "lifelines", "matplotlib", "numba", "numpy",
    "ome-zarr", "pandas", "pynndescent", "pysam", "scanpy", "scikit-image", "scikit-learn", "scipy", "tifffile",
    "umap-learn", "zarr",
)  # fmt: skip
#: The roles of a sample's file and of a slide's.
SAMPLE, SLIDE = "sample", "slide"
#: The file that holds all of this.
PROVENANCE: Final = "provenance.json"
_CHUNK = 1 << 20


def versions() -> dict[str, str]:
    """Return the version of Python and of every package that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def input_entry(path: Path, *, within: Path, role: str) -> dict[str, Any]:
    """Return name, size and SHA-256 of an input file or folder.

    A folder's digest is that of the lines ``name, two spaces, digest`` of its files in the order of their names.
    """
    name = shown_name(path.absolute(), within=within)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        listing = "".join(f"{file.relative_to(path).as_posix()}  {sha256(file)}\n" for file in files)
        size = sum(file.stat().st_size for file in files)
        digest = hashlib.sha256(listing.encode()).hexdigest()
        return {"role": role, "name": f"{name}/", "files": len(files), "bytes": size, "sha256": digest}
    return {"role": role, "name": name, "bytes": path.stat().st_size, "sha256": sha256(path)}


def shown_name(path: str | PurePath, *, within: Path) -> str:
    """Return a path relative to a folder, or the bare file name where it lies elsewhere."""
    absolute = os.path.abspath(within / path)
    relative = os.path.relpath(absolute, os.path.abspath(within))
    return os.path.basename(absolute) if relative.startswith(os.pardir) else Path(relative).as_posix()


def step_parameters(uns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what each step recorded as its parameters, ready for JSON."""
    records = uns.get(_keys.ROOT, {})
    return {str(step): plain(record.get("params", {})) for step, record in records.items() if "params" in record}


def output_entries(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return name, size and SHA-256 of the files that a run wrote."""
    return [{"name": name, "bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)} for name in names]


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; a number that is not finite becomes its name."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def stage(origin: dict[str, Any], folder: OutputFolder, *, seconds: Any, started: datetime) -> None:
    """Add what was written and when to a record of origin, and stage it beside the results."""
    origin |= {
        "outputs": output_entries(folder.stage, folder.staged()),
        "seconds": seconds,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder.write(PROVENANCE, (json.dumps(origin, indent=1, ensure_ascii=False) + "\n").encode())
