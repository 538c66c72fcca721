"""The largest ciphertext modulus that is still secure, per ring degree.

The table is that of *Security Guidelines for Implementing Homomorphic Encryption* (Bossuat et al.,
IACR Communications in Cryptology 1(4), 2024; ePrint 2024/463, table 5.2): uniform ternary secret,
error of standard deviation 3.19, classical attacks as costed by the lattice estimator. The authors
publish the estimator's runs (github.com/gong-cr/FHE-Security-Guidelines); two runs of different
dates differ by one bit in some cells, and there the smaller value is taken.

The bound holds for a *uniform ternary* secret only; a sparse secret needs a table of its own.
It must hold for every modulus under which something is ever encrypted, so for log2(QP): the
switching keys live modulo QP, not modulo Q.
"""

from __future__ import annotations

import numbers

from he.errors import InsecureParametersError, ParameterError
from he.validation import real_number, whole_number, words

TABLE_SIGMA = 3.19
"""The standard deviation of the error that the table holds for; a larger one is as secure."""

SECURITY_LEVELS = (128, 192, 256)
"""The security levels of the table, in bits."""

RING_DEGREES = tuple(1 << k for k in range(10, 18))
"""The ring degrees of the table."""

_MAX_LOG_QP: dict[int, dict[int, int]] = {
    128: {
        1024: 26,
        2048: 53,
        4096: 106,
        8192: 214,
        16384: 430,
        32768: 868,
        65536: 1747,
        131072: 3523,
    },
    192: {
        2048: 36,
        4096: 73,
        8192: 147,
        16384: 297,
        32768: 597,
        65536: 1199,
        131072: 2411,
    },
    256: {
        2048: 27,
        4096: 56,
        8192: 114,
        16384: 230,
        32768: 462,
        65536: 929,
        131072: 1866,
    },
}

SPARSE_WEIGHT = 32
"""The coefficients other than zero of the ephemeral secret of bootstrapping."""

_MAX_SPARSE_LOG_QP = {32768: 100, 65536: 130, 131072: 130}
"""log2 of the modulus up to which a secret of `SPARSE_WEIGHT` is safe at 128 bits.

The lattice estimator (cost model MATZOV, error 3.19, primal hybrid attack with meet in the middle
and Babai's rounding) gave 153 bits at N = 32768 and 100 bits of modulus, and 177, 174, 171, 169
bits at N = 65536 and 100, 110, 121, 130. A larger N is no weaker.
"""


def max_sparse_log_qp(N: int, security_bits: int = 128) -> int:
    """Largest log2 of a modulus under which the ephemeral sparse secret may be used, in bits.

    0 where nothing is known: below N = 32768, and above 128 bits of security. Raises
    `ParameterError` for other security_bits than the table's.
    """
    max_log_qp(N, security_bits)
    return _MAX_SPARSE_LOG_QP.get(N, 0) if security_bits == SECURITY_LEVELS[0] else 0


def check_sparse(
    N: int, log_qp: float, security_bits: int = 128, *, insecure_reason: str | None = None
) -> None:
    """Refuse a key under the ephemeral sparse secret with a modulus beyond `max_sparse_log_qp`.

    Raises `InsecureParametersError` unless the caller gives a reason, as in `check`.
    """
    bound = max_sparse_log_qp(N, security_bits)
    if log_qp > bound and not (words(insecure_reason, "insecure_reason") or "").strip():
        allowed = f"at most {bound} bits are safe" if bound else "no modulus is known to be safe"
        raise InsecureParametersError(
            f"a key under a sparse secret of weight {SPARSE_WEIGHT} has log2(QP) = {log_qp:.1f} at "
            f"N = {N}; {allowed} at {security_bits}-bit security: use N = 65536, a smaller first "
            f"modulus, or state insecure_reason=... for parameters that protect nothing"
        )


def max_log_qp(N: int, security_bits: int = 128) -> int:
    """Largest allowed log2(QP) for ring degree N, in bits.

    security_bits: 128, 192 or 256. The bound is 0 where the table lists no modulus for this N,
    which is then never secure (N < 1024, N > 131072, or N not a power of two). Raises
    `ParameterError` for other security_bits.
    """
    security_bits = whole_number(security_bits, "security_bits")
    if security_bits not in _MAX_LOG_QP:
        raise ParameterError(
            f"security_bits = {security_bits} is not in the security table; "
            f"choose one of {', '.join(map(str, SECURITY_LEVELS))}"
        )
    return _MAX_LOG_QP[security_bits].get(whole_number(N, "N"), 0)


