"""Every name that the package reads from or writes to an AnnData, once, with dtype and meaning.

``REGISTRY`` lists them for the documentation and the tests; code uses the constants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Slot = Literal["obs", "var", "layers", "obsm", "uns"]

#: The ordered HER2 states of a cell.
STATES: Final = ("HER2-0", "HER2-low", "HER2-positive")

NOT_CALLABLE: Final = "not callable"
NOT_A_CTC: Final = "not a CTC"
#: What a cell's call may be: contiguous sets of states, or why there is none.
CALLS: Final = (
    "HER2-0",
    "HER2-0/low",
    "HER2-low",
    "HER2-low/positive",
    "HER2-positive",
    NOT_CALLABLE,
    NOT_A_CTC,
)

#: What an event may be, in the order of the columns of ``obsm["identity_posterior"]``.
IDENTITIES: Final = ("CTC", "platelet-coated CTC", "CTC-leukocyte", "leukocyte", "other")
#: The identities that count as a CTC. A CTC-leukocyte doublet or cluster holds a CTC, but its RNA is not one cell's.
CTC_IDENTITIES: Final = ("CTC", "platelet-coated CTC")

MECHANISMS: Final = ("amplified", "not amplified", "unknown")
#: What a mechanism rests on.
MECHANISM_EVIDENCE: Final = ("cell", "donor", "none")

#: Units that expression values may come in. The log units are log2(x + 1) or ln(x + 1).
UNITS: Final = ("counts", "cpm", "tpm", "fpkm", "log2", "ln")


@dataclass(frozen=True)
class Key:
    """One name in an AnnData: where it stands, its dtype, what it means, who writes it."""

    slot: Slot
    name: str
    dtype: str
    meaning: str
    written_by: str


REGISTRY: list[Key] = []


def _key(slot: Slot, name: str, dtype: str, meaning: str, written_by: str) -> str:
    REGISTRY.append(Key(slot, name, dtype, meaning, written_by))
    return name


# --- who and when: io ---------------------------------------------------------------------------------------------
CELL_ID = _key("obs", "cell_id", "str", "unique name of the cell in the cohort: sample_id:barcode", "io.read_samples")
DONOR_ID = _key("obs", "donor_id", "category", "patient, or cell line for controls", "io.read_samples")
SAMPLE_ID = _key("obs", "sample_id", "category", "one file of one draw", "io.read_samples")
DRAW_DAY = _key("obs", "draw_day", "float", "day of the blood draw, counted from the donor's day 0", "io.read_samples")
ASSAY = _key("obs", "assay", "category", "assay name; its noise model is in reference/assays.tsv", "io.read_samples")
LABEL = _key("obs", "label", "category", "known HER2 state of control cells (cell-line spike-ins)", "io.read_samples")

# --- genes and values: io -----------------------------------------------------------------------------------------
GENE_ID = _key("var", "gene_id", "str", "Ensembl id where the source has it", "io.read_counts")
COUNTS = _key("layers", "counts", "float32 or int32", "molecules or reads, never normalised", "io.read_counts")
CPM = _key("layers", "cpm", "float32", "relative counts per million, where counts could not be had", "io.read_counts")
SPLICED = _key("layers", "spliced", "float32", "spliced counts", "io.read_counts")
UNSPLICED = _key("layers", "unspliced", "float32", "unspliced counts", "io.read_counts")
AMBIGUOUS = _key("layers", "ambiguous", "float32", "counts that are neither spliced nor unspliced", "io.read_counts")

# --- quality: pp.quality ------------------------------------------------------------------------------------------
DEPTH = _key("obs", "depth", "float", "counts of the cell over all genes", "pp.quality")
N_GENES = _key("obs", "n_genes", "int", "genes with at least one count", "pp.quality")
MITO_SHARE = _key("obs", "mito_share", "float", "share of counts in mitochondrial genes", "pp.quality")
RIBO_SHARE = _key("obs", "ribo_share", "float", "share of counts in ribosomal protein genes", "pp.quality")
PLATELET_SHARE = _key("obs", "platelet_share", "float", "share of counts in platelet genes", "pp.quality")
ERYTHROID_SHARE = _key("obs", "erythroid_share", "float", "share of counts in erythroid genes", "pp.quality")
AMBIENT_SHARE = _key("obs", "ambient_share", "float", "estimated share of counts that are ambient RNA", "pp.quality")
DOUBLET_SCORE = _key("obs", "doublet_score", "float", "scrublet score; missing where too few cells", "pp.quality")
PASSES_QUALITY = _key("obs", "passes_quality", "bool", "the cell passes every threshold", "pp.quality")
QUALITY_REASON = _key("obs", "quality_reason", "str", "which thresholds the cell fails; empty if none", "pp.quality")

# --- identity: pp.ctc_identity ------------------------------------------------------------------------------------
IDENTITY = _key("obs", "identity", "category", "most probable of the identities", "pp.ctc_identity")
IDENTITY_POSTERIOR = _key(
    "obsm", "identity_posterior", "DataFrame", "probability of each identity; rows sum to 1", "pp.ctc_identity"
)
CTC_PROBABILITY = _key("obs", "ctc_probability", "float", "CTC plus platelet-coated CTC", "pp.ctc_identity")
IS_CTC = _key("obs", "is_ctc", "bool", "ctc_probability reaches the threshold", "pp.ctc_identity")
IDENTITY_REASON = _key("obs", "identity_reason", "str", "the evidence behind the identity, in words", "pp.ctc_identity")

# --- amplicon: tl.amplicon ----------------------------------------------------------------------------------------
AMPLICON_SCORE = _key(
    "obs", "amplicon_score", "float", "log2 of 17q12 neighbours against the flanks, ERBB2 left out", "tl.amplicon"
)
AMPLIFIED_PROBABILITY = _key("obs", "amplified_probability", "float", "posterior of amplification", "tl.amplicon")
ERBB2_MECHANISM = _key("obs", "erbb2_mechanism", "category", "amplified / not amplified / unknown", "tl.amplicon")
AMPLICON_SE = _key("obs", "amplicon_se", "float", "posterior standard deviation of amplicon_score, log2", "tl.amplicon")
AMPLICON_EVIDENCE = _key(
    "obs", "amplicon_evidence", "category", "what the mechanism rests on: the cell, the donor's pooled CTCs, or none",
    "tl.amplicon",
)  # fmt: skip

# --- HER2 state: tl.her2_state ------------------------------------------------------------------------------------
ERBB2_COUNT = _key("obs", "erbb2_count", "float", "ERBB2 counts of the cell", "tl.her2_state")
ERBB2_CPM = _key("obs", "erbb2_cpm", "float", "ERBB2 counts per million", "tl.her2_state")
HER2_POSTERIOR = _key(
    "obsm", "her2_posterior", "DataFrame", "probability of each state if the cell is a CTC; rows sum to 1",
    "tl.her2_state",
)  # fmt: skip
HER2_STATE = _key("obs", "her2_state", "ordered category", "most probable state; missing if no CTC", "tl.her2_state")
HER2_CALL = _key("obs", "her2_call", "category", "smallest set of states that holds the level", "tl.her2_state")
HER2_CONFIDENCE = _key("obs", "her2_confidence", "float", "posterior of her2_state", "tl.her2_state")

# --- programmes: tl.programmes ------------------------------------------------------------------------------------
PROGRAMME_PREFIX = "programme_"
PROGRAMMES = _key("obsm", "programmes", "DataFrame", "score of each programme, in log2 units", "tl.programmes")
PROGRAMMES_SE = _key(
    "obsm", "programmes_se", "DataFrame", "posterior standard deviation of each programme score", "tl.programmes"
)

# --- embedding: tl.embedding --------------------------------------------------------------------------------------
PCA = _key("obsm", "X_pca", "float32", "principal components of log-normalised counts", "tl.embedding")
UMAP = _key("obsm", "X_umap", "float32", "two-dimensional layout of the neighbour graph", "tl.embedding")

# --- what was done ------------------------------------------------------------------------------------------------
ROOT = _key("uns", "her2plastic", "dict", "a record per step: parameters, seed, version, input hash, results", "all")

# --- truth of simulated cells: datasets.simulate_cohort -------------------------------------------------------------
TRUE_STATE = _key("obs", "true_state", "ordered category", "simulated HER2 state", "datasets.simulate_cohort")
TRUE_MECHANISM = _key("obs", "true_mechanism", "category", "amplified or not", "datasets.simulate_cohort")
TRUE_IDENTITY = _key("obs", "true_identity", "category", "simulated identity", "datasets.simulate_cohort")
TRUE_ERBB2_CPM = _key("obs", "true_erbb2_cpm", "float", "simulated ERBB2 expression", "datasets.simulate_cohort")
TRUE_QUALITY = _key("obs", "true_quality", "bool", "not simulated as a degraded cell", "datasets.simulate_cohort")
TRUE_NEXT = _key("obs", "true_next", "ordered category", "state the cell is moving to", "datasets.simulate_cohort")
TIME_SINCE_SWITCH = _key(
    "obs", "time_since_switch", "float", "hours since ERBB2 transcription switched; missing if it did not",
    "datasets.simulate_cohort",
)  # fmt: skip
_SIMULATOR = "datasets.simulate_cohort"
TRUE_KIND = _key("obs", "true_kind", "category", "simulated kind of cell; of the CTC in a doublet", _SIMULATOR)
TRUE_DEPTH = _key("obs", "true_depth", "float", "expected counts of the event", _SIMULATOR)
TRUE_AMBIENT_SHARE = _key("obs", "true_ambient_share", "float", "simulated share of ambient RNA", _SIMULATOR)
TRUE_PLATELET_SHARE = _key("obs", "true_platelet_share", "float", "simulated share of platelet RNA", _SIMULATOR)
TRUE_ERYTHROID_SHARE = _key("obs", "true_erythroid_share", "float", "simulated share of erythroid RNA", _SIMULATOR)
TRUE_PROGRAMME = _key("var", "true_programme", "category", "programme that the gene moves with", _SIMULATOR)
TRUE_GAMMA = _key("var", "true_gamma", "float", "decay rate of the gene's spliced RNA per hour", _SIMULATOR)
EXPECTED_CPM = _key("layers", "expected_cpm", "float32", "expected counts per million, contaminated", _SIMULATOR)

# --- public data: datasets.jordan2016 -----------------------------------------------------------------------------
PUBLISHED_LABEL = _key("obs", "published_label", "category", "HER2 class given with a public data set", "datasets")
