from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import her2plastic

Command = Callable[..., Any]


def test_help_names_every_command_and_loads_nothing_slow() -> None:
    slow = ("numpy", "pandas", "scanpy", "pydantic", "rich", "yaml", "matplotlib", "anndata")
    code = (
        "import sys; from her2plastic.cli import main; sys.argv[1:] = ['--help']\n"
        "try:\n    main()\nexcept SystemExit:\n"
        f"    print(sorted(set({slow}) & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"
    for name in ("init", "check", "run", "demo", "--version"):
        assert f"  {name}  " in said


def test_version(command: Command) -> None:
    assert command("--version").said == f"her2plastic {her2plastic.__version__}\n"


def test_unknown_command_and_option_are_bad_input(command: Command) -> None:
    assert command("rnu").code == 2
    assert command("run", "--oops").code == 2


def test_init_then_check_says_what_is_left_to_do(command: Command, tmp_path: Path) -> None:
    assert command("init", tmp_path).code == 0
    ended = command("check", tmp_path / "config.yaml")
    assert ended.code == 2
    assert "samples.csv" in ended.error
    assert command("init", tmp_path).code == 2, "nothing is written over"


def test_check_of_a_sound_cohort(command: Command, cohort: Path, tmp_path: Path) -> None:
    ended = command("check", cohort / "config.yaml", "-o", tmp_path / "new")
    assert ended.code == 0, ended.error
    assert "All is well. 3 donors, 6 draws, 6 files." in ended.said
    assert not (tmp_path / "new").exists(), "checking writes nothing"


def test_check_counts_donors_of_a_sheet_as_init_writes_it(command: Command, cohort: Path) -> None:
    path = cohort / "samples.csv"
    sheet = pd.read_csv(path, dtype=str).assign(label="")
    sheet.to_csv(path, index=False)
    assert "All is well. 3 donors, 6 draws, 6 files." in command("check", cohort / "config.yaml").said
    sheet.assign(label=["HER2-0", *sheet["label"][1:]]).to_csv(path, index=False)
    assert "3 donors, 5 draws, 6 files." in command("check", cohort / "config.yaml").said, "control cells are no draw"


def test_check_names_every_problem_at_once(command: Command, cohort: Path, tmp_path: Path) -> None:
    (cohort / "D01-d0.h5").write_bytes(b"not a count table")
    (cohort / "D03-d21.h5ad").unlink()
    (tmp_path / "taken").write_text("", encoding="utf-8")
    ended = command("check", cohort / "config.yaml", "-o", tmp_path / "taken")
    assert ended.code == 2
    assert "problems, nothing was computed" in ended.error
    for named in ("D03-d21.h5ad", "taken is a file"):
        assert named in ended.error


def test_controls_without_a_control_cell(command: Command, cohort: Path) -> None:
    with (cohort / "config.yaml").open("a", encoding="utf-8") as config:
        config.write("her2: {calibration: controls}\n")
    ended = command("check", cohort / "config.yaml")
    assert ended.code == 2
    assert "her2.calibration: controls needs control cells, but no row of samples.csv has a `label`" in ended.error


def test_debug_shows_the_traceback(command: Command, tmp_path: Path) -> None:
    with pytest.raises(her2plastic._errors.ConfigError):  # the runner gives what the terminal would show
        command("check", tmp_path / "none.yaml", "--debug")


@pytest.mark.parametrize("words", [(), ("workflow",), ("review",)])
def test_lists_of_commands_break_no_sentence_off(words: tuple[str, ...], command: Command) -> None:
    _, listed = command(*words, "--help").said.split("Commands:\n")
    lines = listed.split("\n\n")[0].splitlines()
    assert len(lines) >= 3
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []
