"""The rules of the house: no circle of imports, short files, a docstring for every public name.

Imports inside functions and under `TYPE_CHECKING` count: a circle that they hide is still a circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

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


@pytest.mark.parametrize("room", ROOMS)
def test_rooms__are_typed(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()


def test_files__are_short() -> None:
    long_files = {
        str(path.relative_to(ROOT)): lines
        for path in PYTHON_FILES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long_files == {}


class Docstrings:
    """The docstrings of modules, with what a method inherits from the classes of these modules."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self.trees = trees
        self.classes = {
            f"{module}.{node.name}": node
            for module, tree in trees.items()
            for node in tree.body
            if isinstance(node, ast.ClassDef)
        }
        self.imports = {module: dict(imported_names(tree)) for module, tree in trees.items()}

    def class_named(self, module: str, name: str) -> str | None:
        """The full name of the class that `name` is in a module, through what packages hand on."""
        if f"{module}.{name}" in self.classes:
            return f"{module}.{name}"
        first, _, rest = name.partition(".")
        target = self.imports.get(module, {}).get(first)
        if target is None:
            return None
        module, _, name = f"{target}.{rest}".rstrip(".").rpartition(".")
        return self.class_named(module, name)

    def bases_of(self, owner: str) -> Iterator[ast.ClassDef]:
        """The known classes that a class derives from, directly or not."""
        for base in self.classes[owner].bases:
            plain = base.value if isinstance(base, ast.Subscript) else base
            if found := self.class_named(owner.rpartition(".")[0], ast.unparse(plain)):
                yield self.classes[found]
                yield from self.bases_of(found)

    def is_inherited(self, owner: str, method: str) -> bool:
        """Whether a base of the class states the contract of a method that the class overrides."""
        return owner in self.classes and any(
            isinstance(node, ast.FunctionDef) and node.name == method and ast.get_docstring(node)
            for base in self.bases_of(owner)
            for node in base.body
        )

    def missing(self) -> Iterator[str]:
        """Public modules, classes, functions and methods that have no docstring.

        A method that overrides a documented one has the contract of its base. Overloads say what
        their implementation says, and setters what their property says.
        """
        yield from (module for module, tree in self.trees.items() if not ast.get_docstring(tree))
        holders = [(module, tree.body) for module, tree in self.trees.items()]
        while holders:
            name, body = holders.pop()
            for node in body:
                if isinstance(node, ast.If):
                    holders.append((name, node.body + node.orelse))
                if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                    continue
                decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
                excused = "overload" in decorators or f"{node.name}.setter" in decorators
                if excused or node.name.startswith("_"):
                    continue
                if not ast.get_docstring(node) and not self.is_inherited(name, node.name):
                    yield f"{name}.{node.name}"
                if isinstance(node, ast.ClassDef):
                    holders.append((f"{name}.{node.name}", node.body))


def imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name, full name of what it stands for) of every absolute import of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((a.asname or a.name, f"{node.module}.{a.name}") for a in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)


def test_public_names__have_docstrings() -> None:
    trees = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert sorted(Docstrings(trees).missing()) == []


def test_docstrings__only_a_documented_base_excuses_a_method() -> None:
    sources = {
        "he.base": """
class Base(Generic[T]):
    "C."
    def told(self): "F."
    def untold(self): ...
""",
        "he": "from he.base import Base as HandedOn",
        "he.derived": """
import he
import he.base
class Middle(he.HandedOn[int]):
    "C."
class Last(Middle, dict):
    "C."
    def told(self): ...
    def keys(self): ...
class Direct(he.base.Base):
    "C."
    def told(self): ...
class Alone:
    "C."
    def told(self): ...
    def _hidden(self): ...
""",
    }
    trees = {module: ast.parse(f"'M.'\n{source}") for module, source in sources.items()}
    missing = ["he.base.Base.untold", "he.derived.Alone.told", "he.derived.Last.keys"]
    assert sorted(Docstrings(trees).missing()) == missing