def smallest_secure_N(log_qp: float, security_bits: int = 128) -> int:
    """Smallest N of the table with log_qp <= max_log_qp(N, security_bits).

    Raises `InsecureParametersError` where log_qp exceeds the bound of the largest N of the table,
    `ParameterError` for other security_bits than the table's, or a log_qp that is not positive.
    """
    _check_log_qp(log_qp)
    largest = max_log_qp(RING_DEGREES[-1], security_bits)
    for N, bound in sorted(_MAX_LOG_QP[security_bits].items()):
        if log_qp <= bound:
            return N
    raise InsecureParametersError(
        f"log2(QP) = {log_qp:.1f} bits, but at {security_bits}-bit security the largest N of the "
        f"table, {RING_DEGREES[-1]}, allows {largest}; use fewer levels, a smaller scale or a "
        f"larger dnum"
    )


def estimate_security(N: int, log_qp: float, sigma: float = TABLE_SIGMA) -> int:
    """Largest level of the table, in bits, that (N, log_qp) satisfies; 0 where it satisfies none.

    sigma: the standard deviation of the error; nothing is satisfied where it is below
    `TABLE_SIGMA`. This is a lower bound read off the table and not an estimate of the best attack.

    Raises `ParameterError` for a log_qp that is not positive.
    """
    _check_log_qp(log_qp)
    if real_number(sigma, "sigma") < TABLE_SIGMA:
        return 0
    satisfied = (bits for bits in SECURITY_LEVELS if log_qp <= max_log_qp(N, bits))
    return max(satisfied, default=0)


def check(
    N: int,
    log_qp: float,
    security_bits: int = 128,
    *,
    sigma: float = TABLE_SIGMA,
    insecure_reason: str | None = None,
) -> int:
    """Refuse (N, log_qp, sigma) unless the table grants `security_bits` or the caller says why.

    log_qp: log2(QP) in bits, over every prime of the chain and every special prime. security_bits:
    128, 192 or 256. sigma: the standard deviation of the error. insecure_reason: words that state
    why parameters without that security are wanted, for example "unit test"; any text of at least
    one visible character lifts the refusal. The result is `estimate_security(N, log_qp, sigma)`.

    Raises `InsecureParametersError` where log_qp > max_log_qp(N, security_bits) or sigma <
    `TABLE_SIGMA`, and no reason is given; `ParameterError` for other security_bits than the
    table's, a log_qp that is not positive, or a blank reason.
    """
    bound = max_log_qp(N, security_bits)
    _check_log_qp(log_qp)
    insecure_reason = words(insecure_reason, "insecure_reason")
    if insecure_reason is not None and not insecure_reason.strip():
        raise ParameterError(
            "insecure_reason is blank; state in words why insecure parameters are wanted, "
            "or leave it out"
        )
    if log_qp > bound and insecure_reason is None:
        raise InsecureParametersError(_refusal(N, log_qp, security_bits, bound))
    if sigma < TABLE_SIGMA and insecure_reason is None:
        raise InsecureParametersError(
            f"sigma = {sigma:g}, but the security table holds for errors of a standard deviation "
            f"of {TABLE_SIGMA} or more; leave sigma out, or state insecure_reason=... for "
            f"parameters that protect nothing"
        )
    return estimate_security(N, log_qp, sigma)


def _refusal(N: int, log_qp: float, security_bits: int, bound: int) -> str:
    actual = f"log2(QP) = {log_qp:.1f} bits at N = {N}"
    if bound:
        needed = f"{security_bits}-bit security allows at most {bound}"
    else:
        degrees = sorted(_MAX_LOG_QP[security_bits])
        needed = (
            f"{security_bits}-bit security needs N to be a power of two "
            f"from {degrees[0]} to {degrees[-1]}"
        )
    try:
        larger = f"take N = {smallest_secure_N(log_qp, security_bits)}"
    except InsecureParametersError:
        larger = "no N of the table is large enough"
    return (
        f"{actual}, but {needed}; {larger}, or use fewer levels or a smaller scale, "
        f"or state insecure_reason=... for parameters that protect nothing"
    )


def _check_log_qp(log_qp: object) -> None:
    if not (isinstance(log_qp, numbers.Real) and float(log_qp) > 0):
        raise ParameterError(f"log2(QP) = {log_qp!r} must be positive")
