"""Runs `her2plastic review` in a process of its own and presses keys in its window: path, journal, keys, screenshot."""

from __future__ import annotations

import sys

import napari
from qtpy import API_NAME
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from her2plastic.cli import main

path, journal, keys, picture = sys.argv[1:]


def press() -> None:
    app = QApplication.instance()
    window = next(widget for widget in app.topLevelWidgets() if widget.windowTitle().startswith("her2plastic"))
    for _ in range(400):
        if app.focusWidget() is not None and window.isActiveWindow():
            break
        QTest.qWait(25)
    for key in keys:
        QTest.keyClick(app.focusWidget(), key)
        app.processEvents()
    window.grab().save(picture)
    sys.stdout.write(f"{API_NAME} {window.width()}\n")
    window.close()


napari.run = press
sys.argv = ["her2plastic", "review", path, "--reviewer", "AB", "--journal", journal, "--only", "is_ctc=True",
            "--order", "random", "--repeats", "0", "--debug"]  # fmt: skip
main()
