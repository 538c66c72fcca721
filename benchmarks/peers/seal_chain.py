"""The modulus chain of libraries that are built on SEAL: one special prime, one prime a digit."""

from __future__ import annotations

from benchmarks.peers.library import Case, UnsupportedCase

SEAL_MAX_BITS = {4096: 109, 8192: 218, 16384: 438, 32768: 881}
"""N -> the bits of QP that SEAL itself allows at 128 bits of security (SEAL 4.1,
native/src/seal/util/hestdparms.h). They are a few bits above the table of `he.rlwe.security`, which
favours the peer."""


def seal_chain(case: Case) -> tuple[list[int], int]:
    """(prime sizes with the special one last, bits of the scale) for a case; scale at most 2^40.

    Raises `UnsupportedCase`.
    """
    limit = SEAL_MAX_BITS.get(case.N)
    if limit is None:
        raise UnsupportedCase(f"SEAL lists no N = {case.N}")
    for scale_bits in range(40, 19, -1):
        ends = min(60, scale_bits + 10)
        if 2 * ends + case.depth * scale_bits <= limit:
            return [ends, *([scale_bits] * case.depth), ends], scale_bits
    raise UnsupportedCase(f"N = {case.N} is too small for depth {case.depth}")


def chain_parameters(sizes: list[int]) -> dict[str, object]:
    """A chain of prime sizes, the special one last, as plain data for the results."""
    return {
        "q_bits": sizes[:-1],
        "p_bits": sizes[-1:],
        "dnum": len(sizes) - 1,
        "log_qp": sum(sizes),
        "security_bits": 128,
    }
