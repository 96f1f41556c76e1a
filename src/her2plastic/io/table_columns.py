"""Which columns of a table hold names or annotation, and which hold the values of a cell or a gene."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np

from her2plastic._errors import DataWarning, InputFileError
from her2plastic.io.number_columns import TableForm, is_missing, is_number, is_text, no_number

#: A column is annotation from this share of text among its fields that are filled in.
LEAST_TEXT = 0.9
# The names below stand as small letters and digits alone: Gene.Length, gene_length and 'Gene length' are one.
_BESIDES = re.compile(r"[^a-z0-9]+")
#: Columns of gene tables that hold no expression, whatever is in them.
_ANNOTATION = {
    *("chr", "chrom", "chromosome", "chromosomename", "seqname", "seqnames", "band", "cytoband", "locus", "strand"),
    *("start", "end", "startposition", "endposition", "genestart", "geneend", "genestartbp", "geneendbp"),
    *("length", "lengthbp", "width", "genelength", "genelengthbp", "genesize", "exonlength", "exoniclength"),
    *("transcriptlength", "effectivelength", "efflength", "cdslength", "medianlength", "meanlength"),
    *("transcriptid", "transcriptids", "refseq", "refseqid", "unigene", "hgncid", "uniprot", "geneid"),
    *("entrez", "entrezid", "entrezgene", "entrezgeneid", "ncbigene", "ncbigeneid", "ncbiid"),
    *("genebiotype", "genetype", "biotype", "description", "genedescription", "gccontent", "percentagegenegccontent"),
    *("basemean", "log2foldchange", "logfc", "lfcse", "pvalue", "padj", "fdr", "qvalue", "adjpval", "adjpvalue"),
}
#: Sums and measures of cells that tables carry beside the genes, and what is known of the cells in numbers.
_TOTALS = {
    *("total", "totals", "sum", "mean", "average", "median", "totalcounts", "librarysize", "libsize", "ncells"),
    *("ncounts", "ngene", "ngenes", "numi", "numis", "ngenesbycounts", "ncountrna", "nfeaturerna", "sizefactor"),
    *("percentmt", "percentmito", "pctmito", "mitopercent", "pctcountsmt", "totalcountsmt", "percentribo"),
    *("totalreads", "nreads", "mappedreads", "uniquelymappedreads", "ercccounts", "ncountercc", "pctercc"),
    *("cluster", "clusters", "seuratclusters", "leiden", "louvain", "batch", "plate", "age", "passage"),
    *("umap1", "umap2", "tsne1", "tsne2", "pseudotime"),
}
# What stands above a column of names. Below another word, columns called 1, 2, 3 are not told from a row of numbers.
_CORNERS = {
    *("", "unnamed0", "rownames", "id", "idref", "name", "names", "index", "feature", "features", "featureid"),
    *("gene", "genes", "geneid", "geneids", "genename", "genenames", "genesymbol", "genesymbols", "symbol", "symbols"),
    *("hgnc", "hgncsymbol", "hugosymbol", "hugo", "genestableid", "externalgenename", "associatedgenename"),
    *("geneshortname", "trackingid", "targetid", "ensembl", "ensemblid", "ensemblgeneid", "ensg", "entrezgeneid"),
    *("cell", "cells", "cellid", "cellname", "barcode", "barcodes", "sample", "sampleid", "samplename", "cellline"),
}
#: Cells of a deep library lack genes; a length or an id is lacking in none.
_LACKING = 0.2
_MANY_ROWS = 1000
#: Rows of counting programs for what they counted for no gene: HTSeq (older releases without the underscores) and STAR.
NO_GENE = re.compile(
    r"(__)?(no_feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique)"
    r"|N_(unmapped|multimapping|noFeature|ambiguous)"
)


def plain_name(name: str) -> str:
    """Return the small letters and digits of a name."""
    return _BESIDES.sub("", name.strip().lower())


def is_annotation(name: str) -> bool:
    """Tell the name of a column that counting programs, or spreadsheets with their sums, write beside the cells."""
    return plain_name(name) in _ANNOTATION or is_total(name)


def is_total(name: str) -> bool:
    """Tell the name of a sum over genes, or of another measure of cells."""
    return plain_name(name) in _TOTALS


def is_corner(name: str) -> bool:
    """Tell a word that stands above names."""
    return plain_name(name) in _CORNERS


def warn_of_doubtful_cells(path: Path, values: np.ndarray, names: np.ndarray) -> None:
    """Warn of columns without a single zero among cells with many: lengths and ids of genes under names not known."""
    lacking = (values == 0).mean(axis=0)
    if values.shape[0] < _MANY_ROWS or len(names) < 4 or np.median(lacking) < _LACKING or (lacking > 0).all():
        return
    doubtful = [str(name) for name in names[lacking == 0]]
    warnings.warn(
        f"{path}: {len(doubtful)} of {len(names)} columns taken for cells hold no zero ({', '.join(doubtful[:5])}), "
        f"where the others lack {np.median(lacking):.0%} of the genes. If they are lengths, ids or anything else of "
        "the genes, leave them out.",
        DataWarning,
        stacklevel=2,
    )


def widened_header(path: Path, header: list[str], body: list[list[str]], *, first_line: int) -> list[str]:
    """Return the header with a name for each field of the rows.

    Rows have one field more where R wrote their names, or where each ends with a separator.
    """
    if len(body[0]) == len(header) + 1:
        if all(not row[-1].strip() for row in body):
            header = [*header, ""]
        elif is_corner(header[0]) and all(is_number(row[1]) for row in body if len(row) > 1):
            raise InputFileError(
                f"{path}, line {first_line}: {len(body[0])} fields where the header has {len(header)}, which starts "
                f"with {header[0]!r}. Check the separator; commas between decimals need another one."
            )
        else:
            header = ["", *header]  # as write.table of R writes row names
    for offset, fields in enumerate(body):
        if len(fields) != len(header):
            raise InputFileError(
                f"{path}, line {first_line + offset}: {len(fields)} fields where the header has {len(header)}. "
                "Check the separator and quotes, and that the file is whole."
            )
    return header


def text_columns(header: list[str], body: list[list[str]], decimal: str) -> list[int]:
    """Return the columns to read as text: of names, of annotation, and every other with a word in its first rows."""
    found = [0]
    for index in range(1, len(header)):
        fields = [row[index] for row in body]
        words = any(not is_number(field, decimal) and not is_missing(field) for field in fields)
        trailing = not header[index] and not any(field.strip() for field in fields)
        if words or trailing or is_annotation(header[index]):
            found.append(index)
    return found


def settled_text(path: Path, form: TableForm, text: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Return the columns that are text throughout; those without name and content (behind a last separator) go.

    Raises
    ------
    InputFileError
        For a column of numbers with a few words in it, which is no annotation but a cell or a gene, and for a column
        without a name.
    """
    settled = {}
    for index, fields in text.items():
        if index and not form.header[index]:
            if not any(fields):
                continue
            raise no_name(path, form, index)
        if index and not is_annotation(form.header[index]):
            _check_text(path, form, index, fields, labels=text[0])
        settled[index] = fields
    return settled


def no_name(path: Path, form: TableForm, index: int) -> InputFileError:
    """Return the error for a column of values without a name."""
    return InputFileError(
        f"{path}, line {form.first_line - 1}, column {index + 1}: has no name in the header. Name each cell or gene."
    )


def _check_text(path: Path, form: TableForm, index: int, fields: np.ndarray, *, labels: np.ndarray) -> None:
    filled = [row for row, field in enumerate(fields) if not is_missing(field)]
    words = [row for row in filled if is_text(fields[row], form.decimal)]
    if len(words) >= LEAST_TEXT * len(filled):
        return
    odd = next(row for row in filled if not is_number(fields[row], form.decimal))
    raise no_number(path, form, odd, index, str(fields[odd]), label=str(labels[odd]))
