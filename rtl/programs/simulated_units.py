"""The simulated units on which programs run. Each is built once, and stays open."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from rtl.errors import GeometryError, SimulationError
from rtl.generator import catalogue
from rtl.generator.catalogue import BlockOptions
from rtl.simulation.verilator.simulator import Simulator
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import LimbOperation, PointwiseUnit
from rtl.verilog.design import emit

_MOST_LIMBS = 64
"""The limbs in one stream, so that its fields take at most some hundred megabytes."""


@dataclass(frozen=True)
class Batch:
    """Limbs that followed each other through a unit.

    changes: how often the modulus changed. cycles: from the first beat in to the last beat out.
    """

    unit: str
    limbs: int
    changes: int
    cycles: int


@dataclass(eq=False)
class SimulatedUnits:
    """An NTT unit, a pointwise unit and an automorphism unit in Verilator; use as a context.

    options: geometry, reduction and moduli of the units. lanes: of the pointwise and the
    automorphism unit. batches: what went through the units so far. A unit that no instruction needs
    is not built. Raises the errors of the units' parameters, `ToolError`, `SimulationError`.
    """

    options: BlockOptions
    lanes: int
    batches: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.lanes < 1 or self.options.N % self.lanes:
            fitting = [1 << k for k in range(self.options.N.bit_length())]
            nearest = min(fitting, key=lambda lanes: abs(lanes - self.lanes))
            raise GeometryError(
                f"{self.lanes} lanes do not divide N = {self.options.N}: the nearest number that "
                f"does is {nearest}"
            )
        self._open = ExitStack()

    def __enter__(self) -> SimulatedUnits:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # --- the three kinds of work ---------------------------------------------------------------

    def transform(
        self, limbs: Sequence[np.ndarray], moduli: Sequence[int], inverse: Sequence[bool]
    ) -> list[np.ndarray]:
        """The transforms of limbs, uint64 (N,); `moduli` are places in the table."""
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
        """The results of limb-wise operations on limbs, uint64 (N,); `moduli` are places in the
        table.

        In the two products, a may hold any number of the unit's width if the reduction is a
        Montgomery form, which needs only a b < q R, since b is below q.
        """
        commands = {"operation": [o.value for o in operations], "modulus": moduli}
        return self._stream("pointwise", {"a": a, "b": b, "c": c}, commands)

    def permute(
        self, limbs: Sequence[np.ndarray], moduli: Sequence[int], elements: Sequence[int]
    ) -> list[np.ndarray]:
        """The automorphisms x -> x^element of limbs, uint64 (N,), in the transformed domain;
        `moduli` are places in the table."""
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
        """The parameters of the NTT unit."""
        unit = catalogue.make("ntt", self.options)
        assert isinstance(unit, NTTUnit)
        return unit

    @cached_property
    def pointwise(self) -> PointwiseUnit:
        """The parameters of the pointwise unit."""
        unit = catalogue.make("pointwise", self._with_lanes)
        assert isinstance(unit, PointwiseUnit)
        return unit

    @cached_property
    def automorphism(self) -> AutomorphismUnit:
        """The parameters of the automorphism unit."""
        unit = catalogue.make("automorphism", self._with_lanes)
        assert isinstance(unit, AutomorphismUnit)
        return unit

    @property
    def _with_lanes(self) -> BlockOptions:
        return replace(self.options, butterflies=self.lanes)

    @cached_property
    def _simulators(self) -> dict[str, Simulator]:
        return {}

    def _simulator(self, name: str) -> Simulator:
        if name not in self._simulators:
            unit: Any = getattr(self, name)
            opened = Simulator(emit(unit.hardware(), f"{name}_unit"))
            self._simulators[name] = self._open.enter_context(opened)
        return self._simulators[name]

    def _stream(
        self, name: str, data: dict[str, Sequence[np.ndarray]], commands: dict[str, Any]
    ) -> list[np.ndarray]:
        """Pass limbs through a unit in streams of at most `_MOST_LIMBS`."""
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
            raise SimulationError(f"unit {name}: `last` is not high once in each limb")
        changes = int(np.count_nonzero(np.diff(commands["modulus"].astype(np.int64))))
        cycles = int(run.out_cycle[-1] - run.in_cycle[0]) + 1
        self.batches.append(Batch(name, limbs, changes, cycles))
        columns = [run.rows[f"output.data[{lane}]"] for lane in range(lanes)]
        return list(np.stack(columns, axis=1).reshape(limbs, N))
