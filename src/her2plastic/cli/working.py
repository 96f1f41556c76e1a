"""``her2plastic workflow``: a Snakemake workflow written out, and the jobs that its rules call."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from her2plastic.cli.messages import Debug, clear_errors, number, say

workflow = typer.Typer(
    help="A cohort on a cluster: a Snakemake workflow, and the jobs that it calls.",
    epilog="Start with `her2plastic workflow init`. The other commands are the jobs, for other workflow managers too.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[Path, typer.Argument(help="The configuration, as `her2plastic init` writes it.", metavar="CONFIG")]
Kept = Annotated[Path, typer.Option("--kept", "-k", help="Where jobs keep what others take up.", metavar="DIR")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The results folder.", metavar="DIR")]
KEPT = Path("kept")
RESULTS = Path("results")


@workflow.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; made where it is missing.", metavar="DIR")],
    force: Annotated[bool, typer.Option("--force", help="Write over files of these names.")] = False,
    debug: Debug = False,
) -> None:
    """Write the workflow with its configuration, sample sheets and profiles."""
    with clear_errors(debug):
        from her2plastic import run

        written = run.write_workflow(folder, force=force)
        typer.echo(
            f"Wrote {number(len(written), 'file')} into {folder}.\n"
            f"Add your samples to {folder / 'config' / 'samples.csv'}, then: cd {folder} && "
            "snakemake --profile profiles/local"
        )


@workflow.command()
def sample(
    config: Config,
    name: Annotated[str, typer.Argument(help="Name of the sample.", metavar="SAMPLE")],
    kept: Kept = KEPT,
    debug: Debug = False,
) -> None:
    """Read one sample and score its doublets. One that cannot be read is kept as such, and is no error."""
    with clear_errors(debug):
        from her2plastic.run.sample_job import sample_job

        found = sample_job(config, name, kept)
        if found.reading.fault:
            say(found.reading.fault, mark=f"sample {name} is left out: ", colour="yellow", err=True)
        else:
            cells = 0 if found.reading.cells is None else found.reading.cells.n_obs
            typer.echo(f"sample {name}: {number(cells, 'event')}")
        _say_notes(found.notes)


@workflow.command()
def called(config: Config, kept: Kept = KEPT, debug: Debug = False) -> None:
    """Join the samples, find the CTCs and call their HER2 states."""
    with clear_errors(debug):
        from her2plastic.run.jobs import called_job

        _say_notes(called_job(config, kept, listen=_step_line))


@workflow.command()
def transitions(config: Config, kept: Kept = KEPT, debug: Debug = False) -> None:
    """Ask how the cells move between states."""
    with clear_errors(debug):
        from her2plastic.run.jobs import transitions_job

        _say_notes(transitions_job(config, kept, listen=_step_line))


@workflow.command()
def report(
    config: Config,
    kept: Kept = KEPT,
    output: Output = RESULTS,
    force: Annotated[bool, typer.Option("--force", help="Write to a folder that holds files of others.")] = False,
    debug: Debug = False,
) -> None:
    """Sum up by patient, draw the report, and write the results of `her2plastic run`."""
    with clear_errors(debug, output):
        from her2plastic import report as reports
        from her2plastic.run.jobs import report_job

        finished = report_job(config, kept, output, report=reports.draw, force=force, listen=_step_line)
        _say_notes(finished.analysis.notes)
        for sentence in reports.headline(finished.analysis.adata, finished.analysis.patients).sentences():
            say(sentence)
        typer.echo(f"Open {finished.folder / 'report.html'}")


@workflow.command()
def slide(
    config: Config,
    name: Annotated[str, typer.Argument(help="Name of the slide.", metavar="SLIDE")],
    kept: Kept = KEPT,
    output: Output = RESULTS,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that work on the tiles.")] = 1,
    debug: Debug = False,
) -> None:
    """Measure one slide. One that cannot be measured is kept as such, and is no error."""
    with clear_errors(debug):
        from her2plastic.run.slide_jobs import slide_job

        fault = slide_job(config, name, kept, output, workers=workers)
        if fault:
            say(fault, mark=f"slide {name} is left out: ", colour="yellow", err=True)
        else:
            typer.echo(f"slide {name} is whole")


@workflow.command()
def slides(
    config: Config,
    kept: Kept = KEPT,
    output: Output = RESULTS,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that work on the tiles.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Write to a folder that holds files of others.")] = False,
    debug: Debug = False,
) -> None:
    """Call CTCs and HER2 over all slides, and write the results of `her2plastic slide`."""
    with clear_errors(debug, output):
        from her2plastic import report as reports
        from her2plastic.run.slide_jobs import slides_job

        finished = slides_job(
            config, kept, output, report=reports.draw_slides, force=force, workers=workers, listen=_step_line
        )
        _say_notes(finished.analysis.notes)
        for sentence in reports.slide_headline(finished.analysis.adata, finished.analysis.slides).sentences():
            say(sentence)
        typer.echo(f"Open {finished.folder / 'report.html'}")


def _say_notes(notes: tuple[str, ...] | list[str]) -> None:
    for note in notes:
        say(note, mark="note: ", colour="yellow", err=True)


def _step_line(_name: str, words: str) -> None:
    if sys.stderr.isatty():
        typer.secho(f"{words} ...", dim=True, err=True)
