"""A block in Verilator, driven from NumPy arrays through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtl.errors import SimulationError
from rtl.simulation.verilator.build import build, pieces
from rtl.verilog.design import Design

_U64 = np.ctypeslib.ndpointer(np.uint64, flags="C_CONTIGUOUS")
_I64 = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
_U8 = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")


@dataclass(frozen=True)
class StreamResult:
    """What came out of a unit with streams: each output field, uint64 (takes,), by name.

    in_cycle, out_cycle: the cycle in which each beat moved, int64. busy_cycles: the cycles in which
    the port `busy` was high, if there is one.
    """

    rows: dict[str, np.ndarray]
    in_cycle: np.ndarray
    out_cycle: np.ndarray
    busy_cycles: int


class Simulator:
    """One simulated block; use as a context. A model is built in seconds, once for each content.

    Fields are named as in `Port.fields`. A field above 64 bits is cut into pieces of 64 bits with
    the names NAME:0, NAME:1, .., from its low end. trace: a VCD file to write.
    Raises `ToolError` if Verilator or a C++ compiler is missing or fails.
    """

    def __init__(self, design: Design, *, trace: Path | None = None) -> None:
        self._inputs = pieces(design.ports, inputs=True)
        self._outputs = pieces(design.ports, inputs=False)
        self._library = ctypes.CDLL(str(build(design, trace is not None)))
        self._library.simulation_new.restype = ctypes.c_void_p
        self._handle = ctypes.c_void_p(self._library.simulation_new())
        if trace is not None:
            self._library.simulation_trace(self._handle, str(trace).encode())
        self._library.simulation_reset(self._handle)

    def close(self) -> None:
        """End the simulation and its waveform."""
        if self._handle:
            self._library.simulation_free(self._handle)
            self._handle = ctypes.c_void_p()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, cycles: int, inputs: Mapping[str, int | np.ndarray]) -> dict[str, np.ndarray]:
        """Run `cycles` cycles, and return every output field before each clock edge.

        inputs: numbers, which are held, or arrays (cycles,); 0 by default. Outputs are uint64
        (cycles,). Raises `SimulationError` for an unknown input.
        """
        rows = self._pack(cycles, inputs)
        out = np.zeros((cycles, len(self._outputs)), np.uint64)
        function = self._library.simulation_run
        function.argtypes = [ctypes.c_void_p, ctypes.c_int64, _U64, _U64]
        function(self._handle, cycles, rows, out)
        return self._unpack(out)

    def stream(
        self,
        inputs: Mapping[str, int | np.ndarray],
        offers: int,
        takes: int,
        *,
        offer_pattern: np.ndarray | None = None,
        take_pattern: np.ndarray | None = None,
        limit: int = 1 << 24,
    ) -> StreamResult:
        """Pass `offers` beats into the stream `input` until `takes` beats came out of `output`.

        inputs: numbers, which are held, or arrays (offers,); 0 by default. The patterns, uint8 and
        repeated, mark the cycles in which a beat may be offered or taken; default all cycles.
        Raises `SimulationError` if the beats do not come within `limit` cycles.
        """
        always = np.ones(1, np.uint8)
        offer = always if offer_pattern is None else np.ascontiguousarray(offer_pattern, np.uint8)
        take = always if take_pattern is None else np.ascontiguousarray(take_pattern, np.uint8)
        rows = self._pack(offers, inputs)
        out = np.zeros((takes, len(self._outputs)), np.uint64)
        in_cycle, out_cycle = np.zeros(offers, np.int64), np.zeros(takes, np.int64)
        busy, taken = ctypes.c_int64(), ctypes.c_int64()
        function = self._library.simulation_stream
        function.restype = ctypes.c_int64
        count = ctypes.c_int64
        function.argtypes = [
            ctypes.c_void_p, count, _U64, _U8, count, count, _U64, _U8, count, count, _I64, _I64,
            ctypes.POINTER(count), ctypes.POINTER(count),
        ]  # fmt: skip
        cycles = function(
            self._handle, offers, rows, offer, len(offer), takes, out, take, len(take), limit,
            in_cycle, out_cycle, ctypes.byref(busy), ctypes.byref(taken),
        )  # fmt: skip
        if taken.value < takes:
            raise SimulationError(f"{taken.value} of {takes} beats came out in {cycles} cycles")
        return StreamResult(self._unpack(out), in_cycle, out_cycle, busy.value)

    def _pack(self, rows: int, inputs: Mapping[str, int | np.ndarray]) -> np.ndarray:
        """The inputs as the C++ side reads them: uint64 (rows, fields)."""
        packed = np.zeros((rows, len(self._inputs)), np.uint64)
        known = {field.name.split(":")[0] for field in self._inputs}
        if unknown := set(inputs) - known:
            raise SimulationError(
                f"the block has no inputs {sorted(unknown)}: its inputs are {sorted(known)}"
            )
        for column, field in enumerate(self._inputs):
            name, _, piece = field.name.partition(":")
            value = inputs.get(name, 0)
            if isinstance(value, int):
                packed[:, column] = value >> 64 * int(piece or 0) & (1 << field.width) - 1
            else:
                packed[:, column] = value
        return packed

    def _unpack(self, out: np.ndarray) -> dict[str, np.ndarray]:
        return {f.name: np.ascontiguousarray(out[:, i]) for i, f in enumerate(self._outputs)}
