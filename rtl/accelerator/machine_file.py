"""Machines in files: TOML with the sizes of a machine. Ring and primes come from a program.

`lanes` and `slots` are needed. The other sizes are those of `accel_model.timed.shape.Shape`, and
`width` (by default the widest prime), `reduction` ("word" or "montgomery"), `word_bits` (by default
log2 2N), `tile` and `twiddles`. A table `channel` has the fields of
`accel_model.timed.shape.Channel`.
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from accel_model.isa import Program
from accel_model.timed.shape import Channel, Shape
from rtl.accelerator.machine import Accelerator
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.reductions import modular_multiplier
from rtl.arithmetic.tiling import tile_named
from rtl.errors import MachineOptionError
from rtl.units.geometry import check_geometry

MACHINES = Path(__file__).with_name("machines")
"""The folder of the machines that come with the project."""

_SIZES = ("lanes", "slots", "ntt_units", "pointwise_units", "automorphism_units", "arrivals",
          "departures")  # fmt: skip
_WORDS = {"reduction": "word", "tile": "18x18", "twiddles": "generated"}
_NUMBERS = (*_SIZES, "width", "word_bits")
_CHANNEL = tuple(f.name for f in fields(Channel))
_LARGEST_BYTES = 1 << 16


def machine_names() -> list[str]:
    """The names of the machines that come with the project."""
    return sorted(path.stem for path in MACHINES.glob("*.toml"))


def load_machine(name: str, program: Program) -> Accelerator:
    """A machine by name or by the path of its file, with the ring and the primes of `program`.

    Raises `MachineOptionError`, `accel_model.TimedProgramError` and the errors of the units.
    """
    path = Path(name) if name.endswith(".toml") else MACHINES / f"{name}.toml"
    if not path.is_file():
        raise MachineOptionError(
            f"machine {name!r} does not exist: choose one of {', '.join(machine_names())}, or give "
            "the path of a .toml file"
        )
    content = path.read_bytes()[: _LARGEST_BYTES + 1]
    try:
        if len(content) > _LARGEST_BYTES:
            raise ValueError(f"it has more than {_LARGEST_BYTES} bytes")
        options = tomllib.loads(content.decode())
    except ValueError as error:
        raise MachineOptionError(f"{path}: not a machine: {error}") from error
    return machine_of(options, program, path.name)


def machine_of(options: dict[str, Any], program: Program, where: str) -> Accelerator:
    """The machine of such a file's content; errors name `where` it stands."""
    channel = options.get("channel", {})
    if not isinstance(channel, dict):
        raise MachineOptionError(f"{where}: channel = {channel!r}: a table is needed")
    _check(options, (*_NUMBERS, *_WORDS, "channel"), where)
    _check(channel, _CHANNEL, f"{where}, channel")
    for needed in ("lanes", "slots"):
        if needed not in options:
            raise MachineOptionError(f"{where}: {needed} is missing")
    words = {name: options.get(name, default) for name, default in _WORDS.items()}
    N, moduli = program.N, program.moduli
    width = options.get("width", max(q.bit_length() for q in moduli))
    word_bits = options.get("word_bits", min((2 * N).bit_length() - 1, width - 1))
    check_geometry(N, options["lanes"])
    multiplier = modular_multiplier(words["reduction"], width, tile_named(words["tile"]), word_bits)
    butterfly = Butterfly(multiplier, late_factor=words["twiddles"] == "generated")
    shape = Shape(
        N=N,
        moduli=moduli,
        width=width,
        multiplier_latency_cycles=multiplier.latency,
        butterfly_latency_cycles=butterfly.latency,
        twiddles=words["twiddles"],
        channel=Channel(**channel),
        **{name: options[name] for name in _SIZES if name in options},
    )
    return Accelerator(shape, multiplier)


def _check(options: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for name, value in options.items():
        if name not in known:
            raise MachineOptionError(
                f"{where}: {name} is no option: choose from {', '.join(known)}"
            )
        if name == "channel":
            continue
        kind = str if name in _WORDS else int
        if not isinstance(value, kind) or isinstance(value, bool):
            needed = "a word" if kind is str else "a whole number"
            raise MachineOptionError(f"{where}: {name} = {value!r}: {needed} is needed")
