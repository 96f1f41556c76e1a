"""The profiles of the workflow for clusters, over cells and slides together."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.snakemaking import ended, hide_packages

pytest.importorskip("snakemake", reason="the workflow extra is not installed")

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
clusters: [{{name: here, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: me, user: {{token: none}}}}]
"""


@pytest.fixture
def place(cohort: Path, slides: Path, command: Callable[..., Any], tmp_path: Path) -> Path:
    """The workflow over six samples and two slides that stand beside it."""
    folder = tmp_path / "workflow"
    assert command("workflow", "init", folder).code == 0
    (folder / "config" / "config.yaml").write_text(
        f"cells: ../{cohort.name}/config.yaml\nslides: ../{slides.name}/config.yaml\nresults: results\n"
        "slide_threads: 2\n",
        encoding="utf-8",
    )
    hide_packages(folder)
    return folder


class _Refusing(BaseHTTPRequestHandler):
    """As much of a cluster as there is where one may not start jobs; it keeps what it was asked for."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        job = self.path.split("?")[0].endswith("/jobs")
        if job:
            self.server.jobs.append(asked)  # type: ignore[attr-defined]
        self._answer(403 if job else 201)

    def do_DELETE(self) -> None:
        self._answer(200)

    def _answer(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def asked_jobs(place: Path) -> Iterator[list[dict[str, Any]]]:
    """What a cluster is asked to start."""
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        server.jobs = []  # type: ignore[attr-defined]
        (place / "kubeconfig").write_text(KUBECONFIG.format(port=server.server_port), encoding="utf-8")
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.jobs  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("profile", "threads"), [("slurm", 4), ("kubernetes", 2)])
def test_dry_run_of_a_cluster(place: Path, profile: str, threads: int) -> None:
    pytest.importorskip(f"snakemake_executor_plugin_{profile}")
    code, said = ended(place, "--profile", f"profiles/{profile}", "--dry-run")
    assert code == 0, said
    jobs = {"sample": 6, "called": 1, "transitions": 1, "report": 1, "slide": 2, "slides": 1, "total": 13}
    for rule, number in jobs.items():
        assert re.search(rf"^{rule} +{number}$", said, re.M), rule
    assert re.findall(r"^ +threads: (\d+)$", said, re.M) == [str(threads)] * 3


def test_job_for_kubernetes_finds_the_volume_and_the_python_of_the_image(
    place: Path, asked_jobs: list[dict[str, Any]]
) -> None:
    """A dry run does not look at what jobs share, nor at what they are told."""
    pytest.importorskip("snakemake_executor_plugin_kubernetes")
    code, said = ended(place, "--profile", "profiles/kubernetes", "--seconds-between-status-checks", "1")
    assert (code, "Reason: Forbidden" in said) == (1, True), said
    (container,) = asked_jobs[0]["spec"]["template"]["spec"]["containers"]
    assert {"name": "her2plastic", "mountPath": "/data"} in container["volumeMounts"]
    words = container["args"][-1]
    assert words.startswith("cd /data/my_cohort && python -m snakemake ")
    assert sys.prefix not in words, "the Python of this machine is not in the image"
    assert "--deploy-sources" not in words and "storage-provider" not in words, "files stand on the volume"
