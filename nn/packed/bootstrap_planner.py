"""The plan of a network that is too deep for the levels of a ring: with bootstraps.

For a scale, the precision of a bootstrap follows; open are the ring degree and the number of levels
between two bootstraps. More of them mean fewer bootstraps, and larger moduli for all that runs
between. A few numbers are built and priced, from the largest down.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from he.ckks.bootstrap.parameters import Bootstrapping
from he.ckks.bootstrap.shapes import bootstrap_work
from he.ckks.params import CKKSParameters
from he.errors import ParameterError
from he.rlwe import security
from nn.inference.options import PlanOptions
from nn.inference.search import COMFORTABLE_BITS, PlanningError, reference
from nn.network.graph import Network
from nn.packed.packed_circuit import Candidate, PackedCircuit
from nn.packed.packed_network import PackedStage, network_input_layout, pack_network
from nn.packed.placement import Placement, Refreshing, bootstraps_of, cheapest_placement
from nn.packed.plan import InferencePlan
from nn.packed.work import stage_transforms
from nn.stages.rewriting import rewrite
from nn.stages.stage import Stage

DEGREES = (1 << 15, 1 << 16)
"""Rings that are tried: smaller ones hold no bootstrap."""

MOST_DEPTH = 32
"""The most levels between two bootstraps that are tried."""

SCALES = tuple(range(26, 47, 2))
"""log2 of the scales between bootstraps that are tried."""

FIRST_SCALE = 32

_BELOW_ROUNDING = 3.0
"""Bits by which a bootstrap's error may exceed that of a rescaling: it comes once in many."""

_STEP = 0.82
"""The quotient of two numbers of levels between bootstraps that are tried."""

_WORSE = 2
"""So many numbers of levels in a row that are worse than the best end the search."""


def plan_with_bootstraps(
    network: Network, options: PlanOptions, default_bits: float
) -> InferencePlan | None:
    """The plan of least predicted time that gives the precision; None if it bootstraps nowhere.

    default_bits: the precision that is needed where the options ask for none.

    Raises `PlanningError` when nothing fits; it names the stage that takes the most levels, or the
    best precision.
    """
    if options.dnum is not None:
        raise PlanningError(
            f"dnum = {options.dnum}: a plan with bootstraps chooses its digits, leave dnum out"
        )
    if options.word_bits is not None:
        raise PlanningError(
            f"word_bits = {options.word_bits}: a plan with bootstraps chooses its primes, leave "
            "word_bits out"
        )
    stages = rewrite(network, bounded=True)
    rings = [_Ring(network, stages, N, options) for N in _degrees(options)]
    needed = default_bits if options.precision_bits is None else options.precision_bits
    wanted = needed if options.precision_bits is not None else max(needed, COMFORTABLE_BITS)
    first = [(choice.cost, ring) for ring in rings if (choice := ring.choice(FIRST_SCALE))]
    order = [ring for _, ring in sorted(first, key=lambda one: one[0])]
    order += [ring for ring in rings if ring not in order]
    best: Candidate | None = None
    for ring in order:
        found = _precise_enough(ring, wanted, needed)
        if found is not None and found.predicted_bits >= needed:
            return found.plan() if bootstraps_of(found.circuit.packed) else None
        if found and (best is None or found.predicted_bits > best.predicted_bits):
            best = found
    if best is not None:
        raise PlanningError(
            f"the best plan for {network.name!r} predicts {best.predicted_bits:.1f} bits of "
            f"{reference(network.statistics is not None)}, {needed:.1f} are needed"
        )
    raise PlanningError(_refusal(network, stages, rings, options))


def _depths() -> Iterator[int]:
    """Numbers of levels between bootstraps, downwards."""
    depth = MOST_DEPTH
    while depth >= 1:
        yield depth
        depth = min(depth - 1, int(depth * _STEP))


def _degrees(options: PlanOptions) -> tuple[int, ...]:
    return DEGREES if options.N is None else (options.N,)


def _refusal(
    network: Network, stages: Sequence[Stage], rings: Sequence[_Ring], options: PlanOptions
) -> str:
    deepest = max(stages, key=lambda stage: stage.levels)
    largest = max((ring.most_depth(FIRST_SCALE) or 0 for ring in rings), default=0)
    degrees = " and ".join(f"N = {N}" for N in _degrees(options))
    return (
        f"no bootstraps of {degrees} hold {network.name!r} at {options.security_bits}-bit "
        f"security: stage {deepest.name!r} takes {deepest.levels} levels and a level in front of "
        f"it, and at most {largest} levels lie between two bootstraps; use polynomials of lower "
        f"degree, or a larger N"
    )


def _precise_enough(ring: _Ring, wanted: float, needed: float) -> Candidate | None:
    """The candidate of the lowest scale that gives the wanted bits; else the most precise one."""
    tried: dict[int, Candidate | None] = {}
    scale: int | None = FIRST_SCALE
    while scale is not None and scale not in tried:
        tried[scale] = found = ring.candidate(scale)
        if found is None:
            # Larger scales leave fewer levels.
            lower = [s for s in SCALES if s < scale and s not in tried]
            scale = max(lower, default=None) if not any(tried.values()) else None
            continue
        missing = wanted - found.predicted_bits
        if not math.isfinite(missing):
            break
        # A bit of scale is a bit of precision.
        step = math.ceil(missing / 2) * 2
        following = min(max(scale + step, SCALES[0]), SCALES[-1])
        if step <= 0 and any(
            other is not None and other.predicted_bits < wanted
            for s, other in tried.items()
            if s == following
        ):
            break
        scale = following
    made = {s: found for s, found in tried.items() if found is not None}
    enough = [s for s, found in made.items() if found.predicted_bits >= wanted]
    enough = enough or [s for s, found in made.items() if found.predicted_bits >= needed]
    if enough:
        return made[min(enough)]
    return max(made.values(), key=lambda found: found.predicted_bits, default=None)


