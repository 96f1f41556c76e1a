"""What simulated slides are made of: cells, HER2 stain, optics. Defaults are proposals, not measurements."""

from __future__ import annotations

from dataclasses import dataclass, field

from her2plastic._errors import one_of
from her2plastic._keys import IF_SCORES
from her2plastic.datasets.argument_checks import in_range, numbers_in_range, rising_pair

#: Channels of a simulated slide, in their order.
CHANNELS = ("DAPI", "CK", "CD45", "HER2")


@dataclass(frozen=True)
class SlideCells:
    """Shapes and stains of the objects on a slide, HER2 apart. Intensities are photo-electrons.

    Parameters
    ----------
    ctc_diameter_um, ctc_diameter_sd_log, ctc_diameter_range_um
        Log-normal diameter of CTCs: median, standard deviation of the natural log, smallest and largest.
    ctc_nucleus_ratio
        Nucleus to cell diameter of CTCs.
    leukocyte_diameter_um, leukocyte_diameter_sd_log, leukocyte_nucleus_ratio
        The same of leukocytes.
    irregularity
        Standard deviation of the radius along a cell's outline, as a share of the radius.
    lobed
        Share of leukocytes with a lobed nucleus.
    dapi, dapi_sd_log
        Mean over the nucleus: median over cells and standard deviation of its natural log.
    ck, ck_sd_log, ck_leukocyte
        The same of cytokeratin over a CTC, and its median over leukocytes.
    cd45, cd45_sd_log, cd45_ctc
        The same of CD45 over a leukocyte, and its median over CTCs.
    ck_negative
        Cells with HER2 and without cytokeratin, as a share of the CTCs.
    clusters
        Share of CTCs that touch another CTC or a leukocyte.
    leukocyte_pairs
        Share of leukocytes that touch another one.
    debris_per_ctc
        Smallest and largest number of nucleus-free cytokeratin-positive fragments for each CTC.
    bare_nuclei, blobs
        Nuclei without a cell, and bright objects in every channel, as shares of the leukocytes.

    Examples
    --------
    >>> import her2plastic as hp
    >>> clean = hp.datasets.SlideCells(ck_negative=0.0, debris_per_ctc=(0, 0), bare_nuclei=0.0, blobs=0.0)
    >>> slide = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3, cells=clean)
    >>> slide.truth["kind"].value_counts().to_dict()
    {'leukocyte': 10, 'CTC': 3}
    """

    ctc_diameter_um: float = 12.0
    ctc_diameter_sd_log: float = 0.2
    ctc_diameter_range_um: tuple[float, float] = (8.0, 25.0)
    ctc_nucleus_ratio: float = 0.65
    leukocyte_diameter_um: float = 8.5
    leukocyte_diameter_sd_log: float = 0.12
    leukocyte_nucleus_ratio: float = 0.8
    irregularity: float = 0.06
    lobed: float = 0.5
    dapi: float = 700.0
    dapi_sd_log: float = 0.25
    ck: float = 600.0
    ck_sd_log: float = 0.5
    ck_leukocyte: float = 15.0
    cd45: float = 350.0
    cd45_sd_log: float = 0.4
    cd45_ctc: float = 12.0
    ck_negative: float = 0.05
    clusters: float = 0.05
    leukocyte_pairs: float = 0.04
    debris_per_ctc: tuple[int, int] = (5, 20)
    bare_nuclei: float = 0.01
    blobs: float = 0.005

    def __post_init__(self) -> None:
        for name in ("ctc_diameter_um", "leukocyte_diameter_um"):
            in_range(name, getattr(self, name), 2, 100)
        rising_pair("ctc_diameter_range_um", self.ctc_diameter_range_um, 2, 100)
        for name in ("ctc_diameter_sd_log", "leukocyte_diameter_sd_log", "dapi_sd_log", "ck_sd_log", "cd45_sd_log"):
            in_range(name, getattr(self, name), 0, 2)
        for name in ("ctc_nucleus_ratio", "leukocyte_nucleus_ratio"):
            in_range(name, getattr(self, name), 0.1, 0.95)
        in_range("irregularity", self.irregularity, 0, 0.15)
        for name in ("dapi", "ck", "ck_leukocyte", "cd45", "cd45_ctc"):
            in_range(name, getattr(self, name), 0, 1e5)
        for name in ("lobed", "ck_negative", "clusters", "leukocyte_pairs", "bare_nuclei", "blobs"):
            in_range(name, getattr(self, name), 0, 1)
        rising_pair("debris_per_ctc", self.debris_per_ctc, 0, 1000)


