"""A screen for the tests that nobody sees, and what is missing where there can be none."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: A Debian package a line, with the program (capital first letter) or the library that it brings.
PACKAGES = Path(__file__).parents[2] / "environment" / "screen.packages"
SIZE = "1600x1000x24"


def missing_packages() -> list[str]:
    """Return the Debian packages that the tests of the window need and do not find."""
    missing = []
    for line in PACKAGES.read_text(encoding="utf-8").splitlines():
        package, brings = line.split()
        is_there = (
            brings == "-"
            or (shutil.which(brings) if brings[0] == "X" else ctypes.util.find_library(brings)) is not None
        )
        if not is_there:
            missing.append(package)
    return missing


def require_screen() -> None:
    """Fail where tests have to be complete, else skip with what to install."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the window is tested on Linux, on a screen that nobody sees (Xvfb)")
    if missing := missing_packages():
        words = f"the window cannot be tested: install it with `apt-get install {' '.join(missing)}`"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)


@contextmanager
def hidden_screen() -> Iterator[str]:
    """Start an X server that draws into memory, and return its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SIZE, "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()  # written when the screen is ready
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def screen_settings(display: str, folder: Path, binding: str) -> dict[str, str]:
    """Return the environment in which windows open on a screen, and nothing of the person's own is read or written."""
    return {
        "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "QT_API": binding, "LIBGL_ALWAYS_SOFTWARE": "1",
        "NAPARI_CONFIG": str(folder / "napari.yaml"), "HER2PLASTIC_SETTINGS": str(folder / "settings"),
        "MPLBACKEND": "agg",
    }  # fmt: skip
