"""Who imports whom: the import graph of the six rooms, read from their source files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("benchmarks", "nn", "he", "ntt", "accel_model", "rtl")

Graph = dict[str, set[str]]


def imports() -> Graph:
    """The modules of the rooms that each module imports, wherever in the file it says so."""
    paths = {_module(path): path for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    return {module: set(_imported(path, set(paths))) for module, path in sorted(paths.items())}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, modules: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else node.module for name in members]
        else:
            continue
        yield from (name for name in names if name in modules)


def doors(graph: Graph) -> dict[tuple[str, str], tuple[str, ...]]:
    """For each two rooms with imports between them, the folders or files next to the target's door.

    ``("accel_model", "he"): ("trace",)`` says that accel_model imports only from he.trace; an empty
    tuple, that it also imports the room's own names.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for module, targets in graph.items():
        for target in targets:
            rooms = module.split(".")[0], target.split(".")[0]
            if rooms[0] != rooms[1]:
                found.setdefault(rooms, set()).add(target.partition(".")[2].split(".")[0])
    return {
        rooms: () if "" in names else tuple(sorted(names)) for rooms, names in sorted(found.items())
    }


def folders(graph: Graph, room: str) -> dict[str, list[str]]:
    """The folders of a room, each with the folders inside it."""
    packages = {module for module in graph if (ROOT.joinpath(*module.split("."))).is_dir()}
    inside: dict[str, list[str]] = {}
    for package in sorted(packages):
        parts = package.split(".")
        if parts[0] == room and len(parts) > 1:
            inside.setdefault(parts[1], []).extend(parts[2:3])
    return {folder: sorted(set(names)) for folder, names in inside.items()}


def floors(graph: Graph, room: str) -> list[list[str]]:
    """The room's folders, highest first: a folder imports only folders on floors below its own.

    Folders that import each other share a floor. Files that lie directly in the room are left out.
    """
    names = set(folders(graph, room))
    below: Graph = {name: set() for name in names}
    for module, targets in graph.items():
        source = module.split(".")
        if source[0] != room or len(source) < 3:
            continue
        for target in targets:
            parts = target.split(".")
            if parts[0] == room and len(parts) > 1 and parts[1] in names - {source[1]}:
                below[source[1]].add(parts[1])
    reached = {name: _reached(name, below) for name in names}
    strictly_below = {
        name: {other for other in reached[name] if name not in reached[other]} for name in names
    }

    def height(name: str) -> int:
        return max((height(other) + 1 for other in strictly_below[name]), default=0)

    heights = {name: height(name) for name in sorted(names)}
    return [
        [name for name in heights if heights[name] == floor]
        for floor in sorted(set(heights.values()), reverse=True)
    ]


def _reached(name: str, below: Graph) -> set[str]:
    reached: set[str] = set()
    pending = list(below[name])
    while pending:
        target = pending.pop()
        if target not in reached:
            reached.add(target)
            pending += below[target]
    return reached
