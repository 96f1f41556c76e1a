"""What the HER2 fluorescence of each cell is judged by: its intensity in units of the slide's leukocytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, image_feature, obs_column
from her2plastic._errors import ParameterError
from her2plastic.tl.her2_cells import ctcs

if TYPE_CHECKING:
    from anndata import AnnData

CHANNEL: Final = "HER2"
#: Below this intensity a cell is as negative as can be: log2 of less would be noise.
_FLOOR: Final = 0.25


@dataclass(frozen=True)
class IfCells:
    """Vectors over all objects; ``slide``, ``batch`` and ``patient`` are whole numbers.

    ``intensity`` is in units of the slide's leukocytes, missing where that cannot be said; ``control`` is the name of
    the control line, empty for cells of patients.
    """

    intensity: np.ndarray
    censored: np.ndarray
    is_ctc: np.ndarray
    slide: np.ndarray
    batch: np.ndarray
    batch_names: tuple[str, ...]
    patient: np.ndarray
    control: np.ndarray
    slides: dict[str, dict[str, Any]]

    @property
    def usable(self) -> np.ndarray:
        """Which objects are CTCs with an intensity."""
        return self.is_ctc & np.isfinite(self.intensity)

    @property
    def log2_intensity(self) -> np.ndarray:
        """Return log2 of the intensity, with a floor far below any score."""
        return _log2(self.intensity)

    @property
    def background_sd(self) -> float:
        """Return how unsure the leukocytes' background is on a typical slide, log2."""
        errors = [entry["background_se_log2"] for entry in self.slides.values() if "background_se_log2" in entry]
        return float(np.median(errors)) if errors else 0.0


def collect_if(
    adata: AnnData, *, batch_key: str, donor_key: str, control_key: str, max_saturated: float, least_leukocytes: int
) -> IfCells:
    """Read the vectors.

    Raises
    ------
    MissingKeyError
        A column is missing: ``im.ctc_identity`` has not run.
    ParameterError
        No HER2 was measured.
    """
    values = image_feature(adata, CHANNEL, "cell")
    if values is None:
        raise ParameterError(
            f"HER2_cell_mean not found among the {adata.n_vars} features in `var_names` (there are "
            f"{list(adata.var_names[:3])}): the slide has no channel named HER2. Name it in "
            "io.read_slide(channels=...)."
        )
    remedy = "Run im.measure and im.ctc_identity first."
    slide, slide_names = _codes(obs_column(adata, _keys.SLIDE_ID, remedy=remedy))
    batch, batch_names = _codes(obs_column(adata, batch_key))
    identity = as_names(obs_column(adata, _keys.IDENTITY, remedy=remedy))
    saturated = image_feature(adata, CHANNEL, "cell", "saturated")
    saturated = np.zeros(adata.n_obs) if saturated is None else np.nan_to_num(saturated)
    control = control_names(adata, control_key)
    is_control = control != ""
    patient = as_names(_patients(adata, donor_key))
    # a line's cells on one slide are a group of their own, whatever the sheet gives as their donor
    named = np.where(is_control, "control " + control.astype(str) + " " + batch.astype(str), patient.astype(str))
    leukocytes = _pure_leukocytes(adata, identity) & np.isfinite(values)
    intensity, slides = _in_background_units(values, saturated, slide, slide_names, leukocytes, least_leukocytes)
    return IfCells(
        intensity=intensity, censored=saturated > max_saturated, is_ctc=ctcs(adata, only_ctcs=True), slide=slide,
        batch=batch, batch_names=batch_names, patient=_codes(named)[0], control=control, slides=slides,
    )  # fmt: skip


def control_names(adata: AnnData, control_key: str) -> np.ndarray:
    """Return the control line that each object's slide holds; empty for patients."""
    if control_key not in adata.obs:
        return np.full(adata.n_obs, "", dtype=object)
    column = adata.obs[control_key]
    return np.where(column.isna(), "", as_names(column))


