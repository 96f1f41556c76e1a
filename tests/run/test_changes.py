"""Stamps of inputs: another one once a file was written, exchanged or removed, and the same as long as nothing was."""

from __future__ import annotations

import os
from pathlib import Path

from her2plastic.run.changes import stamp_of


def test_file_that_took_the_place_of_another_is_told_though_it_is_older(tmp_path: Path) -> None:
    file, other = tmp_path / "cells.h5", tmp_path / "other.h5"
    file.write_bytes(b"first")
    other.write_bytes(b"other")  # of the same size
    os.utime(other, (1e9, 1e9))
    before = stamp_of(file)
    assert stamp_of(file) == before
    other.rename(file)
    assert stamp_of(file) != before


def test_file_written_within_a_folder_is_told_though_the_folder_keeps_its_time(tmp_path: Path) -> None:
    folder = tmp_path / "matrix"
    (folder / "inner").mkdir(parents=True)
    inner = folder / "inner" / "matrix.mtx"
    inner.write_bytes(b"1")
    (folder / "genes.tsv").write_bytes(b"ERBB2")
    seen = {stamp_of(folder)}
    moment = folder.stat().st_mtime_ns
    inner.write_bytes(b"22")
    assert folder.stat().st_mtime_ns == moment
    seen.add(stamp_of(folder))
    inner.rename(folder / "inner" / "counts.mtx")
    seen.add(stamp_of(folder))
    (folder / "genes.tsv").unlink()
    seen.add(stamp_of(folder))
    assert len(seen) == 4