@dataclass(frozen=True, eq=False)
class _Choice:
    """A parameter set with the cheapest placement under it. depth: levels between bootstraps."""

    params: CKKSParameters
    placement: Placement
    depth: int

    @property
    def cost(self) -> float:
        """Of a run: transforms times their size."""
        return self.placement.cost * self.params.N * math.log2(self.params.N)


class _Ring:
    """The choices at one ring degree."""

    def __init__(
        self, network: Network, stages: Sequence[Stage], N: int, options: PlanOptions
    ) -> None:
        self._network = network
        self._stages = stages
        self._N = N
        self._options = options
        self._built: dict[tuple[int, int], CKKSParameters | None] = {}
        self.choice = functools.cache(self._choice)

    @functools.cached_property
    def _packed(self) -> list[PackedStage]:
        return pack_network(self._stages, self._N // 2)

    @functools.cached_property
    def _slots(self) -> int:
        """The period of all values: bootstraps of fewer slots are cheaper."""
        source = network_input_layout(self._stages, self._N // 2)
        return max(4, source.period, *(item.layout.period for item in self._packed))

    @functools.cached_property
    def _allowed(self) -> frozenset[str]:
        """The values that a bootstrap keeps; the last one is the answer."""
        return frozenset(
            item.name for item in self._packed[:-1] if item.stage.max_abs.max() <= 1.0
        )

    def candidate(self, scale: int) -> Candidate | None:
        """The best choice at a scale with its predicted precision."""
        choice = self.choice(scale)
        if choice is None:
            return None
        placement = choice.placement
        circuit = PackedCircuit(self._network, placement.packed, placement.levels)
        try:
            return circuit.candidate(choice.params)
        except PlanningError:
            return None

    def most_depth(self, scale: int) -> int | None:
        """The most levels between bootstraps that were built; None where nothing fits."""
        built = [d for (s, d), params in self._built.items() if s == scale and params is not None]
        return max(built, default=None)

    def _choice(self, scale: int) -> _Choice | None:
        best: _Choice | None = None
        worse = 0
        for depth in _depths():
            choice = self._at(scale, depth)
            if choice is None:
                if best is not None:  # the deepest stage needs more levels
                    break
                continue
            worse = worse + 1 if best and choice.cost >= best.cost else 0
            if not worse:
                best = choice
            if worse == _WORSE:
                break
        if best is None:
            return None
        # Levels that save no bootstrap are a burden.
        while (fewer := self._at(scale, best.depth - 1)) and fewer.cost < best.cost:
            best = fewer
        return best

    def _at(self, scale: int, depth: int) -> _Choice | None:
        """The choice with so many levels between bootstraps; None where nothing fits."""
        params = self._params(scale, depth) if depth >= 1 else None
        if params is None:
            return None
        placed = self._placed(params, self._refreshing(params))
        return None if placed is None else _Choice(params, placed, depth)

    def _placed(self, params: CKKSParameters, refreshing: Refreshing) -> Placement | None:
        return cheapest_placement(self._packed, refreshing, self._costs(params), self._allowed)

    def _costs(self, params: CKKSParameters) -> Callable[[PackedStage, int], float]:
        known: dict[tuple[str, int], float] = {}
        taken = {item.name: item.stage.levels for item in self._packed}

        def cost(item: PackedStage, start: int) -> float:
            key = item.name, start
            if key not in known:
                known[key] = stage_transforms(item, start, start - taken[item.name], params)
            return known[key]

        return cost

    def _refreshing(self, params: CKKSParameters) -> Refreshing:
        circuit = params.bootstrap
        assert circuit is not None
        top = params.max_level
        # The input stays below the levels of the bootstrap itself, whose limbs are many.
        refreshed = top - circuit.levels
        return Refreshing(circuit.input_level, refreshed, refreshed, bootstrap_work(params))

    def _params(self, scale: int, depth: int) -> CKKSParameters | None:
        """Parameters with so many levels between bootstraps; None where nothing fits."""
        key = scale, depth
        if key not in self._built:
            self._built[key] = self._build(scale, depth)
        return self._built[key]

    def _build(self, scale: int, depth: int) -> CKKSParameters | None:
        options, N = self._options, self._N
        may_be_insecure = options.insecure_reason is not None
        if not may_be_insecure and security.max_log_qp(N, options.security_bits) == 0:
            return None
        precision = max(4.0, scale - math.log2(N) - _BELOW_ROUNDING)
        try:
            return CKKSParameters.build(
                depth,
                scale_bits=float(scale),
                N=N,
                security_bits=options.security_bits,
                bootstrap=Bootstrapping(
                    slots=self._slots, precision_bits=precision, real=True
                ),
                insecure_reason=options.insecure_reason,
            )
        except ParameterError:
            return None
