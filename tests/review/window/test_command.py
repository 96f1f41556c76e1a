"""The command itself, in processes of its own: with both bindings of Qt, and where there is no screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from her2plastic import io

SCRIPT = Path(__file__).parent / "scripted_review.py"
OFFSCREEN = Path(__file__).parent / "offscreen_review.py"


@pytest.mark.parametrize("binding", ["pyqt6", "pyside6"])
def test_a_review_from_the_command_line(binding: str, screen: dict[str, str], results: Path, tmp_path: Path) -> None:
    journal, picture = tmp_path / "r.journal", tmp_path / "window.png"
    env = os.environ | screen | {"QT_API": binding}
    command = [sys.executable, str(SCRIPT), str(results), str(journal), "0122nuz", str(picture)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0].lower() == binding
    assert f"Decisions are in {journal}" in done.stdout
    assert list(io.read_decisions(journal)["decision"]) == [
        "HER2-0", "HER2-low", "HER2-positive", "HER2-positive", "not a CTC",
    ]  # fmt: skip
    assert picture.stat().st_size > 20_000

    table = tmp_path / "decisions.csv"
    for words in (["merge", str(journal), "--into", str(tmp_path / "all.journal")],
                  ["export", str(tmp_path / "all.journal"), "--output", str(table)]):  # fmt: skip
        said = subprocess.run(
            [sys.executable, "-m", "her2plastic.cli", "review", *words], capture_output=True, text=True
        )
        assert said.returncode == 0, said.stderr
        assert "5 decisions" in said.stdout
    assert list(pd.read_csv(table)["decision"]) == list(io.read_decisions(journal)["decision"])


@pytest.mark.parametrize("binding", ["pyqt6", "pyside6"])
def test_keys_are_heard_without_a_screen(binding: str, screen: dict[str, str], results: Path, tmp_path: Path) -> None:
    env = os.environ | screen | {"QT_API": binding, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, str(OFFSCREEN), str(results), str(tmp_path / "r.journal"), "01z2fn"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(maxsplit=1) == ["offscreen", "1 ⚑  ·  3 decided\n"]
    assert list(io.read_decisions(tmp_path / "r.journal")["decision"]) == ["HER2-0", "HER2-positive", "not a CTC"]
