"""The parameters of a whole machine, and what follows from them: its units and its times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.lib.wiring import Out

from accel_model.timed.shape import Shape, distinct_phases
from rtl.accelerator.axi import lite_slave, read_master, write_master
from rtl.accelerator.channel import ADDRESS_BITS, ChannelEngine
from rtl.accelerator.code import CODE_BITS
from rtl.accelerator.count import CountUnit
from rtl.accelerator.packing import Packing
from rtl.accelerator.registers import ADDRESS_BITS as REGISTER_BITS
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.errors import GeometryError
from rtl.parts.block import Block, Ports
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import PointwiseUnit


@dataclass(frozen=True)
class AcceleratorParameters(Block):
    """The parameters of `Accelerator`, checked. Raises `GeometryError` and the errors of its
    units where it cannot be built."""

    shape: Shape
    multiplier: ModularMultiplier

    def __post_init__(self) -> None:
        shape, width = self.shape, self.multiplier.width
        if self.multiplier.radix == 1:
            raise GeometryError("the machine keeps factors in factor form: use montgomery or word")
        if (shape.width, shape.multiplier_latency_cycles, shape.butterfly_latency_cycles) != (
            width, self.multiplier.latency, self.ntt.butterfly.latency,
        ):  # fmt: skip
            raise GeometryError(
                f"the shape has words of {shape.width} bits and latencies of "
                f"{shape.multiplier_latency_cycles} and {shape.butterfly_latency_cycles} cycles, "
                f"its multiplier {width} bits, {self.multiplier.latency} and "
                f"{self.ntt.butterfly.latency} cycles"
            )
        assert self.write_cycles == shape.write_cycles, (self.write_cycles, shape.write_cycles)

    # --- parts ----------------------------------------------------------------------------------

    @cached_property
    def ntt(self) -> NTTUnit:
        """Each NTT unit."""
        shape = self.shape
        return NTTUnit(shape.N, shape.lanes, shape.moduli, self.multiplier, 2, shape.twiddles)

    @cached_property
    def pointwise(self) -> PointwiseUnit:
        """Each pointwise unit."""
        return PointwiseUnit(self.shape.lanes, self.shape.moduli, self.multiplier, factored=True)

    @cached_property
    def automorphism(self) -> AutomorphismUnit:
        """Each automorphism unit."""
        shape = self.shape
        return AutomorphismUnit(shape.N, shape.lanes, shape.moduli, shape.width, 2)

    @cached_property
    def count(self) -> CountUnit:
        """The unit of overflow counts."""
        shape = self.shape
        return CountUnit(shape.lanes, shape.rows, shape.width, shape.moduli, self.multiplier.tile)

    @cached_property
    def channel(self) -> ChannelEngine:
        """The engine of the memory queue."""
        shape = self.shape
        return ChannelEngine(
            Packing(shape.lanes, shape.width, shape.moduli), shape.rows,
            shape.arrivals, shape.departures, shape.channel.data_bits, shape.channel.burst_beats,
        )  # fmt: skip

    @cached_property
    def write_cycles(self) -> tuple[int, ...]:
        """When results are at their write ports, from the latencies of the units."""
        latencies = {
            "ntt": self.shape.rows - 1 + self.ntt.latency_cycles,
            "pointwise": self.pointwise.latency_cycles,
            "automorphism": self.shape.rows - 1 + self.automorphism.latency_cycles,
            "count": self.count.latency_cycles,
        }
        natural = [
            self.first_row_cycles(number) + latencies[kind]
            for number, kind in enumerate(self.shape.units)
        ]
        return distinct_phases([*natural, 2], self.shape.banks)

    def first_row_cycles(self, unit: int) -> int:
        """When the first row is at a unit, in cycles of the beat: the address's way to its bank,
        the memory, the choice of a bank."""
        return self.shape.read_phases[unit][-1] + 3

    @property
    def ports(self) -> Ports:
        """AXI4 for data (`m_data`) and code (`m_code`), AXI4-Lite (`s_control`), the interrupt."""
        bits = self.shape.channel.data_bits
        return {
            "irq": Out(1),
            **lite_slave("s_control", REGISTER_BITS),
            **read_master("m_code", ADDRESS_BITS, CODE_BITS),
            **read_master("m_data", ADDRESS_BITS, bits),
            **write_master("m_data", ADDRESS_BITS, bits),
        }
