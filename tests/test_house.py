"""The rules of the house: no circle of imports, short files, a docstring for every public name.

Imports inside functions and under `TYPE_CHECKING` count: a circle that they hide is still a circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_doors import ROOMS, ROOT, SOURCES, imported_modules, module_name

LONGEST_FILE = 400
PYTHON_FILES = sorted(
    path for folder in (*ROOMS, "tests", "tools") for path in (ROOT / folder).rglob("*.py")
)


def imports_of(room: str) -> dict[str, set[str]]:
    """Which of its own modules each module of a room imports, wherever in the file."""
    paths = {module_name(path): path for path in SOURCES if path.relative_to(ROOT).parts[0] == room}
    graph = {}
    for module, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = (name for _, name in imported_modules(tree, module, path.name == "__init__.py"))
        graph[module] = {name for name in names if name in paths and name != module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The sets of modules that reach each other (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_modules: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        open_modules.append(module)
        for target in graph[module]:
            if target not in order:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in open_modules:
                low[module] = min(low[module], order[target])
        if low[module] == order[module]:
            start = open_modules.index(module)
            component = set(open_modules[start:])
            del open_modules[start:]
            if len(component) > 1:
                found.append(component)

    for module in graph:
        if module not in order:
            visit(module)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports__form_no_circle(room: str) -> None:
    assert circles(imports_of(room)) == []


def test_circles__are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a", "d"}}
    assert sorted(map(sorted, circles(graph))) == [["b", "c"], ["d", "e"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    "source",
    [
        "from he.ckks.params import CKKSParameters",
        "def f():\n    from he.ckks import params",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from he.ckks import params",
    ],
)
def test_imports__inside_functions_and_for_types_count(source: str) -> None:
    names = [name for _, name in imported_modules(ast.parse(source), "he.rlwe.keys", False)]
    assert "he.ckks.params" in names


def test_files__are_short() -> None:
    long_files = {
        str(path.relative_to(ROOT)): lines
        for path in PYTHON_FILES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long_files == {}


def undocumented(path: Path) -> Iterator[str]:
    """Public modules, classes, functions and methods of a file that have no docstring.

    Overloads say what their implementation says. A method that overrides a base's documented one
    says so with `@override` or `@property` of a Protocol, whose body is an ellipsis.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if ast.get_docstring(tree) is None:
        yield module_name(path)
    holders: list[tuple[str, list[ast.stmt]]] = [(module_name(path), tree.body)]
    while holders:
        name, body = holders.pop()
        for node in body:
            if isinstance(node, ast.If):
                holders.append((name, node.body + node.orelse))
            if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(d).split("(")[0] for d in node.decorator_list}
            if decorators & {"overload", "override"} or any("setter" in d for d in decorators):
                continue
            if ast.get_docstring(node) is None:
                yield f"{name}.{node.name}"
            if isinstance(node, ast.ClassDef):
                holders.append((f"{name}.{node.name}", node.body))


def test_public_names__have_docstrings() -> None:
    assert [name for path in SOURCES for name in undocumented(path)] == []
