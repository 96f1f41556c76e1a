"""What a run may be told: the shape of ``config.yaml``. The template explains every key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from her2plastic._errors import ConfigError
from her2plastic.run.faults import describe

Share = Annotated[float, Field(gt=0, lt=1)]


def _known_calibration(name: str) -> str:
    """Allow what the reference tables hold today."""
    from her2plastic.tl.her2_calibration import calibration_names

    if name not in calibration_names():
        raise PydanticCustomError("literal_error", "unknown", {"expected": ", ".join(calibration_names())})
    return name


class _Section(BaseModel):
    # Strict types: a quoted "0.9" or a `yes` is a slip of the pen that should be seen, not converted.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Reading(_Section):
    """How the files of the sample sheet are read."""

    unit: Literal["auto", "counts", "cpm", "tpm", "fpkm", "log2", "ln"] = "auto"


class Quality(_Section):
    """Which events are marked as poor. Without a threshold of its own a measure gets one from the cells' spread."""

    mads: Annotated[float, Field(gt=0)] = 3.0
    min_depth: Annotated[float, Field(ge=0)] | None = None
    min_genes: Annotated[float, Field(ge=0)] | None = None
    max_mito: Annotated[float, Field(ge=0, le=1)] | None = None
    doublets: bool = True


class Identity(_Section):
    """Which events count as a circulating tumour cell."""

    threshold: Share = 0.5


class Her2(_Section):
    """How HER2 states are called."""

    calibration: Annotated[str, AfterValidator(_known_calibration)] = "reference"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    interval: Share = 0.9


class Figures(_Section):
    """Which figure files are written."""

    formats: Annotated[tuple[Literal["png", "svg"], ...], Field(strict=False)] = ("png", "svg")
    dpi: Annotated[int, Field(ge=50, le=600)] = 150


class RunConfig(_Section):
    """A whole run."""

    samples: Annotated[str, Field(min_length=1)]
    title: Annotated[str, Field(max_length=200)] = "HER2 states of circulating tumour cells"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    reading: Reading = Reading()
    quality: Quality = Quality()
    identity: Identity = Identity()
    her2: Her2 = Her2()
    map: bool = True
    figures: Figures = Figures()


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


def load_config(path: str | os.PathLike[str]) -> RunConfig:
    """Read and validate a run configuration.

    Parameters
    ----------
    path
        A YAML file, as :func:`write_template` writes it.

    Returns
    -------
    The configuration with its defaults filled in. ``samples`` stays as written: relative to the file's folder.

    Raises
    ------
    ConfigError
        Naming the file and every faulty key with what is allowed there.
    """
    path = Path(path)
    values = _parse(path)
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        problems = [f"{path.name}: {fault}" for fault in describe(error, RunConfig)]
        raise ConfigError("\n".join(problems), problems) from None


def _parse(path: Path) -> dict[str, Any]:
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
