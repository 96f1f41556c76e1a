"""The sample sheet: one row a file, checked row by row before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd

from her2plastic import _keys, reference
from her2plastic._access import cultured_rows
from her2plastic._errors import SampleSheetError
from her2plastic.io.assay_names import assay_of
from her2plastic.io.day_fields import LAST_DAY
from her2plastic.io.image_columns import IMAGE_NUMBERS, IMAGE_PATH, image_problems, rows_without_files
from her2plastic.io.number_columns import is_number
from her2plastic.io.shared_files import CELL_NAMES, repeated_files
from her2plastic.io.text_rows import read_text_rows
from her2plastic.io.tissue_fields import RECOUNTS

PATH = "path"
REQUIRED = (_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.DRAW_DAY, _keys.ASSAY, PATH)
RECEPTOR_STATUS = ("positive", "negative", "unknown")
IHC_SCORES = ("0", "null", "ultralow", "1+", "2+", "3+")
_A_DAY = (
    f"a number (days since the donor's day 0, at most {LAST_DAY:,} before or after; empty only for control cells, "
    "which have a label, or on slides a control_line, and for cultures and clones, which have sorted_from or clone_id)"
)
#: Columns that hold an amount, or days since a sort, a founder or a labelling.
AMOUNTS = (_keys.ISH_RATIO, _keys.ISH_COPIES, _keys.DAYS_AFTER_SORT, _keys.WELL_CELLS, _keys.CLONE_DAY)
_NUMBERS = (_keys.DRAW_DAY, *AMOUNTS, *IMAGE_NUMBERS)
CHOICES: dict[str, Sequence[str]] = {
    "er": RECEPTOR_STATUS,
    "pr": RECEPTOR_STATUS,
    _keys.IHC: IHC_SCORES,
    _keys.ISH_RECOUNT: RECOUNTS,
    _keys.LABEL: _keys.STATES,
}
OPTIONAL = (
    CELL_NAMES,
    "treatment",
    "er",
    "pr",
    _keys.IHC,
    _keys.ISH_RATIO,
    _keys.ISH_COPIES,
    _keys.ISH_RECOUNT,
    _keys.LABEL,
)
#: Columns of the cohort that a sheet cannot set: a word in one of them would pass for a result.
_RESERVED = {
    _keys.CELL_ID,
    *(key.name for key in _keys.REGISTRY if key.slot == "obs" and key.written_by.startswith(("pp.", "tl."))),
}


def read_sheet(path: str | Path, *, root: str | Path | None = None) -> pd.DataFrame:
    """Read and check a sample sheet.

    Parameters
    ----------
    path
        CSV (comma, semicolon or tab), UTF-8 with or without a byte-order mark; LF, CRLF or bare CR line ends.
        Required columns: ``donor_id, sample_id, draw_day``, and ``assay, path`` (expression), ``image_path`` (a slide),
        or all three: then each row has a ``path``, an ``image_path``, or both. Optional: ``cell_names`` (those of the
        row's cells where one file holds those of several: ``BRx-42*``, with ``*`` and ``?``, several with ``|`` between
        them), ``treatment``, ``er`` and
        ``pr`` (positive, negative, unknown), ``ihc`` (0, null, ultralow, 1+, 2+, 3+), ``ish_ratio``, ``ish_copies``,
        ``ish_recount`` (unchanged, changed, adjudicated), ``label`` (the HER2 state of control cells); for cultures and
        clones ``sorted_from``, ``days_after_sort``, ``well_id``, ``well_cells``, ``clone_id``, ``founder_state``,
        ``clone_day``; and for slides ``channels`` (``DAPI=0;CK=1;CD45=2;HER2=3``, by number or by name in the file, or
        names in order), ``pixel_size_um``, ``bit_depth``, ``saturation``, ``pattern`` (see :func:`read_slide`) and
        ``control_line`` (the cell line of control slides). Other columns are kept as text. A row with a ``label`` or a
        ``control_line`` may leave ``draw_day`` empty: control cells are drawn from nobody. So may a row with
        ``sorted_from`` or ``clone_id``: cultures and clones are of no blood draw.
    root
        Folder in which the paths of the sheet start and which they may not leave; the sheet's own by default.

    Returns
    -------
    One row a sample. Paths are as the sheet has them; ``attrs["root"]`` is the folder where they start. Assays and
    choices are spelled as the package spells them; an optional field that is empty, or the day of control cells and
    cultures, is missing, and so are path and assay of a row with images only.

    Raises
    ------
    SampleSheetError
        For faulty rows; ``problems`` lists every one with file, line, column, the value, and what is allowed.
    InputFileError
        If the file cannot be read as a table at all.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=5)
    >>> sheet = hp.datasets.write_cohort(cells, "cohort")
    >>> print(hp.io.read_sheet(sheet)[["donor_id", "sample_id", "draw_day", "path"]].to_string(index=False))
    donor_id sample_id  draw_day       path
         D01    D01-d0       0.0  D01-d0.h5
         D01   D01-d21      21.0 D01-d21.h5
         D02    D02-d0       0.0  D02-d0.h5
         D02   D02-d21      21.0 D02-d21.h5
    """
    path = Path(path)
    rows, lines, problems = read_text_rows(path, what="sample sheet", columns=(*REQUIRED, *OPTIONAL))
    columns = list(rows[0])
    _check_columns(path, columns)
    if len(rows) == 1 and not problems:
        raise SampleSheetError(f"{path}: has a header but no sample. Add a row for each file or slide.", ())
    frame = pd.DataFrame(rows[1:], columns=columns, index=pd.Index(lines[1:], name="line"), dtype=str)
    frame = frame.apply(lambda column: column.str.strip())
    frame = _in_our_spelling(frame)
    base = Path(root) if root is not None else path.parent
    problems += _problems(path, frame, base)
    if problems:
        listed = "\n".join(f"  {text}" for text in problems)
        raise SampleSheetError(f"{path}: {len(problems)} faults in the sample sheet:\n{listed}", problems)
    return _typed(frame, base)


# --- header ---
def _required(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a sheet must have; one of images alone needs neither assay nor path."""
    if IMAGE_PATH in columns and PATH not in columns:
        return (*(name for name in REQUIRED if name not in (_keys.ASSAY, PATH)), IMAGE_PATH)
    return REQUIRED


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = [name for name in _required(columns) if name not in columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    reserved = [name for name in columns if name in _RESERVED]
    unstorable = [name for name in columns if "/" in name or name == "_index"]
    problems = [f"{path.name}, line 1: column {name!r} is missing; there are {', '.join(columns)}" for name in missing]
    problems += [f"{path.name}, line 1: column {name!r} stands there {columns.count(name)} times" for name in twice]
    problems += [f"{path.name}, line 1: column {name!r} is written by the package; rename yours" for name in reserved]
    problems += [f"{path.name}, line 1: column {name!r} cannot be stored under this name" for name in unstorable]
    problems += [
        f"{path.name}, line 1: column {place} has no name" for place, name in enumerate(columns, 1) if not name
    ]
    if problems:
        listed = "\n".join(f"  {text}" for text in problems)
        raise SampleSheetError(f"{path}: the header is faulty:\n{listed}", problems)


def _in_our_spelling(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    if _keys.ASSAY in frame:
        frame[_keys.ASSAY] = [assay_of(value) or value for value in frame[_keys.ASSAY]]
    for name, choices in CHOICES.items():
        if name in frame:
            spelled = {choice.lower(): choice for choice in choices}
            frame[name] = [spelled.get(value.lower(), value) for value in frame[name]]
    return frame


# --- checks ---
def _schema(columns_there: Sequence[str]) -> Any:
    """Return the pandera schema of a sheet whose fields are still text."""
    import pandera.pandas as pa

    def one_of_these(choices: Sequence[str], *, empty: bool) -> Any:
        allowed = [*choices, ""] if empty else list(choices)
        return pa.Check.isin(allowed, error=f"one of {', '.join(choices)}{' (or empty)' if empty else ''}")

    filled = pa.Check(lambda column: column != "", error="not empty")
    printable = pa.Check(lambda column: column.map(str.isprintable), error="text without control characters")
    # That only control cells have no day depends on two columns: see _days_left_out.
    day = pa.Check(lambda column: column.map(_is_empty_or_day), error=_A_DAY)
    amount = pa.Check(lambda column: column.map(_is_empty_or_amount), error="a number of at least 0 (or empty)")
    # no type is asked for: every field is text still, and pandas 2 and 3 differ in what they call that
    columns = {
        _keys.DONOR_ID: pa.Column(None, [filled, printable]),
        _keys.SAMPLE_ID: pa.Column(None, [filled, printable]),
        _keys.DRAW_DAY: pa.Column(None, day),
    }
    with_images = IMAGE_PATH in columns_there  # then assay and path depend on one another: see rows_without_files
    if _keys.ASSAY in columns_there:
        columns[_keys.ASSAY] = pa.Column(None, one_of_these(list(reference.assays().index), empty=with_images))
    if not with_images:
        columns[PATH] = pa.Column(None, filled)
    for name, choices in CHOICES.items():
        columns[name] = pa.Column(None, one_of_these(choices, empty=True), required=False)
    for name in AMOUNTS:
        columns[name] = pa.Column(None, amount, required=False)
    return pa.DataFrameSchema(columns)


def _problems(path: Path, frame: pd.DataFrame, base: Path) -> list[str]:
    import pandera.errors

    found: list[tuple[int, str]] = []
    try:
        _schema(list(frame.columns)).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as faults:
        for case in faults.failure_cases.itertuples():
            text = (
                f"{path.name}, line {case.index}, column {case.column!r}: {case.failure_case!r}; expected {case.check}"
            )
            found.append((int(case.index), text))
    found += _days_left_out(path, frame)
    found += _repeated_samples(path, frame)
    found += repeated_files(path.name, frame, PATH, base)
    for column in (PATH, IMAGE_PATH):
        for line, value in frame.get(column, pd.Series(dtype=object)).items():
            if value and (fault := _path_fault(value, base)):
                found.append((int(str(line)), f"{path.name}, line {line}, column {column!r}: {value!r} {fault}"))
    if IMAGE_PATH in frame:
        found += _repeated_images(path, frame, base)
        found += rows_without_files(path.name, frame, PATH) + image_problems(path.name, frame)
    return [text for _, text in sorted(found, key=lambda item: item[0])]


def _days_left_out(path: Path, frame: pd.DataFrame) -> list[tuple[int, str]]:
    """Return the rows without a day that are not those of control cells, cultures or clones."""
    empty = pd.Series("", index=frame.index)
    label, line = frame.get(_keys.LABEL, empty), frame.get(_keys.CONTROL_LINE, empty)
    # the state of control cells whose RNA is read is their label
    controls = (label != "") | ((line != "") & (frame.get(PATH, empty) == ""))
    return [
        (line, f"{path.name}, line {line}, column {_keys.DRAW_DAY!r}: ''; expected {_A_DAY}")
        for line in frame.index[(frame[_keys.DRAW_DAY] == "") & ~controls & ~cultured_rows(frame)].tolist()
    ]


def _repeated_samples(path: Path, frame: pd.DataFrame) -> list[tuple[int, str]]:
    found = []
    first: dict[str, int] = {}
    for line, value in zip(frame.index.tolist(), frame[_keys.SAMPLE_ID], strict=True):
        if value and value in first:
            text = f"{value!r} is the sample of line {first[value]} already; expected a name of its own"
            found.append((line, f"{path.name}, line {line}, column {_keys.SAMPLE_ID!r}: {text}"))
        first.setdefault(value, line)
    return found


def _repeated_images(path: Path, frame: pd.DataFrame, base: Path) -> list[tuple[int, str]]:
    """Return the rows whose image is that of an earlier row: its cells would count twice."""
    found = []
    first: dict[tuple[Path, str], int] = {}
    patterns = frame.get("pattern", pd.Series("", index=frame.index))
    for line, value, pattern in zip(frame.index.tolist(), frame[IMAGE_PATH], patterns, strict=True):
        image = ((base / value).resolve(), pattern)
        if value and image in first:
            text = f"{value!r} is the image of line {first[image]} already: its cells would count twice"
            found.append((line, f"{path.name}, line {line}, column {IMAGE_PATH!r}: {text}"))
        first.setdefault(image, line)
    return found


def _path_fault(value: str, base: Path) -> str | None:
    """Return what is wrong with a path of a sheet: it must name something inside the folder."""
    if PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute() or PureWindowsPath(value).drive:
        return f"is absolute; expected a path relative to {base.name or '.'}/"
    if not value.isprintable():
        return "holds control characters"
    inside, target = base.resolve(), (base / value).resolve()
    if not target.is_relative_to(inside):
        return f"leaves the folder {base.name or '.'}/ (by '..' or a link); expected a path inside it"
    try:
        there = target.exists()
    except OSError as fault:
        return f"cannot be looked up ({fault.strerror}); expected a file or folder"
    if not there:
        return f"does not exist in {base.name or '.'}/; expected a file or folder"
    return None


def _is_finite(value: str) -> bool:
    # float() also takes 1_0 and digits of other scripts
    return is_number(value) and abs(float(value)) < float("inf")


def _is_empty_or_day(value: str) -> bool:
    return value == "" or (_is_finite(value) and abs(float(value)) <= LAST_DAY)


def _is_empty_or_amount(value: str) -> bool:
    return value == "" or (_is_finite(value) and float(value) >= 0)


def _typed(frame: pd.DataFrame, base: Path) -> pd.DataFrame:
    frame = frame.reset_index(drop=True)
    # of a sheet that is about images, too
    numbers = _NUMBERS if IMAGE_PATH in frame else [name for name in _NUMBERS if name not in IMAGE_NUMBERS]
    for name in frame.columns:
        if name in numbers:
            frame[name] = pd.to_numeric(frame[name].where(frame[name] != ""), errors="raise").astype(float)
        elif name not in (_keys.DONOR_ID, _keys.SAMPLE_ID):
            frame[name] = frame[name].where(frame[name] != "", None)
    frame.attrs["root"] = str(base)
    return frame
