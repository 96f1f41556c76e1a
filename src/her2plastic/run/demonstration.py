"""The run of the embedded example cohort: its files and its results together."""

from __future__ import annotations

import os
from typing import Final

from her2plastic import datasets, io
from her2plastic.run.checking import check
from her2plastic.run.clock import Listener
from her2plastic.run.execution import Finished, Reporter, carry_out
from her2plastic.run.folder import OutputFolder
from her2plastic.run.template import CONFIG, config_text

#: Folder of the example's files, within the results.
INPUT: Final = "input"


def demonstrate(
    output: str | os.PathLike[str],
    *,
    report: Reporter | None = None,
    force: bool = False,
    listen: Listener | None = None,
) -> Finished:
    """Write the embedded cohort as a lab would have it, and run it.

    Parameters
    ----------
    output
        The results folder; the cohort's files come to stand in its folder ``input``.
    report, force, listen
        As for :func:`execute`.

    Returns
    -------
    Where the results are and what they were made of.

    Raises
    ------
    OutputFolderError
        Where the folder cannot be written to.
    """
    with OutputFolder(output, force=force) as folder:
        if listen is not None:
            listen("datasets.demo_cohort", "Writing the example cohort")
        sheet = datasets.write_cohort(datasets.demo_cohort(), folder.stage / INPUT)
        config = sheet.parent / CONFIG
        io.write_text(config_text(), config)
        return carry_out(check(config), folder, report=report, listen=listen)
