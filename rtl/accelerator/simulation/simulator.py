"""A machine in Verilator, and the memories that it reads and writes."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accel_model.timed.shape import Channel
from rtl.accelerator.machine import Accelerator
from rtl.simulation.verilator.build import build
from rtl.verilog.design import emit

_WRAPPER = Path(__file__).with_name("machine.cpp")


@dataclass(frozen=True)
class Memories:
    """How external memory behaves.

    channel: the latency and the bursts of data. code_latency_cycles: of the memory of instructions.
    pauses: not 0 for memory that often is not ready, as a generator with this seed says.
    fails_after: not 0 for data that come with an error from so many cycles on.
    """

    channel: Channel
    code_latency_cycles: int = 40
    pauses: int = 0
    fails_after: int = 0


class MachineSimulator:
    """One simulated machine; use as a context. Raises `ToolError` where it cannot be built."""

    def __init__(self, machine: Accelerator, optimisation: str = "-O1") -> None:
        include = (
            f"constexpr int CODE_BYTES = 16, DATA_BYTES = {machine.shape.channel.data_bits // 8};\n"
        )
        library = build(
            emit(machine.hardware(), "accelerator"), False,
            wrapper=_WRAPPER, include=include, optimisation=optimisation,
        )  # fmt: skip
        self._library = ctypes.CDLL(str(library))
        self._library.machine_new.restype = ctypes.c_void_p
        self._library.machine_read.restype = ctypes.c_uint32
        self._library.machine_run.restype = ctypes.c_uint64
        self._handle = ctypes.c_void_p(self._library.machine_new())
        self._kept: tuple[np.ndarray, ...] = ()

    def close(self) -> None:
        """End the simulation."""
        if self._handle:
            self._library.machine_free(self._handle)
            self._handle = ctypes.c_void_p()

    def __enter__(self) -> MachineSimulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reset(self) -> None:
        """Two cycles of reset; memory forgets what it was asked for."""
        self._library.machine_reset(self._handle)

    def connect(self, code: np.ndarray, data: np.ndarray, memories: Memories) -> None:
        """Let the machine see these memories, uint8; it writes into `data`."""
        self._kept = (code, data)
        number = ctypes.c_uint64
        self._library.machine_memory(
            self._handle,
            code.ctypes.data_as(ctypes.c_void_p), number(len(code)),
            number(memories.code_latency_cycles),
            data.ctypes.data_as(ctypes.c_void_p), number(len(data)),
            number(memories.channel.latency_cycles), number(memories.channel.outstanding),
            number(memories.pauses), number(memories.fails_after),
        )  # fmt: skip

    def write(self, address: int, value: int) -> None:
        """Write a register."""
        self._library.machine_write(self._handle, ctypes.c_uint32(address), ctypes.c_uint32(value))

    def read(self, address: int) -> int:
        """Read a register."""
        return int(self._library.machine_read(self._handle, ctypes.c_uint32(address)))

    def run(self, limit: int) -> int:
        """Run until the interrupt, or for `limit` cycles; returns the cycles."""
        return int(self._library.machine_run(self._handle, ctypes.c_uint64(limit)))
