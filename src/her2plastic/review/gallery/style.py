"""Style of the gallery's controls: that of the review's window, and of what only the gallery has."""

from __future__ import annotations

from typing import Final

from her2plastic.review import looks

STYLE: Final = f"""{looks.STYLE}
QWidget#review QToolButton {{
    background: transparent; border: 1px solid transparent; border-radius: 5px; padding: 3px 4px; color: {looks.INK};
}}
QWidget#review QToolButton[role="boxed"] {{
    background: {looks.RAISED}; border: 1px solid {looks.LINE}; min-width: 16px; min-height: 18px;
}}
QWidget#review QToolButton:hover {{ background: {looks.RAISED}; border: 1px solid {looks.QUIET}; }}
QWidget#review QToolButton:focus {{ border: 1px solid {looks.ACCENT}; }}
QWidget#review QPushButton:checked {{ background: #2F6FB0; border: 1px solid #3F86CF; }}
QWidget#review QComboBox {{ padding: 4px 7px; }}
QWidget#review QComboBox QLineEdit {{ background: transparent; border: none; padding: 0; min-height: 16px; }}
QWidget#review QComboBox QAbstractItemView {{
    background: {looks.RAISED}; color: {looks.INK}; border: 1px solid {looks.LINE};
    selection-background-color: #2F6FB0; selection-color: {looks.INK}; outline: none;
}}
QWidget#review QScrollBar:vertical {{ background: {looks.GROUND}; width: 12px; margin: 0; border: none; }}
QWidget#review QScrollBar::handle:vertical {{
    background: {looks.LINE}; border-radius: 4px; min-height: 28px; margin: 2px;
}}
QWidget#review QScrollBar::handle:vertical:hover {{ background: {looks.FAINT}; }}
QWidget#review QScrollBar::add-line, QWidget#review QScrollBar::sub-line {{ height: 0; width: 0; border: none; }}
QWidget#review QScrollBar::add-page, QWidget#review QScrollBar::sub-page {{ background: transparent; }}
QWidget#review QWidget[role="side"] {{ background: {looks.PANEL}; }}
QWidget#review QSlider {{ background: transparent; }}
QWidget#review QSlider::sub-page:horizontal, QWidget#review QSlider::add-page:horizontal {{
    background: transparent; border: none;
}}
QWidget#review QSlider::groove:horizontal {{ background: {looks.LINE}; height: 4px; border-radius: 2px; }}
QWidget#review QSlider::handle:horizontal {{
    background: {looks.INK}; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; border: none;
}}
QWidget#review QSlider::handle:horizontal:focus {{ background: {looks.ACCENT}; }}
QWidget#review QSplitter::handle {{ background: transparent; }}
QToolTip {{ background: {looks.RAISED}; color: {looks.INK}; border: 1px solid {looks.LINE}; padding: 5px; }}
"""
