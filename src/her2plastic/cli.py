"""The ``her2plastic`` command. It arranges calls and holds no science; every import that costs time is made by the
command that needs it, so that ``--help`` answers at once."""  # noqa: D205, D209

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from her2plastic._errors import ConfigError, Her2plasticError, SampleSheetError

if TYPE_CHECKING:
    from her2plastic.run import Finished
    from her2plastic.run.clock import Listener

BAD_INPUT = 2
INTERRUPTED = 130

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

Config = Annotated[Path, typer.Argument(help="The configuration, as `her2plastic init` writes it.", metavar="CONFIG")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The results folder.", metavar="DIR")]
Force = Annotated[bool, typer.Option("--force", help="Write to a folder that holds files of someone else's.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


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
    force: Annotated[bool, typer.Option("--force", help="Write over config.yaml and samples.csv.")] = False,
    debug: Debug = False,
) -> None:
    """Write a commented config.yaml and a sample sheet."""
    with _clear_errors(debug):
        from her2plastic import run

        config, sheet = run.write_template(folder, force=force)
        typer.echo(
            f"Wrote {config} and {sheet}.\nAdd a row to {sheet.name} for every file, then: her2plastic check {config}"
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

    Checks every key of the configuration, every row of the sample sheet, the head of every file, and the output folder.
    """
    with _clear_errors(debug):
        from her2plastic import run

        plan = run.check(config, output=output, force=force)
        sheet = plan.sheet
        patients = sheet[sheet["label"] == ""] if "label" in sheet else sheet
        donors, draws = patients["donor_id"].nunique(), len(patients[["donor_id", "draw_day"]].drop_duplicates())
        typer.secho("All is well.", fg="green", bold=True, nl=False)
        typer.echo(f" {_number(donors, 'donor')}, {_number(draws, 'draw')}, {_number(len(plan.files), 'file')}.")
        typer.echo(f"Next: her2plastic run {config} -o {output or 'results'}")


@app.command()
def run(
    config: Config,
    output: Annotated[Path, typer.Option("--output", "-o", help="The results folder.", metavar="DIR")] = Path(
        "results"
    ),
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Call HER2 states and write a report.

    Writes cells.h5ad, patients.csv, programmes.csv, figures, report.html and provenance.json. Former results stay as
    they are until the new ones are whole.
    """
    with _clear_errors(debug, output):
        with _progress() as listen:
            from her2plastic import report, run

            finished = run.execute(config, output, report=report.draw, force=force, listen=listen)
        _announce(finished)


@app.command()
def demo(
    output: Output = Path("demo"),
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Run the embedded example cohort.

    Writes its input files, with a configuration to start from, and its results: under a minute.
    """
    with _clear_errors(debug, output):
        with _progress() as listen:
            from her2plastic import report, run

            finished = run.demonstrate(output, report=report.draw, force=force, listen=listen)
        _announce(finished)


def main() -> None:
    """Run the command line."""
    app()


def _announce(finished: Finished) -> None:
    from her2plastic.report import headline

    for note in finished.analysis.notes:
        _say(note, mark="note: ", colour="yellow", err=True)
    for sentence in headline(finished.analysis.adata, finished.analysis.patients).sentences():
        _say(sentence)
    typer.secho(f"Open {finished.folder / 'report.html'}", bold=True)


def _say(text: str, *, mark: str = "", colour: str = "", err: bool = False) -> None:
    """Write a paragraph after a coloured mark, wrapped at words where a person reads it."""
    stream = sys.stderr if err else sys.stdout
    lines = [mark + text]
    if stream.isatty():
        width = min(shutil.get_terminal_size().columns, 100)
        hang = " " * (len(mark) if mark.endswith("- ") else 0)
        lines = textwrap.wrap(lines[0], width, subsequent_indent=hang, break_on_hyphens=False, break_long_words=False)
    typer.secho(mark, fg=colour or None, bold=bool(colour), err=err, nl=False)
    typer.echo("\n".join(lines)[len(mark) :], err=err)


@contextmanager
def _clear_errors(debug: bool, output: Path | None = None) -> Iterator[None]:
    """Turn what the user can mend into one message and exit code 2; let a fault of the package show its traceback."""
    _set_up_logs(debug)
    try:
        yield
    except KeyboardInterrupt:
        kept = f" What was in {output} is as it was." if output is not None else ""
        typer.echo(f"\nInterrupted.{kept} The same command starts again.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (Her2plasticError, OSError) as error:
        if debug:
            raise
        problems = error.problems if isinstance(error, ConfigError | SampleSheetError) else ()
        lines = list(problems) or [str(error)]
        if len(lines) == 1:
            _say(lines[0], mark="error: ", colour="red", err=True)
        else:
            _say(f"{len(lines)} problems, nothing was computed", mark="error: ", colour="red", err=True)
            for line in lines:
                _say(line, mark="  - ", err=True)
        raise typer.Exit(BAD_INPUT) from None


def _set_up_logs(debug: bool) -> None:
    """Keep the steps' logs off the terminal (what matters of them is noted in the results), unless they are wanted."""
    import logging

    logger = logging.getLogger("her2plastic")
    if debug:
        logging.basicConfig(format="%(name)s: %(message)s")
        logger.setLevel(logging.DEBUG)
    else:
        logger.addHandler(logging.NullHandler())


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


def _number(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


if __name__ == "__main__":
    main()
