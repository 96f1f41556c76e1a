"""What a person reads as a run goes on and ends: its steps, what was noted, what was found, and where the report is."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from her2plastic.cli.messages import say

if TYPE_CHECKING:
    from her2plastic.run import Finished, FinishedSlides


def announce(finished: Finished) -> None:
    """Say what a run over cells, and over the slides beside them, has found."""
    from her2plastic.report import headline, slide_headline, transition_sentences

    say_notes(finished.analysis.notes)
    sentences = list(headline(finished.analysis.adata, finished.analysis.patients).sentences())
    sentences += transition_sentences(finished.analysis.adata)
    if finished.slides is not None:
        sentences += slide_headline(finished.slides.adata, finished.slides.slides).sentences()
    _say_findings(sentences, finished.folder)


def announce_slides(finished: FinishedSlides) -> None:
    """Say what a run over slides has found."""
    from her2plastic.report import slide_headline

    say_notes(finished.analysis.notes)
    _say_findings(slide_headline(finished.analysis.adata, finished.analysis.slides).sentences(), finished.folder)


def say_notes(notes: Iterable[str]) -> None:
    """Write what a person should know, though it is no error."""
    for note in notes:
        say(note, mark="note: ", colour="yellow", err=True)


def step_line(_name: str, words: str) -> None:
    """Write a line as a step begins, where a person waits."""
    if sys.stderr.isatty():
        typer.secho(f"{words} ...", dim=True, err=True)


def _say_findings(sentences: Iterable[str], folder: Path) -> None:
    for sentence in sentences:
        say(sentence)
    typer.secho(f"Open {folder / 'report.html'}", bold=True)
