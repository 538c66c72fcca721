"""Every public call of `he` with objects that are not what it needs: a named error, always.

The calls stand in tables, one for each door. A new public function fails here until it has a line.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from he.errors import HEError
from tests.he.public_calls import ckks, exact, seal, traces
from tests.he.public_calls.call import Call

DOORS = {"he": ckks, "he.bfv": exact, "he.interop.seal": seal, "he.trace": traces}
CALLS = [call for door in DOORS.values() for call in door.calls()]

# What is public and has no line.
PLAIN = {
    "Format": "a tuple; what takes one checks it",
    "Version": "a tuple; what takes one checks it",
    "Compression": "an enumeration",
    "Scheme": "an enumeration",
    "HEOp": "a record; `OpTrace` checks it",
    "Block": "a record; `OpTrace` checks it",
    "TracedKey": "a record; `OpTrace` checks it",
    "Level": "a record; parameter sets and `OpTrace` check it",
    "Parameters": "a protocol",
}
# Methods that packages use among themselves.
INTERNAL = {
    "from_read", "held_bytes", "note", "packed", "packed_bytes", "read", "read_item", "unchecked",
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_call__with_its_own_arguments_is_right(call: Call, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    call.function(**call.arguments)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_call__with_wrong_objects_raises_a_named_error(call: Call, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    bad = []
    for argument, wrong, error in call.outcomes():
        accepted = wrong in call.accepts.get(argument, ())
        harmless = error is None or isinstance(error, OSError)
        if not isinstance(error, HEError) and not (accepted and harmless):
            bad.append(f"{argument} = {wrong}: {error!r:.100}")
    assert not bad, "\n".join([str(call), *bad])


def public_functions(door: str) -> Iterator[tuple[str, Any]]:
    """The functions, constructors and methods that a door shows, by name."""
    module = importlib.import_module(door)
    for name in module.__all__:
        value = getattr(module, name)
        if not callable(value) or name in PLAIN:
            continue
        if not inspect.isclass(value):
            yield name, value
        elif not issubclass(value, BaseException):
            yield name, value
            for method, function in inspect.getmembers(value, callable):
                if not method.startswith("_") and method not in INTERNAL:
                    yield f"{name}.{method}", function


@functools.cache
def lines(door: str) -> dict[str, Call]:
    """The calls of a door by name."""
    return {call.name.removeprefix("bfv."): call for call in DOORS[door].calls()}


def place(function: Any) -> str:
    """Where a function is written: the same for all classes that inherit it."""
    return f"{function.__module__}.{function.__qualname__}"


TRIED = {place(call.function) for call in CALLS if not inspect.isclass(call.function)}


@pytest.mark.parametrize("door", DOORS)
def test_tables__have_a_line_for_every_public_function(door: str) -> None:
    functions = dict(public_functions(door))
    assert len(functions) > 5
    missing = {
        name
        for name, function in functions.items()
        if name not in lines(door) and (inspect.isclass(function) or place(function) not in TRIED)
    }
    assert missing == set()


@pytest.mark.parametrize("door", DOORS)
def test_tables__try_every_argument(door: str) -> None:
    for name, function in public_functions(door):
        call = lines(door).get(name)
        if call is None:
            continue
        parameters = inspect.signature(function).parameters
        names = {n for n in parameters if n not in ("self", "cls") and not n.startswith("_")}
        assert names == set(call.arguments), name
