"""Try an installed package: what works without extras, what each extra is for, and what is said where one is missing.

python try_installed.py base|clinical|imaging|review|velocity|workflow|all
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import her2plastic as hp

#: Of each extra, a package that comes with no other.
MARK = {
    "clinical": "lifelines",
    "imaging": "imagecodecs",
    "review": "napari",
    "velocity": "scvelo",
    "workflow": "snakemake",
}
VERSIONS = ("anndata", "numpy", "pandas", "scanpy", "scipy", "zarr", *MARK.values())


def base(folder: Path) -> None:
    """From simulated counts to states, shares, a figure and a file; and the command."""
    cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=30, n_genes=900)
    hp.pp.quality(cells)
    hp.pp.ctc_identity(cells)
    hp.tl.amplicon(cells)
    hp.tl.her2_state(cells)
    assert len(hp.tl.her2_shares(cells).to_frame())
    hp.pl.erbb2_depth(cells).figure.savefig(folder / "erbb2_depth.png")
    hp.io.write_h5ad(cells, folder / "cells.h5ad")
    command("init", str(folder / "study"))
    assert (folder / "study" / "config.yaml").is_file()


def clinical(folder: Path) -> None:
    """Alignments are written and read; survival is fitted."""
    simulated = hp.datasets.simulate_alleles(folder / "alleles", n_donors=2, n_cells=2)
    assert len(hp.tl.variants(hp.io.read_alleles(simulated.sheet)).to_frame())
    visits = hp.datasets.simulate_serum(n_patients=60).visits
    assert hp.tl.serum(visits, repeats=2, dependence=None).summary()


def imaging(folder: Path) -> None:
    """A slide is written, read, segmented and measured."""
    slide = hp.datasets.simulate_slide(shape=(512, 512), n_leukocytes=30, n_ctcs=3)
    path = hp.datasets.write_slide(slide, folder / "slide.ome.tiff")
    assert hp.im.measure(hp.im.segment(hp.io.read_slide(path))).n_obs


def review(folder: Path) -> None:
    """The viewer, a toolkit for it and the plugin's manifest are there."""
    import napari  # noqa: F401
    from npe2 import PluginManifest
    from qtpy.QtWidgets import QApplication  # noqa: F401

    commands = PluginManifest.from_distribution("her2plastic").contributions.commands or []
    assert commands
    for each in commands:
        module, name = str(each.python_name).split(":")
        assert callable(getattr(importlib.import_module(module), name)), each


def velocity(folder: Path) -> None:
    """A direction from spliced and unspliced counts, by scVelo."""
    cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=60, n_genes=900, kinetics=True)
    hp.pp.ctc_identity(cells)
    hp.tl.her2_state(cells)
    assert hp.tl.direction(cells, n_null=19).summary()


def workflow(folder: Path) -> None:
    """The workflow is copied out, and Snakemake plans its jobs for two samples."""
    cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=20, n_genes=900)
    cells.layers["counts"] = cells.X
    hp.datasets.write_cohort(cells, folder / "cohort", format="h5ad")
    (folder / "cohort" / "config.yaml").write_text("samples: samples.csv\n", encoding="utf-8")
    command("workflow", "init", str(folder / "analysis"))
    command(
        "--profile", "profiles/local", "--dry-run", "--config", "cells=../cohort/config.yaml",
        program="snakemake", within=folder / "analysis",
    )  # fmt: skip


def command(*arguments: str, program: str = "her2plastic", within: Path | None = None) -> None:
    """Run a program of this environment; where it fails, what it says ends the trial."""
    path = Path(sys.executable).parent / program
    done = subprocess.run([str(path), *arguments], cwd=within, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{program} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Try the extra that is named, and the base."""
    asked = sys.argv[1] if len(sys.argv) > 1 else "base"
    trials: dict[str, Callable[[Path], Any]] = {
        "clinical": clinical, "imaging": imaging, "review": review, "velocity": velocity, "workflow": workflow,
    }  # fmt: skip
    wanted = {"base": [], "all": list(trials), "review": ["imaging", "review"]}.get(asked, [asked])
    here = {name for name, package in MARK.items() if importlib.util.find_spec(package)}
    assert here == set(wanted), f"asked for {wanted}, found {sorted(here)}"
    with TemporaryDirectory() as folder:
        base(Path(folder))
        for name in wanted:
            trials[name](Path(folder))
    found = {dist.metadata["Name"].lower(): dist.version for dist in importlib.metadata.distributions()}
    versions = ", ".join(f"{name} {found[name]}" for name in VERSIONS if name in found)
    sys.stdout.write(f"her2plastic[{asked}] works on Python {platform.python_version()}: {versions}\n")


if __name__ == "__main__":
    main()
