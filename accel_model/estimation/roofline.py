"""The roofline: the rate of modular products that a machine can reach at an arithmetic intensity.

    rate <= min(peak, intensity * bandwidth)      (Williams, Waterman, Patterson, CACM 2009)

Work is counted in modular products, traffic in bytes of the external channel.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_model.estimation.costs import timings
from accel_model.estimation.parts import Part
from accel_model.machine.description import Machine


@dataclass(frozen=True)
class Roof:
    """The limits of a machine.

    peak_per_s: modular products a second, when the NTT and pointwise units never wait.
    bytes_per_s: of the external channel.
    """

    peak_per_s: float
    bytes_per_s: float

    @property
    def ridge(self) -> float:
        """The intensity, in products a byte, above which the units are the limit."""
        return self.peak_per_s / self.bytes_per_s

    def reach_per_s(self, intensity: float) -> float:
        """The greatest rate, in products a second, at an intensity in products a byte."""
        return min(self.peak_per_s, intensity * self.bytes_per_s)


def roof_of(N: int, machine: Machine) -> Roof:
    """The roof for limbs of N residues."""
    transform, pointwise, _ = timings(N, machine)
    butterflies = N // 2 * (N.bit_length() - 1)
    a_cycle = (
        machine["ntt.count"] * butterflies / transform.interval_cycles
        + machine["pointwise.count"] * N / pointwise.interval_cycles
    )
    return Roof(a_cycle * machine["clock.hz"], machine["external.bytes_per_s"])


def rate_per_s(part: Part) -> float:
    """Modular products a second of a part over its span.

    All work of the part, early transfers too, is inside the span, so no part is above the roof.
    """
    return part.modular_products / part.span_s if part.span_s else 0.0
