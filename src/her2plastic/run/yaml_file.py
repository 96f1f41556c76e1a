"""Reading of a YAML configuration into its model: one key once, and every fault named with its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from her2plastic._errors import ConfigError
from her2plastic.run.faults import describe

Model = TypeVar("Model", bound=BaseModel)


def _yaml_fault(what: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=node.start_mark)


class _OneKeyOnce(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _yaml_fault("a key must be a word", key_node)
            key = key_node.value
            if key in seen:
                raise _yaml_fault(f"key {key!r} is given twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


def validated(values: dict[str, Any], model: type[Model], *, name: str) -> Model:
    """Return the values of a file as its model, or raise a ConfigError with every fault."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [f"{name}: {fault}" for fault in describe(error, model)]
        raise ConfigError("\n".join(problems), problems) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys of a YAML file, or raise a ConfigError that says why it has none."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_OneKeyOnce)
    except FileNotFoundError:
        raise _fault(f"{path} not found; `her2plastic init` writes a template") from None
    except IsADirectoryError:
        raise _fault(f"{path} is a folder; name the configuration file in it, e.g. {path / 'config.yaml'}") from None
    except PermissionError:
        raise _fault(f"{path} cannot be read: no permission") from None
    except UnicodeDecodeError as error:
        raise _fault(f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        what = getattr(error, "problem", None) or "cannot be read"
        raise _fault(f"{path.name}{where}: not valid YAML: {what}") from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise _fault(f"{path.name}: expected `key: value` lines, found a {type(values).__name__}")
    return values


def _fault(message: str) -> ConfigError:
    return ConfigError(message, [message])
