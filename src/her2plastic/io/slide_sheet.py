"""The slides of a sample sheet."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from her2plastic import _keys
from her2plastic._errors import (
    ChannelError,
    DataWarning,
    InputFileError,
    ParameterError,
    SampleSheetError,
    one_of,
)
from her2plastic.io.image_columns import (
    BIT_DEPTH,
    CHANNELS,
    IMAGE_PATH,
    PATTERN,
    PIXEL_SIZE,
    SATURATION,
    channels_said,
)
from her2plastic.io.sample_sheet import read_sheet
from her2plastic.io.samples import root_of
from her2plastic.io.slide import Slide
from her2plastic.io.slide_reading import read_slide

_log = logging.getLogger(__name__)

_FAULTS = (InputFileError, ChannelError, ParameterError)


@dataclass(frozen=True)
class SampledSlide:
    """A slide and the draw that it is of.

    Attributes
    ----------
    slide
        The slide; its name is the sample's.
    donor_id, sample_id
        Patient, or cell line for controls; name of the sample.
    draw_day
        Day of the draw, counted from the donor's day 0; missing for control cells.
    control_line
        Cell line of a control slide; empty for patients.
    """

    slide: Slide
    donor_id: str
    sample_id: str
    draw_day: float
    control_line: str = ""


def read_slides(
    sheet: str | Path | pd.DataFrame,
    *,
    root: str | Path | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    max_pixels: int = 200_000_000,
) -> tuple[SampledSlide, ...]:
    """Open every slide of a sample sheet; of the images nothing but metadata is read.

    Parameters
    ----------
    sheet
        Path of a sample sheet (see :func:`read_sheet`), or the table that it returned. Rows without an ``image_path``
        are left out.
    root
        Folder where the paths of the sheet start; by default the sheet's own.
    on_error
        ``"raise"`` one error that lists every slide that cannot be read, or ``"skip"`` those, logged.
    max_pixels
        As for :func:`read_slide`.

    Returns
    -------
    The slides in the order of the sheet. Those of 9 to 16 bits may stand beside one another, with a DataWarning where
    they differ: each saturates at another value.

    Raises
    ------
    SampleSheetError
        For faulty rows, slides that cannot be read, and pictures of 8 bits beside slides of more: those are usually
        stretched for display, so that their intensities do not compare. ``problems`` lists them all.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cohort = hp.datasets.simulate_slide_cohort(
    ...     "slides", n_donors=1, n_ctc=4, control_lines=("SKBR3",), control_cells=4, shape=(320, 320), n_leukocytes=10
    ... )
    >>> for sampled in hp.io.read_slides(cohort.sheet):
    ...     print(sampled.sample_id, sampled.control_line or "patient", sampled.slide.fields[0].image.shape)
    D01-d0 patient (4, 320, 320)
    control-1-SKBR3 SKBR3 (4, 320, 320)
    """
    one_of("on_error", on_error, ("raise", "skip"))
    table = sheet if isinstance(sheet, pd.DataFrame) else read_sheet(sheet, root=root)
    rows = with_image(table)
    start = root_of(table, root)
    slides: list[SampledSlide] = []
    problems: list[str] = []
    for row in rows.to_dict("records"):
        try:
            slides.append(_slide(row, start, max_pixels))
        except _FAULTS as fault:
            problems.append(f"slide {row[_keys.SAMPLE_ID]!r}: {fault}")
    if on_error == "skip":
        for problem in problems:
            _log.warning("left out: %s", problem)
        problems = []
    problems += _unlike_depths([one.slide for one in slides])
    if problems:
        listed = "\n".join(f"  {text}" for text in problems)
        raise SampleSheetError(f"the {len(rows)} slides of the sheet cannot be read together:\n{listed}", problems)
    return tuple(slides)


def with_image(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a sheet that have an image."""
    rows = table[table[IMAGE_PATH].notna()] if IMAGE_PATH in table else table.iloc[:0]
    if rows.empty:
        raise SampleSheetError(f"no row of the sheet has an {IMAGE_PATH!r}. Name the slide of each row there.")
    return rows


def _slide(row: Mapping[Any, Any], root: Path, max_pixels: int) -> SampledSlide:
    said = {name: value for name, value in row.items() if not pd.isna(value)}
    channels, bits = said.get(CHANNELS), said.get(BIT_DEPTH)
    slide = read_slide(
        root / said[IMAGE_PATH],
        channels=None if channels is None else channels_said(channels),
        pixel_size_um=said.get(PIXEL_SIZE),
        bit_depth=None if bits is None else int(bits),
        saturation=said.get(SATURATION),
        pattern=said.get(PATTERN),
        slide_id=said[_keys.SAMPLE_ID],
        max_pixels=max_pixels,
    )
    day = row[_keys.DRAW_DAY]
    return SampledSlide(slide, said[_keys.DONOR_ID], slide.slide_id, float(day), said.get(_keys.CONTROL_LINE, ""))


def _unlike_depths(slides: Sequence[Slide]) -> list[str]:
    """Return the complaint about 8 bits beside more, and warn of other differences."""
    depths: dict[int, list[str]] = {}
    for slide in slides:
        depths.setdefault(slide.bit_depth, []).append(slide.slide_id)
    if len(depths) < 2:
        return []
    listed = "; ".join(f"{bits} bits: {', '.join(names[:3])}" for bits, names in sorted(depths.items()))
    if min(depths) <= 8:
        return [
            f"slides of 8 bits beside slides of more ({listed}): their intensities do not compare. Export them alike "
            "from the raw images, or read them apart."
        ]
    warnings.warn(
        f"the slides differ in bit depth ({listed}). Where a camera's bits are not in the file, say them in the column "
        f"{BIT_DEPTH!r}.",
        DataWarning,
        stacklevel=3,
    )
    return []
