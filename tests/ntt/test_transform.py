"""The public transforms and element-wise operations, for every backend."""

from __future__ import annotations

import galois
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntt
from ntt import oracle
from ntt.backends.contract import Backend
from ntt.limbs import LimbOps
from tests.strategies import primes, residue_rows

SIZES = (128, 256)  # the smallest for every backend, with an odd and an even number of stages


@st.composite
def rings(draw: st.DrawFn, bits: int) -> tuple[int, ntt.NTTTables]:
    """(q, tables of q) for one of SIZES and a prime of at most `bits` bits."""
    N = draw(st.sampled_from(SIZES))
    q = draw(primes(N, max_bits=bits))
    return q, ntt.NTTTables(N, [q])


def rows_of(draw: st.DataObject, q: int, tables: ntt.NTTTables, count: int) -> list[np.ndarray]:
    return [draw.draw(residue_rows(q, tables.N))[None, :] for _ in range(count)]


# ------------------------------------------------------------ against the oracle and galois


@pytest.mark.parametrize("N", [8, 16, 32, 64, 128, 256])
def test_forward_and_inverse__as_the_oracle(backend: Backend, N: int) -> None:
    for bits in (20, 37, backend.MAX_MODULUS_BITS):
        q = ntt.find_primes(bits, N, 1)[0]
        tables = ntt.NTTTables(N, [q])
        x = np.random.default_rng(N + bits).integers(0, q, (1, N), dtype=np.uint64)
        if N < backend.MIN_RING_DEGREE:
            with pytest.raises(ntt.BackendError, match=f"N >= {backend.MIN_RING_DEGREE}"):
                ntt.forward(x, tables)
            continue
        X = ntt.forward(x, tables)
        assert X[0].tolist() == oracle.forward(x[0].tolist(), q)
        assert ntt.inverse(x, tables)[0].tolist() == oracle.inverse(x[0].tolist(), q)


@pytest.mark.parametrize("bits", [50, 60])
def test_product__as_galois_polynomials(backend: Backend, bits: int) -> None:
    N = 128
    q = ntt.find_primes(min(bits, backend.MAX_MODULUS_BITS), N, 1)[0]
    field = galois.GF(q)
    tables = ntt.NTTTables(N, [q])
    a, b = np.random.default_rng(bits).integers(0, q, (2, 1, N), dtype=np.uint64)
    product = ntt.multiply(ntt.forward(a, tables), ntt.forward(b, tables), tables)
    left, right = (galois.Poly(field(x[0].tolist()), order="asc") for x in (a, b))
    expected = (left * right) % galois.Poly.Degrees([N, 0], [1, 1], field=field)
    coefficients = [int(c) for c in expected.coefficients(N, order="asc")]
    assert ntt.inverse(product, tables)[0].tolist() == coefficients


def test_forward__has_the_values_of_the_cyclic_transform_of_galois(backend: Backend) -> None:
    # A negacyclic transform is a cyclic one of x[j] psi^j, whatever the root; only the order of
    # the values depends on it.
    N = 256
    q = ntt.find_primes(50, N, 1)[0]
    psi = ntt.primitive_root(q, 2 * N)
    x = np.random.default_rng(1).integers(0, q, (1, N), dtype=np.uint64)
    twisted = [int(c) * pow(psi, j, q) % q for j, c in enumerate(x[0])]
    expected = sorted(int(v) for v in galois.ntt(twisted, size=N, modulus=q))
    assert sorted(ntt.forward(x, ntt.NTTTables(N, [q]))[0].tolist()) == expected


# ------------------------------------------------------------ algebra


@given(st.data())
def test_inverse__undoes_forward_and_back(backend: Backend, data: st.DataObject) -> None:
    q, tables = data.draw(rings(backend.MAX_MODULUS_BITS))
    (x,) = rows_of(data, q, tables, 1)
    assert (ntt.inverse(ntt.forward(x, tables), tables) == x).all()
    assert (ntt.forward(ntt.inverse(x, tables), tables) == x).all()


@given(st.data())
def test_forward__is_linear(backend: Backend, data: st.DataObject) -> None:
    q, tables = data.draw(rings(backend.MAX_MODULUS_BITS))
    x, y = rows_of(data, q, tables, 2)
    factor = data.draw(st.integers(-q, q))
    mixed = ntt.add(ntt.multiply_scalar(x, [factor], tables), y, tables)
    X, Y = ntt.forward(x, tables), ntt.forward(y, tables)
    expected = ntt.add(ntt.multiply_scalar(X, [factor], tables), Y, tables)
    assert (ntt.forward(mixed, tables) == expected).all()


