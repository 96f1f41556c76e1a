"""The job of one sample in a workflow. It is started once a sample, so it imports no more than it needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from her2plastic import __version__, io
from her2plastic._errors import ParameterError
from her2plastic.run import provenance
from her2plastic.run.config import RunConfig, load_config
from her2plastic.run.kept_cells import keep_sample
from her2plastic.run.kept_marks import folder_name, key_of
from her2plastic.run.samples import Sample, SampleRow, sample_rows, work_on_sample
from her2plastic.run.told import SAMPLE, told

SAMPLES: Final = "samples"


def sample_job(config: str | os.PathLike[str], sample: str, kept: str | os.PathLike[str]) -> Sample:
    """Work on one sample of a configuration's sheet and keep what was found.

    Parameters
    ----------
    config
        The configuration file.
    sample
        Name of the sample.
    kept
        The folder of kept results.

    Returns
    -------
    What was found. A sample that cannot be read is kept too, with the reason.

    Raises
    ------
    Her2plasticError
        Where configuration or sheet are faulty, or the sheet has no such sample.
    """
    loaded = load_config(config)
    sheet_path = Path(config).parent / loaded.samples
    rows = sample_rows(io.read_sheet(sheet_path))
    if sample not in rows:
        raise ParameterError(f"{sheet_path.name} has no sample {sample!r} of cells; there are {', '.join(rows)}")
    row = rows[sample]
    entry = provenance.input_entry(row.path, within=sheet_path.parent, role=provenance.SAMPLE)
    found = work_on_sample(row, loaded)
    keep_sample(found, sample_folder(kept, sample), key=sample_key(loaded, row, entry), entry=entry)
    return found


def sample_folder(kept: str | os.PathLike[str], sample: str) -> Path:
    """Return where a sample is kept."""
    return Path(kept) / SAMPLES / folder_name(sample)


def sample_key(config: RunConfig, row: SampleRow, entry: Mapping[str, Any]) -> str:
    """Return the digest of everything that a kept sample was made from."""
    return key_of({
        "version": __version__, "sample": row.name, "assay": row.assay, "path": row.shown,
        "cell_names": row.patterns, "file": dict(entry),
        "config": told(config, SAMPLE),
    })  # fmt: skip
