"""What a HER2 call rests on: the shipped scale, control cells in the run, a published rule, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, counts, gene_column, obs_column
from her2plastic._errors import CalibrationError, ParameterError
from her2plastic.models.count_noise import CountNoise, log_likelihood
from her2plastic.models.expression_scale import ExpressionScale
from her2plastic.reference import assays, her2_rules, her2_scale, her2_scale_names
from her2plastic.tl.her2_cells import cell_depth

if TYPE_CHECKING:
    from anndata import AnnData

#: Control cells of a state that it takes to place the state on the scale.
MIN_CONTROLS = 10
#: Control cells of a state from which its spread is estimated too.
_MIN_CONTROLS_FOR_SPREAD = 30
#: The component that control cells of a state stand for. Positive control lines (SK-BR-3, BT-474) are amplified.
_CONTROL_COMPONENT = {"HER2-0": "null", "HER2-low": "low", "HER2-positive": "amplified"}
#: Without calibration, an assay may lie this far off the scale, log2: only the distances between states are kept.
UNCALIBRATED_SD = 3.0
#: Name of a scale that decisions of reviewers placed.
REVIEWED = "reviewed"
#: Below this many molecules expected of a HER2-low cell, a cell without any cannot be told to be HER2-0.
_MIN_EXPECTED = 3.0
GENE = "ERBB2"


@dataclass(frozen=True)
class Her2Rule:
    """A published cut-off on counts per million.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> rule = hp.tl.Her2Rule("lab", cpm_above=100, source="a cut-off of the lab")
    >>> hp.tl.her2_state(cells, calibration=rule)
    >>> cells.obs["her2_state"].value_counts().to_dict()
    {'HER2-positive': 19, 'HER2-0': 0, 'HER2-low': 0}
    """

    name: str
    cpm_above: float
    source: str


def calibration_names() -> tuple[str, ...]:
    """Return what ``calibration`` may name: scales, rules, ``"controls"`` and ``"none"``."""
    return (*her2_scale_names(), *her2_rules().index, "controls", "none")


def shipped_scale(name: str = "reference") -> ExpressionScale:
    """Return a shipped scale, ready for :func:`her2plastic.tl.her2_state` or for bulk expression.

    Parameters
    ----------
    name
        Name of the scale.

    Returns
    -------
    The scale; ``scale.posterior_of_expression(log2_cpm)`` applies it to bulk values.

    Examples
    --------
    >>> import her2plastic as hp
    >>> print(hp.tl.shipped_scale("reference").to_frame().round(1).to_string())
       component          state  mean_log2_cpm  sd_log2  share_prior
    0     silent         HER2-0            0.0      1.5          0.2
    1       null         HER2-0            4.8      0.9          0.8
    2        low       HER2-low            5.4      0.9          1.0
    3    plastic  HER2-positive            7.1      0.9          0.4
    4  amplified  HER2-positive           10.4      0.9          0.2
    """
    frame = her2_scale(name)
    return ExpressionScale.from_frame(frame, name=name, donor_sd=float(frame["donor_sd"].iloc[0]))


def resolve(calibration: str | ExpressionScale | Her2Rule, adata: AnnData) -> ExpressionScale | Her2Rule:
    """Return the scale or rule behind a name, fitting it to control cells if that is asked for."""
    if isinstance(calibration, (ExpressionScale, Her2Rule)):
        return calibration
    if not isinstance(calibration, str) or calibration not in calibration_names():
        options = ", ".join(map(repr, calibration_names()))
        raise ParameterError(f"calibration={calibration!r} is not known; options: {options}, or an ExpressionScale")
    if calibration == "controls":
        return calibrate_on_controls(adata)
    if calibration == "none":
        return replace(
            shipped_scale(),
            name="none",
            source="uncalibrated: distances between states from the reference scale, its position from the data alone",
        )
    if calibration in her2_scale_names():
        return shipped_scale(calibration)
    row = her2_rules().to_dict("index")[calibration]
    return Her2Rule(calibration, float(row["cpm_above"]), str(row["source"]))


def is_per_million(calibration: ExpressionScale | Her2Rule) -> bool:
    """Tell whether a calibration is on counts per million of all genes: any that did not come from the run itself."""
    return isinstance(calibration, Her2Rule) or calibration.name in (*her2_scale_names(), "none")


def cohort_sd(scale: ExpressionScale, assay: str) -> float:
    """Return how far an assay as a whole may lie off a scale, log2."""
    if scale.name == "none":
        return UNCALIBRATED_SD
    if scale.name in ("controls", REVIEWED):
        return 0.0  # the cells that placed it were measured by the same assay
    return float(assays()["scale_sd_log2"].to_dict()[assay])


def never_only_zero(scale: ExpressionScale, count: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return which cells without an ERBB2 molecule are too shallow to be called HER2-0."""
    lows = [mean for mean, state in zip(scale.mean_log2_cpm, scale.states, strict=True) if state == "HER2-low"]
    return (count == 0) & (depth / 1e6 * 2 ** min(lows) < _MIN_EXPECTED)


