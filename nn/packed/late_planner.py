"""Plans whose squares are not rescaled, for networks of affine maps, squares and sums."""

from __future__ import annotations

from he.ckks.params import CKKSParameters
from he.errors import ParameterError
from nn.inference.options import PlanOptions
from nn.inference.search import first_prime_bits
from nn.network.graph import INPUT
from nn.packed.late_scales import LateScales
from nn.packed.packed_circuit import Candidate, PackedCircuit
from nn.stages.levels import late_levels


def late_candidate(
    found: Candidate, options: PlanOptions, default_bits: float
) -> Candidate | None:
    """A deep network's circuit in the same ring, with squares that are not rescaled.

    found: the circuit in a chain of primes of the scale's size. default_bits: the precision that
    is needed where the options ask for none. None where that is not possible, or no less work.
    """
    circuit, chain = found.circuit, found.params
    network, packed = circuit.network, circuit.packed
    levels = late_levels([item.stage for item in packed])
    known = network.knows_growth and options.dnum is None and chain.bootstrap is None
    if levels is None or not known or not chain.is_chain:
        return None
    late = PackedCircuit(network, packed, levels)
    needed = default_bits if options.precision_bits is None else options.precision_bits
    bits = first_prime_bits(network.name, late.magnitudes)
    depth = levels[INPUT]
    for choice in LateScales(late.error_terms(chain), depth, bits, chain).choices():
        try:
            params = CKKSParameters.build(
                depth,
                N=chain.N,
                integer_bits=bits,
                security_bits=options.security_bits,
                insecure_reason=options.insecure_reason,
                scale_bits=choice.scale_bits,
                divisor_bits=choice.divisor_bits,
                key_levels=late.key_levels(),
            )
        except ParameterError:
            return None
        if late.work(params) >= circuit.work(chain):
            return None
        candidate = late.candidate(params)
        if candidate.predicted_bits >= needed:
            return candidate
    return None
