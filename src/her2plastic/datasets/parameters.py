"""What a simulated cohort is made of: parameter groups with their defaults, checked when they are made.

The values are the working assumptions of the package's generative model, not estimates: CTC numbers follow the
published median of 7 per 7.5 ml with a heavy tail, HER2-0 and HER2-low differ as far as patient-level ERBB2 mRNA does,
and the levels themselves are uncertain. All of them can be changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from her2plastic import _keys
from her2plastic._errors import ParameterError, one_of
from her2plastic.datasets.argument_checks import Rates, in_range, numbers_in_range, rates_per_day, whole

#: Switching between HER2-0, HER2-low and HER2-positive, per day, off the diagonal.
SWITCHING_PER_DAY = ((0.0, 0.04, 0.002), (0.03, 0.0, 0.03), (0.002, 0.05, 0.0))


@dataclass(frozen=True)
class Composition:
    """How many CTCs a draw holds and in which states.

    Parameters
    ----------
    prior
        Dirichlet parameters of a donor's shares of HER2-0, HER2-low, HER2-positive at the first draw.
    rates
        Switching rates per day between the states; the diagonal is not used.
    slowdown
        ``rates`` divided by this move the composition from draw to draw.
    rate_sd
        Standard deviation between donors of the natural log of each rate.
    overdispersion
        Intra-draw correlation rho of the Dirichlet-multinomial sampling of states.
    ctc_median, ctc_sd_log, ctc_range
        Log-normal number of CTCs per draw: median, standard deviation of the natural log, limits.

    Examples
    --------
    >>> import her2plastic as hp
    >>> many = hp.datasets.Composition(ctc_median=40.0, ctc_sd_log=0.3, prior=(4.0, 4.0, 1.0))
    >>> cells = hp.datasets.simulate_cohort(n_donors=3, draws=(0,), composition=many, seed=1)
    >>> cells.obs["true_state"].value_counts().to_dict()
    {'HER2-0': 80, 'HER2-low': 63, 'HER2-positive': 4}
    """

    prior: tuple[float, float, float] = (1.0, 1.0, 0.6)
    rates: Rates = SWITCHING_PER_DAY
    slowdown: float = 2.5
    rate_sd: float = 0.3
    overdispersion: float = 0.03
    ctc_median: float = 7.0
    ctc_sd_log: float = 1.5
    ctc_range: tuple[int, int] = (1, 300)

    def __post_init__(self) -> None:
        numbers_in_range("prior", self.prior, 3, 1e-3, 1e6)
        rates_per_day("rates", self.rates)
        in_range("slowdown", self.slowdown, 0, above=True)
        in_range("rate_sd", self.rate_sd, 0, 10)
        in_range("overdispersion", self.overdispersion, 0, 0.95)
        in_range("ctc_median", self.ctc_median, 0, above=True)
        in_range("ctc_sd_log", self.ctc_sd_log, 0, 10)
        for value in self.ctc_range:
            whole("ctc_range", value, 0)
        if len(self.ctc_range) != 2 or self.ctc_range[0] > self.ctc_range[1]:
            raise ParameterError(f"ctc_range={self.ctc_range!r}: expected (smallest, largest)")


@dataclass(frozen=True)
class ERBB2Model:
    """ERBB2 expression of a CTC.

    Parameters
    ----------
    medians
        Median counts per million of HER2-0, HER2-low, plastic HER2-positive and amplified HER2-positive cells.
    cell_sd, amplified_cell_sd
        Standard deviation between cells, in log2 units.
    donor_sd
        Standard deviation between donors, in log2 units; all CTCs of a donor share it.
    amplicon_fold
        Factor on the 17q12 core neighbours of ERBB2 in amplified cells, and only there.

    Examples
    --------
    >>> import her2plastic as hp
    >>> even = hp.datasets.ERBB2Model(donor_sd=0.0, cell_sd=0.3)
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=60, amplified=0.0, erbb2=even)
    >>> cells.obs.groupby("true_state", observed=True)["true_erbb2_cpm"].median().round(-1).to_dict()
    {'HER2-0': 20.0, 'HER2-low': 30.0, 'HER2-positive': 120.0}
    """

    medians: tuple[float, float, float, float] = (20.0, 35.0, 120.0, 800.0)
    cell_sd: float = 0.9
    amplified_cell_sd: float = 1.0
    donor_sd: float = 0.8
    amplicon_fold: float = 8.0

    def __post_init__(self) -> None:
        numbers_in_range("medians", self.medians, 4, 1e-3, 1e4)
        if list(self.medians) != sorted(self.medians):
            raise ParameterError(f"medians={self.medians!r}: the states are ordered, so the medians have to rise")
        in_range("cell_sd", self.cell_sd, 0, 3)
        in_range("amplified_cell_sd", self.amplified_cell_sd, 0, 3)
        in_range("donor_sd", self.donor_sd, 0, 3)
        in_range("amplicon_fold", self.amplicon_fold, 1, 100)


@dataclass(frozen=True)
class Programmes:
    """Gene programmes that go with the HER2 state, in log2 units.

    Each effect has four values: HER2-0, HER2-low, plastic HER2-positive, amplified HER2-positive. Directions follow
    Jordan et al. 2016 (HER2-positive CTCs proliferate and use several receptor tyrosine kinases, HER2-negative ones
    activate Notch and DNA-damage programmes); sizes are assumptions. HER2-0 and HER2-low do not differ.

    Parameters
    ----------
    proliferation, rtk, notch, dna_damage, stress
        Effect of the state on the genes of the programme.
    cell_sd
        Standard deviation between cells of each programme's activity.
    donor_gene_sd
        Standard deviation between donors of every gene (ERBB2 has its own, see :class:`ERBB2Model`).
    er_positive
        Share of donors whose CTCs express the hormone-receptor programme; independent of the HER2 state.
    er_fold
        Factor on the hormone-receptor genes in donors without it.

    Examples
    --------
    >>> import her2plastic as hp
    >>> strong = hp.datasets.Programmes(notch=(2.0, 2.0, 0.0, 0.0))
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=100, programmes=strong)
    >>> notch = cells.to_df().loc[:, cells.var["true_programme"] == "notch"].mean(axis=1).astype(float)
    >>> notch.groupby(cells.obs["true_state"], observed=True).mean().round(2).to_dict()
    {'HER2-0': 1.08, 'HER2-low': 1.2, 'HER2-positive': 0.34}
    """

    proliferation: tuple[float, float, float, float] = (0.0, 0.0, 0.6, 0.6)
    rtk: tuple[float, float, float, float] = (0.0, 0.0, 0.5, 0.5)
    notch: tuple[float, float, float, float] = (0.6, 0.6, 0.0, 0.0)
    dna_damage: tuple[float, float, float, float] = (0.4, 0.4, 0.0, 0.0)
    stress: tuple[float, float, float, float] = (0.4, 0.4, 0.0, 0.0)
    cell_sd: float = 0.3
    donor_gene_sd: float = 0.25
    er_positive: float = 0.7
    er_fold: float = 0.03

    def __post_init__(self) -> None:
        for name, effect in self.effects().items():
            numbers_in_range(name, effect, 4, -5, 5)
        in_range("cell_sd", self.cell_sd, 0, 3)
        in_range("donor_gene_sd", self.donor_gene_sd, 0, 3)
        in_range("er_positive", self.er_positive, 0, 1)
        in_range("er_fold", self.er_fold, 0, 1)

    def effects(self) -> dict[str, tuple[float, float, float, float]]:
        """Return the effects by programme."""
        names = ("proliferation", "rtk", "notch", "dna_damage", "stress")
        return {name: getattr(self, name) for name in names}


#: Shares of kinds among the leukocytes and among the other events.
LEUKOCYTES = {"t_cell": 0.3, "b_cell": 0.07, "nk_cell": 0.1, "monocyte": 0.23, "granulocyte": 0.3}
OTHERS = {"platelet": 0.4, "erythroblast": 0.3, "endothelial": 0.3}


@dataclass(frozen=True)
class Contamination:
    """What is in an enriched blood sample besides clean CTCs.

    Parameters
    ----------
    leukocytes
        Share of events that are single leukocytes.
    leukocyte_kinds
        Their shares by kind (a column of ``cell_kinds.tsv``).
    doublets
        Share of CTC events that hold a leukocyte as well; the CTC gives ``doublet_ctc_share`` (low, high) of the RNA.
    platelet_cloak
        Share of CTC events coated with platelets, which give ``platelet_share`` (low, high) of their counts.
    others
        Share of events that are platelets, erythroblasts or circulating endothelial cells.
    erythroid_share
        Range of the share of each event's counts that is erythroid ambient RNA.
    ambient
        Mean share of each event's counts that is ambient RNA of its own sample; 0.05 means 5 %.
    low_quality
        Share of events that are degraded: depth times ``low_quality_depth``, mitochondrial RNA times
        ``low_quality_mito``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> soiled = hp.datasets.Contamination(leukocytes=0.5, ambient=0.1)
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=20, contamination=soiled)
    >>> cells.obs["true_identity"].value_counts().to_dict()
    {'leukocyte': 26, 'CTC': 11, 'platelet-coated CTC': 8, 'CTC-leukocyte': 1, 'other': 0}
    >>> clean = hp.datasets.Contamination.none()
    >>> hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=20, contamination=clean).n_obs
    20
    """

    leukocytes: float = 0.3
    leukocyte_kinds: dict[str, float] = field(default_factory=lambda: dict(LEUKOCYTES))
    doublets: float = 0.05
    doublet_ctc_share: tuple[float, float] = (0.4, 0.7)
    platelet_cloak: float = 0.3
    platelet_share: tuple[float, float] = (0.01, 0.15)
    others: float = 0.0
    erythroid_share: tuple[float, float] = (0.0, 0.05)
    ambient: float = 0.05
    low_quality: float = 0.15
    low_quality_depth: float = 0.15
    low_quality_mito: float = 5.0

    def __post_init__(self) -> None:
        for name in ("leukocytes", "others"):
            in_range(name, getattr(self, name), 0, 0.95)
        in_range("leukocytes + others", self.leukocytes + self.others, 0, 0.95)
        for name in ("doublets", "platelet_cloak", "low_quality"):
            in_range(name, getattr(self, name), 0, 1)
        in_range("doublets + platelet_cloak", self.doublets + self.platelet_cloak, 0, 1)
        in_range("ambient", self.ambient, 0, 0.5)
        for name, highest in (("doublet_ctc_share", 1.0), ("platelet_share", 0.4), ("erythroid_share", 0.4)):
            bounds = getattr(self, name)
            numbers_in_range(name, bounds, 2, 0, highest)
            if bounds[0] > bounds[1]:
                raise ParameterError(f"{name}={bounds!r}: expected (smallest, largest)")
        in_range("low_quality_depth", self.low_quality_depth, 0, 1, above=True)
        in_range("low_quality_mito", self.low_quality_mito, 1, 10)
        for kind, share in self.leukocyte_kinds.items():
            one_of("leukocyte_kinds", kind, LEUKOCYTES)
            in_range(f"leukocyte_kinds[{kind!r}]", share, 0)
        if not sum(self.leukocyte_kinds.values()) > 0:
            raise ParameterError("leukocyte_kinds: expected at least one kind with a share above 0")

    @classmethod
    def none(cls) -> Contamination:
        """Return the parameters of a sample that holds clean CTCs alone."""
        return cls(
            leukocytes=0.0, doublets=0.0, platelet_cloak=0.0, others=0.0, erythroid_share=(0.0, 0.0), ambient=0.0,
            low_quality=0.0,
        )  # fmt: skip


@dataclass(frozen=True)
class Library:
    """Depth and count noise of a platform.

    Parameters
    ----------
    median, sd_log
        Log-normal expected counts per CTC: median and standard deviation of the natural log.
    dispersion
        Negative binomial: variance = mean + dispersion * mean squared. 0 is Poisson.
    zero_inflation
        Share of (cell, gene) pairs that drop out altogether.
    leukocyte_depth, doublet_depth
        Factor on the depth of leukocytes and other small events, and of CTC-leukocyte doublets.

    Examples
    --------
    >>> import her2plastic as hp
    >>> shallow = hp.datasets.Library(median=2_000, sd_log=0.3)
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=200, library=shallow)
    >>> depth = cells.obs.loc[cells.obs["true_identity"] == "CTC", "true_depth"]
    >>> print(f"a CTC of this kit has {depth.median():,.0f} counts")
    a CTC of this kit has 2,055 counts
    """

    median: float = 8000.0
    sd_log: float = 0.7
    dispersion: float = 0.1
    zero_inflation: float = 0.0
    leukocyte_depth: float = 0.5
    doublet_depth: float = 1.5

    def __post_init__(self) -> None:
        in_range("median", self.median, 1, 1e8)
        in_range("sd_log", self.sd_log, 0, 3)
        in_range("dispersion", self.dispersion, 0, 10)
        in_range("zero_inflation", self.zero_inflation, 0, 0.99)
        in_range("leukocyte_depth", self.leukocyte_depth, 0, 10, above=True)
        in_range("doublet_depth", self.doublet_depth, 0, 10, above=True)


@dataclass(frozen=True)
class Platform:
    """A platform by name: the assay that its files are labelled with, and its library."""

    assay: str
    library: Library


PLATFORMS = {
    "10x": Platform("10x", Library()),
    "10x-degraded": Platform("10x", Library(median=3000.0)),
    # molecule equivalents scatter as molecules do, so their noise is that of an assay that counts molecules
    "smart-seq2": Platform("smart-seq3", Library(median=1e5, sd_log=0.6)),
    "smart-seq2-reads": Platform("smart-seq2", Library(median=1e6, sd_log=0.6, dispersion=0.5, zero_inflation=0.15)),
}


@dataclass(frozen=True)
class Kinetics:
    """Transcription, splicing and decay: du/dt = alpha - beta u, ds/dt = beta u - gamma s.

    Parameters
    ----------
    beta
        Effective splicing rate per hour of every gene.
    gamma_median, gamma_sd_log
        Log-normal decay rate per hour between genes: median and standard deviation of the natural log.
    erbb2_fold
        Factor by which ERBB2 transcription rises (or falls) when a cell starts towards a higher (lower) state.
        0 means: to the median of the state that it moves to.
    transit_hours
        How long a cell is on its way.
    rates
        Switching rates per day: a cell in state i is on its way to j with probability
        ``(1 - exp(-q_i * transit)) * q_ij / q_i``.
    ambiguous
        Share of spliced molecules that cannot be told from unspliced ones.

    Examples
    --------
    >>> import her2plastic as hp
    >>> slow = hp.datasets.Kinetics(transit_hours=72.0)
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=30, kinetics=slow)
    >>> print(f"{cells.obs['true_next'].notna().sum()} of {cells.n_obs} cells are on their way to another state")
    13 of 90 cells are on their way to another state
    >>> print(f"{cells.layers['unspliced'].sum() / cells.layers['counts'].sum():.0%} of the molecules are unspliced")
    17% of the molecules are unspliced
    """

    beta: float = 0.6
    gamma_median: float = math.log(2) / 6
    gamma_sd_log: float = 0.6
    erbb2_fold: float = 4.0
    transit_hours: float = 24.0
    rates: Rates = SWITCHING_PER_DAY
    ambiguous: float = 0.0

    def __post_init__(self) -> None:
        in_range("beta", self.beta, 0, 1e3, above=True)
        in_range("gamma_median", self.gamma_median, 0, 1e3, above=True)
        in_range("gamma_sd_log", self.gamma_sd_log, 0, 3)
        if self.erbb2_fold != 0:
            in_range("erbb2_fold", self.erbb2_fold, 1, 100)
        in_range("transit_hours", self.transit_hours, 0, 1e4, above=True)
        rates_per_day("rates", self.rates)
        in_range("ambiguous", self.ambiguous, 0, 1)

    def resting(self) -> Kinetics:
        """Return the same kinetics with no cell on its way."""
        size = len(_keys.STATES)
        return replace(self, rates=((0.0,) * size,) * size)
