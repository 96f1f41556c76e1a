"""What the demonstration knows of its patients beside their cells: tissue, serum HER2, ERBB2 alleles. All invented."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic.datasets.serum import simulate_serum

if TYPE_CHECKING:
    import pandas as pd

_SEED: Final = 20160901
_NONE: Final = float("nan")
#: Donor, day, site, IHC, HER2/CEP17, copies, recount.
_TISSUE: Final = (
    ("D01", -820, "primary", "1+", _NONE, _NONE, ""), ("D01", -12, "liver", "0", _NONE, _NONE, ""),
    ("D02", -410, "primary", "ultralow", _NONE, _NONE, ""), ("D02", 45, "pleural effusion", "2+", 1.4, 2.9, ""),
    ("D03", -9, "primary", "2+", 3.6, 9.1, ""),
    ("D04", -1300, "primary", "null", _NONE, _NONE, ""), ("D04", -5, "bone", "2+", _NONE, _NONE, ""),
    ("D05", -30, "primary", "2+", 1.6, 4.7, ""), ("D05", 40, "skin", "2+", 1.5, 4.4, "unchanged"),
    ("D06", -64, "primary", "1+", _NONE, _NONE, ""), ("D06", 20, "liver", "3+", _NONE, _NONE, ""),
)  # fmt: skip
#: Germline genotypes of leukocytes: at I655V and at P1170A.
_GERMLINE: Final = {
    "D01": ("A/A", "C/G"), "D02": ("A/G", "G/G"), "D03": ("A/A", "C/G"), "D04": ("A/A", "C/C"), "D05": ("A/G", "C/G"),
    "D06": ("A/A", "G/G"),
}  # fmt: skip
#: Donor, draw day, material, allele (L755S, V777L, P1170A), reads of the reference, reads of the other base.
_COUNTS: Final = (
    ("D02", 0, "cell-free DNA", "c.2264T>C", 1190, 4), ("D02", 21, "cell-free DNA", "c.2264T>C", 1042, 47),
    ("D02", 42, "cell-free DNA", "c.2264T>C", 940, 171), ("D05", 0, "cell-free DNA", "c.2329G>T", 1310, 139),
    ("D05", 21, "cell-free DNA", "c.2329G>T", 1275, 41), ("D01", 0, "cell-free DNA", "c.2264T>C", 1160, 1),
    ("D03", 0, "CTC", "c.3508C>G", 31, 274), ("D01", 0, "CTC", "c.3508C>G", 88, 96),
)  # fmt: skip


#: Donor, response, day of progression, serum HER2 before treatment and after each cycle (ng/mL).
_VISITS: Final = (
    ("D01", "SD", _NONE, ("12.1", "11.4", "11.9")), ("D02", "PD", 61.0, ("13.6", "14.2", "22.8")),
    ("D03", "PR", _NONE, ("48", "21.5", "9.7")), ("D04", "SD", _NONE, ("6.2", "5.8", "6.6")),
    ("D05", "PR", _NONE, ("16.9", "9.2", "4.4")), ("D06", "PR", _NONE, ("7.1", "3.3", "<2")),
)  # fmt: skip


def demo_patients(folder: str | Path) -> dict[str, Path]:
    """Write what the example of ``her2plastic demo`` knows of its patients: invented, small, always the same.

    Parameters
    ----------
    folder
        Where to write ``tissue.csv``, ``serum.csv`` and ``alleles.csv``. Files of these names are replaced.

    Returns
    -------
    The paths by the section of the configuration that they belong to: ``tissue``, ``serum``, ``alleles``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> files = hp.datasets.demo_patients(".")
    >>> tissue = hp.io.read_tissue(files["tissue"])
    >>> print(tissue[["donor_id", "day", "site", "ihc"]].head(3).to_string(index=False))
    donor_id    day    site      ihc
         D01 -820.0 primary       1+
         D01  -12.0   liver        0
         D02 -410.0 primary ultralow
    """
    from her2plastic.io import write_table

    folder = Path(folder)
    written = {}
    for section, table in (("tissue", _tissue()), ("serum", _serum()), ("alleles", _alleles())):
        written[section] = folder / f"{section}.csv"
        write_table(table, written[section])
    return written


def _tissue() -> pd.DataFrame:
    import pandas as pd

    columns = [_keys.DONOR_ID, "day", "site", _keys.IHC, _keys.ISH_RATIO, _keys.ISH_COPIES, _keys.ISH_RECOUNT]
    return pd.DataFrame(_TISSUE, columns=columns)


def _serum() -> pd.DataFrame:
    """Return the visits of the donors of the cells, and of others in the same study."""
    import pandas as pd

    study = simulate_serum(n_patients=24, seed=_SEED).to_frame()
    own = []
    for donor, response, progression, values in _VISITS:
        for cycle, value in enumerate(values):
            own.append({_keys.DONOR_ID: donor, "day": 21.0 * cycle, "cycle": float(cycle), "value": value,
                        "unit": "ng/mL", "lod": 2.0, "response": response, "progression_day": progression})  # fmt: skip
    visits = pd.concat([pd.DataFrame(own), study.assign(donor_id="S" + study[_keys.DONOR_ID].astype(str))])
    return visits[list(own[0])].reset_index(drop=True)


def _alleles() -> pd.DataFrame:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for donor, genotypes in _GERMLINE.items():
        for variant, genotype in zip(("c.1963A>G", "c.3508C>G"), genotypes, strict=True):
            rows.append({_keys.DONOR_ID: donor, _keys.SAMPLE_ID: f"{donor}-germline", "material": "leukocytes",
                         "hgvs_c": variant, "genotype": genotype})  # fmt: skip
    for donor, day, material, variant, ref, alt in _COUNTS:
        rows.append({_keys.DONOR_ID: donor, _keys.SAMPLE_ID: f"{donor}-{material.replace(' ', '-')}-d{day}",
                     _keys.DRAW_DAY: day, "material": material, "hgvs_c": variant, "n_ref": ref,
                     "n_alt": alt})  # fmt: skip
    frame = pd.DataFrame(rows)
    for name in ("n_ref", "n_alt", _keys.DRAW_DAY):
        frame[name] = frame[name].astype(float)
    frame["genotype"] = frame["genotype"].where(frame["genotype"].notna(), "")
    return frame.replace({np.nan: None})
