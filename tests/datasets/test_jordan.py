from __future__ import annotations

import gzip
import hashlib
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys
from her2plastic._errors import InputFileError
from her2plastic.datasets import jordan, jordan2016

NAME = "GSE75367_readCounts.txt.gz"


@pytest.fixture
def series(shared_data):
    folder = shared_data / "gse75367"
    if not folder.is_dir():
        pytest.skip(f"GSE75367 not found at {folder}")
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a made-up table in place of GEO's, from this machine."""
    folder = tmp_path / "server"
    folder.mkdir()
    rng = np.random.default_rng(0)
    genes = ["ERBB2", "EPCAM", "PTPRC", *(f"SIM{number}" for number in range(60))]
    cells = ["BRx-42-1", "BRx.42.2", "BRx_7_1_102214"]
    table = pd.DataFrame(rng.poisson(20, (len(genes), len(cells))), index=genes, columns=cells)
    (folder / NAME).write_bytes(gzip.compress(table.to_csv(sep="\t").encode(), mtime=0))
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(jordan, "READ_COUNTS_URL", f"http://127.0.0.1:{server.server_port}/{NAME}")
        yield folder
        server.shutdown()


def test_local_folder(series):
    adata = jordan2016(path=series)
    assert adata.shape == (71, 16670)
    assert set(adata.obs[_keys.ASSAY]) == {"smart-seq2"}
    assert adata.obs[_keys.DRAW_DAY].isna().all()
    assert adata.obs[_keys.PUBLISHED_LABEL].value_counts().to_dict() == {"low": 48, "high": 23}
    assert adata.obs[_keys.DONOR_ID].str.startswith("BRx-").all()
    assert adata.obs["facs_marker"].notna().all() and adata.obs["histology"].notna().all()
    assert _keys.COUNTS in adata.layers


def test_local_file_is_the_same(series):
    folder, file = (jordan2016(path=path) for path in (series, series / "GSE75367_log2norm.csv.gz"))
    assert list(folder.obs) == list(file.obs)
    for column in folder.obs:
        assert list(folder.obs[column].astype(str)) == list(file.obs[column].astype(str))


def test_without_the_cell_table_patients_come_from_the_names(series, tmp_path):
    shutil.copy(series / "GSE75367_log2norm.csv.gz", tmp_path)
    named = jordan2016(path=tmp_path).obs
    assert list(named[_keys.DONOR_ID].astype(str)) == list(jordan2016(path=series).obs[_keys.DONOR_ID].astype(str))
    assert _keys.PUBLISHED_LABEL not in named


def test_cell_table_of_other_cells(series, tmp_path):
    shutil.copy(series / "GSE75367_log2norm.csv.gz", tmp_path)
    table = pd.read_csv(series / "GSE75367_cells.csv")
    table.iloc[1:].to_csv(tmp_path / "GSE75367_cells.csv", index=False)
    with pytest.raises(InputFileError, match="lacks 1 of the matrix's 71 cells"):
        jordan2016(path=tmp_path)


def test_no_matrix(tmp_path):
    with pytest.raises(InputFileError, match=r"GSE75367_log2norm\.csv\.gz"):
        jordan2016(path=tmp_path)


def test_first_download_is_recorded_and_later_ones_are_checked(server, tmp_path):
    cache = tmp_path / "cache"
    adata = jordan2016(cache_dir=cache)
    assert list(adata.obs[_keys.DONOR_ID]) == ["BRx-42", "BRx-42", "BRx-7"]
    digest = hashlib.sha256((server / NAME).read_bytes()).hexdigest()
    assert (cache / f"{NAME}.sha256").read_text().strip() == digest
    (server / NAME).unlink()  # the second load is from the cache
    assert jordan2016(cache_dir=cache).shape == adata.shape
    (cache / NAME).write_bytes(b"something else")
    with pytest.raises(InputFileError, match="recorded in"):
        jordan2016(cache_dir=cache)


def test_given_checksum(server, tmp_path):
    digest = hashlib.sha256((server / NAME).read_bytes()).hexdigest()
    assert jordan2016(cache_dir=tmp_path / "good", sha256=digest).n_obs == 3
    with pytest.raises(InputFileError, match="could not be downloaded"):
        jordan2016(cache_dir=tmp_path / "bad", sha256="0" * 64)
    assert not (tmp_path / "bad" / NAME).exists()


def test_no_connection(server, tmp_path):
    (server / NAME).unlink()
    with pytest.raises(InputFileError, match="give its place as path="):
        jordan2016(cache_dir=tmp_path / "cache")
