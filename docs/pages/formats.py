"""The page of file formats that are read."""

from __future__ import annotations

from pathlib import Path

from her2plastic.io.slide_formats import SLIDE_FORMATS
from her2plastic.io.sniff import FORMATS
from her2plastic.run.template import SHEET_COLUMNS, SLIDE_SHEET_COLUMNS
from pages.writing import put, table

_COUNTS = """# File formats

Formats are told from the content of a file, never from its name. Rows are tried from top to bottom; the first that fits
is taken, and the log and the report say which.

## Count tables

Read by `io.read_counts` and `io.read_samples`; `format=`, or a column `format` of the sample sheet, overrules the
content. The unit (counts, CPM, TPM, FPKM, logarithms of them) and the orientation are told from the values, and can be
said instead.

"""
_SLIDES = """
## Images

Read by `io.read_slide` and `io.read_slides`. Channels, pixel size and bit depth are those of the file where it tells
them; a missing pixel size is an error, not a guess.

"""
_SHEETS = """
## Sample sheets

A CSV file with a row per file, read by `io.read_sheet`, which explains every column. `her2plastic init` writes the
header of one for cells:

```text
{cells}
```

and, with `--slides`, of one for slides:

```text
{slides}
```

Tables of tissue, serum and alleles are explained by `io.read_tissue`, `io.read_serum` and `io.read_alleles`.

## What is written

| file | what |
|---|---|
| `cells.h5ad`, `cells.zarr` | AnnData; `io.write_h5ad` writes it whole or not at all |
| `slides/*.zarr` | OME-Zarr images and labels with a table, in the layout of SpatialData (`io.write_slide_cells`) |
| `*.csv` | tables in UTF-8, one row a line, missing values empty (`io.write_table`) |
| `*.journal` | decisions of reviewers, [SQLite](../review_journal.md) |
| `report.html` | one page that opens offline, with its figures in it |
| `provenance.json` | what went in, with checksums; parameters; versions |
"""


def write(path: Path) -> None:
    """Write the tables of formats, in the order in which they are tried."""
    tables = [table(("format", "what it is"), [(f"`{row.name}`", row.what) for row in rows]) for rows in _ROWS]
    sheets = _SHEETS.format(cells=",".join(SHEET_COLUMNS), slides=",".join(SLIDE_SHEET_COLUMNS))
    put(path, _COUNTS + tables[0] + _SLIDES + tables[1] + sheets)


_ROWS = (FORMATS, SLIDE_FORMATS)
