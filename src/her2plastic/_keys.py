"""Every name that the package reads from or writes to an AnnData, once, with dtype and meaning.

``REGISTRY`` lists them for the documentation and the tests; code uses the constants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Slot = Literal["obs", "var", "layers", "obsm", "obsp", "uns"]

#: The ordered HER2 states of a cell.
STATES: Final = ("HER2-0", "HER2-low", "HER2-positive")
#: What the states are called where there are so many of them: without HER2-low, negative against positive.
STATES_BY_NUMBER: Final = {2: (STATES[0], STATES[2]), 3: STATES}

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

#: What an object on a slide may be: the columns of ``obsm["identity_posterior"]`` of images, in this order. No file can
#: hold a column with a slash in its name.
IMAGE_IDENTITIES: Final = (
    "CTC",
    "CK- HER2+",
    "CTC-leukocyte",
    "leukocyte",
    "bare nucleus",
    "debris",
    "bright blob",
    "other",
)
#: What a group of touching cells is made of.
CLUSTER_KINDS: Final = ("CTC cluster", "CTC-leukocyte cluster", "leukocyte cluster", "other cluster")
#: Scores of HER2 fluorescence, rising, and the state that each stands for.
IF_SCORES: Final = ("0", "1+", "2+", "3+")
STATE_OF_SCORE: Final = ("HER2-0", "HER2-low", "HER2-low", "HER2-positive")
#: What RNA and protein of one cell say together.
AGREEMENTS: Final = ("agree", "disagree", "unclear")
#: Put before the names of image columns that an expression table has too.
IMAGE_PREFIX: Final = "image_"

#: What a reviewer may decide on a cell, in the order of the keys 0, 1, 2, N, U.
UNSURE: Final = "unsure"
REVIEW_DECISIONS: Final = (*STATES, NOT_A_CTC, UNSURE)
#: Why a reviewer was shown a cell: for the first time, again without being told, or because reviewers differed.
REVIEW_ROUNDS: Final = ("review", "repeat", "adjudication")

#: Whether the tumour of a patient responded to treatment, in tables of serum HER2.
RESPONSES: Final = ("no response", "response")
#: The decisions as ordered categories: what is above ``HER2-0`` is a higher state, and nothing else is.
REVIEW_ORDER: Final = (UNSURE, NOT_A_CTC, *STATES)
#: Put before the name of a reviewer: the column of ``obs`` with what that reviewer decided.
REVIEWER_PREFIX: Final = "reviewer_"
#: How it stands with a cell that reviewers were to look at.
REVIEW_STATUSES: Final = ("not reviewed", "one reviewer", "agreed", "differ", "adjudicated")

#: HER2 status of tissue by published criteria, and the classes that it is told apart into, rising.
TISSUE_STATUS: Final = ("negative", "positive")
TISSUE_CLASSES: Final = (
    "HER2-null", "HER2-ultralow", "HER2-0 (ultralow/null unresolved)", "HER2-low", "HER2-positive",
)  # fmt: skip

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
TREATMENT = _key(
    "obs", "treatment", "category", "what the donor was treated with since the draw before", "io.read_samples"
)
ASSAY = _key("obs", "assay", "category", "assay name; its noise model is in reference/assays.tsv", "io.read_samples")
LABEL = _key("obs", "label", "category", "known HER2 state of control cells (cell-line spike-ins)", "io.read_samples")

IHC = _key("obs", "ihc", "category", "HER2 immunohistochemistry of the patient's tissue at the draw", "io.read_samples")
ISH_RATIO = _key("obs", "ish_ratio", "float", "HER2/CEP17 of the patient's tissue at the draw", "io.read_samples")
ISH_COPIES = _key("obs", "ish_copies", "float", "HER2 copies per cell of the patient's tissue", "io.read_samples")
ISH_RECOUNT = _key(
    "obs", "ish_recount", "category", "what the blinded recount of the hybridisation gave", "io.read_samples",
)  # fmt: skip

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
IDENTITY = _key("obs", "identity", "category", "most probable of the identities", "pp.ctc_identity, im.ctc_identity")
IDENTITY_POSTERIOR = _key(
    "obsm", "identity_posterior", "DataFrame", "probability of each identity; rows sum to 1", "pp.ctc_identity"
)
CTC_PROBABILITY = _key("obs", "ctc_probability", "float", "CTC plus platelet-coated CTC", "pp.ctc_identity")
IS_CTC = _key("obs", "is_ctc", "bool", "ctc_probability reaches the threshold", "pp.ctc_identity")
IDENTITY_REASON = _key("obs", "identity_reason", "str", "the evidence behind the identity, in words", "pp.ctc_identity")

# --- objects on slides: im.measure ----------------------------------------------------------------------------------
SLIDE_ID = _key("obs", "slide_id", "category", "slide that the object lies on", "im.measure")
FIELD = _key("obs", "field", "category", "field of the slide; empty for the only one", "im.measure")
KIND = _key("obs", "kind", "category", "cell, bare nucleus or debris, by its shape alone", "im.measure")
CLUSTER = _key("obs", "cluster", "int", "number of the group of touching cells; 0 if alone", "im.measure")
TOUCHES_EDGE = _key("obs", "touches_edge", "bool", "the object is cut by the edge of its field", "im.measure")
INSTANCE_ID = _key("obs", "instance_id", "int", "number of the object in the label images of its field", "im.measure")
REGION = _key("obs", "region", "category", "name of these label images in the image store", "im.measure")
BACKGROUND_PIXELS = _key("obs", "background_pixels", "int", "free pixels around the object", "im.measure")
BACKGROUND_REACH = _key(
    "obs", "background_reach_um", "float", "how far from the object they were looked for", "im.measure"
)
CHANNEL = _key("var", "channel", "str", "channel that the feature is of; empty for shape", "im.measure")
COMPARTMENT = _key("var", "compartment", "str", "nucleus, cytoplasm, rim or cell; empty otherwise", "im.measure")
STATISTIC = _key("var", "statistic", "str", "what was measured there", "im.measure")
FEATURE_UNIT = _key("var", "unit", "str", "intensity (as in the file), um, um2 or 1", "im.measure")
LOW_RESOLUTION = _key("var", "low_resolution", "bool", "a measure of the rim, on pixels too large for it", "im.measure")
SPATIALDATA = _key("uns", "spatialdata_attrs", "dict", "which label images the rows annotate", "im.measure")
SPATIAL = _key("obsm", "spatial", "float", "x and y on the slide, micrometres", "im.measure")

# --- identity on slides: im.ctc_identity ----------------------------------------------------------------------------
CLUSTER_KIND = _key(
    "obs", "cluster_kind", "category", "what a group of touching cells is made of; missing if alone", "im.ctc_identity"
)

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

# --- HER2 fluorescence: tl.her2_if ---------------------------------------------------------------------------------
CONTROL_LINE = _key("obs", "control_line", "category", "control cell line on the slide; empty for patients", "io")
HER2_INTENSITY = _key(
    "obs", "her2_intensity", "float", "HER2 mean of the cell over the slide's leukocyte median, drift corrected",
    "tl.her2_if",
)  # fmt: skip
HER2_IF_CENSORED = _key("obs", "her2_if_censored", "bool", "saturated: her2_intensity is a lower bound", "tl.her2_if")
HER2_IF_SCORE_POSTERIOR = _key(
    "obsm", "her2_if_score_posterior", "DataFrame", "probability of 0, 1+, 2+, 3+; rows sum to 1", "tl.her2_if"
)
HER2_IF_POSTERIOR = _key(
    "obsm", "her2_if_posterior", "DataFrame", "probability of each state by fluorescence; rows sum to 1", "tl.her2_if"
)
HER2_IF_LIKELIHOOD = _key(
    "obsm", "her2_if_likelihood", "DataFrame", "how likely each state makes the cell's intensity; the largest is 1",
    "tl.her2_if",
)  # fmt: skip
HER2_IF_SCORE = _key("obs", "her2_if_score", "ordered category", "most probable score; missing if no CTC", "tl.her2_if")
HER2_IF_STATE = _key("obs", "her2_if_state", "ordered category", "most probable state; missing if no CTC", "tl.her2_if")
HER2_IF_CALL = _key("obs", "her2_if_call", "category", "smallest set of states that holds the level", "tl.her2_if")
HER2_IF_CONFIDENCE = _key("obs", "her2_if_confidence", "float", "posterior of her2_if_state", "tl.her2_if")

# --- image and expression of one cell: io.join_cells, tl.her2_consensus --------------------------------------------
IMAGE_FEATURES = _key("obsm", "image_features", "DataFrame", "features of the cell's image", "io.join_cells")
HAS_IMAGE = _key("obs", "has_image", "bool", "the cell was found among the images", "io.join_cells")
HER2_CONSENSUS_POSTERIOR = _key(
    "obsm", "her2_consensus_posterior", "DataFrame", "probability of each state by RNA and protein together",
    "tl.her2_consensus",
)  # fmt: skip
HER2_DISAGREEMENT = _key(
    "obs", "her2_disagreement", "float", "probability that the states by RNA and by protein differ", "tl.her2_consensus"
)
HER2_AGREEMENT = _key("obs", "her2_agreement", "category", "agree / disagree / unclear", "tl.her2_consensus")
HER2_CONSENSUS_CALL = _key(
    "obs", "her2_consensus_call", "category", "call of the fused posterior; none where the two disagree",
    "tl.her2_consensus",
)  # fmt: skip

# --- decisions of reviewers: tl.review -------------------------------------------------------------------------------
REVIEW_CONSENSUS = _key(
    "obs", "review_consensus", "ordered category", "what the reviewers agree on; missing where they differ", "tl.review"
)
REVIEW_STATE = _key(
    "obs", "review_state", "ordered category", "state of review_consensus; missing if it is none", "tl.review"
)
REVIEW_STATUS = _key("obs", "review_status", "category", "what the consensus of the cell rests on", "tl.review")
REVIEW_POSTERIOR = _key(
    "obsm", "review_posterior", "DataFrame",
    "probability of each state, and of no CTC, by the readings alone; rows sum to 1, missing if not reviewed",
    "tl.review",
)  # fmt: skip

# --- alleles of ERBB2: tl.variants ----------------------------------------------------------------------------------
ERBB2_MUTATION = _key(
    "obs", "erbb2_mutation", "category", "whether a somatic allele called in the donor was seen in the cell",
    "tl.variants",
)  # fmt: skip

# --- programmes: tl.programmes ------------------------------------------------------------------------------------
PROGRAMMES = _key("obsm", "programmes", "DataFrame", "score of each programme, in log2 units", "tl.programmes")
PROGRAMMES_SE = _key(
    "obsm", "programmes_se", "DataFrame", "posterior standard deviation of each programme score", "tl.programmes"
)

# --- embedding: tl.embedding --------------------------------------------------------------------------------------
PCA = _key("obsm", "X_pca", "float32", "principal components of log-normalised counts", "tl.embedding")
UMAP = _key("obsm", "X_umap", "float32", "two-dimensional layout of the neighbour graph", "tl.embedding")

# --- trajectory: tl.trajectory ------------------------------------------------------------------------------------
DIFFMAP = _key("obsm", "X_diffmap", "float", "diffusion components", "tl.trajectory")
HER2_PSEUDOTIME = _key("obs", "her2_pseudotime", "float", "distance from the root along the map", "tl.trajectory")

# --- tissue of the patient: tl.tissue_states --------------------------------------------------------------------------
TISSUE_STATE = _key("obs", "tissue_state", "ordered category", "state of the tissue of the draw", "tl.tissue_states")
TISSUE_FIRST = _key("obs", "tissue_first", "ordered category", "state of the first tissue read", "tl.tissue_states")
TISSUE_LAST = _key("obs", "tissue_last", "ordered category", "state of the last tissue read, on a later day",
                   "tl.tissue_states")  # fmt: skip

# --- direction: tl.direction --------------------------------------------------------------------------------------
HER2_FATE = _key(
    "obsm", "her2_fate", "DataFrame", "model-based probability to end in each state; rows sum to 1", "tl.direction"
)
FATE_ENTROPY = _key(
    "obs", "fate_entropy", "float", "model-based: 0 where one end is certain, 1 where all are alike", "tl.direction"
)
DIRECTION_UMAP = _key("obsm", "direction_umap", "float32", "arrows on X_umap; for looking at only", "tl.direction")
DIRECTION_STEPS = _key("obsp", "direction", "float32", "probability of a step from cell to cell", "tl.direction")
#: What scVelo and scanpy leave in a table, read where the user asks for it.
CONNECTIVITIES = _key("obsp", "connectivities", "float32", "neighbour graph", "scanpy.pp.neighbors")
VELOCITY = _key("layers", "velocity", "float32", "velocities of spliced RNA", "scvelo.tl.velocity")
SMOOTHED_SPLICED = _key("layers", "Ms", "float32", "spliced counts, mean over neighbours", "scvelo.pp.moments")
VELOCITY_GENES = _key("var", "velocity_genes", "bool", "genes that the velocity fit accepted", "scvelo.tl.velocity")

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
TRUE_IF_SCORE = _key("obs", "true_if_score", "ordered category", "simulated HER2 class of the cell's image", _SIMULATOR)

# --- cultures and clones: named by the user, read by tl.switching ----------------------------------------------------
SORTED_FROM = _key(
    "obs", "sorted_from", "category", "state that the culture was sorted for; another word names a mixture", "user"
)
DAYS_AFTER_SORT = _key("obs", "days_after_sort", "float", "day of the measurement, counted from the sort", "user")
WELL_ID = _key("obs", "well_id", "category", "culture that the cell was measured in", "user")
WELL_CELLS = _key("obs", "well_cells", "float", "cells in the whole culture, where counted", "user")
CLONE_ID = _key("obs", "clone_id", "category", "barcode or founder that the cell descends from", "user")
FOUNDER_STATE = _key("obs", "founder_state", "category", "state of the clone's founder, where it was seen", "user")
CLONE_DAY = _key("obs", "clone_day", "float", "day of the measurement, counted from the founder or labelling", "user")

# --- public data: datasets.jordan2016 -----------------------------------------------------------------------------
PUBLISHED_LABEL = _key("obs", "published_label", "category", "HER2 class given with a public data set", "datasets")
