"""What a reviewer set on this computer: the keys, and the name and choices of the last session."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from her2plastic._errors import ParameterError
from her2plastic.review.window.actions import KeyTable

#: Variable that names another folder for the file.
FOLDER_VARIABLE: Final = "HER2PLASTIC_SETTINGS"
_NAME: Final = "review.json"

logger = logging.getLogger(__name__)


def settings_path() -> Path:
    """Return where the settings are kept: in the user's own folder for settings of programs."""
    import typer

    return Path(os.environ.get(FOLDER_VARIABLE) or typer.get_app_dir("her2plastic")) / _NAME


def read_settings() -> dict[str, Any]:
    """Return what was set; nothing where there is no such file, or none that can be read."""
    path = settings_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as fault:
        logger.warning("the settings in %s cannot be read and are passed over: %s", path, fault)
        return {}
    return found if isinstance(found, dict) else {}


def write_settings(changes: Mapping[str, Any]) -> None:
    """Add changes to the settings. A folder that cannot be written to is no reason to stop a review."""
    path = settings_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        fresh.write_text(json.dumps(read_settings() | dict(changes), indent=1, sort_keys=True), encoding="utf-8")
        fresh.replace(path)
    except OSError as fault:
        logger.warning("the settings cannot be kept in %s: %s", path, fault)


def read_keys() -> KeyTable:
    """Return the reviewer's keys; the default ones where theirs contradict one another."""
    own = read_settings().get("keys")
    try:
        return KeyTable({str(name): str(key) for name, key in own.items()} if isinstance(own, dict) else None)
    except ParameterError as fault:
        logger.warning("the keys in %s are passed over: %s", settings_path(), fault)
        return KeyTable()
