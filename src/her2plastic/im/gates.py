"""Gates by which objects on slides are named: calibrated on each batch's own leukocytes, or a published set."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import named_feature
from her2plastic._errors import DataWarning, MissingKeyError
from her2plastic.im.identity_rules import identity_posterior, reasons, without_cd45
from her2plastic.im.object_values import CELL, ObjectValues
from her2plastic.models.gate_mixture import GateMixture
from her2plastic.models.stain_densities import CHANNELS, StainDensities, typical
from her2plastic.reference import if_gate_names, if_gates

if TYPE_CHECKING:
    from anndata import AnnData

CALIBRATED: Final = "calibrated"
_CK, _CD45, _HER2 = range(3)
_LEUKOCYTE_SETS: Final = "accept_leukocyte_"


@dataclass(frozen=True)
class Gated:
    """Posterior and reason of every object, and what they rest on, batch by batch."""

    posterior: np.ndarray
    reason: np.ndarray
    found: dict[str, dict[str, Any]]


def preset_names() -> tuple[str, ...]:
    """Return the published sets that name CTCs; those for leukocytes go along with them."""
    return tuple(name for name in if_gate_names() if not name.startswith(_LEUKOCYTE_SETS))


def calibrated(values: ObjectValues, *, small: np.ndarray, least_leukocytes: int) -> Gated:
    """Return what gates calibrated on each batch's own leukocytes say.

    A batch whose leukocytes are few, or not clear of other cells, is judged by them all the same if there are five;
    else by the middle of the densities of other batches with a like background; and when there is none, against its
    local background.
    """
    nucleated = (values.kind != "debris") & ~small
    there = np.isfinite(values.stains[:, : _CD45 + 1])
    # a value that this object alone lacks would be guessed from what most objects are
    unmeasured = (~there & there.any(axis=0)).any(axis=1) | values.dead[values.batch, : _CD45 + 1].any(axis=1)
    levels = {name: _median(values.background[values.batch == b]) for b, name in enumerate(values.batches)}
    fits = {}
    for number, name in enumerate(values.batches):
        here = values.batch == number
        cells = here & nucleated
        fits[name] = GateMixture(least_leukocytes=least_leukocytes).fit(values.stains[cells], levels[name])
    posterior = np.zeros((len(values.batch), len(_keys.IMAGE_IDENTITIES)))
    reason = np.full(len(values.batch), "", dtype=object)
    found: dict[str, dict[str, Any]] = {}
    for number, (name, fit) in enumerate(fits.items()):
        here = values.batch == number
        control = ""
        if fit.shortfall_:
            sound = [
                other.densities_
                for batch, other in fits.items()
                if not other.shortfall_
                and not values.dead[values.batches.index(batch)].any()
                and _alike(levels[name], levels[batch])
            ]
            if fit.doubtful_:
                control = "gates from doubtful leukocytes"
            else:
                control = "gates from other batches" if sound else "gates from the local background"
                cells = values.stains[here & nucleated]
                fit.use(_for_channels(typical(sound), cells) if sound else fit.densities_, cells)
        combinations = fit.predict_proba(values.stains[here])
        blob = _blob(values, here, fit.densities_)
        posterior[here] = identity_posterior(
            combinations, kind=values.kind[here], small=small[here], blob=blob,
            has_her2=np.isfinite(values.stains[here, _HER2]),
        )  # fmt: skip
        gates = fit.densities_.gates()
        if fit.overlapping_:
            posterior[here], gates[_CD45] = without_cd45(posterior[here]), np.nan
        posterior[here & unmeasured] = without_cd45(posterior[here & unmeasured])
        best = np.array(_keys.IMAGE_IDENTITIES, dtype=object)[posterior[here].argmax(axis=1)]
        reason[here] = reasons(
            values.stains[here], gates, kind=values.kind[here], small=small[here], identity=best, control=control
        )
        found[name] = _entry(values, here, fit, gates, control)
        if values.dead[number, : _CD45 + 1].any():
            same = " and ".join(np.array(CHANNELS)[values.dead[number]])
            found[name]["status"] = f"insufficient: {same} the same in every cell"
    return Gated(posterior, reason, found)


def _entry(values: ObjectValues, here: np.ndarray, fit: GateMixture, gates: np.ndarray, control: str) -> dict[str, Any]:
    lacking = [channel for channel in ("CK", "CD45") if channel in values.lacking]
    status = "ok"
    if lacking:
        status = f"insufficient: no {' and no '.join(lacking)} channel, so no CTC can be shown"
    elif fit.shortfall_:
        status = f"insufficient: {fit.shortfall_}"
    return {
        "status": status,
        "gates_from": control or "leukocytes of the batch",
        "n_objects": int(here.sum()),
        "n_leukocytes": float(fit.n_leukocytes_),
    } | {f"gate_{channel}": float(gate) for channel, gate in zip(CHANNELS, gates, strict=True)}


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two batches were recorded alike: every background within a factor of two of the other's.

    Grey values of an 8-bit camera mean nothing on a 16-bit one.
    """
    both = np.isfinite(one) & np.isfinite(other) & (one > 0) & (other > 0)
    return bool(both.any() and (np.abs(np.log2(one[both] / other[both])) <= 1).all())


