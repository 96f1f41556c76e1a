"""Validation errors of pydantic in plain words: the key path, what is there, what is allowed, what was meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list, e.g. [png, svg]",
    "model_type": "a section of `key: value` lines",
    "model_attributes_type": "a section of `key: value` lines",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("gt", "a number above"),
    "greater_than_equal": ("ge", "a number of at least"),
    "less_than": ("lt", "a number below"),
    "less_than_equal": ("le", "a number of at most"),
}


def describe(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one line per fault, in the order of the keys."""
    return [_line(detail, model) for detail in error.errors(include_url=False)]


def _line(detail: ErrorDetails, model: type[BaseModel]) -> str:
    path, kind, given = detail["loc"], detail["type"], detail.get("input")
    name = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        known = _fields(model, path[:-1])
        meant = _meant(str(path[-1]), known) or "."
        return f"{name}: unknown key{meant} Keys here: {', '.join(known)}"
    if kind == "missing":
        return f"{name}: required, but not given"
    return f"{name}: expected {_expected(detail)}, found {_shown(given)}{_suggestion(detail)}"


def _expected(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        return f"one of {', '.join(_options(detail))}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{words} {context[key]:g}"
    if kind == "string_too_short":
        return "text that is not empty"
    if kind == "string_too_long":
        return f"text of at most {context['max_length']} characters"
    return _TYPES.get(kind, detail["msg"].lower())


def _options(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [option.strip().strip("'") for option in expected.replace(" or ", ", ").split(",")]


def _suggestion(detail: ErrorDetails) -> str:
    given = detail.get("input")
    if detail["type"] != "literal_error" or not isinstance(given, str):
        return ""
    return _meant(given, _options(detail))


def _meant(word: str, known: list[str]) -> str:
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a section takes."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = [field.annotation, *get_args(field.annotation)] if field is not None else []
        model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return list(model.model_fields)
