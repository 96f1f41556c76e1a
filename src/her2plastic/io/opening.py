"""Opening of files: compression by content, not by name; text as UTF-8; faults turned into one clear error."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from her2plastic._errors import Her2plasticError, InputFileError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ZIP_MAGIC = b"PK\x03\x04"
_HEAD = 1 << 16
_WIDE_HEAD = 1 << 24

_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def faults_named(path: Path, *, what: str) -> Iterator[None]:
    """Turn the faults that a broken file causes in h5py, zlib, scipy and pandas into an InputFileError."""
    from pandas.errors import EmptyDataError, ParserError

    try:
        yield
    except Her2plasticError:
        raise
    except UnicodeDecodeError as fault:
        raise not_utf8(path, fault) from fault
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as fault:
        raise InputFileError(
            f"{path}: the compressed data are damaged or cut short ({fault}); expected {what}. "
            "Copy or download the file again and compare its checksum."
        ) from fault
    except (
        ParserError, EmptyDataError, csv.Error, ValueError, KeyError, IndexError, OverflowError, RuntimeError,
    ) as fault:  # fmt: skip
        # h5py and zarr raise a RuntimeError for damaged groups and blocks
        raise InputFileError(
            f"{path}: cannot be read as {what}: {fault}. Check that the file is whole, or say its format with "
            "format=..."
        ) from fault
    except MemoryError as fault:
        raise InputFileError(
            f"{path}: would take more memory than there is ({fault or 'none left'}). A damaged file may claim a shape "
            "that it does not have."
        ) from fault
    except OSError as fault:
        raise InputFileError(
            f"{path}: cannot be read as {what}: {fault}. The file may be cut short or damaged: copy it again."
        ) from fault


def first_bytes(path: Path, n: int = 16) -> bytes:
    """Return the first bytes as they are on disk."""
    try:
        with path.open("rb") as handle:
            return handle.read(n)
    except OSError as fault:
        raise InputFileError(
            f"{path}: cannot be opened: {fault.strerror}. Check the path and its permissions."
        ) from fault


def open_decompressed(path: Path) -> IO[bytes]:
    """Open for reading, decompressing gzip, bzip2 and xz by their first bytes whatever the name says."""
    start = first_bytes(path)
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return opener(path, "rb")
    return path.open("rb")


def read_array(path: Path, group: Any, name: str) -> Any:
    """Return a whole data set of an HDF5 group, where there may be something else under its name."""
    item = group[name]
    if not hasattr(item, "dtype"):
        raise InputFileError(f"{path}: {item.name} holds no values; expected an array.")
    return item[()]


def ends_with_line_end(path: Path) -> bool:
    """Tell whether a text file ends with a line end; compressed ones have a check of their own."""
    if is_compressed(path):
        return True
    with path.open("rb") as handle:
        handle.seek(-1, 2)
        return handle.read(1) in (b"\n", b"\r")


def is_compressed(path: Path) -> bool:
    """Tell whether the first bytes are those of gzip, bzip2 or xz."""
    return first_bytes(path).startswith(tuple(_OPENERS))


def head_lines(path: Path, n: int = 1000) -> list[str]:
    """Return up to ``n`` first lines (LF, CRLF or bare CR), without a byte-order mark.

    Only the last line can be incomplete, and only where the file itself ends there.
    """
    with faults_named(path, what="text"), open_decompressed(path) as handle:
        content = handle.read(_HEAD)
        if not content:
            return []
        refuse_utf16(path, content)
        if b"\0" in content:
            raise InputFileError(
                f"{path}: is neither text nor a known binary format (it holds NUL bytes). Unpack archives (tar)."
            )
        while _complete_lines(content) < 2 and len(content) < _WIDE_HEAD and (more := handle.read(len(content))):
            content += more
        if handle.read(1):
            content = content[: max(content.rfind(b"\n"), content.rfind(b"\r")) + 1] or content
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:n]
    except UnicodeDecodeError as fault:
        raise not_utf8(path, fault) from fault


def read_lines(path: Path) -> list[str]:
    """Return every line of a small text file, without a byte-order mark and without a trailing empty line."""
    with faults_named(path, what="UTF-8 text"), open_decompressed(path) as handle:
        text = handle.read().decode("utf-8-sig")
    return text.splitlines()


def refuse_utf16(path: Path, content: bytes) -> None:
    """Raise an InputFileError for UTF-16, which spreadsheets call 'Unicode text'."""
    if content.startswith(_UTF16):
        raise InputFileError(
            f"{path}: is UTF-16 text; expected UTF-8. Save it again as CSV UTF-8 or tab-separated UTF-8."
        )


def not_utf8(path: Path, fault: UnicodeDecodeError) -> InputFileError:
    """Return the error for text that is not UTF-8, with the line of the first byte that is not."""
    line, byte = _first_fault(path)
    return InputFileError(
        f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8 text ({fault.reason}). "
        "Save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')."
    )


def _first_fault(path: Path) -> tuple[int, int]:
    with open_decompressed(path) as handle:
        content = handle.read()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        return len(content[: fault.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")), content[
            fault.start
        ]
    return 1, content[0]


def _complete_lines(content: bytes) -> int:
    return max(content.count(b"\n"), content.count(b"\r"))
