"""The habits of the package, held by tests: public names, signatures, docstrings, keys, floors, lazy imports."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import her2plastic
from her2plastic import _keys

SOURCE = Path(her2plastic.__file__).parent
PROJECT = Path(__file__).parents[1]
MODULES = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}

ROOMS = ("datasets", "im", "io", "models", "pl", "pp", "reference", "tl")
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

#: Packages that only the function that needs them may import.
HEAVY = (
    "anndata", "dask", "h5py", "jinja2", "matplotlib", "napari", "numba", "numpy", "pandas", "pandera", "pooch",
    "pydantic", "qtpy", "scanpy", "scipy", "scvelo", "skimage", "sklearn", "zarr",
)  # fmt: skip
#: Packages that not even looking a public function up may import.
HEAVIEST = ("dask", "h5py", "matplotlib", "napari", "pandera", "pooch", "qtpy", "scanpy", "scvelo", "skimage", "zarr")


@cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _public() -> Iterator[tuple[str, Any]]:
    for room in ROOMS:
        module = importlib.import_module(f"her2plastic.{room}")
        for name in module.__all__:
            yield f"{room}.{name}", getattr(module, name)


PUBLIC = dict(_public())
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if inspect.isfunction(thing)}
CLASSES = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing)}


def _methods() -> Iterator[tuple[str, FunctionType]]:
    for name, cls in CLASSES.items():
        for attribute, value in vars(cls).items():
            plain = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if not attribute.startswith("_") and inspect.isfunction(plain):
                yield f"{name}.{attribute}", plain


METHODS = dict(_methods())


# --- public names -------------------------------------------------------------------------------------------------
def test_everything_public_is_a_function_a_class_or_a_module() -> None:
    others = {name for name, thing in PUBLIC.items() if not isinstance(thing, ModuleType)} - set(FUNCTIONS)
    assert others == set(CLASSES)
    assert len(FUNCTIONS) > 25  # the walk below walks over something


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_names_are_exported_three_times_alike(room: str) -> None:
    """``__all__``, what the lazy loader hands out, and what a type checker sees."""
    module = importlib.import_module(f"her2plastic.{room}".rstrip("."))
    assert module.__all__ == sorted(module.__all__)
    assert sorted(module.__dir__()) == module.__all__
    seen = _type_checking_imports(Path(module.__file__ or ""))
    assert sorted(seen) == module.__all__
    for name, source in seen.items():
        thing = getattr(module, name)
        assert (thing.__name__ if isinstance(thing, ModuleType) else f"{thing.__module__}.{name}") == f"{source}.{name}"


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_hides_a_function(room: str) -> None:
    """Once ``room.thing`` is imported as a module, it would stand where the function ``thing`` should."""
    module = importlib.import_module(f"her2plastic.{room}")
    functions = {name for name in module.__all__ if not isinstance(getattr(module, name), ModuleType)}
    assert functions & {path.stem for path in (SOURCE / room).iterdir() if path.suffix in ("", ".py")} == set()


def _type_checking_imports(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                assert isinstance(statement, ast.ImportFrom)
                assert statement.module is not None
                found |= {alias.asname or alias.name: statement.module for alias in statement.names}
    return found


# --- signatures and docstrings ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_the_first_parameter_is_positional(name: str) -> None:
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters.values())
    # what writes takes two things that nobody mixes up: what, and where to; what joins takes the two tables
    positional = 2 if name.split(".")[1].startswith(("write_", "join_")) else 1
    assert [p.name for p in parameters[positional:] if p.kind is not inspect.Parameter.KEYWORD_ONLY] == []
    assert not [p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_types_stand_in_the_signature(name: str) -> None:
    signature = inspect.signature((FUNCTIONS | METHODS)[name])
    assert [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in "self cls"] == []
    assert signature.return_annotation is not signature.empty


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_tells_every_parameter_and_what_comes_back(name: str) -> None:
    sections = _sections(FUNCTIONS[name])
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters)
    assert sorted(_described(sections.get("Parameters", ""))) == sorted(parameters)
    assert sections.get("Returns", "").strip() or sections.get("Yields", "").strip()


@pytest.mark.parametrize("name", CLASSES)
def test_class_is_described(name: str) -> None:
    cls = CLASSES[name]
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}(")  # what @dataclass writes where nobody wrote anything
    if is_dataclass(cls):
        assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    else:
        parameters = [p for p in inspect.signature(cls).parameters if p != "self"]
        assert _described(_sections(cls).get("Parameters", "")) == parameters


@pytest.mark.parametrize("name", METHODS)
def test_method_is_described(name: str) -> None:
    assert inspect.getdoc(METHODS[name])


def test_results_come_as_a_table_and_as_a_summary() -> None:
    returned = {str(inspect.signature(tool).return_annotation) for n, tool in FUNCTIONS.items() if n.startswith("tl.")}
    results = [name for name, cls in CLASSES.items() if name.startswith("tl.") and cls.__name__ in returned]
    assert {"tl.HER2Shares", "tl.ProgrammeComparison"} <= set(results)
    assert {f"{name}.{method}" for name in results for method in ("to_frame", "summary")} <= set(METHODS)


def test_citations_are_in_the_bibliography() -> None:
    """Who is named as "Surname et al. Year" stands in docs/references.bib, and nobody stands there unnamed."""
    known = set(re.findall(r"^@\w+\{(\w+),", (PROJECT / "docs/references.bib").read_text(encoding="utf-8"), re.M))
    named = re.compile(r"\b([A-Z][a-z]+)(?:\s+et\s+al\.|\s+and\s+[A-Z][a-z]+)?\s+((?:19|20)\d\d)\b")
    written = [path for kind in ("*.md", "*.py") for path in (PROJECT / "docs").rglob(kind)]
    documents = [PROJECT / "README.md", *(path for path in written if "generated" not in path.parts)]
    files = [*MODULES.values(), *SOURCE.rglob("*.tsv"), *documents]
    cited = {"".join(found) for path in files for found in named.findall(path.read_text(encoding="utf-8"))}
    assert cited == known


def _sections(thing: Any) -> dict[str, str]:
    """Return the sections of a numpydoc docstring by their titles."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(thing) or "", flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _described(section: str) -> list[str]:
    """Return the parameters that have a description of their own, or share one (``a, b``)."""
    names: list[str] = []
    entries = re.findall(r"^(\S.*)\n((?:[ ]+\S.*\n?|\n)*)", section, flags=re.M)
    for heading, text in entries:
        assert text.strip(), f"{heading!r} has no description"
        assert " : " not in heading, f"{heading!r}: types stand in the signature only"
        names += [name.strip() for name in heading.split(",")]
    return names


