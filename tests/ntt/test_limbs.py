"""Every kernel of `LimbOps` against a slow twin on Python integers, for every backend."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from ntt import oracle
from ntt import workspace as workspace_module
from ntt.backends.contract import Backend
from ntt.constants import BasisChange, DigitChange, Scalars
from ntt.hoisting import VECTOR, VectorMoves
from ntt.limbs import LimbOps
from ntt.workspace import release

N = 128
EDGES = ["random", "all q - 1", "q - 1 and 0"]


def ring(backend: Backend, limbs: int = 3) -> tuple[LimbOps, np.ndarray]:
    """(ops, moduli as a column): limbs of the largest size, of the smallest, and between."""
    top = min(backend.MAX_MODULUS_BITS, 60)
    primes = (
        *ntt.find_primes(top, N, limbs),
        ntt.find_primes(20, N, 1)[0],
        ntt.find_primes(41, N, 1)[0],
    )
    tables = ntt.NTTTables(N, primes)
    rows = np.array([len(primes) - 1, *range(limbs - 1), len(primes) - 2])
    ops = LimbOps(tables, rows)
    return ops, np.array(ops.moduli, dtype=object)[:, None]


def draw(q: np.ndarray, shape: tuple[int, ...], edge: str, seed: int = 0) -> np.ndarray:
    """uint64 residues (*shape, limbs, N) modulo the column q."""
    full = (*shape, len(q), N)
    top = np.broadcast_to((q - 1).astype(np.uint64), full)
    generator = np.random.default_rng(seed)
    if edge == "random":
        return generator.integers(0, top, full, dtype=np.uint64, endpoint=True)
    keep = generator.integers(0, 2, full, dtype=np.uint64) if edge == "q - 1 and 0" else 1
    return np.ascontiguousarray(top * np.uint64(1) * keep)


def exact(x: np.ndarray) -> np.ndarray:
    return x.astype(object)


def transform(x: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Rows (limbs, N) of Python integers, transformed by the oracle."""
    return np.array(
        [oracle.forward(row.tolist(), p) for row, p in zip(x, q[:, 0], strict=True)], dtype=object
    )


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("leading", [(), (2,), (3, 2)])
def test_elementwise__as_python_integers(
    backend: Backend, edge: str, leading: tuple[int, ...]
) -> None:
    ops, q = ring(backend)
    a, b = draw(q, leading, edge, 1), draw(q, leading, edge, 2)
    out = np.empty_like(a)
    assert (exact(ops.add(out, a, b)) == (exact(a) + exact(b)) % q).all()
    assert (exact(ops.subtract(out, a, b)) == (exact(a) - exact(b)) % q).all()
    assert (exact(ops.negate(out, a)) == -exact(a) % q).all()
    product = exact(a) * exact(b)
    assert (exact(ops.multiply(out, a, b)) == product % q).all()
    assert (exact(ops.multiply_add(a.copy(), a, b)) == (exact(a) + product) % q).all()
    assert (exact(ops.multiply_add(out, a, b, b)) == (exact(b) + product) % q).all()
    expected = exact(b) * (exact(a) + 1) + product * exact(a)
    assert (exact(ops.multiply_add(out, out, a, b)) == expected % q).all()
    factors = [-1, 0, 1, (1 << 70) + 3, 5][: len(q)]
    scaled = ops.multiply_scalar(out, a, Scalars(factors, ops.moduli))
    assert (exact(scaled) == exact(a) * np.array(factors, dtype=object)[:, None] % q).all()
    offsets = np.array([int(p) - 1 for p in q[:, 0]], dtype=np.uint64)
    assert (exact(ops.add_scalar(out, a, offsets)) == (exact(a) + q - 1) % q).all()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("leading", [(), (3,)])