@given(st.data())
def test_multiply__of_transforms_is_the_negacyclic_product(
    backend: Backend, data: st.DataObject
) -> None:
    N = 128
    q = data.draw(primes(N, max_bits=backend.MAX_MODULUS_BITS))
    tables = ntt.NTTTables(N, [q])
    x, y = rows_of(data, q, tables, 2)
    product = ntt.multiply(ntt.forward(x, tables), ntt.forward(y, tables), tables)
    expected = oracle.negacyclic_product(x[0].tolist(), y[0].tolist(), q)
    assert ntt.inverse(product, tables)[0].tolist() == expected


@given(st.data())
def test_elementwise__as_python_integers(backend: Backend, data: st.DataObject) -> None:
    q, tables = data.draw(rings(backend.MAX_MODULUS_BITS))
    x, y = rows_of(data, q, tables, 2)
    factor = data.draw(st.one_of(st.sampled_from([0, 1, -1]), st.integers(-(1 << 70), 1 << 70)))
    a, b = x[0].tolist(), y[0].tolist()
    pairs = list(zip(a, b, strict=True))
    assert ntt.add(x, y, tables)[0].tolist() == [(u + v) % q for u, v in pairs]
    assert ntt.subtract(x, y, tables)[0].tolist() == [(u - v) % q for u, v in pairs]
    assert ntt.multiply(x, y, tables)[0].tolist() == [u * v % q for u, v in pairs]
    assert ntt.negate(x, tables)[0].tolist() == [-u % q for u in a]
    scaled = ntt.multiply_scalar(x, [factor], tables)
    assert scaled[0].tolist() == [u * factor % q for u in a]


@pytest.mark.parametrize("edge", ["zeros", "all q - 1", "alternating"])
def test_transforms__edges_of_the_residue_range(backend: Backend, edge: str) -> None:
    N = 128
    for bits in (20, backend.MAX_MODULUS_BITS):
        q = ntt.find_primes(bits, N, 1)[0]
        x = np.full((1, N), 0 if edge == "zeros" else q - 1, dtype=np.uint64)
        if edge == "alternating":
            x[:, ::2] = 0
        tables = ntt.NTTTables(N, [q])
        assert ntt.forward(x, tables)[0].tolist() == oracle.forward(x[0].tolist(), q)
        assert ntt.inverse(x, tables)[0].tolist() == oracle.inverse(x[0].tolist(), q)


# ------------------------------------------------------------ shapes and bad input

TABLES = ntt.NTTTables(128, ntt.find_primes(40, 128, 3))


def test_forward__leading_axes_and_chosen_rows(backend: Backend) -> None:
    rows = np.array([2, 0])
    q = np.array([TABLES.moduli[r] for r in rows], dtype=np.uint64)[:, None]
    x = np.random.default_rng(0).integers(0, 1 << 39, (4, 5, 2, 128), dtype=np.uint64) % q
    X = ntt.forward(x, TABLES, rows)
    assert X.shape == x.shape
    for index in np.ndindex(4, 5, 2):
        alone = ntt.NTTTables(128, [TABLES.moduli[rows[index[2]]]])
        assert (X[index] == ntt.forward(x[index][None, :], alone)[0]).all()


def test_forward__leaves_its_argument_alone(backend: Backend) -> None:
    x = np.ones((3, 128), dtype=np.uint64)
    x.setflags(write=False)
    ntt.forward(x, TABLES)
    assert (x == 1).all()


def test_forward__strided_input_is_copied(backend: Backend) -> None:
    wide = np.random.default_rng(0).integers(0, 1 << 39, (3, 256), dtype=np.uint64)
    expected = ntt.forward(np.ascontiguousarray(wide[:, ::2]), TABLES)
    assert (ntt.forward(wide[:, ::2], TABLES) == expected).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 128), dtype=np.int64), "int64: a uint64 array"),
        (np.zeros((3, 128)), "float64: a uint64 array"),
        ([[0] * 128] * 3, "list: a uint64 array"),
        (np.zeros((2, 128), dtype=np.uint64), r"\(2, 128\).*\(3, 128\)"),
        (np.zeros((3, 64), dtype=np.uint64), r"\(3, 64\).*\(3, 128\)"),
        (np.zeros(128, dtype=np.uint64), "the last two axes"),
        (np.full((3, 128), TABLES.moduli[0], dtype=np.uint64), "not below its modulus"),
        (np.full((2, 3, 128), (1 << 64) - 1, dtype=np.uint64), "not below its modulus"),
    ],
)
def test_every_operation__wrong_residues_are_refused(x: np.ndarray, message: str) -> None:
    fine = np.zeros((3, 128), dtype=np.uint64)
    calls = (
        lambda: ntt.forward(x, TABLES),
        lambda: ntt.inverse(x, TABLES),
        lambda: ntt.negate(x, TABLES),
        lambda: ntt.multiply_scalar(x, [1, 1, 1], TABLES),
    )
    for call in calls:
        with pytest.raises(ntt.ResidueShapeError, match=message):
            call()
    for operation in (ntt.add, ntt.subtract, ntt.multiply):
        with pytest.raises(ntt.ResidueShapeError):
            operation(x, fine, TABLES)


