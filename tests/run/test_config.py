from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from her2plastic._errors import ConfigError, OutputFolderError
from her2plastic.run import (
    RunConfig,
    SlidesConfig,
    is_of_slides,
    load_config,
    load_slides_config,
    write_template,
)
from her2plastic.run.template import config_text


def faults(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert str(tmp_path) not in str(caught.value), "a message names the file, not the folders of a person"
    return str(caught.value)


def keys_of(model: type[BaseModel]) -> set[str]:
    found = set(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys_of(field.annotation)
    return found


def test_template_holds_every_key_with_its_default(tmp_path: Path) -> None:
    config, sheet = write_template(tmp_path / "new" / "folder")
    assert load_config(config) == RunConfig(samples="samples.csv")
    written = yaml.safe_load(config_text())
    named = set(written) | {key for section in written.values() if isinstance(section, dict) for key in section}
    assert named == keys_of(RunConfig)
    assert sheet.read_text(encoding="utf-8").startswith("donor_id,sample_id,draw_day,assay,path,")


def test_template_of_slides_holds_every_key_with_its_default(tmp_path: Path) -> None:
    config, sheet = write_template(tmp_path, slides=True)
    assert load_slides_config(config) == SlidesConfig(slides="slides.csv")
    written = yaml.safe_load(config_text(slides=True))
    named = set(written) | {key for section in written.values() if isinstance(section, dict) for key in section}
    assert named == keys_of(SlidesConfig)
    assert sheet.read_text(encoding="utf-8").startswith("donor_id,sample_id,draw_day,image_path,channels,")
    assert is_of_slides(config)
    assert not is_of_slides(write_template(tmp_path / "cells")[0])
    assert not is_of_slides(tmp_path / "none.yaml")


def test_template_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "samples.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFolderError, match=r"samples\.csv already in"):
        write_template(tmp_path)
    assert (tmp_path / "samples.csv").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "config.yaml").exists()
    write_template(tmp_path, force=True)
    assert (tmp_path / "samples.csv").read_text(encoding="utf-8") != "mine"


def test_every_fault_at_once_with_path_and_allowed_values(tmp_path: Path) -> None:
    text = """
sampels: x.csv
seed: -1
her2: {calibration: refernce, level: 1.5, lvel: 0.9}
figures: {formats: [png, pdf], dpi: "90"}
identity: 3
reading:
"""
    lines = faults(tmp_path, text).splitlines()
    assert len(lines) == 9 + 1
    said = "\n".join(lines)
    assert "config.yaml: samples: required, but not given" in said
    assert "config.yaml: sampels: unknown key; did you mean 'samples'? Keys here: samples, title" in said
    assert "seed: expected a number of at least 0, found -1" in said
    assert "her2.calibration: expected one of reference, jordan2016" in said
    assert "found 'refernce'; did you mean 'reference'?" in said
    assert "her2.level: expected a number below 1, found 1.5" in said
    assert "her2.lvel: unknown key; did you mean 'level'? Keys here: calibration, level" in said
    assert "figures.formats.1: expected one of png, svg, found 'pdf'" in said
    assert "figures.dpi: expected a whole number, found '90'" in said
    assert "identity: expected a section of `key: value` lines, found 3" in said
    assert "reading: expected a section of `key: value` lines, found nothing" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("samples: [", "line 1, column 11: not valid YAML"),
        ("samples: a\nsamples: b\n", "line 2, column 1: not valid YAML: key 'samples' is given twice"),
        ("- a\n- b\n", "expected `key: value` lines, found a list"),
        ("", "samples: required, but not given"),
        ("samples: ''", "samples: expected text that is not empty"),
        (b"samples: \xff.csv", "is not UTF-8 text"),
        ("samples: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("samples: a.csv\nher2: {level: .nan}", "her2.level"),
        ("samples: a.csv\nseed: true", "seed: expected a whole number, found True"),
        ("? [a, b]\n: c", "line 1, column 3: not valid YAML: a key must be a word"),
        ("samples: a.csv\n1: b", "1: "),
    ],
)  # fmt: skip
def test_unreadable_configuration(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in faults(tmp_path, text)


def test_missing_configuration_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`her2plastic init` writes a template"):
        load_config(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match="is a folder; name the configuration file in it"):
        load_config(tmp_path)
