"""The automorphism a(x) -> a(x^g) of Z_q[x]/(x^N + 1), in both domains, several lanes a cycle.

A whole polynomial is stored, then read in the order of the result. Result i takes:

- coefficients: the source y = i g^-1 mod 2N, at index y mod N, negated when y >= N;
- transformed, bit-reversed order: the source at brv(e'), 2 e' + 1 = g (2 e + 1) mod 2N, e = brv(i),
  because entry i is the value at psi^(2 brv(i) + 1).

With i = (row r, lane l), source lanes never collide: among coefficients the source lane is
l g^-1 mod lanes; in the transformed order all lanes read one row, rotated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout, StructLayout

import ntt
from ntt.oracle import automorphism as oracle_automorphism
from rtl.arithmetic.modmul import check_width
from rtl.errors import BlockModulusError, OptionError
from rtl.parts.moduli_table import check_ntt_moduli
from rtl.units.ntt.schedule import check_buffers, check_geometry


@dataclass(frozen=True)
class AutomorphismUnit:
    """For N points on so many lanes, moduli below 2^width; 1 or 2 buffers.

    With two buffers a beat comes in and one goes out every cycle.
    """

    N: int
    lanes: int
    moduli: tuple[int, ...]
    width: int
    buffers: int = 2

    pipeline_latency = 8
    """Cycles from a row's drain until it is at the output queue."""

    def __post_init__(self) -> None:
        check_geometry(self.N, self.lanes)
        check_width(self.width)
        check_buffers(self.buffers)
        check_ntt_moduli(self.moduli, self.N, self._check_width, range(3, 1 << self.width, 2))

    def _check_width(self, q: int) -> None:
        if q >= 1 << self.width:
            raise BlockModulusError(
                f"modulus {q} has {q.bit_length()} bits, the unit has {self.width}: "
                f"use a width of {q.bit_length()}"
            )

    @property
    def log_N(self) -> int:
        return self.N.bit_length() - 1

    @property
    def lane_bits(self) -> int:
        return self.lanes.bit_length() - 1

    @property
    def beats(self) -> int:
        return self.N // self.lanes

    @property
    def latency_cycles(self) -> int:
        """From the last beat taken in until the first beat is offered."""
        return self.pipeline_latency + 2

    @property
    def interval_cycles(self) -> int:
        """From polynomial to polynomial when both streams keep up."""
        return self.beats if self.buffers == 2 else 2 * self.beats

    def multiplier(self, element: int, transformed: bool) -> int:
        """The number that the unit is given for the Galois element: itself in the transformed
        domain, its inverse modulo 2N among coefficients. Raises `OptionError` for an even one."""
        if element % 2 == 0:
            raise OptionError(
                f"Galois element {element} is even; the nearest are {element - 1}, {element + 1}"
            )
        return element % (2 * self.N) if transformed else pow(element, -1, 2 * self.N)

    @cached_property
    def tables(self) -> ntt.NTTTables:
        return ntt.NTTTables(self.N, self.moduli)

    def golden(self, x: np.ndarray, element: int, transformed: bool, modulus: int) -> np.ndarray:
        """The image of x, uint64 (N,), by the definition in `ntt`."""
        q, rows = self.moduli[modulus], np.array([modulus])
        a = ntt.inverse(x[None, :], self.tables, rows)[0] if transformed else x
        image = np.array(oracle_automorphism(a.tolist(), element, q), np.uint64)
        return ntt.forward(image[None, :], self.tables, rows)[0] if transformed else image

    @property
    def row_layout(self) -> ArrayLayout:
        return ArrayLayout(self.width, self.lanes)

    @property
    def command_layout(self) -> StructLayout:
        """Counts in the first beat of a polynomial only."""
        return StructLayout(
            {
                "multiplier": self.log_N + 1,
                "transformed": 1,
                "modulus": max(1, (len(self.moduli) - 1).bit_length()),
            }
        )

    @property
    def input_layout(self) -> StructLayout:
        return StructLayout({"data": self.row_layout, **self.command_layout.members})

    @property
    def output_layout(self) -> StructLayout:
        return StructLayout({"data": self.row_layout, "last": 1})

    def hardware(self) -> wiring.Component:
        from rtl.units.automorphism_hardware import AutomorphismHardware

        return AutomorphismHardware(self)
