"""Serum HER2 on treatment: how it moves, with and without response, and what it says of response and progression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from her2plastic import _keys
from her2plastic._errors import ParameterError, check_probability, check_seed, check_whole, one_of
from her2plastic.reference.serum import CUTOFF_NG_ML
from her2plastic.tl.serum_drop_out import DEPENDENCE, drop_out_table
from her2plastic.tl.serum_landmark import landmark_model
from her2plastic.tl.serum_model import TIMES, fit_serum, group_means, percent_changes
from her2plastic.tl.serum_response import cutoff_table, response_roc, roc_table
from her2plastic.tl.serum_result import Serum
from her2plastic.tl.serum_visits import BEFORE, SerumVisits, serum_visits


def serum(
    data: pd.DataFrame | str | Path,
    *,
    group: str | None = "response",
    time: str = "linear",
    looks: Sequence[float] = (2, 4, 6),
    window: float = 0.5,
    landmark: float = 2.0,
    cutoff: float = CUTOFF_NG_ML,
    fall: float = 0.2,
    dependence: Sequence[float] | None = DEPENDENCE,
    folds: int = 5,
    repeats: int = 40,
    level: float = 0.95,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> Serum:
    """Analyse serum HER2 of patients before and on treatment.

    The natural log of the value follows a linear mixed model: fixed effects of time, group and their interaction, a
    level and a slope of each patient's own; a value below detection counts with the probability of lying there. Groups
    by response compare patients by what happened to them later: that describes, and predicts nothing. What is known
    at a look is judged by the ROC there and by a landmark analysis of progression.

    Parameters
    ----------
    data
        What :func:`her2plastic.io.read_serum` returned, or the path of such a table.
    group
        Column whose values part the patients, such as ``"response"`` or ``"arm"``; None for one group.
    time
        ``"linear"``: a slope per cycle. ``"visits"``: a mean of its own before treatment and at each look.
    looks
        Cycles completed at the looks on treatment.
    window
        Cycles that a visit may be off its look.
    landmark
        Cycle of the landmark visit.
    cutoff
        Cut-off before treatment said beforehand, ng/mL. It holds for the assay that it was found with.
    fall
        Fall since before treatment said beforehand, as a share.
    dependence
        Assumed dependence of leaving on the true change, besides 0; None for no sensitivity analysis.
    folds, repeats
        Of the nested resampling of optimised cut-offs.
    level
        Probability that an interval holds.
    n_bootstrap
        Draws of the bootstrap and of the permutation test of the ROC.
    seed
        Seed of everything random.

    Returns
    -------
    Effects, changes, ROC, cut-offs, landmark and drop-out; see :class:`her2plastic.tl.Serum`. Parts that the data do
    not suffice for say so.

    Raises
    ------
    MissingKeyError
        A column is not there.
    ParameterError
        A parameter is out of range.
    MissingExtraError
        lifelines is not installed (extra ``clinical``) and there are progressions to look at.

    Examples
    --------
    >>> import her2plastic as hp
    >>> study = hp.datasets.simulate_serum(n_patients=40, seed=1)
    >>> found = hp.tl.serum(study.visits, n_bootstrap=99, dependence=None)
    >>> for line in found.summary().splitlines()[6:12]:
    ...     print(line)
    no response, cycle 2: +12 % (+5 to +20) by the model; 12 patients seen
    no response, cycle 4: +26 % (+10 to +44) by the model; 8 patients seen
    no response, cycle 6: +42 % (+16 to +73) by the model; 6 patients seen
    response, cycle 2: -23 % (-27 to -18) by the model; 15 patients seen
    response, cycle 4: -40 % (-47 to -33) by the model; 11 patients seen
    response, cycle 6: -54 % (-61 to -45) by the model; 7 patients seen
    """
    one_of("time", time, TIMES)
    check_probability("level", level)
    check_probability("fall", fall)
    check_seed(seed)
    check_whole("n_bootstrap", n_bootstrap, least=99)
    if landmark not in [float(look) for look in looks]:
        raise ParameterError(f"landmark={landmark!r}: expected one of looks={tuple(looks)!r}")
    if not cutoff > 0:
        raise ParameterError(f"cutoff={cutoff!r}: expected ng/mL above 0")
    visits = serum_visits(data, group=group, looks=looks, window=window)
    model = fit_serum(visits, time=time, level=level)
    curves = response_roc(visits, level=level, n_bootstrap=n_bootstrap, seed=seed)
    cutoffs = cutoff_table(visits, cutoff=cutoff, fall=fall, level=level, folds=folds, repeats=repeats, seed=seed)
    return Serum(
        status=model.status, fit=model.fit, changes=percent_changes(model, visits), roc=roc_table(curves, visits),
        curves=curves, cutoffs=cutoffs, landmark=landmark_model(visits, look=float(landmark), level=level),
        drop_out=drop_out_table(model, visits, dependence=dependence), visits=_shown(visits),
        means=group_means(model, visits), cutoff=float(cutoff), n_patients=len(visits.donors),
        n_values=len(visits.frame), n_below=int(visits.frame["below_lod"].sum()), group=visits.group, level=level,
        notes=_notes(visits, cutoff),
    )  # fmt: skip


def _shown(visits: SerumVisits) -> pd.DataFrame:
    """Return the visits as figures need them."""
    columns = [_keys.DONOR_ID, "cycle", "value", "below_lod", "progression_day"]
    group = visits.frame[visits.group].astype(object) if visits.group else pd.Series("all", index=visits.frame.index)
    return visits.frame[columns].assign(group=group.where(group.notna(), None))


def _notes(visits: SerumVisits, cutoff: float) -> tuple[str, ...]:
    """Return what a reader must know."""
    notes = []
    if visits.group:
        missing = int(visits.donors[visits.group].isna().sum())
        if missing:
            notes.append(f"{missing} patients without {visits.group!r} are in no comparison of groups")
    without = int(visits.log_value[0.0].isna().sum())
    if without:
        notes.append(f"{without} patients have no value before treatment: no change is known of them")
    early = len(visits.frame) - len(visits.on_treatment)
    if early:
        notes.append(f"{early} values from more than {-BEFORE[0]:g} cycles before treatment are in no result")
    assays = sorted({str(name) for name in visits.frame["assay"].dropna()})
    if len(assays) > 1:
        notes.append(
            f"values are of {len(assays)} assays ({', '.join(assays)}): the model shifts them by a factor; cut-offs "
            "and changes of single patients do not"
        )
    notes.append(f"the cut-off of {cutoff:g} ng/mL holds for the assay that it was found with")
    return tuple(notes)
