"""What the command line says: results, notes, and errors that a user can mend."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from her2plastic._errors import ConfigError, Her2plasticError, SampleSheetError, WorkersLostError

#: Nothing is wrong with the input: another time it may work.
TRY_AGAIN = 1
BAD_INPUT = 2
#: Results are written, but some slides failed.
PARTLY = 3
INTERRUPTED = 130


def say(text: str, *, mark: str = "", colour: str = "", err: bool = False) -> None:
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
def clear_errors(
    debug: bool, output: Path | None = None, *, kept: str = "The same command starts again."
) -> Iterator[None]:
    """Turn what the user can mend into one message and an exit code; let a fault of the package show its traceback."""
    from her2plastic.run.interruption import held_on_to

    _set_up_logs(debug)
    try:
        with held_on_to():
            yield
    except KeyboardInterrupt:
        before = f" What was in {output} is as it was." if output is not None else ""
        typer.echo(f"\nInterrupted.{before} {kept}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (Her2plasticError, OSError) as error:
        if debug:
            raise
        problems = error.problems if isinstance(error, ConfigError | SampleSheetError) else ()
        lines = list(problems) or [str(error)]
        if len(lines) == 1:
            say(lines[0], mark="error: ", colour="red", err=True)
        else:
            say(f"{len(lines)} problems, nothing was computed", mark="error: ", colour="red", err=True)
            for line in lines:
                say(line, mark="  - ", err=True)
        raise typer.Exit(TRY_AGAIN if isinstance(error, WorkersLostError) else BAD_INPUT) from None


def _set_up_logs(debug: bool) -> None:
    """Keep the steps' logs off the terminal (what matters of them is noted in the results), unless they are wanted."""
    import logging

    logger = logging.getLogger("her2plastic")
    if debug:
        logging.basicConfig(format="%(name)s: %(message)s")
        logger.setLevel(logging.DEBUG)
    else:
        for name in ("her2plastic", "tifffile"):  # what matters of a damaged file is in the error
            logging.getLogger(name).addHandler(logging.NullHandler())


def number(n: int, thing: str) -> str:
    """Return a number of things in words."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
