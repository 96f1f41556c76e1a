"""The JSON schemas of the workflow, made from the models of the configurations and the columns of the sample sheet."""

from __future__ import annotations

from typing import Any, Final

import yaml

from her2plastic import _keys, reference
from her2plastic.io.image_columns import IMAGE_NUMBERS, IMAGE_PATH
from her2plastic.io.sample_sheet import AMOUNTS, CHOICES, PATH
from her2plastic.run.config import RunConfig
from her2plastic.run.slide_config import SlidesConfig

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_texts() -> dict[str, str]:
    """Return the schemas as YAML by the names of their files."""
    schemas = {
        "cells": _of_config(RunConfig),
        "slides": _of_config(SlidesConfig),
        "samples": _of_sheet(),
    }
    return {f"{name}.schema.yaml": yaml.safe_dump(schema, sort_keys=False) for name, schema in schemas.items()}


def _of_config(model: type[RunConfig] | type[SlidesConfig]) -> dict[str, Any]:
    return {"$schema": _DIALECT, **model.model_json_schema()}


def _of_sheet() -> dict[str, Any]:
    """Return the schema of a row as it was read: spelled as the package spells it, without what is missing."""
    columns: dict[str, Any] = {
        _keys.DONOR_ID: {"type": "string", "minLength": 1},
        _keys.SAMPLE_ID: {"type": "string", "minLength": 1},
        _keys.DRAW_DAY: {"type": "number"},
        _keys.ASSAY: {"enum": sorted(reference.assays().index)},
        PATH: {"type": "string", "minLength": 1},
        IMAGE_PATH: {"type": "string", "minLength": 1},
    }
    columns |= {name: {"enum": list(choices)} for name, choices in CHOICES.items()}
    columns |= {name: {"type": "number", "minimum": 0} for name in (*AMOUNTS, *IMAGE_NUMBERS)}
    return {
        "$schema": _DIALECT, "title": "Sample sheet", "type": "object", "properties": columns,
        "required": [_keys.DONOR_ID, _keys.SAMPLE_ID], "anyOf": [{"required": [PATH]}, {"required": [IMAGE_PATH]}],
    }  # fmt: skip