# --- keys ---------------------------------------------------------------------------------------------------------
def test_every_key_is_registered_once() -> None:
    places = [(key.slot, key.name) for key in _keys.REGISTRY]
    assert len(set(places)) == len(places)
    assert all(key.dtype and key.meaning and key.written_by for key in _keys.REGISTRY)
    constants = [
        node.targets[0].id
        for node in ast.parse((SOURCE / "_keys.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "_key"
    ]
    assert [getattr(_keys, name) for name in constants] == [key.name for key in _keys.REGISTRY]
    assert len(set(constants)) == len(constants)


SLOTS = ("obs", "var", "layers", "obsm", "varm", "obsp", "uns")
#: Keys of scanpy, read where it was called or where it left them.
FOREIGN_KEYS = {
    ("io/containers.py", "log1p"), ("pp/cell_values.py", "log1p"),
    ("pp/doublets.py", "doublet_score"), ("pp/doublets.py", "scrublet"),
    ("tl/direction_velocity.py", "distances"), ("tl/direction_velocity.py", "neighbors"),
    ("tl/_embedding.py", "X_pca"), ("tl/_embedding.py", "X_umap"), ("tl/_embedding.py", "highly_variable"),
    ("tl/trajectory_path.py", "diffmap_evals"), ("tl/trajectory_path.py", "distances"),
    ("tl/trajectory_path.py", "connectivities"),
}  # fmt: skip


@pytest.mark.parametrize("module", [name for name in MODULES if name != "_keys.py"])
def test_keys_are_written_in_one_place_only(module: str) -> None:
    tree = _parsed(module)
    found = {(module, key) for key in _literal_keys(tree)}
    assert found - FOREIGN_KEYS == set()


def test_search_for_literal_keys_finds_them() -> None:
    code = """
adata.obs["a"]; obs["b"] = 1; adata.obsm.get("c"); "d" in adata.uns; del adata.layers["e"]; adata.obs[["f", k.G]]
obs_column(adata, "h"); adata.obs.pop("i"); where = ("obsm", "j"); MissingKeyError("obs", "k", ()); frame["not"]
adata.obs.drop(columns=["l"]); adata.obs = adata.obs.assign(m=1); adata.var["n"].isin(["not"]); adata.obs.head()
"""
    assert sorted(_literal_keys(ast.parse(code))) == list("abcdefhijklmn")


def _literal_keys(tree: ast.AST) -> Iterator[str]:
    """Yield every string that is written where the name of a column, layer or record of an AnnData is meant."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=owner, slice=key) if _is_slot(owner):
                yield from _strings(key)
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[owner]) if _is_slot(owner):
                yield from _strings(key)
            case ast.Call(func=ast.Attribute(value=owner, attr="assign"), keywords=keywords) if _is_slot(owner):
                yield from (keyword.arg for keyword in keywords if keyword.arg)
            case ast.Call(func=ast.Attribute(value=owner), args=keys, keywords=keywords) if _is_slot(owner):
                for key in (*keys[:1], *(keyword.value for keyword in keywords)):
                    yield from _strings(key)
            case ast.Call(func=ast.Name(id="obs_column"), args=[_, key, *_]):
                yield from _strings(key)
            case ast.Call(func=ast.Name(id="MissingKeyError"), args=[ast.Constant(value=slot), key, *_]) if (
                slot in SLOTS
            ):
                yield from _strings(key)
            case ast.Tuple(elts=[ast.Constant(value=slot), key]) if slot in SLOTS:
                yield from _strings(key)


def _is_slot(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in ("obs", "obsm", "uns", "var")
    return isinstance(node, ast.Attribute) and node.attr in SLOTS


def _strings(node: ast.expr) -> Iterator[str]:
    for part in node.elts if isinstance(node, ast.List | ast.Tuple) else [node]:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


# --- what the source must not hold --------------------------------------------------------------------------------
BANNED_CALLS = ("print", "eval", "exec", "exit", "quit", "sys.exit", "os._exit", "breakpoint")
BANNED_MODULES = ("pickle", "cPickle", "dill", "joblib", "shelve", "marshal")


@pytest.mark.parametrize("module", MODULES)
def test_source_holds_nothing_banned(module: str) -> None:
    assert list(_banned(_parsed(module))) == []


def test_search_for_banned_code_finds_it() -> None:
    code = """
print(1); sys.exit(); np.load(f, allow_pickle=True); frame.to_pickle(f); warnings.simplefilter("ignore")
import pickle; from dill import loads; from . import x
try: pass
except Exception: pass
try: pass
except (ValueError, BaseException): pass
try: pass
except: pass
"""
    assert len(list(_banned(ast.parse(code)))) == 11


def _banned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function, keywords=keywords):
                called = ast.unparse(function)
                if called in BANNED_CALLS or called.endswith(("_pickle", "pickle.load")):
                    yield f"line {node.lineno}: {called}"
                if (
                    called in ("warnings.simplefilter", "warnings.filterwarnings")
                    and len(node.args) + len(keywords) == 1
                ):
                    yield f"line {node.lineno}: hides every warning"
                if any(keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False" for keyword in keywords):
                    yield f"line {node.lineno}: allow_pickle"
            case ast.Import(names=names):
                yield from (f"import {n.name}" for n in names if n.name.split(".")[0] in BANNED_MODULES)
            case ast.ImportFrom(module=source, level=level):
                if level or (source or "").split(".")[0] in BANNED_MODULES:
                    yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.ExceptHandler(type=caught):
                kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
                for kind in kinds:
                    if kind is None or ast.unparse(kind) in ("Exception", "BaseException"):
                        yield f"line {node.lineno}: catches everything"


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_are_small(module: str) -> None:
    assert MODULES[module].read_text(encoding="utf-8").count("\n") <= LONGEST_FILE
    lengths = {
        node.name: _lines_of_code(node) for node in ast.walk(_parsed(module)) if isinstance(node, ast.FunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def _lines_of_code(function: ast.FunctionDef) -> int:
    """Return the lines of the body, the docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1


# --- floors and lazy imports --------------------------------------------------------------------------------------
def test_imports_go_down_only() -> None:
    """In a process of its own: import-linter switches off every logger of the process that calls it."""
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_its_floor() -> None:
    """A new room or module at the top has to be put on a floor of the contract."""
    import tomllib

    config = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    on_a_floor = {name.strip().removeprefix("her2plastic.") for layer in layers for name in layer.split("|")}
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    assert on_a_floor == rooms | modules


def _loaded_by(code: str, packages: tuple[str, ...]) -> list[str]:
    """Return which of the packages a fresh interpreter has loaded after running the code."""
    code += f"\nimport json, sys\nsys.stdout.write(json.dumps([p for p in {packages!r} if p in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", ["her2plastic", "her2plastic.cli", *(f"her2plastic.{room}" for room in ROOMS)])
def test_import_loads_nothing_heavy(module: str) -> None:
    assert _loaded_by(f"import {module}", HEAVY) == []


def test_looking_up_every_function_loads_no_optional_or_slow_package() -> None:
    code = f"import importlib\nfor room in {ROOMS!r}:\n"
    code += "    module = importlib.import_module('her2plastic.' + room)\n"
    code += "    [getattr(module, name) for name in module.__all__]"
    assert _loaded_by(code, HEAVIEST) == []
    assert _loaded_by(code, ("pandas",)) == ["pandas"]  # the probe does see what is loaded
