"""Caches of compiled loops and fonts, where the home folder cannot be written."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

from her2plastic.cli.caches import settle_caches

NOWHERE = f"{os.devnull}/nobody"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("MPLCONFIGDIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        # set first, so that what the function sets is undone
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", NOWHERE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_nothing_is_named_where_the_home_folder_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settle_caches()
    assert not {"MPLCONFIGDIR", "NUMBA_CACHE_DIR"} & set(os.environ)


@pytest.mark.parametrize("home", [NOWHERE, "~"])
def test_a_folder_of_this_process_where_nothing_can_be_written(
    home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: NOWHERE)
    settle_caches()
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700, "another user could put code there that this one runs"
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder / "numba")
    assert os.environ["MPLCONFIGDIR"] == str(folder / "matplotlib")
    assert {path.name for path in folder.iterdir()} == {"numba", "matplotlib"}


def test_what_is_named_already_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: NOWHERE)
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    settle_caches()
    assert os.environ["MPLCONFIGDIR"] == "mine"
    assert Path(os.environ["NUMBA_CACHE_DIR"]).is_relative_to(tmp_path)


def test_loops_stay_beside_packages_that_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    settle_caches()
    assert "NUMBA_CACHE_DIR" not in os.environ
    assert "MPLCONFIGDIR" in os.environ