def assay_noise(assay: str, *, pooled_ambient_cpm: float = 0.0, drop_out: float | None = None) -> CountNoise:
    """Return the noise model of a known assay.

    Ambient ERBB2 counts only where cells share a suspension; a drop-out rate seen in the data goes before the table's.
    """
    row = assays().to_dict("index")[assay]
    ambient = pooled_ambient_cpm if row["ambient"] == "yes" else 0.0
    return CountNoise(float(row["dispersion"]), float(row["zero_inflation"]) if drop_out is None else drop_out, ambient)


def calibrate_on_controls(
    adata: AnnData,
    *,
    label_key: str = _keys.LABEL,
    noise: CountNoise | None = None,
) -> ExpressionScale:
    """Place the HER2 states by control cells in the run (cell-line spike-ins).

    Each state with enough control cells is placed by maximum likelihood of their counts; states without are moved with
    the others. The spread within a state is estimated too where the controls allow.

    Parameters
    ----------
    adata
        Cells, with the known state of the control cells in ``obs[label_key]``.
    label_key
        Column with the known states; missing for cells that are no controls.
    noise
        Noise of the assay; by default that of ``obs["assay"]`` of the controls.

    Returns
    -------
    A scale named ``"controls"`` for :func:`her2plastic.tl.her2_state`.

    Raises
    ------
    MissingKeyError
        No column ``label_key``.
    CalibrationError
        No state has enough controls, a label is no HER2 state, the controls were made by several assays, or the states
        come out in the wrong order.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=10, controls=20)
    >>> hp.pp.quality(cells, doublets="off")
    >>> scale = hp.tl.calibrate_on_controls(cells)
    >>> print(scale.to_frame()[["component", "state", "mean_log2_cpm"]].round(1).to_string())
       component          state  mean_log2_cpm
    0     silent         HER2-0           -0.2
    1       null         HER2-0            4.1
    2        low       HER2-low            5.6
    3    plastic  HER2-positive            6.8
    4  amplified  HER2-positive            9.3
    """
    labels = obs_column(adata, label_key, remedy="Control cells need their known state in the sample sheet.")
    labels = labels.astype(object)
    unknown = sorted({str(x) for x in labels.dropna() if x not in _keys.STATES and x != ""})
    if unknown:
        raise CalibrationError(f"`obs[{label_key!r}]` holds {unknown}; expected {list(_keys.STATES)} or missing")
    matrix = counts(adata, needed_by="calibrate_on_controls", by_blocks=True)
    is_control = labels.isin(_keys.STATES).to_numpy()
    y = gene_column(adata, matrix, GENE)
    y, depth = y[is_control], cell_depth(adata, matrix, y)[is_control]
    usable = depth > 0
    state = labels.to_numpy()[is_control][usable]
    y, depth = y[usable], depth[usable]
    if noise is None:
        noise = assay_noise(_assay_of(adata, is_control))
    base = shipped_scale()
    fitted = {s: _fit_state(y[state == s], depth[state == s], base, s, noise) for s in _keys.STATES}
    return _moved(base, {s: f for s, f in fitted.items() if f is not None}, _numbers(state))


def _assay_of(adata: AnnData, mask: np.ndarray) -> str:
    if _keys.ASSAY not in adata.obs:
        return "10x"
    found = np.unique(as_names(adata.obs[_keys.ASSAY])[mask])
    if len(found) > 1:
        raise CalibrationError(
            f"controls of several assays cannot share a scale: {sorted(found)}; calibrate one by one"
        )
    return str(found[0]) if len(found) else "10x"


