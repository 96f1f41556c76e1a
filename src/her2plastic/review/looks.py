"""Colours of the window: dark and calm, so that the cell is the brightest thing on the screen."""

from __future__ import annotations

from typing import Final

from her2plastic import _keys
from her2plastic.pl import palette

GROUND: Final = "#14161A"
PANEL: Final = "#1D2026"
RAISED: Final = "#272B33"
LINE: Final = "#363B45"
INK: Final = "#E8EAED"
QUIET: Final = "#9AA1AC"
FAINT: Final = "#6B727E"
ACCENT: Final = "#6CB2F0"
WARNING: Final = "#F6BC55"
ERROR: Final = "#FF7B72"
GOOD: Final = "#6CCB8B"
#: Outlines of the cell and of its nucleus.
CELL_LINE: Final = "#FFFFFF"
NUCLEUS_LINE: Final = "#8FB4FF"

#: Colour of each decision; the states have those of every other picture on black.
DECISIONS: Final = {
    **{state: palette.ON_BLACK[state].colour for state in _keys.STATES},
    _keys.NOT_A_CTC: "#A3AAB5",
    _keys.UNSURE: "#C3A6E8",
}

STYLE: Final = f"""
QWidget#review {{ background: {PANEL}; }}
QWidget#review QWidget {{ color: {INK}; }}
QWidget#review QLabel, QWidget#review QCheckBox, QWidget#review QStackedWidget, QWidget#review_page,
QWidget#review QScrollArea, QWidget#review QScrollArea > QWidget > QWidget {{
    background: transparent;
}}
QWidget#review QLabel[role="title"] {{ font-size: 17px; font-weight: 600; }}
QWidget#review QLabel[role="heading"] {{ color: {QUIET}; font-size: 11px; font-weight: 600; }}
QWidget#review QLabel[role="quiet"] {{ color: {QUIET}; font-size: 12px; }}
QWidget#review QLabel[role="faint"] {{ color: {FAINT}; font-size: 11px; }}
QWidget#review QLineEdit, QWidget#review QComboBox, QWidget#review QSpinBox {{
    background: {GROUND}; border: 1px solid {LINE}; border-radius: 5px; padding: 5px 7px; min-height: 18px;
    selection-background-color: {ACCENT};
}}
QWidget#review QLineEdit:focus, QWidget#review QComboBox:focus, QWidget#review QSpinBox:focus {{
    border: 1px solid {ACCENT};
}}
QWidget#review QPushButton {{
    background: {RAISED}; border: 1px solid {LINE}; border-radius: 5px; padding: 6px 12px;
}}
QWidget#review QPushButton:hover {{ border: 1px solid {QUIET}; }}
QWidget#review QPushButton:focus {{ border: 1px solid {ACCENT}; }}
QWidget#review QPushButton[role="main"] {{
    background: #2F6FB0; border: 1px solid #3F86CF; font-weight: 600; padding: 9px 12px;
}}
QWidget#review QPushButton[role="main"]:hover {{ background: #377FC8; }}
QWidget#review QPushButton[role="small"] {{ padding: 6px 2px; }}
QWidget#review QPushButton:disabled {{ color: {FAINT}; }}
QWidget#review QProgressBar {{ background: {GROUND}; border: none; border-radius: 3px; max-height: 6px; }}
QWidget#review QProgressBar::chunk {{ background: {ACCENT}; border-radius: 3px; }}
"""
