"""What a public host reads: its CI, its forms, the entry of the scverse list. They name things that are here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
HOST = PROJECT / ".github"
PYTHONS = ["3.11", "3.12", "3.13"]
WORKFLOWS = sorted((HOST / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (HOST / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    return _yaml(HOST / "workflows" / "ci.yml")["jobs"]


# --- CI -----------------------------------------------------------------------------------------------------------
def test_ci_covers_the_pythons_that_are_promised(jobs: dict[str, Any], project: dict[str, Any]) -> None:
    promised = [line.rsplit(" ", maxsplit=1)[-1] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert promised == PYTHONS
    assert project["requires-python"] == f">={PYTHONS[0]}"
    assert jobs["test"]["strategy"]["matrix"]["python"] == PYTHONS
    assert jobs["install"]["strategy"]["matrix"]["python"] == PYTHONS


def test_ci_tries_extras_that_exist(jobs: dict[str, Any], project: dict[str, Any]) -> None:
    matrix = jobs["install"]["strategy"]["matrix"]
    tried = {*matrix["extra"], *(each["extra"] for each in matrix["include"])}
    assert {"base", "all"} <= tried <= {"base", *project["optional-dependencies"]}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_ci_runs_is_here(path: Path) -> None:
    """Every target of make and every file that a step names exists; no step has more rights than it needs."""
    workflow = _yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    script = "\n".join(step.get("run", "") for step in steps)
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))
    asked = set(re.findall(r"\bmake ([a-z]+)", script))
    assert asked and asked <= targets
    for name in re.findall(r"(?<![\w./])((?:environment|tests)/[\w./]+)", script):
        assert (PROJECT / name).exists(), name
    for step in steps:
        # a text of someone else's (a title, the name of a branch) is no part of a script
        assert "${{" not in step.get("run", ""), step
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_release_is_published_without_a_kept_token() -> None:
    release = _yaml(HOST / "workflows" / "release.yml")
    jobs = release["jobs"]
    assert release[True] == {"release": {"types": ["published"]}}  # YAML 1.1 reads "on" as true
    assert "secrets." not in (HOST / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]
    assert jobs["publish"]["needs"] == "build"
    # what holds the right to publish runs no code of the project
    assert all("run" not in step and "checkout" not in step["uses"] for step in jobs["publish"]["steps"])


# --- forms --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_form_can_be_filled_in(path: Path) -> None:
    form = _yaml(path)
    assert {"name", "description", "body"} <= set(form)
    questions = [each for each in form["body"] if each["type"] != "markdown"]
    assert questions and any(each.get("validations", {}).get("required") for each in questions)
    names = [each["id"] for each in questions]
    assert len(set(names)) == len(names)


def test_hooks_run_the_tools_of_lint() -> None:
    config = _yaml(PROJECT / ".pre-commit-config.yaml")
    entries = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    lint = (PROJECT / "Makefile").read_text(encoding="utf-8").split("\nlint:")[1].split("\n\n")[0]
    tools = set(re.findall(r"\$\(BIN\)/([\w-]+)", lint))
    assert tools <= {Path(entry.split()[0]).name for entry in entries}
    assert all(repo["repo"] == "local" for repo in config["repos"])  # one place for the versions: the lock


# --- the scverse list ---------------------------------------------------------------------------------------------
def test_entry_of_the_scverse_list_says_what_the_package_says(project: dict[str, Any]) -> None:
    entry = _yaml(HOST / "scverse" / "meta.yaml")
    assert entry["name"] == entry["install"]["pypi"] == project["name"]
    assert entry["version"] == project["version"]
    assert entry["license"] == project["license"]
    assert entry["tags"] == project["keywords"]
    assert (entry["category"], entry["language"]) == ("ecosystem", "Python")
    # known once there is a public repository
    assert {name for name, value in entry.items() if not value} <= {
        "project_home", "documentation_home", "tutorials_home", "contact",
    }  # fmt: skip


def test_checklist_points_to_what_is_here() -> None:
    text = (HOST / "scverse" / "checklist.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([\w./]+)`", text) if "/" in name or name.endswith((".md", ".yaml"))}
    assert len(named) > 5
    places = (PROJECT, HOST, HOST / "workflows", HOST / "scverse")
    assert sorted(name for name in named if not any((place / name).exists() for place in places)) == []
