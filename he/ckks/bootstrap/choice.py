"""The circuit and the levels that suit what a user asks of a bootstrap best."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from he.ckks.bootstrap.circuit import BootstrapCircuit, KeyKind
from he.ckks.bootstrap.circuits import Scales, circuits
from he.ckks.bootstrap.cost import key_bytes, work
from he.ckks.bootstrap.levels import LevelPlan, plan_levels
from he.ckks.bootstrap.parameters import LEAST_PRECISION_BITS, Bootstrapping
from he.errors import InsecureParametersError, ParameterError

_NEAR = 1.15
"""Circuits whose levels are grouped to compare them: of up to so many times the least work."""


class Planned(NamedTuple):
    """A circuit with its levels, and what it costs."""

    work: float
    key_bytes: int
    circuit: BootstrapCircuit
    plan: LevelPlan
    scales: Scales


@dataclass(frozen=True)
class Choice:
    """What there is to choose from: a ring degree, what is wanted, and the bounds of security.

    bound, sparse_bound: as `plan_levels` takes them.
    """

    N: int
    depth: int
    scale_bits: float
    wanted: Bootstrapping
    bound: float
    sparse_bound: float

    def plans(self) -> Iterator[LevelPlan]:
        """Levels within the budget for keys, the cheapest first, each with its circuit.

        Raises `ParameterError`, `InsecureParametersError` where there are none; the message names
        the least that there is.
        """
        found, refusal = self._found()
        near, far = _split_by_work(found)
        fitting: list[Planned] = []
        for chosen in (near, far):
            found = [self._planned(item.circuit, item.scales, True) for item in chosen] + found
            fitting = [item for item in found if self._fits(item)]
            if fitting:
                break
        for item in sorted(fitting, key=lambda item: item.work):
            yield item.plan
        if fitting:
            return
        if found:
            least = min(item.key_bytes for item in found)
            refusal = ParameterError(
                f"its keys take {least / 1e6:.0f} MB or more, not {self.wanted.key_bytes} bytes: "
                f"allow more key_bytes, or ask for fewer slots, levels or less precision"
            )
        if refusal is not None:
            raise type(refusal)(
                f"no bootstrap of {self.wanted.precision_bits:g} bits with {self.depth} levels of "
                f"{self.scale_bits:g} bits at N = {self.N}: {refusal}{self._instead(refusal)}"
            )

    def _found(self) -> tuple[list[Planned], ParameterError | None]:
        """The circuits that can be, their upper levels one group; and why others cannot.

        Two passes where one does not do, unless their number is given.
        """
        wanted = self.wanted
        found, refusal = self._of_passes(wanted.iterations or 1)
        if not found and wanted.iterations is None and wanted.slots_first:
            found, other = self._of_passes(2)
            refusal = refusal or other
        return found, refusal

    def _of_passes(self, iterations: int) -> tuple[list[Planned], ParameterError | None]:
        refusal: ParameterError | None = None
        found: list[Planned] = []
        try:
            tried = list(circuits(self.wanted, self.N, self.scale_bits, iterations))
        except ParameterError as error:
            return found, error
        for circuit, scales in tried:
            try:
                found.append(self._planned(circuit, scales, False))
            except InsecureParametersError as error:
                refusal = error
            except ParameterError as error:
                refusal = refusal or error
        return found, refusal

    def _planned(self, circuit: BootstrapCircuit, scales: Scales, grouped: bool) -> Planned:
        N = self.N
        plan = plan_levels(
            N, self.depth, self.scale_bits, circuit, scales, self.bound, self.sparse_bound,
            grouped=grouped,
        )  # fmt: skip
        return Planned(work(circuit, plan, N), key_bytes(circuit, plan, N), circuit, plan, scales)

    def _fits(self, item: Planned) -> bool:
        budget = self.wanted.key_bytes
        return budget is None or item.key_bytes <= budget

    def _instead(self, refusal: ParameterError) -> str:
        """What precision can be had, as the end of a message; nothing for a ring that is too
        small, since a larger one is tried.
        """
        if isinstance(refusal, InsecureParametersError) or self.wanted.key_bytes is not None:
            return ""
        low, high = LEAST_PRECISION_BITS - 1, math.ceil(self.wanted.precision_bits)
        while high - low > 1:
            middle = (low + high) // 2
            less = dataclasses.replace(self.wanted, precision_bits=middle)
            try:
                served = bool(dataclasses.replace(self, wanted=less)._found()[0])
            except ParameterError:
                served = False
            low, high = (middle, high) if served else (low, middle)
        if low < LEAST_PRECISION_BITS:
            return ""
        others = " (the other order, or small_keys=False, may serve)"
        is_plain = self.wanted.slots_first and not self.wanted.small_keys
        return f"; {low} bits are served{'' if is_plain else others}"


def _split_by_work(found: Sequence[Planned]) -> tuple[list[Planned], list[Planned]]:
    """Those nearly as cheap as the cheapest with keys of their kind, and the others."""
    least: dict[KeyKind, float] = {}
    for item in found:
        kind = item.circuit.keys
        least[kind] = min(item.work, least.get(kind, math.inf))
    near = [item for item in found if item.work <= _NEAR * least[item.circuit.keys]]
    return near, [item for item in found if item not in near]
