"""Exceptions and warnings of the package.

Every message names the place (file, row, key), what was expected, what is there, and what to do.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any


class Her2plasticError(Exception):
    """Base of every error that the package raises on purpose."""


class InputFileError(Her2plasticError, ValueError):
    """A file cannot be read as what it is said, or was sniffed, to be."""


class EmptySampleError(InputFileError):
    """A file is sound, but holds no cells."""


class GeneError(Her2plasticError, ValueError):
    """Gene names cannot be used: ERBB2 is missing, namings are mixed, a spreadsheet turned them into dates."""


class UnitError(Her2plasticError, ValueError):
    """Values are not in the unit that a step needs."""


class SampleSheetError(Her2plasticError, ValueError):
    """A sample sheet has faulty rows; ``problems`` lists every one of them."""

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class ConfigError(Her2plasticError, ValueError):
    """A run configuration is faulty; ``problems`` lists every fault."""

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class OutputFolderError(Her2plasticError, OSError):
    """A run cannot write to its output folder."""


class MissingKeyError(Her2plasticError, KeyError):
    """A key that a step reads is not in the AnnData."""

    def __init__(self, slot: str, key: str, available: Iterable[str | None], remedy: str = "") -> None:
        # anndata 0.13 lists X in layers under the key None
        names = sorted(str(name) for name in available if name is not None)
        shown = ", ".join(repr(name) for name in names) or "none"
        super().__init__(f"`{slot}[{key!r}]` not found; available: {shown}." + (f" {remedy}" if remedy else ""))

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0])


class MissingExtraError(Her2plasticError, ImportError):
    """A function needs a package that is installed by one of the extras."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}, which is not installed: pip install 'her2plastic[{extra}]'")


class ChannelError(Her2plasticError, ValueError):
    """The channels of a slide are not what a step needs, or nobody said which is which."""


class DamagedTileError(InputFileError):
    """A region of a slide cannot be read; the rest of it can.

    ``slide``, ``field`` and ``channel`` name the place, ``y`` and ``x`` are the half-open pixel ranges of the region,
    and ``reason`` tells what is wrong with it.
    """

    def __init__(
        self, slide: str, field: str, channel: str, y: tuple[int, int], x: tuple[int, int], reason: str
    ) -> None:
        super().__init__(slide, field, channel, y, x, reason)  # what it is made anew from in another process
        self.slide, self.field, self.channel, self.y, self.x, self.reason = slide, field, channel, y, x, reason

    def __str__(self) -> str:
        place = f"slide {self.slide!r}" + (f", field {self.field!r}" if self.field else "")
        return (
            f"{place}, channel {self.channel}: rows {self.y[0]} to {self.y[1]}, columns {self.x[0]} to {self.x[1]} "
            f"cannot be read: {self.reason}. Copy or export the file again."
        )


class WorkersLostError(Her2plasticError, RuntimeError):
    """The processes that worked on a slide died, and what they were given cannot be given to others."""


class GenomeBuildError(Her2plasticError, ValueError):
    """Positions are not of the build of the genome that they are said to be of, or nothing tells of which."""


class CalibrationError(Her2plasticError, ValueError):
    """A calibration cannot be fitted or applied."""


class ConvergenceError(Her2plasticError, RuntimeError):
    """A model could not be fitted: its numbers would look fitted and are not."""


class ParameterError(Her2plasticError, ValueError):
    """A parameter has a value that a function does not take."""


class JournalError(Her2plasticError, OSError):
    """A journal of a review cannot be opened, read or written; what stood in it still does."""


class ReviewError(Her2plasticError, ValueError):
    """Cells cannot be reviewed: their pictures are missing, there is none to show, or the journal is of other cells."""


class Her2plasticWarning(UserWarning):
    """Base of the package's warnings."""


class DataWarning(Her2plasticWarning):
    """The data were read or used in a way that a person should know of."""


def from_extra(module: str, *, extra: str) -> Any:
    """Import a module of an optional package, or raise MissingExtraError."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as fault:
        raise MissingExtraError(module.partition(".")[0], extra) from fault


def one_of(name: str, value: object, options: Iterable[str]) -> None:
    """Raise ParameterError, listing the options, unless ``value`` is one of them."""
    choices = tuple(options)
    if value not in choices:
        raise ParameterError(f"{name}={value!r} is not known; options: {', '.join(map(repr, choices))}")


def check_made_by(name: str, value: object, kind: type, maker: str) -> None:
    """Raise ParameterError unless ``value`` is what the function ``maker`` gives."""
    if not isinstance(value, kind):
        raise ParameterError(f"{name}: expected a {kind.__name__}, as {maker} gives, not a {type(value).__name__}")


def check_whole(name: str, value: object, *, least: int) -> None:
    """Raise ParameterError unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least:
        return
    raise ParameterError(f"{name}={value!r}: expected a whole number of at least {least}")


def check_probability(name: str, value: object, *, above: float = 0.0) -> None:
    """Raise ParameterError unless ``value`` is a number between ``above`` and 1, without the two."""
    if isinstance(value, Real) and not isinstance(value, bool) and above < float(value) < 1:
        return
    raise ParameterError(f"{name}={value!r}: expected a probability above {above:g} and below 1")


def as_numbers(name: str, given: object) -> Any:
    """Return what was given as an array of floats, or raise ParameterError where it holds anything but numbers."""
    import numpy as np

    try:
        values = np.asarray(given)
        if values.dtype.kind in "mMc":
            raise ParameterError(f"{name} holds dates, spans of time or complex numbers: give plain numbers")
        return values.astype(float)
    except (TypeError, ValueError, OverflowError) as fault:
        if isinstance(fault, ParameterError):
            raise
        raise ParameterError(f"{name}: expected numbers, in rows of one length: {fault}") from fault


def check_seed(value: object) -> None:
    """Raise ParameterError unless ``value`` is a whole number of at least 0."""
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
        return
    raise ParameterError(f"seed={value!r}: expected a whole number of at least 0")
