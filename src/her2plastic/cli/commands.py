"""The ``her2plastic`` command. It arranges calls and holds no science; every import that costs time is made by the
command that needs it, so that ``--help`` answers at once."""  # noqa: D205, D209

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from her2plastic.cli.announcing import announce, announce_slides, say_notes, step_line
from her2plastic.cli.caches import settle_caches
from her2plastic.cli.messages import PARTLY, clear_errors, number
from her2plastic.cli.options import RESULTS, Config, Debug, Force, Output, Overwrite, Workers
from her2plastic.cli.reviewing import review
from her2plastic.cli.workflow_jobs import workflow

if TYPE_CHECKING:
    from her2plastic.run.clock import Listener

app = typer.Typer(
    name="her2plastic",
    help="HER2 states of circulating tumour cells, with honest uncertainty. Research use only.",
    epilog="Start with `her2plastic demo`, or with `her2plastic init` in the folder of your samples.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the plain help page is as clear, and does not load rich
    context_settings={"help_option_names": ["-h", "--help"]},
)

KeepGoing = Annotated[
    bool, typer.Option("--keep-going", "-k", help="Leave out what cannot be read; the report names it.")
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from her2plastic import __version__

        typer.echo(f"her2plastic {__version__}")
        raise typer.Exit


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; made where it is missing.", metavar="[DIR]")] = Path(),
    slides: Annotated[bool, typer.Option("--slides", help="For images: config.yaml and slides.csv.")] = False,
    force: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Write a commented config.yaml and a sample sheet."""
    with clear_errors(debug):
        from her2plastic import run

        config, sheet = run.write_template(folder, slides=slides, force=force)
        typer.echo(
            f"Wrote {config} and {sheet}.\nAdd a row to {sheet.name} for every {'slide' if slides else 'file'}, then: "
            f"her2plastic check {config}"
        )


@app.command()
def check(
    config: Config,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Check that results can be written here, too.", metavar="DIR")
    ] = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Say what is wrong before anything is computed.

    Checks every key of the configuration, every row of the sample sheet, the head of every file, and the output folder;
    of slides also channels, pixel sizes, and that their bit depths are alike.
    """
    with clear_errors(debug):
        from her2plastic import run
        from her2plastic._access import cultured_rows

        if run.is_of_slides(config):
            slides = run.check_slides(config, output=output, force=force)
            say_notes(slides.notes)
            typer.secho("All is well.", fg="green", bold=True, nl=False)
            typer.echo(f" {number(len(slides.slides), 'slide')}.")
            typer.echo(f"Next: her2plastic slide {config} -o {output or RESULTS}")
            return
        plan = run.check(config, output=output, force=force)
        sheet = plan.sheet
        patients = sheet[~cultured_rows(sheet)]
        # a sheet leaves what it does not know missing
        patients = patients[patients["label"].isna()] if "label" in patients else patients
        donors, draws = patients["donor_id"].nunique(), len(patients[["donor_id", "draw_day"]].drop_duplicates())
        typer.secho("All is well.", fg="green", bold=True, nl=False)
        typer.echo(f" {number(donors, 'donor')}, {number(draws, 'draw')}, {number(len(plan.files), 'file')}.")
        typer.echo(f"Next: her2plastic run {config} -o {output or RESULTS}")


@app.command()
def run(
    config: Config,
    output: Output = RESULTS,
    force: Force = False,
    keep_going: KeepGoing = False,
    debug: Debug = False,
) -> None:
    """Call HER2 states and write a report.

    Writes cells.h5ad, patients.csv, programmes.csv, what was found of moves between states (transitions.csv, nulls.csv
    and others, as the data allow), figures, report.html and provenance.json. Former results stay as
    they are until the new ones are whole.

    Exit codes: 0 all samples were read, 2 bad input and nothing was written, 3 results are written but samples were
    left out (--keep-going), 130 interrupted.
    """
    with clear_errors(debug, output):
        with _progress() as listen:
            from her2plastic import report, run

            finished = run.execute(
                config, output, report=report.draw, force=force, keep_going=keep_going, listen=listen
            )
        announce(finished)
        if finished.analysis.failed:
            raise typer.Exit(PARTLY)


@app.command()
def slide(
    config: Config,
    output: Output = RESULTS,
    workers: Workers = 1,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="A Dask scheduler that does the work instead.", metavar="tcp://..."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after an interruption: slides that are whole are not done again.")
    ] = False,
    force: Force = False,
    keep_going: KeepGoing = False,
    debug: Debug = False,
) -> None:
    """Measure slides, find the CTCs, and call HER2 fluorescence.

    Writes cells.h5ad, a store with image, labels and crops per slide, slides.csv, patients.csv, figures, report.html
    and provenance.json. A slide that fails is reported and the others stand; with --keep-going, also where it cannot
    even be opened.

    Exit codes: 0 all slides are whole, 2 bad input and nothing was written, 3 results are written but some slides
    failed, 130 interrupted.
    """
    with clear_errors(debug, output, kept="Slides that are whole are kept: --resume goes on from there."):
        from her2plastic import report, run

        finished = run.execute_slides(
            config, output, report=report.draw_slides, force=force, resume=resume, keep_going=keep_going,
            workers=workers, scheduler=scheduler, progress=sys.stderr.isatty(), listen=step_line, tell=_slide_line,
        )  # fmt: skip
        announce_slides(finished)
        if finished.analysis.failed:
            raise typer.Exit(PARTLY)


@app.command()
def demo(
    output: Output = Path("demo"),
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Run the embedded example: cells, slides, and cells with both.

    Writes its input files, with configurations to start from, and its results. One to two minutes on two idle cores.
    """
    with clear_errors(debug, output):
        with _progress() as listen:
            from her2plastic import report, run

            finished = run.demonstrate(output, report=report.draw, force=force, listen=listen)
        announce(finished)


app.add_typer(review, name="review")
app.add_typer(workflow, name="workflow")


def main() -> None:
    """Run the command line."""
    settle_caches()
    app()


@contextmanager
def _progress() -> Iterator[Listener | None]:
    """Show a bar on the terminal, nothing where the output goes elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from her2plastic.run import LAST_STEPS, STEPS

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    total = len(STEPS) + len(LAST_STEPS)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Starting", total=total + 1)

        def listen(_name: str, words: str) -> None:
            progress.update(task, description=words.ljust(36), advance=1)

        yield listen


def _slide_line(place: int, total: int, name: str, ended: str) -> None:
    """Write a line as a slide begins, where a person waits, and one as it ends."""
    if ended:
        typer.echo(f"slide {place} of {total}, {name}: {ended}", err=True)
    elif sys.stderr.isatty():
        typer.secho(f"slide {place} of {total}, {name}", dim=True, err=True)
