"""The NTT unit: both transforms on the same memories and butterflies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

import ntt
from rtl.parts.block import Ports
from rtl.units.ntt.control import ControlHardware
from rtl.units.ntt.datapath import Datapath
from rtl.units.ntt.parameters import NTTParameters
from rtl.units.stream_unit import StreamHardware


@dataclass(frozen=True)
class NTTUnit(NTTParameters):
    """Negacyclic NTT of `N` points and its inverse, on `butterflies` butterflies.

    Forward: natural order in, bit-reversed order out, as `ntt.forward`. Inverse: bit-reversed order
    in, natural order out, 1/N included, as `ntt.inverse`. Each transform names its direction, and
    its modulus by the place in the table `moduli`. A stream beat carries `butterflies` neighbouring
    coefficients.

    buffers: 1, or 2 to fill and drain one buffer while the other is transformed.
    twiddles: "stored" in memory, or "generated" by one more modular multiplier a butterfly.

    Raises `GeometryError`, `BlockModulusError`, `OptionError`.
    """

    @cached_property
    def tables(self) -> ntt.NTTTables:
        """The tables of `ntt` for N and the moduli, from which `golden` is computed."""
        return ntt.NTTTables(self.N, self.moduli)

    def golden(self, x: np.ndarray, modulus: int, inverse: bool) -> np.ndarray:
        """The transform of x, uint64 (N,), modulo entry `modulus` of the table, by `ntt`."""
        rows = np.array([modulus])
        transform = ntt.inverse if inverse else ntt.forward
        result: np.ndarray = transform(x[None, :], self.tables, rows)[0]
        return result

    @property
    def ports(self) -> Ports:
        """The streams `input` and `output`; `busy` spans each transform, from its first step to its
        last write."""
        return super().ports | {"busy": Out(1)}

    def hardware(self) -> NTTUnitHardware:
        return NTTUnitHardware(self)


class NTTUnitHardware(StreamHardware[NTTUnit]):
    """The hardware of `NTTUnit`: control, datapath, output queue."""

    def logic(self) -> Module:
        m = Module()
        m.submodules.control = control = self.parameters.control.hardware()
        datapath = Datapath(m, self.parameters, control)
        beat = self.input.payload
        m.d.comb += [
            control.offer.eq(self.input.valid),
            self.input.ready.eq(control.accept),
            control.command.modulus.eq(beat.modulus),
            control.command.inverse.eq(beat.inverse),
            self.busy.eq(control.busy),
        ]
        datapath.transform(self.input.valid & self.input.ready, beat.data.as_value())
        self._drain(m, control, datapath)
        return m

    def _drain(self, m: Module, control: ControlHardware, datapath: Datapath) -> None:
        """Connect the drained rows with the output queue, which has room for all on their way."""
        # The address, the word, the choice of its bank and buffer.
        cycles = 2 + self.parameters.read_latency
        queue = self._output_queue(m, cycles)
        pipeline, row = datapath.pipeline, datapath.drained_row()
        last = pipeline.delay(control.drain_row.all(), cycles, "drain_last")
        arrives = pipeline.delay_marker(control.drain, cycles, "drain")
        m.d.comb += [
            control.room.eq(queue.room),
            queue.claim.eq(control.drain),
            queue.push.eq(arrives),
            queue.beat.eq(Cat(pipeline.register(row, "drain_data"), last)),
        ]
        wiring.connect(m, wiring.flipped(self.output), queue.output)
