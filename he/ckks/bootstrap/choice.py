"""The circuit and the levels that suit what a user asks of a bootstrap best."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from he.ckks.bootstrap.circuit import BootstrapCircuit, KeyKind
from he.ckks.bootstrap.circuits import TOLERANCE_BITS, Scales, circuits
from he.ckks.bootstrap.cost import key_bytes, work
from he.ckks.bootstrap.key_needs import needs
from he.ckks.bootstrap.levels import LevelPlan, bootstrap_moduli, plan_levels
from he.ckks.bootstrap.parameters import LEAST_PRECISION_BITS, Bootstrapping
from he.ckks.bootstrap.prediction import Prediction
from he.ckks.chain_levels import LevelModuli
from he.ckks.scaled_levels import ScaledLevels
from he.errors import InsecureParametersError, ParameterError
from he.rlwe.evaluation_keys import EvaluationKeys

P = TypeVar("P", bound=ScaledLevels)

_NEAR = 1.15
"""Circuits whose levels are grouped to compare them: of up to so many times the least work."""

_MORE = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Bits by which circuits are made better than estimates ask for, in turn, until one serves."""

_GAIN = 0.1
"""Bits that a further turn must have gained for the next one to be tried."""

_LARGEST_SCALE = 60

_SCALES = 3
"""Scales that are tried, before a refusal, to name one that serves."""


class Planned(NamedTuple):
    """A circuit with its levels, and what it costs by estimate."""

    work: float
    key_bytes: int
    circuit: BootstrapCircuit
    plan: LevelPlan
    scales: Scales


