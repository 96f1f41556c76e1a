"""The columns of a sample sheet that are about images, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from her2plastic import _keys
from her2plastic._errors import ChannelError
from her2plastic.io.number_columns import is_number

IMAGE_PATH, CHANNELS, PIXEL_SIZE = "image_path", "channels", "pixel_size_um"
BIT_DEPTH, SATURATION, PATTERN = "bit_depth", "saturation", "pattern"
IMAGE_NUMBERS = (PIXEL_SIZE, BIT_DEPTH, SATURATION)
#: What says how images are read, and nothing of the sample.
IMAGE_COLUMNS = (IMAGE_PATH, CHANNELS, PATTERN, *IMAGE_NUMBERS)


def channels_said(text: str) -> Mapping[str, int | str] | Sequence[str]:
    """Return the channel map of a field: ``DAPI=0;CK=PE`` by number or name, or ``DAPI;CK`` names in order."""
    parts = [part.strip() for part in re.split("[;,|]", text) if part.strip()]
    pairs = [part.partition("=") for part in parts]
    if not any(equals for _, equals, _ in pairs):
        return parts
    said: dict[str, int | str] = {}
    for role, _, which in pairs:
        role, which = role.strip(), which.strip()
        if not role or not which or role in said:
            raise ChannelError("each channel once, with a number or a name")
        said[role] = int(which) if which.isdecimal() else which
    return said


def image_problems(sheet: str, frame: pd.DataFrame) -> list[tuple[int, str]]:
    """Return line and description of what is wrong with the image columns of a sheet whose fields are still text."""
    found = []

    def complain(line: Any, column: str, value: str, expected: str) -> None:
        found.append((int(line), f"{sheet}, line {line}, column {column!r}: {value!r}; expected {expected}"))

    for name in IMAGE_NUMBERS:
        for line, value in frame.get(name, pd.Series(dtype=object)).items():
            if value and not (is_number(value) and 0 < float(value) < float("inf")):
                complain(line, name, value, "a number above 0 (or empty, if the file tells)")
    for line, value in frame.get(CHANNELS, pd.Series(dtype=object)).items():
        try:
            channels_said(value)
        except ChannelError as fault:
            complain(line, CHANNELS, value, f"DAPI=0;CK=1;CD45=2;HER2=3: {fault}")
    return found


def rows_without_files(sheet: str, frame: pd.DataFrame, path: str) -> list[tuple[int, str]]:
    """Return the rows with neither expression nor image, and those with expression whose assay is not said."""
    found = []
    for line, row in frame.iterrows():
        place = f"{sheet}, line {line}"
        if path in frame and row[path] and not row[_keys.ASSAY]:
            found.append((line, f"{place}, column {_keys.ASSAY!r}: ''; expected the assay of the file in {path!r}"))
        if not any(row.get(name, "") for name in (path, IMAGE_PATH)):
            found.append((line, f"{place}: neither {path!r} nor {IMAGE_PATH!r}; expected one or both"))
    return [(int(str(line)), text) for line, text in found]
