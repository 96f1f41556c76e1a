"""Damaged and odd files: each gives an error of the package or the right values, and never another traceback."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

import her2plastic
from her2plastic._errors import DataWarning, Her2plasticError, InputFileError, UnitError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io


def _h5ad(path: Path, data: Any) -> Path:
    obs, var = pd.DataFrame(index=data.cells), pd.DataFrame(index=data.genes)
    ad.AnnData(csr_matrix(data.counts.astype("f4")), obs=obs, var=var).write_h5ad(path)
    return path


def _csv(path: Path, data: Any) -> Path:
    data.frame().T.to_csv(path)
    return path


@pytest.fixture(scope="session")
def one_of_each(files, small, tmp_path_factory) -> dict[str, Path]:
    """Return a sound file or folder of every format."""
    folder = tmp_path_factory.mktemp("sound")
    made: dict[str, Callable[[Path], Path]] = {
        "x.csv": lambda path: _csv(path, small),
        "z.csv.gz": lambda path: _csv(path, small),
        "x.h5ad": lambda path: _h5ad(path, small),
        "v3.h5": lambda path: files["tenx_h5"](path, small),
        "v2.h5": lambda path: files["tenx_h5"](path, small, version="v2"),
        "v2": lambda path: files["tenx_folder"](path, small, version="v2"),
        "v3": lambda path: files["tenx_folder"](path, small),
        "solo": lambda path: files["solo"](path, small),
        "kb": lambda path: files["kb"](path, small, workflow="nac"),
        "alevin": lambda path: files["alevin"](path, small, usa=True),
        "x.loom": lambda path: files["loom"](path, small),
        "fc.txt": lambda path: files["featurecounts"](path, small),
        "htseq.txt": lambda path: files["htseq"](path, small),
        "x.genes.results": lambda path: files["rsem"](path, small),
    }
    return {name: make(folder / name) for name, make in made.items()}


def _bytes_of_values(path: Path) -> list[int]:
    """Return where an HDF5 file holds values: with its own tables damaged, the HDF5 library may never return."""
    places: list[int] = []

    def add(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            if item.chunks:
                pieces = [item.id.get_chunk_info(number) for number in range(item.id.get_num_chunks())]
                for piece in pieces:
                    places.extend(range(piece.byte_offset, piece.byte_offset + piece.size))
            elif (start := item.id.get_offset()) is not None:
                places.extend(range(start, start + item.id.get_storage_size()))

    with h5py.File(path) as file:
        file.visititems(add)
    return places


@settings(max_examples=250, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::her2plastic._errors.DataWarning")
def test_damage_is_an_error_or_harmless(tmp_path, one_of_each, data):
    name = data.draw(st.sampled_from(sorted(one_of_each)))
    target = tmp_path / name
    shutil.rmtree(target, ignore_errors=True)
    source = one_of_each[name]
    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    victims = [target] if target.is_file() else sorted(item for item in target.rglob("*") if item.is_file())
    victim = data.draw(st.sampled_from(victims))
    content = bytearray(victim.read_bytes())
    match data.draw(st.sampled_from(["cut", "noise", "twice", "empty", "folder", "dead link"])):
        case "cut":
            content = content[: data.draw(st.integers(0, len(content) - 1))]
        case "noise":
            places = _bytes_of_values(victim) if h5py.is_hdf5(victim) else range(len(content))
            for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=8)):
                content[place] = data.draw(st.integers(0, 255))
        case "twice":
            content = content + content
        case "empty":
            content = bytearray()
        case damage:
            victim.unlink()
            victim.mkdir() if damage == "folder" else victim.symlink_to(tmp_path / "nowhere")
    if victim.is_file():
        victim.write_bytes(content)
    try:
        adata = io.read_counts(target)
    except Her2plasticError as fault:
        assert target.name in str(fault)
    else:
        assert "ERBB2" in adata.var_names
        assert np.isfinite(adata.layers["counts"].data).all() and (adata.layers["counts"].data >= 0).all()


def edited(path: Path, name: str, values: Any) -> Path:
    """Replace a data set of an HDF5 file; its attributes stay."""
    with h5py.File(path, "a") as file:
        attributes = dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update(attributes)
    return path


def test_column_starts_out_of_order(tmp_path, small, files):
    path = files["tenx_h5"](tmp_path / "x.h5", small)
    with h5py.File(path) as file:
        starts = file["matrix/indptr"][:]
    starts[2] = 10**9
    with pytest.raises(InputFileError, match="not in order"):
        io.read_counts(edited(path, "matrix/indptr", starts))
    with pytest.raises(InputFileError, match="damaged"):
        io.read_counts(edited(path, "matrix/indptr", starts[::-1]))


def test_indices_of_an_h5ad_out_of_range(tmp_path, small):
    path = _h5ad(tmp_path / "x.h5ad", small)
    with h5py.File(path) as file:
        indices = file["X/indices"][:]
    with pytest.raises(InputFileError, match="h5ad"):
        io.read_counts(edited(path, "X/indices", indices + 5))


def test_groups_where_arrays_are_expected(tmp_path, small, files):
    path = files["tenx_h5"](tmp_path / "x.h5", small)
    with h5py.File(path, "a") as file:
        del file["matrix/barcodes"]
        file.create_group("matrix/barcodes")
    with pytest.raises(InputFileError, match="barcodes holds no values"):
        io.read_counts(path)
    path = files["tenx_h5"](tmp_path / "y.h5", small)
    with pytest.raises(InputFileError, match="7 ids, 3 symbols"):
        io.read_counts(edited(path, "matrix/features/name", np.array(small.genes[:3], dtype="S")))
    path = files["loom"](tmp_path / "z.loom", small)
    with h5py.File(path, "a") as file:
        del file["matrix"]
        file.create_group("matrix")
    with pytest.raises(InputFileError, match="/matrix holds no values"):
        io.read_counts(path)


@pytest.mark.parametrize("kind", ["?", "c16"])
def test_values_that_are_no_numbers_of_anything(tmp_path, small, kind):
    obs, var = pd.DataFrame(index=small.cells), pd.DataFrame(index=small.genes)
    ad.AnnData(small.counts.astype(kind), obs=obs, var=var).write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(InputFileError, match="X holds (bool|complex128) values"):
        io.read_counts(tmp_path / "x.h5ad")


def test_an_encoding_of_another_anndata(tmp_path, small):
    path = _h5ad(tmp_path / "x.h5ad", small)
    with h5py.File(path, "a") as file:
        file["X"].attrs["encoding-type"] = "matrix of the future"
    with pytest.raises(InputFileError, match=r"X is stored in a way that this version of AnnData does not read"):
        io.read_counts(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("integer", "pattern", "its values are 'pattern'"),
        ("integer", "complex", "its values are 'complex'"),
        ("coordinate", "array", "a dense Matrix Market array"),
        ("%%MatrixMarket", "% MatrixMarket", "does not begin"),
        ("\n7 5 ", "\n7 5000000000000 ", "memory|2,147|cells"),
        ("\n1 1 ", "\n0 1 ", "Matrix Market"),
        ("\n1 1 ", "\n99 1 ", "Matrix Market"),
    ],
)
def test_odd_matrix_market_files(tmp_path, small, files, old, new, words):
    folder = files["tenx_folder"](tmp_path / "m", small, version="v2")
    text = (folder / "matrix.mtx").read_text()
    assert old in text
    (folder / "matrix.mtx").write_text(text.replace(old, new, 1))
    with pytest.raises(InputFileError, match=words):
        io.read_counts(folder)


@pytest.mark.parametrize("value", ["1e300", "inf", "nan", "-1", "3e9"])
def test_values_of_a_matrix_that_cannot_be(tmp_path, small, files, value):
    folder = files["tenx_folder"](tmp_path / "m", small, version="v2")
    text = (folder / "matrix.mtx").read_text().replace("integer", "real")
    (folder / "matrix.mtx").write_text(text.replace("\n1 1 3", f"\n1 1 {value}", 1))
    with pytest.raises(InputFileError, match=r"gene 'ERBB2', cell 'AAAC0-1'|Matrix Market"):
        io.read_counts(folder)


def test_a_matrix_folder_of_other_values_than_counts(tmp_path, small, files):
    """Normalised values are written in this format too; they are not rounded to counts."""
    logs = type(small)(np.log1p(small.counts / 3.7), small.genes, small.gene_ids, small.cells)
    adata = io.read_counts(files["tenx_folder"](tmp_path / "ln", logs))
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), small.counts)  # recovered, and not rounded
    np.testing.assert_allclose(adata.to_df(), logs.counts, rtol=1e-5)
    noise = np.random.default_rng(1).lognormal(size=small.counts.shape)
    odd = type(small)(np.log1p(small.counts * noise), small.genes, small.gene_ids, small.cells)
    with pytest.raises(UnitError, match="Say unit="):
        io.read_counts(files["tenx_folder"](tmp_path / "odd", odd))


def test_two_files_pasted_together(tmp_path, small, files):
    path = files["htseq"](tmp_path / "x.txt", small)
    path.write_text(path.read_text() * 2)
    with pytest.raises(InputFileError, match="two files in one"):
        io.read_counts(path)
    star = ["N_unmapped\t1\t1\t1", "N_multimapping\t1\t1\t1", "N_noFeature\t1\t1\t1", "N_ambiguous\t1\t1\t1"]
    rows = [f"{gene}\t5\t3\t2" for gene in small.gene_ids]
    with pytest.raises(InputFileError, match="two files in one"):
        io.read_counts(files["lines"](tmp_path / "xReadsPerGene.out.tab", [*star, *rows] * 2))
    (tmp_path / "y.tab").write_text("\n".join([*star, *rows])[:-3])
    with pytest.raises(InputFileError, match="line 11: ends before column 4"):
        io.read_counts(tmp_path / "y.tab", format="star")


def test_names_of_kb_that_do_not_fit(tmp_path, small, files):
    folder = files["kb"](tmp_path, small, workflow="standard")
    names = folder / "counts_unfiltered/cells_x_genes.genes.names.txt"
    names.write_text(names.read_text() * 2)
    with pytest.raises(InputFileError, match=r"names 14 genes, but the matrix beside it has 7"):
        io.read_counts(folder)


@pytest.mark.parametrize("said", ["h5ad", "10x-h5", "loom", "zarr", "starsolo", "10x-mtx", "cellranger", "alevin-fry",
                                  "kb", "cell-files", "featurecounts", "rsem", "star", "htseq", "geo-series"]
)  # fmt: skip
def test_a_table_said_to_be_something_else(tmp_path, small, said):
    with pytest.raises(InputFileError, match=r"x\.csv"):
        io.read_counts(_csv(tmp_path / "x.csv", small), format=said)


@pytest.mark.parametrize("said", ["h5ad", "10x-h5", "loom", "zarr", "featurecounts", "rsem", "star", "htseq",
                                  "geo-series", "table"])  # fmt: skip
def test_a_folder_said_to_be_a_file(tmp_path, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("x")
    with pytest.raises(InputFileError, match="folder"):
        io.read_counts(tmp_path / "folder", format=said)


def test_odd_paths(tmp_path, small):
    path = _csv(tmp_path / "x.csv", small)
    (tmp_path / "link.csv").symlink_to(path)
    assert io.read_counts(tmp_path / "link.csv").n_obs == 5
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for odd in (tmp_path / "loop", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(InputFileError):
            io.read_counts(odd)


def test_mixed_namings_of_a_table_warn(tmp_path, small):
    table = small.frame().T
    more = table.set_axis([f"ENSG{number:011d}" for number in range(900_001, 900_008)])
    pd.concat([table, more]).to_csv(tmp_path / "x.csv")
    with pytest.warns(DataWarning, match=r"x\.csv: 7 of 14 gene names are Ensembl ids"):
        assert io.read_counts(tmp_path / "x.csv").n_vars == 14


@pytest.mark.parametrize(
    "last", [b"2 5 4\xcc", b"2 5 4\0", b"2 5 4 \0 7\n", b"2 5 4\n\0\n"], ids=["byte", "nul", "nul inside", "nul line"]
)
def test_bytes_that_no_number_has(tmp_path, small, files, last):
    """The reader of scipy ends the program at some of these: none must reach it."""
    folder = files["tenx_folder"](tmp_path / "run", small, version="v2")
    whole = (folder / "matrix.mtx").read_bytes()
    (folder / "matrix.mtx").write_bytes(whole[: whole.rstrip().rfind(b"\n") + 1] + last)
    with pytest.raises(InputFileError, match=r"matrix\.mtx: holds b'.*' below its header"):
        io.read_counts(folder)


def test_decimals_in_a_matrix_of_whole_numbers_are_not_cut_off(tmp_path, small, files):
    folder = files["tenx_folder"](tmp_path / "run", small, version="v2")
    text = (folder / "matrix.mtx").read_text(encoding="utf-8").rstrip()
    assert "integer" in text
    (folder / "matrix.mtx").write_text(text.rsplit(" ", 1)[0] + " 4.5", encoding="utf-8")
    with pytest.raises(UnitError, match="not whole"):
        io.read_counts(folder)
