"""Simulated ERBB2 alleles of donors: alignments, variant file and reference genome with known truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic._errors import check_seed, one_of
from her2plastic.datasets.allele_donors import AlleleDonor, alleles_of_reference, simulate_donors
from her2plastic.datasets.allele_genome import LENGTHS, gene_bases, write_genome
from her2plastic.datasets.allele_molecules import NamedRead, Stretch, barcode, molecules
from her2plastic.datasets.allele_reads import Site
from her2plastic.datasets.argument_checks import in_range, whole
from her2plastic.models.left_alignment import last_place, left_aligned

if TYPE_CHECKING:
    import pandas as pd

_AROUND: Final = 300
_COUNTS: Final = ("n_ref", "n_alt", "n_other", "n_conflicting")


@dataclass(frozen=True)
class SimulatedAlleles:
    """Files of simulated alleles, with all that is true of them.

    Attributes
    ----------
    sheet
        A row per file, as :func:`her2plastic.io.read_alleles` takes it: ``path, donor_id, sample_id, material,
        draw_day, cell_tag, umi_tag``.
    genome
        FASTA file of the reference: chromosome 17 in its true length, random bases over ERBB2 but for the known ones.
    genotypes
        VCF file with the germline genotypes of all donors.
    counts
        The right counts of every alignment: ``sample_id, cell_id, hgvs_c, n_ref, n_alt, n_other, n_conflicting``.
    germline
        What stands in the variant file: ``donor_id, hgvs_c, copies`` (of the allele), ``n_ref, n_alt``.
    donors
        The donors.
    cells
        ``cell_id, donor_id, mutated``: whether the cell has its donor's somatic allele.
    build, contig
        Build of the genome, name of chromosome 17.
    """

    sheet: pd.DataFrame
    genome: Path
    genotypes: Path
    counts: pd.DataFrame
    germline: pd.DataFrame
    donors: tuple[AlleleDonor, ...]
    cells: pd.DataFrame
    build: str
    contig: str


def simulate_alleles(
    folder: str | Path,
    *,
    n_donors: int = 4,
    n_cells: int = 10,
    molecules_per_cell: float = 60.0,
    leukocyte_fragments: int = 1200,
    mutated_share: float = 0.5,
    mutated_cells: float = 0.7,
    amplified_share: float = 0.5,
    build: str = "GRCh38",
    contig: str = "chr17",
    seed: int = 0,
) -> SimulatedAlleles:
    """Write alignments of leukocytes and CTCs, germline genotypes and a reference genome with known ERBB2 alleles.

    Leukocytes are read in pairs that overlap; CTCs as cells with barcodes and UMIs, several reads a molecule. Reads
    carry what a counter must see through: poor bases, wrong bases in one read of a molecule, duplicates, secondary
    alignments, poor mapping, splicing, clipped ends, and insertions and deletions written anywhere they fit.

    Parameters
    ----------
    folder
        Where the files are written; made if it is not there.
    n_donors, n_cells
        Donors, and CTCs of each.
    molecules_per_cell
        Mean of the molecules over the alleles per CTC (Poisson).
    leukocyte_fragments
        Fragments over the alleles in each alignment of leukocytes.
    mutated_share, mutated_cells
        Share of donors with a somatic allele, and of their CTCs that have it.
    amplified_share
        Share of donors whose CTCs have nine copies of one chromosome for one of the other.
    build, contig
        Build of the genome and its name of chromosome 17.
    seed
        Seed of the simulation.

    Returns
    -------
    The files and the truth.

    Raises
    ------
    ParameterError
        A parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_alleles("alleles", n_donors=2, n_cells=3, leukocyte_fragments=100)
    >>> print(made.sheet[["donor_id", "material", "cell_tag", "umi_tag"]].to_string(index=False))
    donor_id   material cell_tag umi_tag
         D01 leukocytes
         D01        CTC       CB      UB
         D02 leukocytes
         D02        CTC       CB      UB
    """
    check_seed(seed)
    one_of("build", build, LENGTHS)
    for name, value, low in (
        ("n_donors", n_donors, 1),
        ("n_cells", n_cells, 0),
        ("leukocyte_fragments", leukocyte_fragments, 0),
    ):
        whole(name, value, low)
    in_range("molecules_per_cell", molecules_per_cell, 0, 1e6)
    for name, share in (
        ("mutated_share", mutated_share),
        ("mutated_cells", mutated_cells),
        ("amplified_share", amplified_share),
    ):
        in_range(name, share, 0, 1)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    from her2plastic.datasets.allele_files import write_alignment, write_genotypes

    gene = gene_bases(build, seed=seed)
    alleles = alleles_of_reference()
    stretch = _stretch(alleles, build, gene)
    genome = folder / "chr17.fa.gz"
    write_genome(genome, build=build, contig=contig, start=gene[0], bases=gene[1])
    donors = simulate_donors(
        n_donors, mutated_share=mutated_share, mutated_cells=mutated_cells, amplified_share=amplified_share, rng=rng
    )
    found = _Found([], [], [])
    for donor in donors:
        blood, ctcs = f"{donor.donor_id}-leukocytes", f"{donor.donor_id}-CTC"
        reads, said = _sample(donor.germline, 1.0, leukocyte_fragments, stretch, "", rng, blood)
        write_alignment(folder / f"{blood}.bam", reads, build=build, contig=contig)
        found.counts += _counted(blood, "", said, alleles, stretch)
        found.rows.append(_row(donor, blood, "leukocytes", np.nan, ""))
        reads = [
            one
            for _ in range(n_cells)
            for one in _cell(donor, ctcs, int(rng.poisson(molecules_per_cell)), alleles, stretch, found, rng)
        ]
        write_alignment(folder / f"{ctcs}.bam", reads, build=build, contig=contig)
        found.rows.append(_row(donor, ctcs, "CTC", 0.0, "CB"))
    import pandas as pd

    germline = write_genotypes(
        folder / "germline.vcf.gz", donors, alleles, build=build, contig=contig, depth=40, rng=rng
    )
    sheet = pd.DataFrame(found.rows)
    sheet.to_csv(folder / "alleles.csv", index=False)
    sheet["path"] = [str(folder / name) for name in sheet["path"]]
    return SimulatedAlleles(
        sheet, genome, folder / "germline.vcf.gz", pd.DataFrame(found.counts), germline, donors,
        pd.DataFrame(found.cells, columns=["cell_id", "donor_id", "mutated"]), build, contig,
    )  # fmt: skip


@dataclass
class _Found:
    """Files, right counts and cells, as they are made."""

    rows: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    cells: list[tuple[str, str, bool]]


def _cell(
    donor: AlleleDonor, sample: str, number: int, alleles: pd.DataFrame, stretch: Stretch, found: _Found,
    rng: np.random.Generator,
) -> list[NamedRead]:  # fmt: skip
    """Return the reads of one CTC."""
    cell, mutated = barcode(rng), bool(donor.somatic) and bool(rng.random() < donor.mutated_cells)
    prefix = f"{sample}.{len(found.cells)}."
    chromosomes = donor.tumour(mutated=mutated)
    reads, said = _sample(chromosomes, donor.amplified, number, stretch, cell, rng, prefix)
    found.counts += _counted(sample, f"{sample}:{cell}", said, alleles, stretch)
    found.cells.append((f"{sample}:{cell}", donor.donor_id, mutated))
    return reads


def _row(donor: AlleleDonor, sample: str, material: str, day: float, cell_tag: str) -> dict[str, Any]:
    return {
        "path": f"{sample}.bam", "donor_id": donor.donor_id, "sample_id": sample, "material": material,
        "draw_day": day, "cell_tag": cell_tag, "umi_tag": "UB" if cell_tag else "",
    }  # fmt: skip


def _stretch(alleles: pd.DataFrame, build: str, gene: tuple[int, str]) -> Stretch:
    sites: dict[str, Site] = {}
    last_of: dict[str, int] = {}
    for name, row in alleles.iterrows():
        pos, ref, alt = int(row[f"pos_{build.lower()}"]) - 1, str(row["ref"]), str(row["alt"])
        last = pos
        if len(ref) != len(alt):
            start = pos - _AROUND
            context = gene[1][start - gene[0] : pos - gene[0] + _AROUND]
            pos, ref, alt = left_aligned(pos, ref, alt, context=context, start=start)
            last = last_place(pos, ref, alt, context=context, start=start)
        slack = last - pos - len(ref) if len(ref) != len(alt) else 0
        sites[str(name)], last_of[str(name)] = Site(str(name), pos, ref, alt, slack), last
    return Stretch(sites, last_of, gene)


def _sample(
    chromosomes: tuple[frozenset[str], frozenset[str]], amplified: float, number: int, stretch: Stretch, cell: str,
    rng: np.random.Generator, prefix: str,
) -> tuple[list[NamedRead], list[dict[Any, str]]]:  # fmt: skip
    reads: list[NamedRead] = []
    said: list[dict[Any, str]] = []
    for own, words in molecules(
        chromosomes, amplified=amplified, number=number, stretch=stretch, cell=cell, with_umi=bool(cell),
        spliced=bool(cell), rng=rng, prefix=prefix,
    ):  # fmt: skip
        reads += own
        said.append(words)
    return reads, said


def _counted(
    sample: str, cell: str, said: list[dict[Any, str]], alleles: pd.DataFrame, stretch: Stretch
) -> list[dict[str, Any]]:
    """Return the right counts of each allele."""
    rows = []
    for name in alleles.index:
        site = stretch.sites[name]
        key, ref, alt = (name, "without", "with") if site.is_indel else (site.pos, site.ref, site.alt)
        tally = Counter(words[key] for words in said if key in words)
        numbers = (tally[ref], tally[alt], sum(tally.values()) - tally[ref] - tally[alt] - tally[""], tally[""])
        rows.append({"sample_id": sample, "cell_id": cell, "hgvs_c": name, **dict(zip(_COUNTS, numbers, strict=True))})
    return rows