def test_affine__as_python_integers(
    backend: Backend, edge: str, leading: tuple[int, ...]
) -> None:
    ops, q = ring(backend)
    a = draw(q, leading, edge)
    factors = [-1, 0, 1, (1 << 70) + 3, 5][: len(q)]
    for addends in (q[:, 0] - 1, q[:, 0] // 2, 0 * q[:, 0]):
        out = ops.affine(
            np.empty_like(a), a, Scalars(factors, ops.moduli), addends.astype(np.uint64)
        )
        expected = exact(a) * np.array(factors, dtype=object)[:, None] + addends[:, None]
        assert (exact(out) == expected % q).all()


def test_elementwise__output_may_be_an_input(backend: Backend) -> None:
    ops, q = ring(backend)
    a, b = draw(q, (2,), "random", 1), draw(q, (2,), "random", 2)
    for operation in (ops.add, ops.subtract, ops.multiply):
        expected = operation(np.empty_like(a), a, b).copy()
        for target in (0, 1):
            operands = [a.copy(), b.copy()]
            assert (operation(operands[target], *operands) == expected).all()


@pytest.mark.parametrize("edge", EDGES)
def test_tensor__as_python_integers(backend: Backend, edge: str) -> None:
    ops, q = ring(backend)
    a, b = draw(q, (2,), edge, 1), draw(q, (2,), edge, 2)
    out = ops.tensor(np.empty((3, len(q), N), dtype=np.uint64), a, b)
    (a0, a1), (b0, b1) = exact(a), exact(b)
    expected = (a0 * b0, a0 * b1 + a1 * b0, a1 * b1)
    for part, value in zip(out, expected, strict=True):
        assert (exact(part) == value % q).all()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("digits", [1, 2, 7, 8, 9, 17, 33, 70])
def test_gadget_product__as_python_integers(backend: Backend, edge: str, digits: int) -> None:
    ops, q = ring(backend)
    # A key has more digits and more limbs than a ciphertext of a lower level.
    wide_q = np.concatenate((q[::-1], q[:1]))
    key_rows = np.array([len(q) - 1 - r for r in range(len(q))])
    a = draw(q, (digits,), edge, 1)
    key = draw(wide_q, (digits + 1, 2), edge, 2)
    out = ops.gadget_product(np.empty((2, len(q), N), dtype=np.uint64), a, key, key_rows)
    chosen = exact(key)[:digits][:, :, key_rows]
    expected = (exact(a)[:, None] * chosen).sum(axis=0) % q
    assert (exact(out) == expected).all()


def automorphism(element: int) -> np.ndarray:
    """The permutation of x -> x^element on evaluations at psi^(2 brv(i) + 1), index by index."""
    order = [int(f"{i:0{N.bit_length() - 1}b}"[::-1], 2) for i in range(N)]
    index = {2 * order[i] + 1: i for i in range(N)}
    return np.array([index[(2 * order[i] + 1) * element % (2 * N)] for i in range(N)])


@pytest.mark.parametrize("element", [1, 3, 5, 7, 9, 2 * N - 1, pow(3, 17, 2 * N)])
@pytest.mark.parametrize("edge", EDGES)
def test_permute__element_by_element(backend: Backend, edge: str, element: int) -> None:
    ops, q = ring(backend)
    x, start = draw(q, (2,), edge), draw(q, (2,), edge, seed=1)
    table = automorphism(element)
    image = ops.permute(np.empty_like(x), x, table)
    assert np.array_equal(image, x[..., table])
    total = ops.permute_add(start.copy(), x, table)
    assert np.array_equal(total, (exact(start) + exact(x)[..., table]) % q)


def test_permute__is_the_automorphism_of_the_polynomial(backend: Backend) -> None:
    ops, q = ring(backend)
    x, element = draw(q, (), "random"), pow(3, 5, 2 * N)
    mapped = np.zeros_like(x)
    for i in range(N):
        place = i * element % (2 * N)
        sign = -1 if place >= N else 1
        mapped[:, place % N] = (sign * exact(x)[:, i] % q[:, 0]).astype(np.uint64)
    image = ops.permute(np.empty_like(x), ops.forward(x), automorphism(element))
    assert np.array_equal(image, ops.forward(mapped))


def change_of_basis(
    backend: Backend, sources: int, edge: str
) -> tuple[LimbOps, np.ndarray, np.ndarray, BasisChange, np.ndarray]:
    """(ops, moduli, y, change, the converted rows as Python integers)."""
    ops, q = ring(backend)
    top = min(backend.MAX_MODULUS_BITS, 60)
    source_q = np.array(ntt.find_primes(top, N, sources), dtype=object)[:, None]
    y = draw(source_q, (), edge, 1)
    weights = exact(draw(q, (), edge, 2))[:, :sources]
    offsets = q[:, 0] - 1
    change = BasisChange(weights.tolist(), offsets.tolist(), ops.moduli)
    converted = (weights @ exact(y) + offsets[:, None]) % q
    return ops, q, y, change, converted


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("sources", [1, 2, 3, 4, 5, 7, 8, 15, 70])
def test_convert_forward__as_python_integers(backend: Backend, edge: str, sources: int) -> None:
    ops, q, y, change, converted = change_of_basis(backend, sources, edge)
    out = ops.convert_forward(np.empty((len(q), N), dtype=np.uint64), y, change)
    assert (exact(out) == transform(converted, q)).all()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("scaled", [False, True])
def test_convert_digits__is_each_digit_by_itself(
    backend: Backend, edge: str, first: int, scaled: bool
) -> None:
    ops, q = ring(backend)
    limbs, spans = len(q), [(0, 1), (1, 4), (4, 6)]
    wide = np.array(ntt.find_primes(min(backend.MAX_MODULUS_BITS, 60), N, 6), dtype=object)
    y = draw(wide[:, None], (), edge, 1)
    x = np.random.default_rng(2).integers(0, 1 << 30, (first + limbs, N), dtype=np.uint64)
    weights = exact(draw(q, (3,), edge, 3))[:, :, :3]
    offsets = [[int(p) - d for p in q[:, 0]] for d in range(1, 4)]
    scales = [int(p) - 1 - d for d, p in enumerate(q[:, 0])]
    change = DigitChange(spans, weights, offsets, ops.moduli, scales if scaled else None)
    out = ops.convert_digits(np.empty((3, limbs, N), dtype=np.uint64), x, y, first, change)
    for d, (begin, end) in enumerate(spans):
        mixed = weights[d][:, : end - begin] @ exact(y[begin:end])
        expected = transform((mixed + np.array(offsets[d], dtype=object)[:, None]) % q, q)
        for r in range(limbs):
            own = begin <= first + r < end
            copied = exact(x[first + r])
            if scaled:
                copied = copied * scales[r] % q[r]
            assert (exact(out[d, r]) == (copied if own else expected[r])).all()


@pytest.mark.parametrize("scaled", [False, True])
def test_convert_digits__of_a_large_ring(backend: Backend, scaled: bool) -> None:
    """Where a row is transformed as soon as it is converted: `convert_forward`, digit by digit."""
    degree, spans = 1 << 16, [(0, 2), (2, 3)]
    moduli = ntt.find_primes(45, degree, 4)
    ops = LimbOps(ntt.NTTTables(degree, moduli), np.arange(4), backend)
    ends, generator = np.array(moduli, dtype=np.uint64)[:, None], np.random.default_rng(1)
    x, y = generator.integers(0, ends[:3], (2, 3, degree), dtype=np.uint64)
    weights = generator.integers(0, ends, (2, 4, 2), dtype=np.uint64).tolist()
    offsets, scales = [[1, 2, 3, 4], [5, 6, 7, 8]], (9, 10, 11, 12) if scaled else None
    change = DigitChange(spans, weights, offsets, ops.moduli, scales)
    out = ops.convert_digits(np.empty((2, 4, degree), dtype=np.uint64), x, y, 0, change)
    for d, (begin, end) in enumerate(spans):
        of_digit = [row[: end - begin] for row in weights[d]]
        alone = BasisChange(of_digit, offsets[d], ops.moduli)
        expected = ops.convert_forward(np.empty_like(out[d]), y[begin:end], alone)
        own = exact(x[begin:end])
        if scaled:
            own = own * np.array(scales[begin:end])[:, None] % exact(ends[begin:end])
        expected[begin:end] = own.astype(np.uint64)
        assert (out[d] == expected).all()


@pytest.mark.parametrize("scaled", [False, True])
def test_convert_digits__any_share_of_the_limbs(backend: Backend, scaled: bool) -> None:
    ops, q = ring(backend)
    limbs = len(q)
    x, y = draw(q, (), "random", 1), draw(q, (), "random", 2)
    spans, weights = [(0, 2), (2, limbs)], exact(draw(q, (2,), "random", 3))[:, :, :limbs]
    scales = range(2, limbs + 2) if scaled else None
    change = DigitChange(spans, weights, [[1] * limbs, [2] * limbs], ops.moduli, scales)
    whole = ops.convert_digits(np.empty((2, limbs, N), dtype=np.uint64), x, y, 0, change)
    conversion, tables = change.of(backend.WORD_BITS), ops.tables.for_word(backend.WORD_BITS)
    for lo in range(2 * limbs):
        for hi in range(lo + 1, 2 * limbs + 1):
            part = np.zeros_like(whole)
            backend.convert_digits(part, x, y, 0, conversion, ops.rows, tables, lo, hi)
            flat, all_limbs = (np.moveaxis(a, 1, 0).reshape(-1, N) for a in (part, whole))
            assert (flat[lo:hi] == all_limbs[lo:hi]).all()
            assert not flat[:lo].any()
            assert not flat[hi:].any()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("sources", [1, 3, 4, 5, 20])
def test_divide__as_python_integers(backend: Backend, edge: str, sources: int) -> None:
    ops, q, y, change, converted = change_of_basis(backend, sources, edge)
    x = draw(q, (), edge, 5)
    factors = [int(p) - 2 for p in q[:, 0]]
    out = np.empty((len(q), N), dtype=np.uint64)
    ops.divide(out, x, y, change, Scalars(factors, ops.moduli))
    expected = (exact(x) - transform(converted, q)) * np.array(factors, dtype=object)[:, None]
    assert (exact(out) == expected % q).all()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("permuted", [False, True])
def test_divide__adds_and_permutes(
    backend: Backend, edge: str, added: bool, permuted: bool
) -> None:
    ops, q, y, change, _ = change_of_basis(backend, 5, edge)
    x, addend = draw(q, (), edge, 5), draw(q, (), edge, 6)
    factors = Scalars([int(p) - 2 for p in q[:, 0]], ops.moduli)
    expected = ops.divide(np.empty_like(x), x, y, change, factors)
    if added:
        expected = ops.add(expected, expected, addend)
    image = None
    if permuted:
        vectors = np.random.default_rng(7).permutation(N // VECTOR)
        permutation = (VECTOR * vectors[:, None] + np.arange(VECTOR)[::-1]).ravel()
        expected = expected[:, permutation]
        image = VectorMoves.of(permutation)
    out = np.empty_like(x)
    ops.divide(out, x, y, change, factors, addend if added else None, image)
    assert (out == expected).all()


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("sources", [1, 5])
def test_divide__parts_at_once_are_those_one_by_one(
    backend: Backend, parts: int, sources: int
) -> None:
    """Also of any share of them, and of an array with more limbs."""
    ops, q, _, change, _ = change_of_basis(backend, sources, "random")
    limbs = len(q)
    x = np.concatenate([draw(q, (parts,), "random", 5)] * 2, axis=1)
    y = np.stack([change_of_basis(backend, sources, "random")[2] for _ in range(parts)])
    y += np.arange(parts, dtype=np.uint64)[:, None, None]
    addend, factors = draw(q, (), "random", 6), Scalars([3] * limbs, ops.moduli)
    image = VectorMoves.of(np.arange(N)[::-1].copy())
    expected = [
        ops.divide(
            np.empty((limbs, N), dtype=np.uint64), x[p, :limbs].copy(), y[p], change, factors,
            None if p else addend, image,
        )
        for p in range(parts)
    ]  # fmt: skip
    out = np.empty((parts, limbs, N), dtype=np.uint64)
    ops.divide(out, x[:, :limbs], y, change, factors, addend, image)
    assert (out == np.stack(expected)).all()
    word = backend.WORD_BITS
    constants = change.of(word), *factors.of(word), addend, image.moves[0], image.lanes
    tables = ops.tables.for_word(word)
    for lo in range(parts * limbs):
        for hi in (lo + 1, (lo + parts * limbs + 1) // 2, parts * limbs):
            some = np.zeros_like(out)
            memory = np.empty((parts, 2, N), dtype=np.uint64)
            backend.divide(some, x[:, :limbs], y, *constants, memory, ops.rows, tables, lo, hi)
            flat, whole = (np.moveaxis(a, 1, 0).reshape(-1, N) for a in (some, out))
            assert (flat[lo:hi] == whole[lo:hi]).all()
            assert not flat[:lo].any()
            assert not flat[hi:].any()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("leading", [(), (2,)])
def test_inverse_affine__is_the_steps_one_by_one(
    backend: Backend, edge: str, scaled: bool, leading: tuple[int, ...]
) -> None:
    ops, q = ring(backend)
    x, addends = draw(q, leading, edge, 1), draw(q, (), edge, 2)[:, 0].copy()
    factors = Scalars([int(p) - 2 for p in q[:, 0]] if scaled else [1] * len(q), ops.moduli)
    expected = ops.inverse(x.copy())
    ops.affine(expected, expected, factors, addends)
    scalars = factors if scaled else None
    assert (ops.inverse_affine(np.empty_like(x), x, scalars, addends) == expected).all()
    assert (ops.inverse_affine(x, x, scalars, addends) == expected).all()


def test_divide__of_secrets_leaves_no_scratch_memory(backend: Backend) -> None:
    ops, q, y, change, _ = change_of_basis(backend, 5, "random")
    x, factors = draw(q, (), "random", 5), Scalars([3] * len(q), ops.moduli)
    expected = ops.divide(np.empty_like(x), x, y, change, factors)
    release()
    found = ops.divide(np.empty_like(x), x, y, change, factors, secret=True)
    assert (found == expected).all()
    assert not workspace_module._arrays.__dict__


def test_threads__do_not_change_the_bits(backend: Backend) -> None:
    degree = 1 << 15  # enough words for the work to be split
    tables = ntt.NTTTables(degree, ntt.find_primes(45, degree, 5))
    ops = LimbOps(tables, np.arange(5))
    top = np.array(tables.moduli, dtype=np.uint64)[:, None]
    x = np.random.default_rng(0).integers(0, top, (3, 5, degree), dtype=np.uint64)
    results = []
    for count in (1, ntt.machine_threads()):
        ntt.set_threads(count)
        results.append(ops.multiply(np.empty_like(x), ops.forward(x.copy()), x))
    ntt.set_threads(None)
    assert (results[0] == results[1]).all()


def test_scalars__carry_exact_shoup_constants() -> None:
    moduli = ntt.find_primes(50, N, 2)
    scalars = Scalars([-1, 1 << 60], moduli)
    values = [moduli[0] - 1, (1 << 60) % moduli[1]]
    for word in (52, 64):
        kept, shoup = scalars.of(word)
        assert kept.tolist() == values
        assert shoup.tolist() == [(v << word) // q for v, q in zip(values, moduli, strict=True)]
    quotients = scalars.of(53)[1].view(np.float64)
    assert quotients.tolist() == [v / q for v, q in zip(values, moduli, strict=True)]


def test_elementwise__limbs_repeat_along_a_flat_axis(backend: Backend) -> None:
    ops, q = ring(backend)
    a, b = draw(q, (3,), "random", 1), draw(q, (3,), "random", 2)
    expected = ops.multiply(np.empty_like(a), a, b)
    flat = ops.multiply(np.empty_like(a).reshape(-1, N), a.reshape(-1, N), b.reshape(-1, N))
    assert (flat == expected.reshape(-1, N)).all()
