"""The house plan, enforced: which room may import which, and what a source file may name.

    benchmarks -> nn -> he -> ntt <- rtl -> accel_model.isa, accel_model.timed
    benchmarks -> accel_model -> he.trace, he.format.archive, he.format.files, ntt.terminal
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("ntt", "he", "nn", "accel_model", "rtl", "benchmarks")
# What each room may import of the others: a module, and everything inside it.
DOORS: dict[str, tuple[str, ...]] = {
    "ntt": (),
    "he": ("ntt",),
    # Not a way to arithmetic: how many threads run, on which CPU and backend, is reported from
    # there, and kernels are compiled beforehand.
    "nn": (
        "he",
        "ntt.threads",
        "ntt.backends",
        "ntt.cpu",
        "ntt.errors",
        "ntt.warming",
        "ntt.terminal",
        "ntt.lazy",
    ),
    # Files of any kind are read with the same limits, and written whole or not at all; all commands
    # end alike.
    "accel_model": ("he.trace", "he.format.archive", "he.format.files", "ntt.terminal"),
    "rtl": ("ntt", "accel_model.isa", "accel_model.timed"),
    "benchmarks": ("nn", "he", "ntt", "accel_model"),
}
# The functions and classes that import the module of which they are given the name.
IMPORTERS = (
    "__import__", "import_module", "importlib.import_module", "LazyModule", "KernelModule"
)  # fmt: skip
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def literal_start(name: ast.expr) -> str:
    """The module that a computed import surely lies in: 'a.b' of f"a.b.{c}"; '' if unknown."""
    if isinstance(name, ast.JoinedStr) and len(name.values) > 1:
        first = literal_start(name.values[0])
        return first.rpartition(".")[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""


def imported_modules(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """(line, absolute name) of every import, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, base] if base else package)
            for alias in node.names:
                member = f"{base}.{alias.name}"
                yield node.lineno, member if is_module(member) else base
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            if called in IMPORTERS:
                yield node.lineno, literal_start(node.args[0])


def forbidden_imports(source: str, module: str, is_package: bool = False) -> list[str]:
    room = module.split(".")[0]
    found = []
    for line, name in imported_modules(ast.parse(source), module, is_package):
        target = name.split(".")[0]
        allowed = any(name == door or name.startswith(f"{door}.") for door in DOORS[room])
        # `ntt.lazy` loads modules of the package that asks, each of which `TYPE_CHECKING` names;
        # `ntt.kernels` those that callers of `KernelModule` name.
        unknown = target == "" and module not in ("ntt.lazy", "ntt.kernels")
        if unknown or (target in ROOMS and target != room and not allowed):
            found.append(f"{module}:{line} imports {name or 'a computed name'}")
    return found


def test_doors__sources_are_found() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} >= {"ntt", "he", "nn"}


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_doors__lead_one_way(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert forbidden_imports(source, module_name(path), path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ntt.transform", "import he"),
        ("ntt.transform", "def f():\n    from he.errors import HEError"),
        ("ntt.transform", "from .. import he"),
        ("ntt.backends.ifma", "from ...he import errors"),
        ("he.poly", "if True:\n    import nn.packed.client as client"),
        ("he.poly", "import importlib\nimportlib.import_module('nn')"),
        ("he.poly", "import importlib\nimportlib.import_module('n' + 'n')"),
        ("he.poly", "import importlib\nimportlib.import_module(f'nn.{name}')"),
        ("he.poly", "import importlib\nimportlib.import_module(f'nn{name}')"),
        ("nn.packed.client", "from ntt import modulus"),
        ("nn.packed.client", "import ntt"),
        ("accel_model.lowering.operations", "from he import errors"),
        ("accel_model.lowering.operations", "import he"),
        ("rtl.arithmetic.butterfly", "from he.rlwe.security import check"),
        ("rtl.arithmetic.butterfly", "import accel_model.estimation.residency"),
    ],
)
def test_doors__a_closed_door_is_noticed(module: str, source: str) -> None:
    assert len(forbidden_imports(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("he.poly", "from ntt.modulus import Modulus\nfrom he.errors import HEError"),
        ("he.poly", "from .errors import HEError\nfrom . import errors"),
        ("nn.packed.client", "from ntt.threads import set_threads\nimport he"),
        ("ntt.transform", "import importlib\nimportlib.import_module(f'ntt.backends.{name}')"),
        ("accel_model.lowering.operations", "from he.trace import OpTrace"),
        ("rtl.arithmetic.butterfly", "import ntt\nfrom accel_model.isa import Program"),
    ],
)
def test_doors__an_open_door_is_let_through(module: str, source: str) -> None:
    assert forbidden_imports(source, module) == []


def test_doors__trace_is_standard_library_only() -> None:
    alone = ("he/format/files.py", "he/levels.py", "he/validation.py", "ntt/terminal.py")
    sources = [*(ROOT / "he" / "trace").glob("*.py"), *(ROOT / name for name in alone)]
    assert len(sources) > len(alone)
    for path in sources:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {name for _, name in imported_modules(tree, module_name(path), False)}
        inside = {
            name
            for name in names
            if name in ("he.errors", "he.format.files", "he.levels", "he.validation")
            or name.startswith("he.trace.")
        }
        assert {name.split(".")[0] for name in names - inside} <= sys.stdlib_module_names


def test_import_nn__loads_no_plotting_training_or_terminal_library() -> None:
    """The three are large and needed by some commands only, which import them when they run."""
    program = "import sys, nn; print(*{'torch', 'matplotlib', 'rich'} & set(sys.modules))"
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == ""


def text_files() -> list[Path]:
    folders = (*ROOMS, "tests", "tools", ".ci")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    beside = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    suffixes = {".py", ".md", ".toml", ".txt", ".cmake", ".json", ""}
    return [
        path
        for path in inside + beside
        if path.suffix in suffixes and "__pycache__" not in path.parts
    ]


def test_text_files__name_no_machine_paths() -> None:
    """A path that exists on one machine only is a bug on every other."""
    roots = "|".join(("work", "tmp", "home", "root", "Users", "mnt"))
    machine_path = re.compile(rf"(?<![\w.\-/])/(?:{roots})/\w")
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if machine_path.search(line)
    ]
    assert named == []
