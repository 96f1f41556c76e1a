"""What a user gets: the wheel, the sdist, the extras, the pinned versions; and what must not leave this repository."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from her2plastic.run.workflow_files import workflow_files

PROJECT = Path(__file__).parents[1]
SOURCE = PROJECT / "src" / "her2plastic"
WORKFLOW = PROJECT / "workflows" / "her2plastic"
LOCKS = [PROJECT / "environment" / f"{name}.lock" for name in ("run", "test")]
EXTRAS = {"all", "clinical", "imaging", "review", "velocity", "workflow"}
#: Families that a base install must not bring: a graphical toolkit, a viewer, a deep-learning framework.
UNWANTED = re.compile(r"^(pyqt|pyside|qtpy|napari|vispy|torch|jax|tensorflow|nvidia)")
MACHINES = [
    {"python_version": minor, "python_full_version": f"{minor}.7", "sys_platform": system}
    for minor in ("3.11", "3.12", "3.13")
    for system in ("linux", "darwin", "win32")
]


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


# --- the wheel and the sdist ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the wheel and the sdist as pip does, but with the hatchling that is here: no network."""
    return _build(PROJECT, tmp_path_factory.mktemp("dist"), "wheel", "sdist")


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> Path:
    return built[0]


def _build(source: Path, folder: Path, *targets: str) -> Any:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    options = [word for target in targets for word in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", *options, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return tuple(next(folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[target])) for target in targets)


def _files(folder: Path) -> set[str]:
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {name.as_posix() for name in names if "__pycache__" not in name.parts}


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    present = {f"her2plastic/{name}" for name in _files(SOURCE)}
    present |= {f"her2plastic/workflow/{name}" for name in workflow_files()}
    assert packed == present
    data = {name for name in packed if not name.endswith(".py")}
    assert {f"her2plastic/{name}" for name in (
        "py.typed", "report/assets/page.html", "review/napari.yaml", "run/template.yaml", "workflow/workflow/Snakefile",
        "workflow/.snakemake-workflow-catalog.yml",
    )} <= data  # fmt: skip
    assert {path.name for path in SOURCE.glob("reference/*.tsv")} >= {
        "amplicon_17q12.tsv", "assays.tsv", "gene_aliases.tsv", "her2_rules.tsv", "her2_scales.tsv", "panels.tsv",
    }  # fmt: skip


def test_sdist_holds_what_the_wheel_is_built_from_and_nothing_else(built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, sdist = built
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    beside = {name for name in _files(folder) if not name.startswith(("src/her2plastic/", "workflows/her2plastic/"))}
    assert _files(folder / "workflows" / "her2plastic") == set(workflow_files())
    assert beside == {
        ".gitignore", "CHANGELOG.md", "CITATION.cff", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml",
    }  # fmt: skip
    (again,) = _build(folder, tmp_path / "again", "wheel")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_wheel_works_where_the_source_is_not(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, it finds its tables, its template and its page."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = f"""
import her2plastic, her2plastic.cli
from her2plastic import datasets, reference
assert her2plastic.__file__.startswith({str(tmp_path)!r}), her2plastic.__file__
for name in ("amplicon", "assays", "gene_aliases", "her2_rules", "her2_scale", "panels"):
    assert len(getattr(reference, name)()), name
assert datasets.simulate_cohort(n_donors=1, draws=(0,), n_genes=900).n_obs
her2plastic.cli.app(["init", {str(tmp_path / "mine")!r}], standalone_mode=False)
her2plastic.cli.app(["workflow", "init", {str(tmp_path / "cohort")!r}], standalone_mode=False)
"""
    env = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["config.yaml", "samples.csv"]
    assert (tmp_path / "cohort/workflow/Snakefile").read_bytes() == (WORKFLOW / "workflow/Snakefile").read_bytes()


def test_wheel_says_what_it_is(wheel: Path, pyproject: dict) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{info}/METADATA").decode()
        assert f"{info}/licenses/LICENSE" in archive.namelist()
        assert "her2plastic = her2plastic.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert set(re.findall(r"^Provides-Extra: (\S+)", metadata, re.M)) == EXTRAS
    assert "License-Expression: BSD-3-Clause" in metadata
    assert (PROJECT / "README.md").read_text(encoding="utf-8").strip() in metadata
    assert f"Version: {pyproject['project']['version']}" in metadata


# --- versions and extras ------------------------------------------------------------------------------------------
def test_version_stands_alike_everywhere(pyproject: dict) -> None:
    version = pyproject["project"]["version"]
    assert importlib.metadata.version("her2plastic") == version
    citation = (PROJECT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.M)[1].strip("\"'") == version  # type: ignore[index]
    profile = (WORKFLOW / "profiles" / "kubernetes" / "config.yaml").read_text(encoding="utf-8")
    assert re.search(r"^container-image: \S+:(\S+)$", profile, re.M)[1] == version  # type: ignore[index]
    assert re.search(rf"^## \[{re.escape(version)}\]", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)


def test_citation_is_whole() -> None:
    import yaml

    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "type", "authors", "version", "license", "abstract"} <= set(citation)
    assert citation["license"] == "BSD-3-Clause"


def test_extras_are_those_that_were_promised(pyproject: dict) -> None:
    extras = pyproject["project"]["optional-dependencies"]
    assert set(extras) == EXTRAS
    assert Requirement(extras["all"][0]).extras == EXTRAS - {"all"}
    brought = {name: {Requirement(line).name for line in lines} for name, lines in extras.items()}
    assert "scvelo" in brought["velocity"]
    assert "snakemake" in brought["workflow"]
    assert "napari" in brought["review"]
    assert "dask" in brought["imaging"]


def test_base_install_is_small(pyproject: dict) -> None:
    base = {canonicalize_name(Requirement(line).name) for line in pyproject["project"]["dependencies"]}
    pinned = {requirement.name for requirement, _ in _pins(LOCKS[0])}
    assert base <= pinned
    assert sorted(name for name in base | pinned if UNWANTED.match(name)) == []
    assert base & {"scvelo", "snakemake", "dask"} == set()


# --- locks --------------------------------------------------------------------------------------------------------
def _pins(lock: Path) -> list[tuple[Requirement, list[str]]]:
    """Return every pinned requirement with its hashes."""
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found = []
    for line in lines:
        requirement, *hashes = line.split("--hash=")
        found.append((Requirement(requirement.strip()), [value.strip() for value in hashes]))
    return found


def _applies(marker: Marker | None, machine: dict[str, str]) -> bool:
    return marker is None or marker.evaluate(dict(machine))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_pins_with_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r"://|--index|--extra-index|--find-links|-i |--trusted|\bfile:| @ ", text) == []
    for requirement, hashes in _pins(lock):
        assert re.fullmatch(r"==[\w.!+]+", str(requirement.specifier)), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes)
    assert any(requirement.marker for requirement, _ in _pins(lock))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"{m['python_version']}-{m['sys_platform']}")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_meets_the_requirements_on_every_machine(lock: Path, machine: dict[str, str], pyproject: dict) -> None:
    here: dict[str, str] = {}
    for requirement, _ in _pins(lock):
        if _applies(requirement.marker, machine):
            assert requirement.name not in here, f"{requirement.name} is pinned twice"
            here[requirement.name] = str(requirement.specifier).removeprefix("==")
    project = pyproject["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["imaging"]]
    wanted += _group(pyproject, "dev" if lock.stem == "test" else "pins")
    for requirement in (each for each in map(Requirement, wanted) if _applies(each.marker, machine)):
        version = here[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"{m['python_version']}-{m['sys_platform']}")
def test_tests_run_on_the_versions_that_users_get(machine: dict[str, str]) -> None:
    run, test = (
        {f"{pin.name}{pin.specifier}" for pin, _ in _pins(lock) if _applies(pin.marker, machine)} for lock in LOCKS
    )
    assert len(run) > 30
    assert run <= test


def _group(pyproject: dict, name: str) -> list[str]:
    lines: list[str] = []
    for entry in pyproject["dependency-groups"][name]:
        lines += _group(pyproject, entry["include-group"]) if isinstance(entry, dict) else [entry]
    return lines


# --- what is tracked ----------------------------------------------------------------------------------------------
def test_no_tracked_file_names_a_place_on_one_machine() -> None:
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    # someone's home, a build folder, a package index of one's own
    place = re.compile(
        r"(?<![\w.])/(root|home|Users|work|opt)/\w|[A-Z]:\\Users\\|(?<!no-emit-)index-url|/simple/|pypi\.org|pythonhosted"
    )
    found = []
    for name in filter(None, listed.split("\0")):
        path = PROJECT / name
        if path.is_file() and path != Path(__file__):
            text = path.read_bytes().decode("utf-8", errors="ignore")
            found += [f"{name}: {match.group()}" for match in place.finditer(text)]
    assert found == []
