"""``her2plastic review`` where no window opens: what it says before, and journals merged and exported."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from her2plastic.cli import app

run = CliRunner().invoke


def test_help_names_both_ways() -> None:
    said = run(app, ["review", "--help"]).stdout
    assert "PATH --reviewer NAME" in said
    assert all(word in said for word in ("open", "merge", "export"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--reviewer", "AB"], "nowhere: not found"),
        ([".", "--reviewer", " "], "--reviewer: expected your initials"),
        ([".", "--reviewer", "AB", "--order", "best"], "order='best' is not known; options: 'uncertain'"),
        ([".", "--reviewer", "AB", "--repeats", "0.9"], "repeat_share=0.9: expected a share of 0 to 0.5"),
        ([".", "--reviewer", "AB", "--only", "is_ctc"], "is_ctc"),
        (["merge", "none.journal", "--into", "all.journal"], "no journal at"),
        (["export", "none.journal", "--output", "x.csv"], "no journal at"),
    ],
)
def test_bad_input_is_said_before_a_window_opens(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(app, ["review", *words])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_results_are_found_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results").mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    done = run(app, ["review", "~/results", "--reviewer", "AB", "--order", "best"])
    assert "order='best' is not known" in " ".join(done.stderr.split())


def test_no_screen_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("napari", reason="napari is not installed")
    from her2plastic._errors import ReviewError
    from her2plastic.review.window.launch import check_screen

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ReviewError, match="no screen"):
        check_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    check_screen()


def test_a_table_is_not_written_over_its_journal(tmp_path: Path) -> None:
    from her2plastic.io.journal.recording import Journal

    journal = tmp_path / "review.csv"
    Journal(journal, create=True).close()
    before = journal.read_bytes()
    done = run(app, ["review", "export", str(journal), "--output", str(tmp_path / "." / "review.csv")])
    assert done.exit_code == 2
    assert "is the journal itself" in " ".join(done.stderr.split())
    assert journal.read_bytes() == before
