"""A reference genome for simulated alignments: chromosome 17 in its true length, with bases over ERBB2 only."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from her2plastic import reference

#: Length of chromosome 17 in each build, and ERBB2 with some margin in GRCh37.
LENGTHS: Final = {"GRCh37": 81_195_210, "GRCh38": 83_257_441}
_GENE: Final = (37_840_000, 37_890_000)
_SHIFT: Final = {"GRCh37": 0, "GRCh38": 1_843_747}
#: Coding bases around the indels, c.2254 to c.2283 and c.2308 to c.2352, with the first position in GRCh37.
_CODING: Final = {
    37_880_210: "ATCAAAGTGTTGAGGGAAAACACATCCCCC",
    37_880_979: "GAAGCATACGTGATGGCTGGTGTGGGCTCCCCATATGTCTCCCGC",
}
_LINE, _LINES_OF_BLOCK = 60, 1070
_END_OF_FILE: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def gene_bases(build: str, *, seed: int) -> tuple[int, str]:
    """Return the 0-based position of the first base over ERBB2, and the bases: random but for the known ones."""
    shift = _SHIFT[build]
    start = _GENE[0] + shift
    bases = np.random.default_rng(seed).choice(list("ACGT"), _GENE[1] - _GENE[0])
    known = {pos + shift: text for pos, text in _CODING.items()}
    column = f"pos_{build.lower()}"
    known |= {int(row[column]): str(row["ref"]) for row in reference.erbb2_variants().to_dict("records")}
    for pos, text in known.items():
        bases[pos - 1 - start : pos - 1 - start + len(text)] = list(text)
    return start, "".join(bases)


def write_genome(path: Path, *, build: str, contig: str, start: int, bases: str) -> None:
    """Write a FASTA file, compressed by blocks, with its two indexes; bases beyond ERBB2 are N."""
    length = LENGTHS[build]
    head = f">{contig}\n".encode()
    rows_before = start // _LINE
    first = start - rows_before * _LINE
    text = "N" * first + bases
    text += "N" * (-len(text) % _LINE)
    gene = "".join(f"{text[at : at + _LINE]}\n" for at in range(0, len(text), _LINE)).encode()
    after = length - (rows_before * _LINE + len(text))
    row = b"N" * _LINE + b"\n"
    tail = row * (after // _LINE % _LINES_OF_BLOCK) + (b"N" * (after % _LINE) + b"\n" if after % _LINE else b"")
    full = row * _LINES_OF_BLOCK
    parts = [head + row * (rows_before % _LINES_OF_BLOCK), *[full] * (rows_before // _LINES_OF_BLOCK)]
    parts += [gene[at : at + len(full)] for at in range(0, len(gene), len(full))]
    parts += [full] * (after // _LINE // _LINES_OF_BLOCK) + ([tail] if tail else [])
    _write_blocks(path, parts)
    Path(f"{path}.fai").write_text(f"{contig}\t{length}\t{len(head)}\t{_LINE}\t{_LINE + 1}\n", encoding="ascii")


def _write_blocks(path: Path, parts: list[bytes]) -> None:
    packed: dict[bytes, bytes] = {}
    places: list[tuple[int, int]] = []
    at, unpacked = 0, 0
    with path.open("wb") as handle:
        for part in parts:
            block = packed.get(part) or packed.setdefault(part, _block(part))
            places.append((at, unpacked))
            handle.write(block)
            at, unpacked = at + len(block), unpacked + len(part)
        handle.write(_END_OF_FILE)
    index = struct.pack("<Q", len(places) - 1) + b"".join(struct.pack("<QQ", *place) for place in places[1:])
    Path(f"{path}.gzi").write_bytes(index)


def _block(content: bytes) -> bytes:
    """Return one block of the BGZF format."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = packer.compress(content) + packer.flush()
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(data) + 25)
    return head + data + struct.pack("<II", zlib.crc32(content), len(content))
