"""The units that a program needs, simulated: each is built once, and stays open."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from rtl.errors import SimulationError
from rtl.generator import catalogue
from rtl.generator.catalogue import Options
from rtl.simulation.verilator import Simulator
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit
from rtl.verilog.emit import design

_MOST_LIMBS = 64
"""In one go, so that a stream's fields stay within some hundred megabytes."""


@dataclass(frozen=True)
class Batch:
    """Limbs that followed each other through a unit, and the cycles from the first beat in to the
    last one out. changes: how often the modulus changed on the way."""

    unit: str
    limbs: int
    changes: int
    cycles: int


@dataclass(eq=False)
class SimulatedUnits:
    """An NTT unit, a pointwise unit and an automorphism unit under Verilator; use as a context.

    options: geometry, reduction and moduli, as everywhere in `rtl.generator.catalogue`; lanes: of
    the pointwise and the automorphism unit. A unit that is never used is never built.
    """

    options: Options
    lanes: int
    batches: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> SimulatedUnits:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # --- the three kinds of work ---------------------------------------------------------------

    def transform(
        self, limbs: Sequence[np.ndarray], moduli: Sequence[int], inverse: Sequence[bool]
    ) -> list[np.ndarray]:
        """Forward and inverse transforms of limbs uint64 (N,); moduli by place in the table."""
        commands = {"modulus": moduli, "inverse": inverse}
        return self._stream("ntt", {"data": limbs}, commands)

    def combine(
        self,
        operations: Sequence[LimbOperation],
        moduli: Sequence[int],
        a: Sequence[np.ndarray],
        b: Sequence[np.ndarray],
        c: Sequence[np.ndarray],
    ) -> list[np.ndarray]:
        """Limb-wise operations. a may be any number of the unit's width in the two products: the
        Montgomery forms need a b < q R only, and b is below q."""
        commands = {"operation": [o.value for o in operations], "modulus": moduli}
        return self._stream("pointwise", {"a": a, "b": b, "c": c}, commands)

    def permute(
        self, limbs: Sequence[np.ndarray], moduli: Sequence[int], elements: Sequence[int]
    ) -> list[np.ndarray]:
        """Automorphisms in the transformed domain."""
        unit = self.automorphism
        commands = {
            "multiplier": [unit.multiplier(element, True) for element in elements],
            "transformed": [True] * len(limbs),
            "modulus": moduli,
        }
        return self._stream("automorphism", {"data": limbs}, commands)

    # --- the units -----------------------------------------------------------------------------

    @cached_property
    def ntt(self) -> NTTUnit:
        unit = catalogue.make("ntt", self.options)
        assert isinstance(unit, NTTUnit)
        return unit

    @cached_property
    def pointwise(self) -> PointwiseUnit:
        unit = catalogue.make("pointwise", self._with_lanes)
        assert isinstance(unit, PointwiseUnit)
        return unit

    @cached_property
    def automorphism(self) -> AutomorphismUnit:
        unit = catalogue.make("automorphism", self._with_lanes)
        assert isinstance(unit, AutomorphismUnit)
        return unit

    @property
    def _with_lanes(self) -> Options:
        return Options(**{**vars(self.options), "butterflies": self.lanes})

    @cached_property
    def _simulators(self) -> dict[str, Simulator]:
        return {}

    def _simulator(self, name: str) -> Simulator:
        if name not in self._simulators:
            unit: Any = getattr(self, name)
            opened = Simulator(design(unit.hardware(), f"{name}_unit"))
            self._simulators[name] = self._open.enter_context(opened)
        return self._simulators[name]

    def _stream(
        self, name: str, data: dict[str, Sequence[np.ndarray]], commands: dict[str, Any]
    ) -> list[np.ndarray]:
        count = len(commands["modulus"])
        done: list[np.ndarray] = []
        for first in range(0, count, _MOST_LIMBS):
            part = slice(first, first + _MOST_LIMBS)
            done += self._stream_part(
                name,
                {port: np.stack(limbs[part]) for port, limbs in data.items()},
                {port: np.array(values[part], np.uint64) for port, values in commands.items()},
            )
        return done

    def _stream_part(
        self, name: str, data: dict[str, np.ndarray], commands: dict[str, np.ndarray]
    ) -> list[np.ndarray]:
        simulator = self._simulator(name)
        lanes = self.options.butterflies if name == "ntt" else self.lanes
        limbs, N = len(commands["modulus"]), self.options.N
        beats = limbs * N // lanes
        inputs: dict[str, int | np.ndarray] = {
            f"input.{port}[{lane}]": values.reshape(-1, lanes)[:, lane]
            for port, values in data.items()
            for lane in range(lanes)
        }
        inputs |= {f"input.{port}": np.repeat(v, N // lanes) for port, v in commands.items()}
        run = simulator.stream(inputs, beats, beats)
        last = run.rows.get("output.last")
        if last is not None and not (last.reshape(limbs, -1).sum(axis=1) == 1).all():
            raise SimulationError(f"{name}: the marker of a limb's last beat is out of place")
        changes = int(np.count_nonzero(np.diff(commands["modulus"].astype(np.int64))))
        cycles = int(run.out_cycle[-1] - run.in_cycle[0]) + 1
        self.batches.append(Batch(name, limbs, changes, cycles))
        columns = [run.rows[f"output.data[{lane}]"] for lane in range(lanes)]
        return list(np.stack(columns, axis=1).reshape(limbs, N))