def patients_of(adata: AnnData, donor_key: str) -> np.ndarray:
    """Return the number of each object's patient; of its slide where the column of the default name is absent."""
    return _codes(as_names(_patients(adata, donor_key)).astype(str))[0]


def _patients(adata: AnnData, donor_key: str) -> Any:
    """Return the donor of each object; its slide where the column of the default name is absent."""
    if donor_key not in adata.obs and donor_key == _keys.DONOR_ID:
        return adata.obs[_keys.SLIDE_ID]
    return obs_column(adata, donor_key, remedy="Name the column of donors with donor_key.")


def _log2(intensity: np.ndarray) -> np.ndarray:
    return np.log2(np.maximum(intensity, _FLOOR))


def _codes(column: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    import pandas as pd

    names = as_names(column) if hasattr(column, "astype") and not isinstance(column, np.ndarray) else column
    codes, unique = pd.factorize(names, sort=True)
    return codes, tuple(map(str, unique))


def _pure_leukocytes(adata: AnnData, identity: np.ndarray) -> np.ndarray:
    """Return the leukocytes that do not touch a CTC, whose light would fall on them."""
    leukocytes = identity == "leukocyte"
    if _keys.CLUSTER_KIND in adata.obs:
        leukocytes &= as_names(adata.obs[_keys.CLUSTER_KIND]) != "CTC-leukocyte cluster"
    return leukocytes


def _in_background_units(
    values: np.ndarray,
    saturated: np.ndarray,
    slide: np.ndarray,
    names: tuple[str, ...],
    leukocytes: np.ndarray,
    least: int,
) -> tuple[np.ndarray, dict[str, dict[str, Any]]]:
    """Return intensities over the median of each slide's leukocytes, and what was found on each slide."""
    intensity = np.full(len(values), np.nan)
    slides: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(names):
        here = slide == number
        own = values[here & leukocytes]
        entry: dict[str, Any] = {"n_leukocytes": len(own), "status": "ok"}
        background = float(np.median(own)) if len(own) else float("nan")
        if len(own) < least:
            entry["status"] = f"insufficient: {len(own)} leukocytes, at least {least} needed for a background"
        elif (saturated[here & leukocytes] > 0.5).mean() > 0.5:
            entry["status"] = "insufficient: HER2 is saturated in the leukocytes themselves"
        else:
            spread = 1.4826 * float(np.median(np.abs(own - background)))
            error = 1.2533 * spread / np.sqrt(len(own))
            if background <= 5 * error or background <= 0:
                entry["status"] = (
                    f"insufficient: the leukocytes' HER2 ({background:.3g}) does not stand out from 0 "
                    f"(error {error:.2g})"
                )
            else:
                intensity[here] = values[here] / background
                entry |= {
                    "leukocyte_background": background,
                    "background_se_log2": float(error / background / np.log(2)),
                }
        slides[name] = entry
    return intensity, slides


@dataclass(frozen=True)
class ScoredCells:
    """What :func:`her2plastic.tl.her2_if` wrote, as vectors over all objects."""

    log2_intensity: np.ndarray
    censored: np.ndarray
    is_ctc: np.ndarray
    scored: np.ndarray
    of_patient: np.ndarray


def scored_cells(adata: AnnData, *, control_key: str) -> ScoredCells:
    """Read back what was written; ``scored`` are CTCs with an intensity, ``of_patient`` what lies on no control slide.

    Raises
    ------
    MissingKeyError
        ``her2_if`` has not run.
    """
    remedy = "Run tl.her2_if first."
    intensity = obs_column(adata, _keys.HER2_INTENSITY, remedy=remedy).to_numpy(dtype=float)
    is_ctc = as_names(obs_column(adata, _keys.HER2_IF_CALL, remedy=remedy)) != _keys.NOT_A_CTC
    return ScoredCells(
        log2_intensity=_log2(intensity),
        censored=obs_column(adata, _keys.HER2_IF_CENSORED, remedy=remedy).to_numpy(dtype=bool),
        is_ctc=is_ctc,
        scored=is_ctc & np.isfinite(intensity),
        of_patient=control_names(adata, control_key) == "",
    )
