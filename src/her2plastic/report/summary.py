"""The result of a run in numbers and plain words: what was read, what was called, and what was not and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import NOT_READ, control_cells, cultured_rows, patient_cells, step_record

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Headline:
    """The numbers of the first screen."""

    n_donors: int
    n_draws: int
    n_events: int
    #: Control cells of known state, which are counted nowhere else.
    n_controls: int
    n_ctc: int
    #: Number of CTCs with each call, in the order of ``_keys.CALLS``.
    calls: dict[str, int]
    level: float
    #: Name of the published rule that the calls rest on; empty where they rest on a model.
    rule: str
    #: Median depth of the CTCs that have a call, and of those that have none; NaN where there are none.
    depth_called: float
    depth_not_callable: float
    #: Donors of the sheet without a CTC.
    without_ctc: tuple[str, ...]
    #: Cells of cultures and clones, which are no patient's and are counted nowhere else.
    n_cultured: int = 0
    #: Samples that could not be read.
    not_read: tuple[str, ...] = ()

    @property
    def n_one_state(self) -> int:
        """CTCs called one state."""
        return sum(self.calls[state] for state in _keys.STATES)

    @property
    def n_not_callable(self) -> int:
        """CTCs about which nothing can be said."""
        return self.calls[_keys.NOT_CALLABLE]

    @property
    def n_narrowed(self) -> int:
        """CTCs narrowed to two neighbouring states."""
        return self.n_ctc - self.n_one_state - self.n_not_callable

    def sentences(self) -> list[str]:
        """Return the result in plain words."""
        donors, draws = number(self.n_donors, "donor"), number(self.n_draws, "draw")
        read = f"{donors} with {draws} gave {number(self.n_events, 'event')}"
        if self.n_events == 0 and self.n_cultured:
            return [f"No patient's cells were read, but {self._cultured()}."]
        if self.n_ctc == 0:
            return [f"{read}. None of them is a circulating tumour cell, so no HER2 state was called."]
        ctcs = "is a circulating tumour cell (CTC)" if self.n_ctc == 1 else "are circulating tumour cells (CTCs)"
        said = [f"{read}, of which {self.n_ctc:,} {ctcs}."]
        said.append(self._calls())
        if self.n_not_callable:
            said.append(self._why_not_callable())
        if self.n_controls:
            cells = number(self.n_controls, "control cell")
            said.append(f"Beside them, {cells} of known state {'was' if self.n_controls == 1 else 'were'} read.")
        if self.n_cultured:
            said.append(f"Not counted here: {self._cultured()}.")
        if self.without_ctc:
            said.append(f"No CTC was found in {listed(self.without_ctc)}.")
        if self.not_read:
            said.append(f"Not read and left out: {listed(self.not_read)}. What is in there is not known.")
        return said

    def _cultured(self) -> str:
        return f"{number(self.n_cultured, 'cell')} of cultures and clones"

    def _calls(self) -> str:
        one, narrowed, none = (
            share_of(n, self.n_ctc) for n in (self.n_one_state, self.n_narrowed, self.n_not_callable)
        )
        if self.rule:
            return (
                f"By the rule {self.rule}, which knows no doubt, {one} of the CTCs are HER2-positive and {narrowed} "
                f"are not (HER2-0 or HER2-low); {none} could not be called."
            )
        return (
            f"At {self.level:.0%} certainty {one} of the CTCs could be given one HER2 state, {narrowed} were narrowed "
            f"to two neighbouring states, and {none} could not be called."
        )

    def _why_not_callable(self) -> str:
        if not self.depth_not_callable < self.depth_called:  # NaN where nothing can be compared
            return "Why a CTC could not be called stands in its row of the table of CTCs."
        return (
            f"What could not be called was seen less deeply: a median of {self.depth_not_callable:,.0f} counts per "
            f"cell, against {self.depth_called:,.0f} in the CTCs that have a call. A cell in which no ERBB2 was "
            "seen is not thereby HER2-0."
        )


def headline(adata: AnnData, patients: pd.DataFrame) -> Headline:
    """Count what a run found.

    Parameters
    ----------
    adata
        Cells after the last step.
    patients
        The patient table.

    Returns
    -------
    The numbers of the first screen.
    """
    donors, draws = (patients[patients["scope"] == scope] for scope in ("donor", "draw"))
    of_patient, controls = patient_cells(adata), control_cells(adata)
    is_ctc = adata.obs[_keys.IS_CTC].to_numpy(dtype=bool) & of_patient
    call = adata.obs[_keys.HER2_CALL].astype(str).to_numpy()
    depth = adata.obs[_keys.DEPTH].to_numpy(dtype=float) if _keys.DEPTH in adata.obs else np.full(adata.n_obs, np.nan)
    uncalled = is_ctc & (call == _keys.NOT_CALLABLE)
    record = step_record(adata, "her2_state")
    calibration = record["calibration"]
    unread = donors["note"].astype(str).str.contains(NOT_READ, regex=False)
    return Headline(
        n_donors=len(donors),
        n_draws=len(draws),
        n_events=int(of_patient.sum()),
        n_controls=int(controls.sum()),
        n_cultured=int((cultured_rows(adata.obs) & ~controls).sum()),
        n_ctc=int(is_ctc.sum()),
        calls={name: int((is_ctc & (call == name)).sum()) for name in _keys.CALLS if name != _keys.NOT_A_CTC},
        level=float(record["params"]["level"]),
        rule=str(calibration["name"]) if calibration["kind"] == "rule" else "",
        depth_called=median(depth[is_ctc & ~uncalled]),
        depth_not_callable=median(depth[uncalled]),
        without_ctc=tuple(donors.loc[(donors["n_ctc"] == 0) & ~unread, _keys.DONOR_ID].astype(str)),
        not_read=tuple(map(str, step_record(adata, "read_samples").get("unreadable_samples", ()))),
    )


def number(n: int, thing: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def share_of(n: int, total: int) -> str:
    """Return a number with its share of a total."""
    return f"{n:,} ({n / total:.0%})" if total else f"{n:,}"


def listed(names: tuple[str, ...], *, at_most: int = 8) -> str:
    """Return names as a phrase."""
    shown = [str(name) for name in names[:at_most]]
    if len(names) > at_most:
        return f"{', '.join(shown)} and {len(names) - at_most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def median(values: np.ndarray) -> float:
    """Return the median of the values that are there, NaN where none is."""
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else float("nan")
