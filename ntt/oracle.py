"""The slow, obvious twin of the transforms: Python integers, by the definition, in O(N^2).

Polynomials are sequences of N integers, N a power of two, and results are lists in [0, q).
"""

from __future__ import annotations

from collections.abc import Sequence

from ntt.modulus import primitive_root


def bit_reverse(i: int, bits: int) -> int:
    """i with its lowest `bits` bits in reverse order, for i in [0, 2^bits)."""
    return int(format(i, f"0{bits}b")[::-1], 2) if bits else 0


def forward(a: Sequence[int], q: int) -> list[int]:
    """``A[i] = sum_j a[j] psi^(j (2 brv(i) + 1)) mod q``: all odd powers of psi, bit-reversed.

    psi is the smallest primitive 2N-th root of unity modulo q; N = len(a). Raises `ModulusError`
    if there is none.
    """
    N = len(a)
    psi = primitive_root(q, 2 * N)
    bits = N.bit_length() - 1
    points = [pow(psi, 2 * bit_reverse(i, bits) + 1, q) for i in range(N)]
    return [sum(int(c) * pow(x, j, q) for j, c in enumerate(a)) % q for x in points]


def inverse(A: Sequence[int], q: int) -> list[int]:
    """The inverse of `forward`: ``a[j] = N^-1 sum_i A[i] psi^(-j (2 brv(i) + 1)) mod q``.

    Raises `ModulusError` as `forward` does.
    """
    N = len(A)
    psi = primitive_root(q, 2 * N)
    bits = N.bit_length() - 1
    points = [pow(psi, -(2 * bit_reverse(i, bits) + 1), q) for i in range(N)]
    scale = pow(N, -1, q)
    return [
        scale * sum(int(c) * pow(x, j, q) for c, x in zip(A, points, strict=True)) % q
        for j in range(N)
    ]


def negacyclic_product(a: Sequence[int], b: Sequence[int], q: int) -> list[int]:
    """The product of two polynomials in Z_q[x] / (x^N + 1)."""
    N = len(a)
    product = [0] * N
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            sign = 1 if i + j < N else -1
            product[(i + j) % N] += sign * int(x) * int(y)
    return [c % q for c in product]


def automorphism(a: Sequence[int], element: int, q: int) -> list[int]:
    """``a(x^element)`` in Z_q[x] / (x^N + 1), for an odd Galois element."""
    N = len(a)
    image = [0] * N
    for j, c in enumerate(a):
        power = j * element % (2 * N)
        image[power % N] = int(c) % q if power < N else -int(c) % q
    return image
