"""Reviews by keys without napari and without any screen: path, journal, keys."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QHBoxLayout, QWidget

from her2plastic.review.window.actions import KeyTable
from her2plastic.review.window.desk import Desk
from her2plastic.review.window.message_line import MessageLine
from her2plastic.review.window.opening import open_review
from her2plastic.review.window.panel import ReviewPanel
from her2plastic.review.window.shortcuts import Shortcuts
from her2plastic.review.window.stage import Stage
from her2plastic.review.window.wish import Wish

path, journal, keys = sys.argv[1:]
app = QApplication([])
window, stage, table = QWidget(), Stage(), KeyTable()
panel, message = ReviewPanel(table), MessageLine()
row = QHBoxLayout(window)
for widget in (stage, panel, message):
    row.addWidget(widget)
settings = {"filters": ("is_ctc=True",), "order": "random", "repeat_share": 0.0}
opened = open_review(Wish(path, journal, "AB", settings))
nothing = SimpleNamespace(set_on=bool, take_off=bool, show=bool)
desk = Desk(opened, stage=stage, cover=nothing, panel=panel, message=message, slide_view=nothing, keys=table)
shortcuts = Shortcuts((window,), desk.act, table)
window.resize(1200, 700)
window.show()
window.activateWindow()
desk.show()
stage.setFocus()
while not stage.hasFocus():
    QTest.qWait(10)
for key in keys:
    QTest.keyClick(stage, key)
    app.processEvents()
sys.stdout.write(f"{app.platformName()} {panel.head.aside}\n")
opened.close()
