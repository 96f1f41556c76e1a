"""Screen, application and hands of the tests of windows; tests without windows load nothing of Qt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

BINDING = "pyside6"


def _beside(name: str) -> ModuleType:
    """Import a file of this folder: tests are no package."""
    full = f"her2plastic_tests_review_{name}"
    if full not in sys.modules:
        spec = spec_from_file_location(full, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A screen of the tests' own; yields the environment of a process that opens windows on it."""
    screens = _beside("screen")
    screens.require_screen()
    with screens.hidden_screen() as display:
        settings = screens.screen_settings(display, tmp_path_factory.mktemp("screen"), BINDING)
        before = {name: os.environ.get(name) for name in (*settings, "WAYLAND_DISPLAY")}
        os.environ.update(settings)
        os.environ.pop("WAYLAND_DISPLAY", None)
        yield settings
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@pytest.fixture(scope="session")
def qapp(screen: dict[str, str]) -> Iterator[Any]:
    """The one application of Qt of this process."""
    import matplotlib
    from pytestqt.qt_compat import qt_api

    matplotlib.use("agg")  # beside an application of Qt, figures would be drawn into windows
    qt_api.set_qt_api(BINDING)
    from qtpy.QtWidgets import QApplication

    app = QApplication(["her2plastic tests"])
    yield app
    app.closeAllWindows()
    app.processEvents()
    if hasattr(app, "shutdown"):
        app.shutdown()  # before its screen is taken away; PySide6 only


@pytest.fixture
def qtbot(qapp: Any, request: pytest.FixtureRequest) -> Iterator[QtBot]:
    """The hands of a test (pytest-qt). What goes wrong inside Qt fails the test."""
    from pytestqt.exceptions import capture_exceptions, format_captured_exceptions
    from pytestqt.plugin import _close_widgets
    from pytestqt.qtbot import QtBot

    with capture_exceptions() as faults:
        yield QtBot(request)
        _close_widgets(request.node)
        qapp.processEvents()
    if faults:
        pytest.fail(format_captured_exceptions(faults), pytrace=False)
