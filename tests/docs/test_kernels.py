"""Pages are run without a word about the kernels, and without the start-up files of whoever builds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
RUNNING = """
import sys
from pathlib import Path
import nbclient, nbformat
from pages.kernels import write_profile
write_profile(Path(sys.argv[1]))
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('started' in globals())")])
nbclient.NotebookClient(book, timeout=60).execute()
print(book.cells[0].outputs[0].text)
"""


def test_kernels_are_silent_and_take_nothing_from_the_user(tmp_path: Path) -> None:
    startup = tmp_path / "home" / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("started = True\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", RUNNING, str(tmp_path / "own")],
        cwd=DOCS, env={"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stdout.strip() == "False", ended.stderr
    assert "IPKernelApp" not in ended.stderr
