"""``her2plastic workflow``: a Snakemake workflow written out, and the jobs that its rules call."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from her2plastic.cli.announcing import announce, announce_slides, say_notes, step_line
from her2plastic.cli.messages import clear_errors, number, say
from her2plastic.cli.options import RESULTS, Config, Debug, Force, Output, Workers

workflow = typer.Typer(
    help="A cohort on a cluster: a Snakemake workflow and its jobs.",
    epilog="Start with `her2plastic workflow init`. The other commands are the jobs, for other workflow managers too.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Kept = Annotated[Path, typer.Option("--kept", help="Where jobs keep what others take up.", metavar="DIR")]
Anew = Annotated[
    bool, typer.Option("--force", help="Write the workflow anew; files in config and profiles stay as they are.")
]
KEPT: Final = Path("kept")


@workflow.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; made where it is missing.", metavar="DIR")],
    force: Anew = False,
    debug: Debug = False,
) -> None:
    """Write the workflow, its configuration, sheets and profiles."""
    with clear_errors(debug):
        from her2plastic import run

        written = run.write_workflow(folder, force=force)
        typer.echo(
            f"Wrote {number(len(written), 'file')} into {folder}.\n"
            f"Add your samples to {folder / 'config' / 'samples.csv'}, then: cd {shlex.quote(str(folder))} && "
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
        say_notes(found.notes)


@workflow.command()
def called(config: Config, kept: Kept = KEPT, debug: Debug = False) -> None:
    """Join the samples, find the CTCs and call their HER2 states."""
    with clear_errors(debug):
        from her2plastic.run.cohort_jobs import called_job

        say_notes(called_job(config, kept, listen=step_line))


@workflow.command()
def transitions(config: Config, kept: Kept = KEPT, debug: Debug = False) -> None:
    """Ask how the cells move between states."""
    with clear_errors(debug):
        from her2plastic.run.cohort_jobs import transitions_job

        say_notes(transitions_job(config, kept, listen=step_line))


@workflow.command()
def report(
    config: Config,
    kept: Kept = KEPT,
    output: Output = RESULTS,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Sum up by patient, and write what `her2plastic run` writes."""
    with clear_errors(debug, output):
        from her2plastic import report as reports
        from her2plastic.run.cohort_jobs import report_job

        finished = report_job(config, kept, output, report=reports.draw, force=force, listen=step_line)
        announce(finished)


@workflow.command()
def slide(
    config: Config,
    name: Annotated[str, typer.Argument(help="Name of the slide.", metavar="SLIDE")],
    kept: Kept = KEPT,
    output: Output = RESULTS,
    workers: Workers = 1,
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
    workers: Workers = 1,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Call all slides, and write what `her2plastic slide` writes."""
    with clear_errors(debug, output):
        from her2plastic import report as reports
        from her2plastic.run.slide_jobs import slides_job

        finished = slides_job(
            config, kept, output, report=reports.draw_slides, force=force, workers=workers, listen=step_line
        )
        announce_slides(finished)
