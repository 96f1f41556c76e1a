"""A cohort on disk: one file or folder per sample, as other programs write them, and the sample sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column
from her2plastic._errors import ParameterError, one_of
from her2plastic.datasets import count_files

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Format:
    """What a sample's path ends with, what writes it, and how its cells are called in it."""

    ending: str
    write: Callable[[AnnData, Path], None]
    cell_names: Callable[[AnnData], list[str]] = count_files.barcodes


FORMATS: dict[str, Format] = {
    "10x-h5": Format(".h5", count_files.write_10x_h5),
    "10x-mtx": Format("_mtx", count_files.write_10x_mtx),
    "starsolo": Format("_Solo.out", count_files.write_starsolo, count_files.starsolo_names),
    "loom": Format(".loom", count_files.write_loom, count_files.velocyto_names),
    "csv": Format(".csv.gz", count_files.write_csv),
    "h5ad": Format(".h5ad", count_files.write_plain_h5ad),
    "zarr": Format(".zarr", count_files.write_plain_zarr),
}
MIXED = "mixed"

#: Columns of the sample sheet that are the donor's or the sample's, where the cohort has them.
_OPTIONAL = ("treatment", "er", "pr", "ihc", "ish_ratio", "ish_copies", _keys.LABEL)


def write_cohort(adata: AnnData, folder: str | Path, *, format: str = "10x-h5", truth: bool = False) -> Path:
    """Write a cohort as files of the kinds that labs have, with its sample sheet.

    Parameters
    ----------
    adata
        A cohort with ``donor_id``, ``sample_id``, ``draw_day`` and ``assay`` in ``obs`` and counts in
        ``layers["counts"]``, such as :func:`simulate_cohort` makes. It is not changed.
    folder
        Where to write; made if it is not there. Nothing that is there is overwritten.
    format
        ``"10x-h5"`` (Cell Ranger 3 or newer), ``"10x-mtx"`` (matrix.mtx.gz, barcodes.tsv.gz, features.tsv.gz),
        ``"starsolo"``, ``"loom"`` (velocyto), ``"csv"`` (genes in rows, gzip), ``"h5ad"``, ``"zarr"``, or ``"mixed"``:
        these in turn, sample by sample.
    truth
        Also write ``truth.csv``: the obs table, with ``cell_id`` as :func:`her2plastic.io.read_samples` will make it
        from the files (STARsolo and velocyto name cells in their own ways).

    Returns
    -------
    Path of the sample sheet ``samples.csv``; the paths in it are relative to ``folder``.

    Raises
    ------
    MissingKeyError
        When a column of ``obs`` or the counts are missing.
    ParameterError
        When the format is not known, or a file to be written is there already.

    Notes
    -----
    Spliced and unspliced layers are written by the formats that can hold them: loom (the main matrix is their sum),
    h5ad, zarr, and STARsolo, where ``Gene`` then holds spliced and ambiguous counts, ``GeneFull`` all counts, and
    ``Velocyto`` the layers.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=10)
    >>> sheet = hp.datasets.write_cohort(cells, "cohort", format="mixed")
    >>> sorted(path.name for path in sheet.parent.iterdir())
    ['D01-d0.h5', 'D02-d0_mtx', 'samples.csv']
    """
    from her2plastic.io import write_table

    one_of("format", format, (*FORMATS, MIXED))
    for key in (_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.DRAW_DAY, _keys.ASSAY):
        obs_column(adata, key)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sheet_path = folder / "samples.csv"
    samples = adata.obs[_keys.SAMPLE_ID].astype(str)
    names = list(FORMATS) if format == MIXED else [format]
    planned = {sample_id: FORMATS[names[position % len(names)]] for position, sample_id in enumerate(samples.unique())}
    paths = {sample_id: folder / f"{sample_id}{chosen.ending}" for sample_id, chosen in planned.items()}
    for target in (sheet_path, *paths.values()):
        if target.exists():
            raise ParameterError(f"folder={str(folder)!r}: {target.name} is there already; give an empty folder")
    rows, names_on_disk = [], pd.Series(index=adata.obs_names, dtype=object)
    for sample_id, chosen in planned.items():
        inside = (samples == sample_id).to_numpy()
        part = adata[inside]
        chosen.write(part, paths[sample_id])
        rows.append(_sheet_row(pd.DataFrame(part.obs), sample_id, paths[sample_id].name))
        names_on_disk[inside] = [f"{sample_id}:{name}" for name in chosen.cell_names(part)]
    if truth:
        obs: Any = adata.obs
        table = obs.assign(**{_keys.CELL_ID: names_on_disk})
        write_table(table.reset_index(drop=True), folder / "truth.csv")
    # the sheet comes last: as long as it is not there, the folder is not a cohort
    write_table(pd.DataFrame(rows), sheet_path)
    return sheet_path


def _sheet_row(obs: pd.DataFrame, sample_id: str, path: str) -> dict[str, object]:
    first = obs.iloc[0]
    row: dict[str, object] = {
        _keys.DONOR_ID: first[_keys.DONOR_ID],
        _keys.SAMPLE_ID: sample_id,
        _keys.DRAW_DAY: first[_keys.DRAW_DAY],
        _keys.ASSAY: first[_keys.ASSAY],
        "path": path,
    }
    return row | {name: first[name] for name in _OPTIONAL if name in obs}
