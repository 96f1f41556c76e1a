"""What a review came to: agreement, the reviewers' error, reviewer against model, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys

if TYPE_CHECKING:
    import pandas as pd

#: The tables of a review, in the order of the record.
_TABLES = ("agreement", "readers", "errors", "confusion", "held", "differing")


@dataclass(frozen=True)
class Review:
    """What :func:`her2plastic.tl.review` found.

    Attributes
    ----------
    agreement
        A row per comparison: ``kind`` (within, between, model), ``first`` and ``second`` reader, ``what`` was compared,
        ``statistic``, ``n`` cells, ``value`` with ``lower`` and ``upper``, ``observed`` share of agreement and the one
        ``by_chance``, cells left out as ``n_unsure``, ``status``.
    readers
        A row per reviewer: cells read, repeats, shares of unsure and of unblinded readings, and the ``accuracy`` with
        its interval by repeats alone and by the readings of all reviewers together, each with its status.
    errors
        A row per reviewer, true state and decision: its probability with its interval. Empty where ``insufficient``.
    confusion
        A row per reader (reviewer or consensus), decision and call of the model, with the number of cells.
    held
        A row per reader: share of the decided states that lie in the set of states that the model called.
    differing
        A row per cell on which reviewers, or the consensus and the model, differ: the decision of each reviewer, the
        consensus, the call of the model, ``between`` whom.
    statuses
        Cells by what their consensus rests on.
    gone
        ``cell_id`` of reviewed cells that are not in the AnnData.
    reviewers
        Their names.
    model
        The step whose calls were compared; empty for none.
    consensus
        The rule of the consensus.
    n_unblinded
        Readings whose reviewer could see the model's call or what others decided.
    level
        Probability that an interval holds.
    """

    agreement: pd.DataFrame
    readers: pd.DataFrame
    errors: pd.DataFrame
    confusion: pd.DataFrame
    held: pd.DataFrame
    differing: pd.DataFrame
    statuses: dict[str, int]
    gone: tuple[str, ...]
    reviewers: tuple[str, ...]
    model: str
    consensus: str
    n_unblinded: int
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return the table of agreement."""
        return self.agreement.copy()

    def summary(self) -> str:
        """Return what was found in some lines."""
        counted = ", ".join(f"{n} {status}" for status, n in self.statuses.items() if n)
        lines = [f"{len(self.reviewers)} reviewers ({', '.join(self.reviewers)}); cells: {counted}"]
        shown = self.agreement[
            (self.agreement["what"] == "state")
            & self.agreement["statistic"].isin(["kappa, linear weights", "Fleiss' kappa"])
        ]
        for row in shown.to_dict("records"):
            who = f"{row['first']} again" if row["kind"] == "within" else f"{row['first']} and {row['second']}"
            who = "all reviewers" if row["first"] == "all" else who
            lines.append(f"{who}, {row['what']}: {_value(row, row['statistic'])}")
        for row in self.readers.to_dict("records"):
            for key, words in (("", "by all readings"), ("repeat_", "by repeats")):
                part = {name: row[f"{key}{name}"] for name in ("lower", "upper", "status")}
                part |= {"value": row[f"{key}accuracy"], "n": row["n_repeats" if key else "n_cells"]}
                lines.append(f"{row['reviewer']}, accuracy {words}: {_value(part, '')}")
        lines += [
            f"{row['reader']}: {row['share']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}) of {int(row['n'])} states "
            "lie in what the model called"
            for row in self.held.to_dict("records")
            if row["status"] == "ok"
        ]
        if self.gone:
            lines.append(f"{len(self.gone)} reviewed cells are not in this table: {', '.join(self.gone[:3])}, ...")
        if self.n_unblinded:
            lines.append(f"{self.n_unblinded} readings were not blinded: agreement with the model may be too high")
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Return the review as plain scalars and arrays, for ``uns``."""
        tables = {name: _columns(getattr(self, name)) for name in _TABLES}
        return tables | {
            "statuses": dict(self.statuses),
            "gone": np.array(self.gone, dtype=object), "reviewers": np.array(self.reviewers, dtype=object),
            "model": self.model, "consensus": self.consensus, "n_unblinded": self.n_unblinded, "level": self.level,
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Review:
        """Return what :meth:`record` wrote, also after a round trip through a file."""
        import pandas as pd

        tables = {name: pd.DataFrame(_rows(record[name])) for name in _TABLES}
        return cls(
            **tables,
            # a file gives the names in the order of the alphabet
            statuses={name: int(record["statuses"][name]) for name in _keys.REVIEW_STATUSES},
            gone=tuple(map(str, record["gone"])), reviewers=tuple(map(str, record["reviewers"])),
            model=str(record["model"]), consensus=str(record["consensus"]), n_unblinded=int(record["n_unblinded"]),
            level=float(record["level"]),
        )  # fmt: skip


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of a table as arrays that any file can hold, with their order."""
    names = np.array([str(name) for name in frame.columns], dtype=object)
    columns: dict[str, Any] = {"columns": names}
    for place, name in enumerate(frame.columns):
        values = frame[name].to_numpy()
        numeric = values.dtype.kind in "iufb"
        columns[str(place)] = values.astype(float) if numeric else frame[name].astype(str).to_numpy(dtype=object)
    return columns


def _rows(columns: Mapping[str, Any]) -> dict[str, Any]:
    names = [str(name) for name in columns["columns"]]
    return {name: np.asarray(columns[str(place)]) for place, name in enumerate(names)}


def _value(row: Mapping[Any, Any], statistic: str) -> str:
    if row["status"] != "ok":
        return str(row["status"])
    words = f"{statistic} " if statistic else ""
    return f"{words}{row['value']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}), {int(row['n'])} cells"