@dataclass(frozen=True)
class HER2Stain:
    """HER2 of the cells, in units of the background of the slide's leukocytes.

    Parameters
    ----------
    medians
        Median of a cell's mean HER2 in each class.
    sd_log
        Standard deviation of its natural log within a class.
    leukocyte_sd_log
        The same of leukocytes, whose median is 1.
    masking
        Smallest and largest share of the receptors that the antibody still reaches (1 where none is covered by
        trastuzumab), one number for a slide.
    staining
        Factor on what the receptors add to the autofluorescence: a batch that is stained more or less than the others.
    shell_um
        Thickness of the stained membrane.
    patchiness
        Standard deviation of the density along the membrane in each class, as a share of its mean.
    saturated
        Share of 3+ cells with a saturated pixel at a gain of 1; it sets the exposure.

    Examples
    --------
    >>> import her2plastic as hp
    >>> crisp, broad = hp.datasets.HER2Stain(), hp.datasets.HER2Stain(sd_log=0.7)
    >>> crisp.medians
    {'0': 1.1, '1+': 3.0, '2+': 8.0, '3+': 20.0}
    >>> [round(hp.datasets.her2_ceiling(stain).state_accuracy, 2) for stain in (crisp, broad)]
    [0.91, 0.75]
    """

    medians: dict[str, float] = field(default_factory=lambda: {"0": 1.1, "1+": 3.0, "2+": 8.0, "3+": 20.0})
    sd_log: float = 0.35
    leukocyte_sd_log: float = 0.2
    masking: tuple[float, float] = (1.0, 1.0)
    staining: float = 1.0
    shell_um: float = 0.4
    patchiness: dict[str, float] = field(default_factory=lambda: {"0": 0.0, "1+": 0.4, "2+": 0.25, "3+": 0.1})
    saturated: float = 0.05

    def __post_init__(self) -> None:
        for name in ("medians", "patchiness"):
            values = getattr(self, name)
            for key in values:
                one_of(name, key, IF_SCORES)
            numbers_in_range(name, [values.get(key) for key in IF_SCORES], len(IF_SCORES), 0, 1e4)
        in_range("sd_log", self.sd_log, 0, 2)
        in_range("leukocyte_sd_log", self.leukocyte_sd_log, 0, 2)
        rising_pair("masking", self.masking, 0, 1)
        in_range("staining", self.staining, 0, 100)
        in_range("shell_um", self.shell_um, 0.05, 3)
        in_range("saturated", self.saturated, 0.0001, 0.9999)


@dataclass(frozen=True)
class SlideOptics:
    """Microscope and camera. Intensities are photo-electrons; one of them is one grey value.

    Parameters
    ----------
    psf_um
        Standard deviation of the Gaussian point spread function: smallest and largest. Each object has its own, as it
        lies more or less in focus.
    background, gradient
        Background in every channel, and how far it rises and falls across a camera field, as a share.
    read_noise
        Standard deviation of the read noise.
    bleed_through
        Share of the HER2 signal (FITC) that is seen in the cytokeratin channel (PE).
    shift_px
        How far each channel lies beside DAPI, pixels, in a random direction.
    vignetting
        Loss of light in the corners of a camera field, as a share.
    camera_field_px
        Side of a camera field; larger slides are stitched from several.
    gain_sd_log
        Drift between slides: standard deviation of the natural log of each channel's gain.
    bits
        Significant bits of a pixel.

    Examples
    --------
    >>> import her2plastic as hp
    >>> quiet = hp.datasets.SlideOptics(read_noise=1.0, gradient=0.0, vignetting=0.0)
    >>> slide = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3, optics=quiet)
    >>> slide.slide.bit_depth, slide.slide.saturation
    (12, 4095.0)
    """

    psf_um: tuple[float, float] = (0.25, 0.55)
    background: float = 100.0
    gradient: float = 0.2
    read_noise: float = 5.0
    bleed_through: float = 0.02
    shift_px: float = 0.5
    vignetting: float = 0.1
    camera_field_px: int = 2048
    gain_sd_log: float = 0.1
    bits: int = 12

    def __post_init__(self) -> None:
        rising_pair("psf_um", self.psf_um, 0, 2)
        in_range("background", self.background, 0, 1e4)
        for name in ("gradient", "vignetting"):
            in_range(name, getattr(self, name), 0, 0.9)
        in_range("read_noise", self.read_noise, 0, 1e3)
        in_range("bleed_through", self.bleed_through, 0, 1)
        in_range("shift_px", self.shift_px, 0, 5)
        in_range("camera_field_px", self.camera_field_px, 64)
        in_range("gain_sd_log", self.gain_sd_log, 0, 1)
        in_range("bits", self.bits, 8, 16)
