"""Every public function has an example in its docstring that a reader can type, and it gives what stands there."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import her2plastic

ROOMS = tuple(her2plastic.__all__)
#: Lines of code of one example: more is a guide, and belongs into the documentation.
LONGEST_EXAMPLE = 12
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
#: What a public function returns and a reader makes as well.
ALSO_MADE = {
    "datasets.Kinetics", "io.Slide", "models.DrawComposition", "models.ExpressionScale", "models.GateMixture",
    "models.MarkovChain",
}  # fmt: skip
#: Parts of results, and what a segmenter of one's own is handed.
ONLY_HANDED_OUT = {
    "im.TileContext", "models.AssayInformation", "models.NullTest",
}  # fmt: skip


def _public() -> Iterator[tuple[str, Any]]:
    yield "her2plastic", her2plastic
    for room in ROOMS:
        module = importlib.import_module(f"her2plastic.{room}")
        for name in module.__all__:
            yield f"{room}.{name}", getattr(module, name)


PUBLIC = dict(_public())


def _results() -> set[str]:
    """Return the names of the classes that public functions hand back."""
    functions = [thing for thing in PUBLIC.values() if inspect.isfunction(thing)]
    words = {word for each in functions for word in re.findall(r"\w+", str(each.__annotations__["return"]))}
    return {name for name, thing in PUBLIC.items() if inspect.isclass(thing) and thing.__name__ in words}


def _needs_an_example(name: str, thing: Any) -> bool:
    if isinstance(thing, ModuleType):
        return name == "her2plastic"
    return name in ALSO_MADE or name not in _results() | ONLY_HANDED_OUT


WANTED = sorted(name for name, thing in PUBLIC.items() if _needs_an_example(name, thing))
GIVEN = sorted(name for name, thing in PUBLIC.items() if ">>>" in (inspect.getdoc(thing) or ""))


def _example(name: str) -> doctest.DocTest:
    """Return the code of the section "Examples", with nothing of the package's own names in reach."""
    text = inspect.getdoc(PUBLIC[name]) or ""
    _, found, section = text.partition("Examples\n--------\n")
    assert found, f"{name}: the code does not stand in a section Examples"
    return doctest.DocTestParser().get_doctest(section, {"__name__": "__main__"}, name, None, None)


def _with_its_numbers(name: str) -> doctest.DocTest:
    """Return the example of a figure with what that of its ``prepare_`` function does besides, and others as they are.

    Both begin with the same lines, which cost most of the time.
    """
    test = _example(name)
    if (numbers := PREPARED_BY.get(name)) is not None:
        own, others = test.examples, _example(numbers).examples
        alike = [one.source == other.source for one, other in zip(own, others, strict=False)]
        own += others[[*alike, False].index(False) :]
    return test


PREPARED_BY = {
    name: numbers for name in GIVEN if name.startswith("pl.") and (numbers := f"pl.prepare_{name[3:]}") in GIVEN
}


def _names_from_elsewhere(code: str) -> set[str]:
    """Return the names that the code reads and nothing in it has made."""
    made, read = set(dir(builtins)), set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                made.add(name)
            case ast.alias(name=name, asname=short):
                made.add(short or name.partition(".")[0])
    return read - made


def test_nothing_public_lacks_an_example() -> None:
    assert [name for name in WANTED if name not in GIVEN] == []
    assert len(PREPARED_BY) > 20


@pytest.mark.parametrize("name", GIVEN)
def test_example_stands_alone_and_is_short(name: str) -> None:
    examples = _example(name).examples
    code = "".join(example.source for example in examples)
    assert "import her2plastic as hp\n" in code
    assert code.count("\n") <= LONGEST_EXAMPLE
    assert _names_from_elsewhere(code) == set()
    assert any(example.want for example in examples), "an example shows a result"
    assert not [example.source for example in examples if doctest.SKIP in example.options]


@pytest.mark.parametrize("name", sorted(set(GIVEN) - set(PREPARED_BY.values())))
def test_example_gives_what_it_shows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)  # files of examples have no folder of their own
    said: list[str] = []
    try:
        failed, tried = doctest.DocTestRunner(optionflags=FLAGS).run(_with_its_numbers(name), out=said.append)
    finally:
        pyplot.close("all")
    assert tried > 0
    assert failed == 0, "".join(said)


def test_a_wrong_example_is_found() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(wrong, out=lambda _: None).failed == 1


def test_a_name_from_elsewhere_is_found() -> None:
    assert _names_from_elsewhere("import a.b as c, d.e\nf = [g for g in c(d)]\nprint(f, h)") == {"h"}