def _numbers(state: np.ndarray) -> dict[str, int]:
    return {s: int((state == s).sum()) for s in _keys.STATES}


def _fit_state(
    y: np.ndarray, depth: np.ndarray, base: ExpressionScale, state: str, noise: CountNoise
) -> tuple[float, float] | None:
    """Return mean and spread of one state's controls on log2 CPM, or None when they are too few."""
    from scipy.optimize import minimize

    if len(y) < MIN_CONTROLS:
        return None
    index = base.components.index(_CONTROL_COMPONENT[state])
    sd = base.sd_log2[index]
    start = np.log2(max(y.sum() / depth.sum() * 1e6, 0.5))

    def loss(x: np.ndarray) -> float:
        spread = np.exp(x[1]) if len(x) > 1 else sd
        like = log_likelihood(y, np.log2(depth), np.array([x[0]]), np.array([spread]), noise)
        # a weak normal prior on the log spread keeps it finite where counts say little about it
        prior = 0.5 * ((x[1] - np.log(sd)) / 0.5) ** 2 if len(x) > 1 else 0.0
        return float(prior - like.sum())

    free_spread = len(y) >= _MIN_CONTROLS_FOR_SPREAD
    best = minimize(loss, [start, np.log(sd)] if free_spread else [start], method="Nelder-Mead")
    return float(best.x[0]), float(np.exp(best.x[1])) if free_spread else sd


def _moved(
    base: ExpressionScale, fitted: Mapping[str, tuple[float, float]], numbers: Mapping[str, int]
) -> ExpressionScale:
    """Return the base scale with the fitted states in place and the others moved along."""
    found = ", ".join(f"{n} {s}" for s, n in numbers.items())
    if not fitted:
        raise CalibrationError(
            f"no state has {MIN_CONTROLS} control cells (found {found}); use calibration='reference'"
        )
    means, spreads = list(base.mean_log2_cpm), list(base.sd_log2)
    shifts: dict[str, float] = {}
    for state, (mean, sd) in fitted.items():
        index = base.components.index(_CONTROL_COMPONENT[state])
        shifts[state] = mean - means[index]
        means[index], spreads[index] = mean, sd
    default = float(np.mean(list(shifts.values())))
    negative = [shifts[s] for s in ("HER2-0", "HER2-low") if s in shifts]
    for index, (component, state) in enumerate(zip(base.components, base.states, strict=True)):
        if component != _CONTROL_COMPONENT[state] or state not in shifts:
            # the plastic state lies nearer to the negative controls than to amplified ones
            means[index] += float(np.mean(negative)) if negative else default
    placed = ", ".join(fitted)
    return replace(
        base,
        name="controls",
        source=f"control cells in the run ({found}); placed: {placed}; the rest moved with them",
        mean_log2_cpm=tuple(means),
        sd_log2=tuple(spreads),
    )


def describe(calibration: ExpressionScale | Her2Rule) -> dict[str, Any]:
    """Return a calibration as plain scalars and arrays for the record in ``uns``."""
    if isinstance(calibration, Her2Rule):
        return {
            "kind": "rule",
            "name": calibration.name,
            "source": calibration.source,
            "cpm_above": calibration.cpm_above,
        }
    table = {str(key): values.to_numpy() for key, values in calibration.to_frame().items()}
    plain = {"kind": "scale", "name": calibration.name, "source": calibration.source, "donor_sd": calibration.donor_sd}
    return {**plain, "scale": table}


def recorded(record: Mapping[str, Any]) -> ExpressionScale | Her2Rule:
    """Return the calibration that :func:`describe` put into a record."""
    if record["kind"] == "rule":
        return Her2Rule(str(record["name"]), float(record["cpm_above"]), str(record["source"]))
    table = record["scale"]
    return ExpressionScale(
        name=str(record["name"]),
        source=str(record["source"]),
        components=tuple(str(x) for x in table["component"]),
        states=tuple(str(x) for x in table["state"]),
        mean_log2_cpm=tuple(float(x) for x in table["mean_log2_cpm"]),
        sd_log2=tuple(float(x) for x in table["sd_log2"]),
        share_prior=tuple(float(x) for x in table["share_prior"]),
        donor_sd=float(record["donor_sd"]),
    )