def _median(values: np.ndarray) -> np.ndarray:
    """Return the median of each column, without missing values; missing for a column without any."""
    out = np.full(values.shape[1], np.nan)
    for column in range(values.shape[1]):
        known = values[np.isfinite(values[:, column]), column]
        if len(known):
            out[column] = np.median(known)
    return out


def _for_channels(densities: StainDensities, cells: np.ndarray) -> StainDensities:
    """Return densities without the channels that the cells lack."""
    there = np.isfinite(cells).any(axis=0)
    return StainDensities(
        np.where(there, densities.unit, np.nan), densities.negative, densities.negative_spread,
        densities.positive, densities.positive_spread,
    )  # fmt: skip


def _blob(values: ObjectValues, here: np.ndarray, densities: StainDensities) -> np.ndarray:
    """Return how likely an object that is positive for everything is a bright blob rather than two cells in one.

    The light of a leukocyte beside a CTC is spread over both: such an object is paler in CD45 than a leukocyte. A blob
    is brighter, and its DAPI is not confined to a nucleus.
    """
    above = densities.soft_log(values.stains[here])[:, _CD45] - densities.positive[_CD45]
    spread = values.dapi_spread[here]
    cells = values.dapi_spread[(values.batch == values.batch[here][0]) & (values.kind == CELL)]
    cells = cells[np.isfinite(cells)]
    evidence = 4.0 * np.nan_to_num(above / max(densities.positive_spread[_CD45], 0.3) - 1.0)
    if len(cells):
        wide = 1.4826 * float(np.median(np.abs(cells - np.median(cells)))) + 0.1
        evidence += np.clip(np.nan_to_num((spread - np.median(cells)) / wide) - 2.0, 0.0, 5.0)
    return 1 / (1 + np.exp(-np.clip(evidence, -30, 30)))


def published(adata: AnnData, values: ObjectValues, preset: str, *, small: np.ndarray) -> Gated:
    """Return what a published set of gates says: certain, as a gate is, and only as good as its camera fits.

    Raises
    ------
    MissingKeyError
        A feature that the set judges by was not measured.
    """
    warnings.warn(
        f"gates {preset!r} are grey values of the camera and stain they were set on; on any other they mean nothing. "
        "Compare with gates='calibrated'.",
        DataWarning,
        stacklevel=3,
    )
    area = preset.rsplit("_", 1)[1]
    inside: dict[str, np.ndarray] = {}
    failed: dict[str, list[np.ndarray]] = {}
    texts: dict[str, list[str]] = {}
    for name in (preset, f"{_LEUKOCYTE_SETS}{area}"):
        for row in if_gates(name).to_dict("records"):
            identity, feature = str(row["identity"]), str(row["feature"])
            column = named_feature(adata, feature)
            if column is None:
                raise MissingKeyError("var", feature, adata.var_names, f"The gates {preset!r} judge by it.")
            with np.errstate(invalid="ignore"):
                passes = column > float(row["value"]) if row["bound"] == "above" else column < float(row["value"])
            inside[identity] = inside.get(identity, np.ones(len(column), dtype=bool)) & passes
            failed.setdefault(identity, []).append(~passes)
            texts.setdefault(identity, []).append(f"{feature} not {row['bound']} {float(row['value']):.4g}")
    return _hard(values, inside, failed["CTC"], texts["CTC"], small)


def _hard(
    values: ObjectValues, inside: dict[str, np.ndarray], failed: list[np.ndarray], texts: list[str], small: np.ndarray
) -> Gated:
    nucleated = values.kind == CELL
    ctc = inside["CTC"] & nucleated & ~small
    leukocyte = inside["leukocyte"] & nucleated & ~ctc
    identity = np.select(
        [values.kind == "bare nucleus", values.kind == "debris", ctc, leukocyte],
        ["bare nucleus", "debris", "CTC", "leukocyte"],
        "other",
    )
    posterior = (identity[:, None] == np.array(_keys.IMAGE_IDENTITIES)).astype(float)
    reason = np.full(len(identity), "inside every gate", dtype=object)
    first = np.full(len(identity), -1)
    for place, fails in reversed(list(enumerate(failed))):
        first[fails] = place
    for place, text in enumerate(texts):
        reason[(first == place) & ~ctc] = text
    reason[(first < 0) & ~ctc & small] = "too small for a CTC"
    reason[(first < 0) & ~nucleated] = "not a nucleated cell"
    found = {
        name: {"status": "ok", "gates_from": "published", "n_objects": int((values.batch == number).sum())}
        for number, name in enumerate(values.batches)
    }
    return Gated(posterior, reason, found)
