"""No kernel writes outside its arrays: each runs between guard words that must not change."""

import numpy as np
import pytest

import ntt
from ntt.backends import select
from ntt.constants import BasisChange, DigitChange, Scalars
from ntt.limbs import LimbOps
from ntt.tables import NTTTables

GUARD = 64
PATTERN = np.uint64(0xDEADBEEFCAFEF00D)
LIMBS = 3


class Guarded:
    """Arrays between guard words."""

    def __init__(self):
        self._buffers = []

    def array(self, *shape, fill=1):
        size = int(np.prod(shape))
        buffer = np.full(size + 2 * GUARD, PATTERN)
        self._buffers.append(buffer)
        inside = buffer[GUARD:-GUARD].reshape(shape)
        inside[...] = fill
        return inside

    def intact(self):
        return all(
            (buffer[:GUARD] == PATTERN).all() and (buffer[-GUARD:] == PATTERN).all()
            for buffer in self._buffers
        )


@pytest.fixture(params=select.available_backends())
def backend(request):
    ntt.set_backend(request.param)
    yield select.backend_module(request.param)
    ntt.set_backend(None)


@pytest.mark.parametrize("log_N", range(3, 14))
def test_kernels__stay_inside_their_arrays(backend, log_N):
    N = 1 << log_N
    if N < backend.MIN_RING_DEGREE:
        ntt.set_backend(None)  # the smallest rings fall back to another backend
    bits = 30
    tables = NTTTables(N, ntt.find_primes(bits, N, LIMBS))
    ops = LimbOps(tables, tables.all_rows)
    change = BasisChange([[1, 2]] * LIMBS, [3] * LIMBS, tables.moduli)
    single = BasisChange([[1]] * LIMBS, [3] * LIMBS, tables.moduli)
    factors = Scalars([5] * LIMBS, tables.moduli)
    guarded = Guarded()
    make = guarded.array
    x, y, out = (make(LIMBS, N) for _ in range(3))
    ops.forward(x)
    ops.inverse(x)
    for operation in (ops.add, ops.subtract, ops.multiply, ops.multiply_add):
        operation(out, x, y)
    ops.negate(out, x)
    ops.multiply_scalar(out, x, factors)
    ops.affine(out, x, factors, np.ones(LIMBS, dtype=np.uint64))
    ops.add_scalar(out, x, np.ones(LIMBS, dtype=np.uint64))
    ops.tensor(make(3, LIMBS, N), make(2, LIMBS, N), make(2, LIMBS, N))
    ops.gadget_product(
        make(2, LIMBS, N), make(4, LIMBS, N), make(4, 2, LIMBS, N), tables.all_rows
    )
    reversed_in_eights = np.arange(N)[::-1].copy()  # as x -> x^-1 permutes
    ops.permute(out, x, reversed_in_eights)
    ops.permute_add(out, x, reversed_in_eights)
    starts, baby_of = np.array([0, 2, 3]), np.array([0, 1, 1])
    ops.diagonal_product(
        make(2, 2, LIMBS, N), make(2, 2, LIMBS, N), make(3, LIMBS, N), starts, baby_of
    )
    for conversion, sources in ((change, 2), (single, 1)):
        ops.convert_forward(out, make(sources, N), conversion)
        ops.divide(out, x, make(sources, N), conversion, factors)
    spans, weights = [(0, 2), (2, LIMBS)], [[[1, 2]] * LIMBS] * 2
    digits = DigitChange(spans, weights, [[3] * LIMBS] * 2, tables.moduli)
    ops.convert_digits(make(2, LIMBS, N), x, make(LIMBS, N), 0, digits)
    assert guarded.intact()
