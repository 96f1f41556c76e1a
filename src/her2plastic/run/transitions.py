"""What the data of a run allow to ask about moves between HER2 states, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from her2plastic import _keys, tl
from her2plastic._access import obs_column, patient_cells, record_step, true_or_false
from her2plastic._errors import Her2plasticError
from her2plastic.models.misclassification.reader_error import reader_matrix
from her2plastic.run.blood_draws import draws_with_treatments
from her2plastic.run.clock import StepClock
from her2plastic.run.config import RunConfig
from her2plastic.run.cultures import switching_in_cultures

if TYPE_CHECKING:
    from anndata import AnnData

#: The designs with the step of each, in the order in which they are asked.
DESIGNS: Final = {
    "draws": "tl.switching", "panel": "tl.switching", "sorted": "tl.switching", "clones": "tl.switching",
    "trajectory": "tl.trajectory", "direction": "tl.direction", "conversion": "tl.conversion",
}  # fmt: skip
#: The record that says what was not asked, and why.
STEP: Final = "transitions"


@dataclass
class Answers:
    """What was asked and what was not."""

    #: Result of each design that was asked: rates, a direction, a trajectory, a conversion.
    results: dict[str, Any] = field(default_factory=dict)
    #: Why each of the others was not, in one line.
    not_asked: dict[str, str] = field(default_factory=dict)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of the results folder by file name; what was not asked has none."""
        rates = [_table(result, design) for design, result in self.results.items() if DESIGNS[design] == "tl.switching"]
        tables = {"transitions.csv": pd.concat(rates, ignore_index=True)} if rates else {}
        for design in ("trajectory", "direction", "conversion"):
            if design in self.results:
                tables[f"{design}.csv"] = _table(self.results[design], design)
        nulls = [
            test.to_frame().assign(design=design) for design, result in self.results.items() for test in result.tests
        ]
        if nulls:
            joined = pd.concat(nulls, ignore_index=True)
            tables["nulls.csv"] = joined[["design", *joined.columns.drop("design")]]
        return tables


def ask(adata: AnnData, config: RunConfig, clock: StepClock) -> Answers:
    """Ask everything that the data allow.

    Parameters
    ----------
    adata
        Cells with HER2 states. The results are recorded in it.
    config
        What the run was told.
    clock
        Announces and times the steps.

    Returns
    -------
    The results, and in one line each why the other designs were not asked.

    Raises
    ------
    Her2plasticError
        Where a design that the configuration names cannot be answered from these data.
    """
    wanted, answers = config.transitions.designs, Answers()
    for design, step in DESIGNS.items():
        if not config.transitions.enabled:
            answers.not_asked[design] = "switched off in the configuration"
            continue
        if wanted != "auto" and design not in wanted:
            answers.not_asked[design] = "not among the designs of the configuration"
            continue
        reason = _LACKING[design](adata) if wanted == "auto" else ""
        if reason:
            answers.not_asked[design] = reason
            continue
        with clock.step(step):
            try:
                answers.results[design] = _RUN[design](adata, config)
            except Her2plasticError as error:
                if wanted != "auto":
                    raise
                answers.not_asked[design] = str(error)
    told = config.transitions.model_dump(mode="json")
    record_step(adata, STEP, params=told, asked=list(answers.results), not_asked=answers.not_asked)
    return answers


# --- what the data lack for a design, in one line; empty where it can be asked ------------------------------------
def _lacking_draws(adata: AnnData) -> str:
    cells = adata.obs[patient_cells(adata) & true_or_false(adata, _keys.IS_CTC)]
    draws: Any = cells[[_keys.DONOR_ID, _keys.DRAW_DAY]].drop_duplicates().dropna()
    return "" if draws[_keys.DONOR_ID].duplicated().any() else "no patient has CTCs in two draws"


