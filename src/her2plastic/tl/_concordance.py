"""The HER2 status of tissue against the state of the CTCs, with the number of cells and the misreading of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys, reference
from her2plastic._access import record_step
from her2plastic._errors import check_probability, check_seed, check_whole, one_of
from her2plastic.models.misclassification.conversion import conversion_to_unsure
from her2plastic.models.misclassification.reader_error import ERROR_OF_HIGHEST, ReaderError
from her2plastic.tl._conversion import errors_of
from her2plastic.tl.concordance_result import BEYOND, COMPATIBLE, CONCORDANT, WITHIN, Concordance
from her2plastic.tl.conversion_ctcs import PatientStates, patient_states
from her2plastic.tl.patient_tissue import WHICH, days_of_draws, one_per_patient, specimens

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

STEP = "concordance"


def concordance(
    adata: AnnData,
    *,
    tissue: pd.DataFrame | None = None,
    which: str = "nearest",
    error: float | tuple[float, float] | np.ndarray | ReaderError = (0.7, 0.95),
    error_of_highest: float = ERROR_OF_HIGHEST,
    rule: str = "asco_cap_2018",
    donor_key: str = _keys.DONOR_ID,
    day_key: str = _keys.DRAW_DAY,
    posterior_key: str = _keys.HER2_POSTERIOR,
    ctc_share: float | None = None,
    level: float = 0.95,
    n_null: int = 499,
    seed: int = 0,
) -> Concordance:
    """Compare the tissue of each patient with the state of the CTCs, and tell what misreading alone explains.

    A patient's CTCs are few and each is unsure, and tissue is misread. So a patient is called discordant only if the
    cells leave out the state of the tissue, and discordant beyond misreading only if tissue of the cells' own state
    would hardly be read as it was. Whether states differ at all is a question to the cohort: there the differences are
    set against what misreading alone gives, as in :func:`conversion`.

    Parameters
    ----------
    adata
        Cells with posteriors of the HER2 states.
    tissue
        Specimens as :func:`her2plastic.io.read_tissue` gives them; by default those that stand in ``obs`` beside the
        draws (``ihc``, ``ish_ratio`` and so on).
    which
        The specimen that is compared where a patient has several with a state: the ``"nearest"`` to a draw in time (the
        earlier of two), the ``"first"`` or the ``"last"``.
    error
        Error with which tissue is read: an accuracy, two accuracies between which it lies, a matrix ``(true,
        observed)``, or a :class:`her2plastic.models.ReaderError`. Of two accuracies the lower one is used for the
        patients.
    error_of_highest
        Where accuracies are given: error of HER2-positive as a share of that of the others.
    rule
        Criteria of the tissue status: a name of :func:`her2plastic.reference.tissue_rules`.
    donor_key, day_key
        Columns of patient and day of the draw.
    posterior_key
        Posteriors of the cells in ``obsm``. The donor's shares that they hold are divided out.
    ctc_share
        The state of a patient by CTCs is the highest that makes up this share of them, the states above included; by
        default that of most CTCs.
    level
        Probability that a set of states, and an interval, holds.
    n_null
        Simulated cohorts of the test against misreading alone.
    seed
        Seed of the simulations.

    Returns
    -------
    The patients and the cohort; see :class:`Concordance`. Also recorded under ``uns["her2plastic"]["concordance"]``.
    Patients without a tissue status or without CTCs are listed and say ``insufficient`` with what is missing.

    Raises
    ------
    MissingKeyError
        There is no tissue, or no posterior.
    ParameterError
        A parameter is out of range, or a field of the tissue cannot be read.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import pandas as pd
    >>> cells = hp.datasets.simulate_draws(n_patients=4, n_ctc=12, seed=1).to_anndata()
    >>> tissue = pd.DataFrame({"donor_id": ["P01", "P02", "P03", "P04"], "day": 0.0, "ihc": ["0", "1+", "3+", "1+"]})
    >>> found = hp.tl.concordance(cells, tissue=tissue, n_null=99)
    >>> print(found.to_frame()[["donor_id", "tissue_state", "verdict"]].to_string())
      donor_id   tissue_state                        verdict
    0      P01         HER2-0                     concordant
    1      P02       HER2-low  discordant, within misreading
    2      P03  HER2-positive                     concordant
    3      P04       HER2-low  discordant, within misreading
    """
    one_of("which", which, WHICH)
    check_probability("level", level)
    check_whole("n_null", n_null, least=0)
    check_seed(seed)
    if ctc_share is not None:
        check_probability("ctc_share", ctc_share)
    states = _keys.STATES
    readers = errors_of(error, len(states), error_of_highest)
    found = specimens(adata, tissue, donor_key=donor_key, day_key=day_key, rule=rule)
    chosen, notes = one_per_patient(found, days_of_draws(adata, donor_key, day_key), which=which)
    ctcs = patient_states(
        adata, donor_key=donor_key, posterior_key=posterior_key, ctc_share=ctc_share, seed=seed
    )  # fmt: skip
    frame = _patients(chosen, ctcs, _worst_matrix(readers, error_of_highest), level)
    told = frame[frame["tissue_state"].notna() & (frame["n_ctc"] > 0)]
    place = {donor: row for row, donor in enumerate(ctcs.donors)}
    codes = np.array([states.index(state) for state in told["tissue_state"]], dtype=np.int64)
    numbers = {"CTCs": int(told["n_ctc"].sum()), "not comparable": len(frame) - len(told)}
    cohort = conversion_to_unsure(
        codes, ctcs.likelihood[[place[donor] for donor in told[_keys.DONOR_ID]]], states=states, error=readers,
        error_of_highest=error_of_highest, level=level, n_null=n_null, seed=seed, numbers=numbers,
    )  # fmt: skip
    rules = reference.tissue_rules().to_dict("index")[rule]
    result = Concordance(frame, cohort, f"{rules['name']} {rules['version']}", level, (*notes, *_warned(frame, level)))
    params = {"which": which, "rule": rule, "donor_key": donor_key, "day_key": day_key, "ctc_share": ctc_share,
              "posterior_key": posterior_key, "level": level, "n_null": n_null, "seed": seed}  # fmt: skip
    record_step(adata, STEP, params=params, **result.record())
    return result


def _worst_matrix(readers: ReaderError | tuple[float, float], error_of_highest: float) -> np.ndarray:
    if isinstance(readers, ReaderError):
        return readers.matrix
    return ReaderError.from_accuracy(readers[0], len(_keys.STATES), error_of_highest=error_of_highest).matrix


def _patients(chosen: pd.DataFrame, ctcs: PatientStates, error: np.ndarray, level: float) -> pd.DataFrame:
    """Return the table of patients: those with tissue, and those with CTCs alone."""
    import pandas as pd

    tissue = {row[_keys.DONOR_ID]: row for row in chosen.to_dict("records")}
    cells = {donor: place for place, donor in enumerate(ctcs.donors)}
    rows = [
        _patient(donor, tissue.get(donor), cells.get(donor), ctcs, error, level) for donor in sorted({*tissue, *cells})
    ]
    names = [f"ctc_{state}" for state in _keys.STATES]
    return pd.DataFrame(rows, columns=[_keys.DONOR_ID, "tissue_day", "site", "tissue_class", "tissue_state",
                                       "n_specimens", "n_ctc", *names, "ctc_states", "differs", "p_misread",
                                       "verdict"])  # fmt: skip


def _patient(
    donor: str, tissue: dict[Any, Any] | None, place: int | None, ctcs: PatientStates, error: np.ndarray, level: float
) -> dict[str, Any]:
    usable = tissue is not None and tissue["usable"]
    row: dict[str, Any] = {
        _keys.DONOR_ID: donor, "tissue_day": tissue["day"] if tissue else np.nan,
        "site": tissue["site"] if tissue else "",
        "tissue_class": tissue["tissue_class"] if tissue and usable else None,
        "tissue_state": tissue[_keys.TISSUE_STATE] if tissue and usable else None,
        "n_specimens": tissue["n_specimens"] if tissue else 0, "n_ctc": 0, "ctc_states": "", "differs": np.nan,
        "p_misread": np.nan,
    }  # fmt: skip
    row |= {f"ctc_{state}": np.nan for state in _keys.STATES}
    if place is None:
        return row | {"verdict": "insufficient: 0 CTCs with a state, 1 needed"}
    likely = ctcs.likelihood[place]
    row |= {f"ctc_{state}": float(value) for state, value in zip(_keys.STATES, likely, strict=True)}
    held = _smallest_set(likely, level)
    row |= {"n_ctc": int(ctcs.n_cells[place]), "ctc_states": " or ".join(_keys.STATES[state] for state in held)}
    if not tissue or not usable:
        step = str(tissue["step"]) if tissue else ""
        lacking = f"tissue status ({step})" if step else "tissue status"
        return row | {"verdict": f"insufficient: no {lacking}"}
    code = _keys.STATES.index(row["tissue_state"])
    row |= {"differs": float(1 - likely[code]), "p_misread": float(likely @ error[:, code])}
    if code in held:
        return row | {"verdict": CONCORDANT if len(held) == 1 else COMPATIBLE}
    return row | {"verdict": BEYOND if row["p_misread"] < 1 - level else WITHIN}


def _smallest_set(likely: np.ndarray, level: float) -> list[int]:
    """Return the fewest states that hold the level, rising."""
    order = np.argsort(-likely, kind="stable")
    n = int(np.searchsorted(np.cumsum(likely[order]), level - 1e-12)) + 1
    return sorted(order[: min(n, len(likely))].tolist())


def _warned(frame: pd.DataFrame, level: float) -> list[str]:
    compared = int((~frame["verdict"].str.startswith("insufficient")).sum())
    beyond = int((frame["verdict"] == BEYOND).sum())
    if not beyond:
        return []
    return [
        f"{beyond} of {compared} patients are discordant beyond misreading; about {compared * (1 - level):.1f} at most "
        "would be without any difference."
    ]
