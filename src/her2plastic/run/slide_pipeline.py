"""The steps of a run over slides: each slide by itself, then all of them together."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys, im, io, tl
from her2plastic._access import image_feature, record_step, step_record
from her2plastic._errors import Her2plasticError, InputFileError, OutputFolderError, WorkersLostError
from her2plastic.io.image_columns import IMAGE_PATH
from her2plastic.run.clock import Listener, StepClock
from her2plastic.run.kept_slides import KeptSlides
from her2plastic.run.patients import patient_table
from her2plastic.run.pipeline import shortfalls
from her2plastic.run.slide_config import SlidesConfig
from her2plastic.run.slide_review import Reviewed, reviewed_cells
from her2plastic.run.slide_tables import slide_table
from her2plastic.run.slide_work import Labour, Measured, measure_slide, recipe_of

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im import Crops, Segmentation
    from her2plastic.io import Slide
    from her2plastic.tl import HER2PatientRules

log = logging.getLogger(__name__)

#: Every step with what it does, for progress bars and provenance.
SLIDE_STEPS: Final = {
    "im.measure": "Segmenting and measuring the slides",
    "im.ctc_identity": "Telling CTCs from other objects",
    "tl.her2_if": "Calling HER2 fluorescence",
    "tl.her2_if_shares": "Shares per donor and draw",
    "tl.her2_patient_rules": "Patient rules",
    "tl.her2_consensus": "Image and expression of the same cells",
    "tl.review": "Bringing back what reviewers decided",
}
#: What the sheet says of a slide that its objects carry.
_CARRIED: Final = (_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.DRAW_DAY, _keys.CONTROL_LINE)
#: Faults of the disk that the next slide would meet, too.
_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}

#: Gives the expression of cells for the objects of the slides.
ExpressionOf = Callable[["AnnData"], "AnnData"]
#: Called as a slide begins and ends: its place from 1, how many there are, its name, and how it ended (empty at first).
SlideListener = Callable[[int, int, str, str], None]


@dataclass(frozen=True)
class SlideJob:
    """A slide that was checked: its row of the sheet, and the digests of its files; or why it cannot be measured."""

    slide: Slide | None
    row: Mapping[Any, Any]
    digests: Mapping[str, str]
    path: Path
    fault: str = ""

    @property
    def name(self) -> str:
        """Name of the slide: that of its sample."""
        return str(self.row[_keys.SAMPLE_ID])

    def shown(self, fault: str) -> str:
        """Return a fault that names the file as the sheet does: results do not depend on where it lies."""
        return fault.replace(str(self.path), str(self.row[IMAGE_PATH]))


@dataclass
class SlideAnalysis:
    """What the steps of a run over slides made."""

    adata: AnnData
    #: A row per slide of the sheet, failed ones included.
    slides: pd.DataFrame
    #: Shares per donor and draw, and the patient rules; None where HER2 was not called.
    patients: pd.DataFrame | None
    rules: HER2PatientRules | None
    #: Cells that have an image and an expression; None where no expression was given.
    joined: AnnData | None
    segmentations: dict[str, Segmentation]
    #: Pictures of the CTCs and CK- HER2+ cells of each slide that has any.
    crops: dict[str, Crops]
    #: Digest of everything that each whole slide depends on.
    keys: dict[str, str]
    #: Slides that were found whole from a former run.
    reused: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    #: What reviewers decided; None where no journal was given, or none of its cells is here.
    reviewed: Reviewed | None = None


def analyse_slides(
    config: SlidesConfig,
    jobs: list[SlideJob],
    kept: KeptSlides,
    labour: Labour,
    *,
    expression: ExpressionOf | None = None,
    decisions: pd.DataFrame | None = None,
    resume: bool = False,
    listen: Listener | None = None,
    tell: SlideListener | None = None,
) -> SlideAnalysis:
    """Measure every slide, then call CTCs and HER2 over all of them.

    Parameters
    ----------
    config
        What the run was told.
    jobs
        The slides, in the order of the sheet.
    kept
        Where whole slides are kept.
    labour
        Who does the work.
    expression
        Gives the expression of cells on the slides, whose ``cell_id`` is that of their image.
    decisions
        What reviewers decided on cells of these slides, as of ``io.read_decisions``.
    resume
        Take whole slides of a former run that were made from the same.
    listen
        Called as each step begins.
    tell
        Called as each slide begins and ends.

    Returns
    -------
    The objects of all slides that are whole, tables, and the slides that failed with the reason.

    Raises
    ------
    InputFileError
        When no slide could be measured.
    OutputFolderError
        When the disk is full. Slides that are whole are kept.
    """
    clock = StepClock(listen, SLIDE_STEPS)
    with clock.step("im.measure"):
        done, failed = _measure_all(jobs, kept, labour, resume=resume, tell=tell)
    if not done:
        raise InputFileError("; ".join(failed.values()))
    adata = _joined({name: measured.adata for name, measured in done.items()}, jobs)
    with clock.step("im.ctc_identity"):
        im.ctc_identity(adata, gates=config.identity.gates, threshold=config.identity.threshold)
    with clock.step("tl.her2_if", may_fail=True):
        tl.her2_if(adata, calibration=_calibration(config, adata), level=config.her2.level, seed=config.seed)
    sheet = pd.DataFrame([dict(job.row) for job in jobs])
    patients = rules = joined = reviewed = None
    if _keys.HER2_IF_CALL in adata.obs:
        level = config.her2.interval
        with clock.step("tl.her2_if_shares"):
            patients = patient_table(adata, sheet, level=level, shares=tl.her2_if_shares)
        with clock.step("tl.her2_patient_rules"):
            by = (_keys.DONOR_ID, _keys.DRAW_DAY)
            rules = tl.her2_patient_rules(adata, by=by, level=level, seed=config.seed)
        if expression is not None:
            with clock.step("tl.her2_consensus"):
                joined = io.join_cells(adata, expression(adata))
                tl.her2_consensus(joined)
        if decisions is not None:
            with clock.step("tl.review", may_fail=True):
                reviewed = reviewed_cells(adata, decisions, config=config.review, seed=config.seed)
    also = frozenset() if reviewed is None else reviewed.differing
    crops = {
        name: made for name, measured in done.items() if (made := _crops(adata, measured, config, also)) is not None
    }
    cells = {name: adata[(adata.obs[_keys.SLIDE_ID] == name).to_numpy()] for name in done}
    facts = {name: (part, step_record(done[name].adata, "slide")) for name, part in cells.items()}
    dead = _dead_channels(done)
    slides = slide_table(sheet, facts, failed, dead)
    notes = [f"slide {name} failed: {reason}" for name, reason in failed.items()]
    notes += [
        *_damage(done),
        *(f"slide {name}: {word}" for name, words in dead.items() for word in words),
        *clock.notes,
        *(() if reviewed is None else reviewed.notes),
        *shortfalls(adata),
    ]
    return SlideAnalysis(
        adata, slides, patients, rules, joined, {name: measured.segmentation for name, measured in done.items()},
        crops, {name: measured.key for name, measured in done.items()},
        tuple(name for name, measured in done.items() if measured.reused), failed, notes, clock.seconds,
        reviewed,
    )  # fmt: skip


def _measure_all(
    jobs: list[SlideJob], kept: KeptSlides, labour: Labour, *, resume: bool, tell: SlideListener | None
) -> tuple[dict[str, Measured], dict[str, str]]:
    done: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    for place, job in enumerate(jobs, 1):
        name = job.name
        if tell is not None:
            tell(place, len(jobs), name, "")
        try:
            measured = measured_or_fault(job, kept, labour, resume=resume)
        except WorkersLostError as error:
            measured = job.shown(str(error))
        except OSError as error:
            raise _no_room(error, len(done)) from error
        if isinstance(measured, str):
            failed[name] = ended = measured
        else:
            done[name] = measured
            ended = f"{measured.adata.n_obs:,} objects" + (" (from the former run)" if measured.reused else "")
        if tell is not None:
            tell(place, len(jobs), name, ended)
    return done, failed


def measured_or_fault(job: SlideJob, kept: KeptSlides, labour: Labour, *, resume: bool) -> Measured | str:
    """Measure a slide, or return why it cannot be measured.

    Raises
    ------
    OSError
        Where nothing can be written: the next slide would meet that, too.
    WorkersLostError
        Where those who work have died, which says nothing of the slide: it can be tried again with more memory.
    """
    if job.slide is None or job.fault:
        return job.shown(job.fault)
    try:
        return measure_slide(job.slide, recipe_of(job.slide, job.digests, {}), kept, labour, resume=resume)
    except (OutputFolderError, WorkersLostError):
        raise
    except (Her2plasticError, OSError) as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise
        log.info("slide %s failed", job.name, exc_info=True)
        return job.shown(str(error))


def _no_room(error: OSError, n_whole: int) -> OutputFolderError:
    why = error.strerror or str(error)
    kept = "1 whole slide is" if n_whole == 1 else f"{n_whole} whole slides are"
    return OutputFolderError(
        f"the results cannot be written: {why}. {kept} kept: make room, then run the same command with --resume."
    )


def _joined(parts: Mapping[str, AnnData], jobs: list[SlideJob]) -> AnnData:
    """Return the objects of all slides with what the sheet says of each; features of some slides only are missing."""
    import anndata

    joined = anndata.concat(list(parts.values()), join="outer", merge="first", fill_value=np.nan)
    slide = joined.obs[_keys.SLIDE_ID].astype(str)
    joined.obs[_keys.SLIDE_ID] = pd.Categorical(slide, categories=list(parts))
    rows = {job.name: job.row for job in jobs}
    for key in _CARRIED:
        if any(key in row for row in rows.values()):
            values = slide.map({name: row.get(key) for name, row in rows.items()})
            joined.obs[key] = values.astype(float) if key == _keys.DRAW_DAY else values.fillna("").astype("category")
    first = next(iter(parts.values()))
    for step in ("segment", "measure"):
        record_step(joined, step, params=step_record(first, step)["params"])
    return joined


def _crops(adata: AnnData, measured: Measured, config: SlidesConfig, also: frozenset[str]) -> Crops | None:
    """Cut the cells of a slide that a person will look at: the most probable CTCs, and others named."""
    slide = measured.segmentation.slide
    identity = adata.obs[_keys.IDENTITY].astype(str)
    wanted = adata.obs[_keys.IS_CTC].to_numpy(dtype=bool) | identity.eq("CK- HER2+").to_numpy()
    wanted &= (adata.obs[_keys.SLIDE_ID] == slide.slide_id).to_numpy()
    chosen: Any = adata.obs[wanted]
    chosen = chosen.sort_values(_keys.CTC_PROBABILITY, ascending=False, kind="stable").iloc[: config.crops.most]
    names = [str(name) for name in chosen.index]
    here = adata.obs_names[(adata.obs[_keys.SLIDE_ID] == slide.slide_id).to_numpy()]
    names += [str(name) for name in here if name in also and name not in names]
    return im.crops(measured.segmentation, cells=names, size_um=config.crops.size_um) if names else None


def _calibration(config: SlidesConfig, adata: AnnData) -> str:
    """Return what HER2 is measured against: control lines where there are any, unless another was asked for."""
    if config.her2.calibration != "auto":
        return config.her2.calibration
    has_controls = _keys.CONTROL_LINE in adata.obs and bool((adata.obs[_keys.CONTROL_LINE].astype(str) != "").any())
    return "controls" if has_controls else "reference"


def _damage(done: Mapping[str, Measured]) -> list[str]:
    return [
        f"slide {name}: {region}"
        for name, measured in done.items()
        for region in np.atleast_1d(step_record(measured.adata, "slide").get("damaged", []))
    ]


def _dead_channels(done: Mapping[str, Measured]) -> dict[str, list[str]]:
    """Return per slide the channels that hold one value, or nothing but saturated pixels, in every object."""
    found: dict[str, list[str]] = {}
    for name, measured in done.items():
        said = found.setdefault(name, [])
        for channel in measured.segmentation.slide.channels:
            spread, saturated = (image_feature(measured.adata, channel, "cell", key) for key in ("sd", "saturated"))
            if saturated is not None and saturated.size and float(np.nanmin(saturated)) >= 1:
                said.append(f"channel {channel} is saturated all over: what rests on it means nothing")
            elif spread is not None and spread.size and float(np.nanmax(spread)) == 0:
                said.append(f"channel {channel} holds one value all over: what rests on it means nothing")
    return found