def _lacking_tissue(adata: AnnData) -> str:
    if _keys.IHC not in adata.obs:
        return "the sample sheet has no tissue (ihc)"
    readings = tl.tissue_states(adata)
    if readings.empty:
        return "no patient has tissue (ihc) of known state on two days"
    # the tissue of the diagnosis is often written beside every draw
    copied = bool((readings["first"] == readings["last"]).all())
    return "every patient has one tissue state (ihc) on all days, which is taken for one tissue" if copied else ""


def _lacking_column(key: str, what: str) -> Callable[[AnnData], str]:
    def lacking(adata: AnnData) -> str:
        filled = key in adata.obs and bool(obs_column(adata, key).notna().any())
        return "" if filled else f"no {what}: the sample sheet has no {key}"

    return lacking


def _lacking_programmes(adata: AnnData) -> str:
    return "" if _keys.PROGRAMMES in adata.obsm else "the programmes were not scored"


def _lacking_splicing(adata: AnnData) -> str:
    there = {_keys.SPLICED, _keys.UNSPLICED} <= set(adata.layers)
    return "" if there else "the files hold no spliced and unspliced counts"


_LACKING: Final[Mapping[str, Callable[[AnnData], str]]] = {
    "draws": _lacking_draws, "panel": _lacking_tissue, "conversion": _lacking_tissue,
    "sorted": _lacking_column(_keys.SORTED_FROM, "sorted cultures"),
    "clones": _lacking_column(_keys.CLONE_ID, "clones"),
    "trajectory": _lacking_programmes, "direction": _lacking_splicing,
}  # fmt: skip


# --- the questions ------------------------------------------------------------------------------------------------
def _switching(design: str, adata: AnnData, config: RunConfig, **options: Any) -> Any:
    return tl.switching(
        adata, design=design, level=config.transitions.level, seed=config.seed, options=options
    )  # fmt: skip


def _merge(config: RunConfig) -> str | None:
    return "positive" if config.transitions.states == "two" else None


def _draws(adata: AnnData, config: RunConfig) -> Any:
    return draws_with_treatments(
        adata, level=config.transitions.level, seed=config.seed, merge=_merge(config), n_null=config.transitions.n_null
    )


def _cultures(design: str) -> Callable[[AnnData, RunConfig], Any]:
    def asked(adata: AnnData, config: RunConfig) -> Any:
        told = config.transitions
        return switching_in_cultures(
            adata, design=design, level=told.level, seed=config.seed, merge=_merge(config), n_null=told.n_null
        )

    return asked


def _panel(adata: AnnData, config: RunConfig) -> Any:
    told = config.transitions
    tl.tissue_states(adata)
    return _switching(
        "panel", adata, config, state_key=_keys.TISSUE_STATE, n_null=told.n_null,
        misclassification=reader_matrix(told.reader_accuracy, n_states=len(_keys.STATES)),
    )  # fmt: skip


def _trajectory(adata: AnnData, config: RunConfig) -> Any:
    told = config.transitions
    return tl.trajectory(adata, n_null=told.n_null, level=told.level, seed=config.seed)


def _direction(adata: AnnData, config: RunConfig) -> Any:
    told = config.transitions
    return tl.direction(adata, n_null=told.n_null, level=told.level, seed=config.seed)


def _conversion(adata: AnnData, config: RunConfig) -> Any:
    tl.tissue_states(adata)
    return tl.conversion(
        adata, first=_keys.TISSUE_FIRST, second=_keys.TISSUE_LAST, states=_keys.STATES, level=config.transitions.level,
        n_null=config.transitions.n_null, seed=config.seed,
    )  # fmt: skip


_RUN: Final[Mapping[str, Callable[[AnnData, RunConfig], Any]]] = {
    "draws": _draws, "panel": _panel, "sorted": _cultures("sorted"), "clones": _cultures("clones"),
    "trajectory": _trajectory, "direction": _direction, "conversion": _conversion,
}  # fmt: skip


def _table(result: Any, design: str) -> pd.DataFrame:
    """Return a result as a table that names its design, status and what it rests on."""
    table = result.to_frame()
    table.insert(0, "design", design)
    table["unit"] = getattr(result, "unit", "")
    table["status"] = result.status
    return table