def test_add__operands_of_different_shape_are_refused() -> None:
    a, b = np.zeros((3, 128), dtype=np.uint64), np.zeros((1, 3, 128), dtype=np.uint64)
    with pytest.raises(ntt.ResidueShapeError, match="differ in shape"):
        ntt.add(a, b, TABLES)


def test_multiply_scalar__wrong_count_is_refused() -> None:
    with pytest.raises(ntt.ResidueShapeError, match="2 scalars for 3 limbs"):
        ntt.multiply_scalar(np.zeros((3, 128), dtype=np.uint64), [1, 2], TABLES)


@pytest.mark.parametrize(
    "rows", [np.array([3]), np.array([-1]), np.array([0.0]), np.array([[0]]), np.array([], int)]
)
def test_forward__wrong_rows_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(ntt.ResidueShapeError, match="rows"):
        ntt.forward(np.zeros((1, 128), dtype=np.uint64), TABLES, rows)


def _every_second(x: np.ndarray) -> np.ndarray:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), dtype=np.uint64)
    wide[..., ::2] = x
    return wide[..., ::2]


def _reversed(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x[..., ::-1])[..., ::-1]


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.setflags(write=False)
    return x


def _unaligned(x: np.ndarray) -> np.ndarray:
    memory = np.zeros(x.nbytes + 1, dtype=np.uint8)[1:]
    memory[:] = np.frombuffer(x.tobytes(), dtype=np.uint8)
    return memory.view(np.uint64).reshape(x.shape)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "axes turned": lambda x: np.ascontiguousarray(np.moveaxis(x, 0, -1)).transpose(2, 0, 1),
    "every second": _every_second,
    "reversed": _reversed,
    "read-only": _read_only,
    "unaligned": _unaligned,
    "a subclass": lambda x: x.view(np.matrix if x.ndim == 2 else np.recarray),
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_operation__on_arrays_as_numpy_users_have_them(layout: str) -> None:
    """The bits do not depend on where the numbers lie; arguments are left alone."""
    tables = ntt.NTTTables(128, ntt.find_primes(40, 128, 2))
    top = np.array(tables.moduli, dtype=np.uint64)[:, None]
    a, b = np.random.default_rng(5).integers(0, top, (2, 3, 2, 128), dtype=np.uint64)
    a_laid, b_laid = LAYOUTS[layout](a), LAYOUTS[layout](b)
    a, b = np.array(a_laid), np.array(b_laid)
    operations = {
        "forward": lambda x, y: ntt.forward(x, tables),
        "inverse": lambda x, y: ntt.inverse(x, tables),
        "add": lambda x, y: ntt.add(x, y, tables),
        "subtract": lambda x, y: ntt.subtract(x, y, tables),
        "negate": lambda x, y: ntt.negate(x, tables),
        "multiply": lambda x, y: ntt.multiply(x, y, tables),
        "multiply_scalar": lambda x, y: ntt.multiply_scalar(x, [3, -5], tables),
    }
    for name, operation in operations.items():
        got = operation(a_laid, b_laid)
        assert (np.asarray(got) == operation(a, b)).all(), name
        assert (np.asarray(a_laid) == a).all(), name
        assert (np.asarray(b_laid) == b).all(), name


def test_every_operation__refuses_masked_and_foreign_byte_orders() -> None:
    tables = ntt.NTTTables(128, ntt.find_primes(40, 128, 1))
    x = np.zeros((1, 128), dtype=np.uint64)
    for wrong in (np.ma.masked_array(x, mask=True), x.astype(">u8"), x.astype(np.int64)):
        with pytest.raises(ntt.ResidueShapeError):
            ntt.add(wrong, wrong, tables)


def test_limb_ops__refuse_to_write_into_a_copy() -> None:
    tables = ntt.NTTTables(128, ntt.find_primes(40, 128, 2))
    ops = LimbOps(tables, np.arange(2))
    a = np.zeros((3, 2, 128), dtype=np.uint64)
    turned, strided = np.empty_like(np.asfortranarray(a)), np.empty((3, 2, 256), dtype=np.uint64)
    for out in (turned, strided[..., ::2]):
        with pytest.raises(ntt.ResidueShapeError, match="C-contiguous"):
            ops.add(out, a, a)
        with pytest.raises(ntt.ResidueShapeError, match="C-contiguous"):
            ops.permute(out, a, np.arange(128))


def test_every_operation__of_no_polynomials_gives_none() -> None:
    none = np.zeros((0, 3, 128), dtype=np.uint64)
    for result in (ntt.forward(none, TABLES), ntt.add(none, none, TABLES)):
        assert result.shape == none.shape
