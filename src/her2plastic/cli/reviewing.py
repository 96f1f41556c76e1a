"""``her2plastic review``: cells settled by people in napari, their journals merged and exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from her2plastic._errors import ParameterError
from her2plastic.cli.messages import clear_errors, number, say
from her2plastic.cli.options import Debug

if TYPE_CHECKING:
    from her2plastic.review.window.wish import Wish

_OPEN = "open"


class _OpenUnlessNamed(TyperGroup):
    """Takes what is no command as the path that is to be opened."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command before what is not one."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [_OPEN, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write both ways of calling it."""
        formatter.write_usage(ctx.command_path, "PATH --reviewer NAME [OPTIONS] | merge ... | export ...")


review = typer.Typer(
    cls=_OpenUnlessNamed,
    help="Review cells one by one in napari; merge and export journals.",
    epilog="`her2plastic review open --help` lists the options of a review.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Journal = Annotated[Path, typer.Argument(help="A journal of reviews.", metavar="JOURNAL")]


@review.command(_OPEN)
def open_(
    path: Annotated[
        Path, typer.Argument(help="Results folder of `her2plastic slide`, its cells, or a store.", metavar="PATH")
    ],
    reviewer: Annotated[str, typer.Option("--reviewer", "-r", help="Your initials.", metavar="NAME")],
    journal: Annotated[
        Path | None,
        typer.Option("--journal", "-j", help="Where decisions are kept; default: beside PATH.", metavar="FILE"),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Where the stores of the slides are, if not beside PATH.")
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="uncertain (default), random, slide or stratified.", metavar="ORDER")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only cells of which this holds, such as is_ctc=True; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    target: Annotated[int | None, typer.Option(min=0, help="How many cells; default 300, 0 for all.")] = None,
    repeats: Annotated[float | None, typer.Option(help="Share shown twice, unannounced; default 0.1.")] = None,
    blinded: Annotated[
        bool | None, typer.Option("--blinded/--open", help="Hide calls, patients and other reviewers (default).")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the order.")] = None,
    adjudicate: Annotated[
        bool, typer.Option("--adjudicate", help="Settle the cells on which reviewers differ.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Open napari with a cell to decide on. Without options for the queue, goes on with the session left last."""
    with clear_errors(debug, kept="Every decision is in the journal."):
        from her2plastic.review.window.launch import review_in_napari
        from her2plastic.review.window.wish import Wish

        given = {
            "order": order, "filters": tuple(only) if only else None, "target": target, "repeat_share": repeats,
            "blinded": blinded, "seed": seed, "adjudicate": True if adjudicate else None,
        }  # fmt: skip
        settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if target == 0:
            settings["target"] = None
        wish = Wish(str(path), str(journal or ""), reviewer, settings or None, str(images or ""))
        _check(wish)
        review_in_napari(wish)
        typer.echo(f"Decisions are in {wish.journal_path()}")


def _check(wish: Wish) -> None:
    """Say what is wrong with options before napari starts."""
    from her2plastic.review.session import ReviewSettings

    if not wish.reviewer.strip():
        raise ParameterError("--reviewer: expected your initials")
    if not wish.results_path().exists():
        raise ParameterError(
            f"{wish.path}: not found; expected a results folder of `her2plastic slide` or `her2plastic demo`, or "
            "the cells.h5ad of its slides"
        )
    ReviewSettings(**(wish.settings or {}))


@review.command()
def merge(
    journals: Annotated[list[Path], typer.Argument(help="Journals to take from.", metavar="JOURNAL...")],
    into: Annotated[Path, typer.Option("--into", "-i", help="The journal to add to; made if missing.", metavar="FILE")],
    debug: Debug = False,
) -> None:
    """Bring the journals of several reviewers together. Merging again adds nothing."""
    with clear_errors(debug, kept="Nothing was merged."):
        from her2plastic.io import merge_journals, read_decisions

        merge_journals(journals, into=into)
        decisions = read_decisions(into)
        say(
            f"{into} holds {number(len(decisions), 'decision')} of "
            f"{number(decisions['reviewer'].nunique(), 'reviewer')}."
        )


@review.command()
def export(
    journal: Journal,
    output: Annotated[Path, typer.Option("--output", "-o", help="The table to write.", metavar="FILE.csv")],
    events: Annotated[
        bool, typer.Option("--events", help="Everything that happened, what was taken back included.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write the decisions that stand as a table."""
    with clear_errors(debug, kept="Nothing was written."):
        from her2plastic.io import read_decisions, read_journal, write_table

        table = read_journal(journal) if events else read_decisions(journal)
        if output.exists() and output.samefile(journal):
            raise ParameterError(f"{output}: is the journal itself; name another file for the table")
        write_table(table, output)
        say(f"Wrote {number(len(table), 'event' if events else 'decision')} to {output}")
