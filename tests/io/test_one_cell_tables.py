"""Tables of one cell with several measures, and folders of one file a cell as archives of series hold them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import InputFileError, UnitError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io

Lines = Callable[[Any, int], list[str]]


def rows(small: Any, cell: int) -> Any:
    return zip(small.genes, small.gene_ids, small.counts[cell].tolist(), strict=True)


WRITERS: dict[str, Lines] = {
    "two columns": lambda s, c: [f"{gene}\t{n}" for gene, _, n in rows(s, c)],
    "id, symbol, value": lambda s, c: [f"{key}\t{gene}\t{n}" for gene, key, n in rows(s, c)],
    "header": lambda s, c: ["gene\tcount", *(f"{gene}\t{n}" for gene, _, n in rows(s, c))],
    "header and annotation": lambda s, c: [
        f"Gene,Length,cell{c}",
        *(f"{gene},{900 + n},{n}" for gene, _, n in rows(s, c)),
    ],
    "featureCounts": lambda s, c: [
        f"Geneid\tChr\tStart\tEnd\tStrand\tLength\t{c}.bam",
        *(f"{gene}\t1;1\t1;5\t3;9\t+;+\t700\t{n}" for gene, _, n in rows(s, c)),
    ],
    "salmon": lambda s, c: [
        "Name\tLength\tEffectiveLength\tTPM\tNumReads",
        *(f"{key}.7\t900\t700.5\t{2.5 * n}\t{n}.000" for _, key, n in rows(s, c)),
    ],
    "kallisto": lambda s, c: [
        "target_id\tlength\teff_length\test_counts\ttpm",
        *(f"ENST00000{k}|{key}.1|-|-|{gene}-201|{gene}|900|x|\t900\t700\t{n}\t{n / 3}"
          for k, (gene, key, n) in enumerate(rows(s, c))),
    ],
}  # fmt: skip


def written(path: Path, lines: list[str]) -> Path:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


@pytest.mark.parametrize("writer", WRITERS)
def test_folder_of_one_file_a_cell(tmp_path, small, writer):
    for cell in range(5):
        written(tmp_path / f"GSM{10 + cell}_BRx-{cell}.counts.txt.gz", WRITERS[writer](small, cell))
    read = io.read_counts(tmp_path)
    assert read.obs_names.tolist() == [f"GSM{10 + cell}_BRx-{cell}" for cell in range(5)]
    known = small.genes[:-1]
    np.testing.assert_array_equal(read[:, known].layers["counts"].toarray(), small.counts[:, :-1])


def test_genes_in_another_order_are_put_in_order_and_other_genes_are_told(tmp_path, small):
    written(tmp_path / "a.txt.gz", WRITERS["two columns"](small, 0))
    written(tmp_path / "b.txt.gz", WRITERS["two columns"](small, 1)[::-1])
    np.testing.assert_array_equal(io.read_counts(tmp_path).to_df(), small.counts[:2])
    written(tmp_path / "b.txt.gz", WRITERS["two columns"](small, 1)[1:])
    with pytest.raises(InputFileError, match=r"b\.txt\.gz: its genes are not those of a\.txt\.gz"):
        io.read_counts(tmp_path)


def test_measures_are_no_cells(tmp_path, small):
    path = written(tmp_path / "quant.sf.gz", WRITERS["salmon"](small, 0))
    read = io.read_counts(path)
    assert (read.n_obs, step_record(read, "read")["column"]) == (1, "NumReads")
    assert io.read_counts(path, unit="tpm").X.sum() == pytest.approx(2.5 * small.counts[0].sum())
    with pytest.raises(UnitError, match="salmon has no unit 'fpkm' here; it has counts, tpm"):
        io.read_counts(path, unit="fpkm")
    other = written(tmp_path / "x.txt.gz", ["gene\tcoverage\tFPKM\tTPM", *(f"{g}\t1\t2\t3" for g in small.genes)])
    with pytest.raises(InputFileError, match=r"its columns \(coverage, FPKM, TPM\) are measures of one cell"):
        io.read_counts(other, unit="tpm")


def test_transcripts_are_told(tmp_path):
    lines = ["Name\tLength\tEffectiveLength\tTPM\tNumReads", *(f"ENST{n:011d}.2\t9\t7\t1\t1" for n in range(9))]
    with pytest.raises(InputFileError, match=r"salmon counted transcripts.*tximport"):
        io.read_counts(written(tmp_path / "quant.sf.gz", lines))


@pytest.mark.parametrize("program", ["StringTie", "Cufflinks"])
def test_genes_with_symbols_beside_their_ids(tmp_path, small, program):
    if program == "StringTie":
        lines = ["Gene ID\tGene Name\tStart\tCoverage\tFPKM\tTPM"]
        lines += [f"{key}\t{gene}\t1\t0.5\t{n + 0.25}\t{n + 0.5}" for gene, key, n in rows(small, 0)]
    else:
        lines = ["tracking_id\tclass_code\tgene_id\tgene_short_name\tFPKM\tFPKM_conf_lo"]
        lines += [f"{key}\t-\t{key}\t{gene}\t{n + 0.25}\t0" for gene, key, n in rows(small, 0)]
    read = io.read_counts(written(tmp_path / "a.txt.gz", lines), unit="fpkm")
    assert read.var["gene_id"].tolist() == small.gene_ids
    np.testing.assert_allclose(read.to_df().to_numpy()[0], small.counts[0] + 0.25)