@dataclass
class Trial(Generic[P]):
    """What was found: a parameter set that serves, or why there is none; the most bits that were
    predicted; and whether only the budget for keys stands in the way.
    """

    served: P | None = None
    refusal: ParameterError | None = None
    most_bits: float = -math.inf
    is_too_large: bool = False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to try."""
        return self.served is not None or self.is_too_large


@dataclass(frozen=True)
class Choice(Generic[P]):
    """What there is to choose from: a ring degree, what is wanted, and the bounds of security.

    bound, sparse_bound: as `plan_levels` takes them. made: a parameter set of moduli. is_only_ring:
    whether no larger ring is tried.

    Estimates order the circuits. What is predicted for the parameter set of a circuit decides: its
    precision, and the bytes of its keys.
    """

    N: int
    depth: int
    scale_bits: float
    wanted: Bootstrapping
    bound: float
    sparse_bound: float
    made: Callable[[LevelModuli], P]
    is_only_ring: bool

    def cheapest(self) -> P:
        """The parameter set of the cheapest circuit that keeps what is asked.

        Raises `ParameterError`, `InsecureParametersError` where there is none; the message names
        what would serve.
        """
        trial = self._trial()
        if trial.served is not None:
            return trial.served
        refusal = trial.refusal
        assert refusal is not None
        raise type(refusal)(
            f"no bootstrap of {self.wanted.precision_bits:g} bits with {self.depth} levels of "
            f"{self.scale_bits:g} bits at N = {self.N}: {refusal}{self._instead(trial)}"
        )

    def _trial(self) -> Trial[P]:
        """Two passes where one does not do, unless their number is given."""
        wanted = self.wanted
        trial = self._of_passes(wanted.iterations or 1)
        if trial.served is None and wanted.iterations is None and wanted.slots_first:
            again = self._of_passes(2)
            if again.served is not None or again.is_too_large:
                return again
            trial.most_bits = max(trial.most_bits, again.most_bits)
        return trial

    def _of_passes(self, iterations: int) -> Trial[P]:
        """Circuits better than estimates ask for are tried where predictions fall short."""
        trial: Trial[P] = Trial()
        for more in _MORE:
            found, refusal = self._found(iterations, more)
            trial.refusal = trial.refusal or refusal
            before = trial.most_bits
            self._try(found, trial)
            is_better = trial.most_bits > before + _GAIN or self.wanted.key_bytes is not None
            if trial.is_over or not found or not is_better:
                break
        is_insecure = isinstance(trial.refusal, InsecureParametersError)
        if not trial.is_over and trial.most_bits > 0 and not is_insecure:
            trial.refusal = ParameterError(f"its circuits keep {trial.most_bits:.1f} bits")
        return trial

    def _found(
        self, iterations: int, more: float
    ) -> tuple[list[Planned], ParameterError | None]:
        """The circuits that can be, their upper levels one group; and why others cannot."""
        refusal: ParameterError | None = None
        found: list[Planned] = []
        try:
            tried = list(circuits(self.wanted, self.N, self.scale_bits, iterations, more))
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

    def _try(self, found: Sequence[Planned], trial: Trial[P]) -> None:
        """Find the first that keeps the precision within the budget for keys; or the bytes that
        would do.
        """
        budget, beyond = self.wanted.key_bytes, []
        for item in self._candidates(found):
            if budget is not None and item.key_bytes > budget:
                beyond.append(item)
                continue
            params = self._kept(item, trial)
            if params is None:
                continue
            if budget is None or exact_key_bytes(item.circuit, params) <= budget:
                trial.served = params
                return
            beyond.append(item)
        least = math.inf
        for item in sorted(beyond, key=lambda item: item.key_bytes):
            if item.key_bytes >= least:  # an estimate is below the exact number
                break
            params = self._kept(item, trial)
            if params is not None:
                least = min(least, exact_key_bytes(item.circuit, params))
        if least < math.inf:
            trial.is_too_large = True
            trial.refusal = ParameterError(
                f"its keys take {least / 1e6:.1f} MB ({least} bytes) or more, not {budget} bytes: "
                f"allow more key_bytes, or ask for fewer slots, levels or less precision"
            )

    def _candidates(self, found: Sequence[Planned]) -> Iterator[Planned]:
        """The cheapest first, their levels in groups. Of those far from the cheapest, one for each
        pair of numbers of levels, unless a budget for keys needs all.
        """
        near, far = _split_by_work(found)
        if self.wanted.key_bytes is None:
            pairs: dict[tuple[int, int], Planned] = {}
            for item in sorted(far, key=lambda item: item.work):
                pairs.setdefault((item.circuit.cts_levels, item.circuit.stc_levels), item)
            far = list(pairs.values())
        for chosen in (near, far):
            grouped = [self._planned(item.circuit, item.scales, True) for item in chosen]
            yield from sorted(grouped, key=lambda item: item.work)

    def _kept(self, item: Planned, trial: Trial[P]) -> P | None:
        """The parameter set of a circuit, if it keeps the precision that is asked."""
        try:
            params = self.made(bootstrap_moduli(item.plan))
        except InsecureParametersError as error:
            trial.refusal = trial.refusal or error
            return None
        bits = Prediction(params, item.circuit).precision_bits
        trial.most_bits = max(trial.most_bits, bits)
        return params if bits >= self.wanted.precision_bits - TOLERANCE_BITS else None

    def _planned(self, circuit: BootstrapCircuit, scales: Scales, grouped: bool) -> Planned:
        N = self.N
        plan = plan_levels(
            N, self.depth, self.scale_bits, circuit, scales, self.bound, self.sparse_bound,
            grouped=grouped,
        )  # fmt: skip
        return Planned(work(circuit, plan, N), key_bytes(circuit, plan, N), circuit, plan, scales)

    # ------------------------------------------------------------ what would serve

    def _instead(self, trial: Trial[P]) -> str:
        """What scale and what precision can be had, as the end of a message; nothing for a ring
        that is too small, where larger ones are tried.
        """
        is_insecure = isinstance(trial.refusal, InsecureParametersError)
        if trial.is_too_large or (is_insecure and not self.is_only_ring):
            return ""
        words = []
        scale = None if is_insecure else self._serving_scale(trial)
        if scale:
            words.append(f": take scale_bits={scale} or more")
        bits = self._served_bits(trial)
        if bits:
            words.append(f"; {bits} bits are served")
        if words and (not self.wanted.slots_first or self.wanted.small_keys):
            words.append(" (the other order, or small_keys=False, may serve)")
        return "".join(words)

    def _serving_scale(self, trial: Trial[P]) -> int | None:
        """The least scale that was found to serve, of a few."""
        lacking = 0.0
        if trial.most_bits > 0:
            lacking = self.wanted.precision_bits - trial.most_bits - TOLERANCE_BITS
        first, tries = math.floor(self.scale_bits + lacking) + 1, 0
        for scale in range(first, _LARGEST_SCALE + 1):
            other = dataclasses.replace(self, scale_bits=scale)
            passes = (1, 2) if self.wanted.iterations is None else (self.wanted.iterations,)
            if not any(other._found(count, 0.0)[0] for count in passes):
                continue
            if other._serves():
                return scale
            tries += 1
            if tries == _SCALES:
                break
        return None

    def _served_bits(self, trial: Trial[P]) -> int | None:
        """The most whole bits that were found to be served at this scale."""
        low, high = LEAST_PRECISION_BITS - 1, math.ceil(self.wanted.precision_bits)
        if trial.most_bits > 0:
            high = min(high, math.floor(trial.most_bits) + 1)
            if high - 1 > low and self._less(high - 1)._serves():
                return high - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._less(middle)._serves() else (low, middle)
        return low if low >= LEAST_PRECISION_BITS else None

    def _less(self, precision_bits: int) -> Choice[P]:
        wanted = dataclasses.replace(self.wanted, precision_bits=precision_bits)
        return dataclasses.replace(self, wanted=wanted)

    def _serves(self) -> bool:
        try:
            return self._trial().served is not None
        except ParameterError:
            return False


def exact_key_bytes(circuit: BootstrapCircuit, params: ScaledLevels) -> int:
    """The bytes of the keys of a bootstrap, as they are sent and stored."""
    return EvaluationKeys.serialized_bytes(params, needs(circuit, params))


def _split_by_work(found: Sequence[Planned]) -> tuple[list[Planned], list[Planned]]:
    """Those nearly as cheap as the cheapest with keys of their kind, and the others."""
    least: dict[KeyKind, float] = {}
    for item in found:
        kind = item.circuit.keys
        least[kind] = min(item.work, least.get(kind, math.inf))
    near = [item for item in found if item.work <= _NEAR * least[item.circuit.keys]]
    return near, [item for item in found if item not in near]
