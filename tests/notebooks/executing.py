"""Execute a notebook in a kernel of the interpreter at hand: ``python executing.py notebook.ipynb executed.ipynb``.

A process of its own, as nbclient leaves sockets and loops behind. The outputs are in the executed notebook, errors
included; nothing is registered or left at home, and there is no display.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

#: Seconds after which a cell is given up.
PATIENCE = 240


def execute(source: Path, target: Path, folder: str) -> None:
    """Execute a notebook; everything of Jupyter goes to ``folder``."""
    homes = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_PATH")
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    os.environ |= dict.fromkeys(homes, folder) | dict.fromkeys(threads, "1")
    os.environ |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        os.environ.pop(display, None)
    notebook = nbformat.read(source, as_version=4)
    manager = AsyncKernelManager(
        kernel_name="python3",
        # of this interpreter, whatever is registered under the name
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[], data_dir=folder),
        # sockets as files: kernels that start at the same time cannot take each other's ports
        transport="ipc",
        connection_file=str(Path(folder) / "kernel.json"),
    )
    client = NotebookClient(
        notebook, km=manager, timeout=PATIENCE, allow_errors=True, resources={"metadata": {"path": folder}}
    )
    client.execute()
    nbformat.write(notebook, target)


if __name__ == "__main__":
    # a short path: the name of a socket may have about a hundred characters
    with tempfile.TemporaryDirectory(prefix="nb", ignore_cleanup_errors=True) as made:
        execute(Path(sys.argv[1]), Path(sys.argv[2]).absolute(), made)
