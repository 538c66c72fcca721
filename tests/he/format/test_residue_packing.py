"""he.format.residue_packing against a twin that writes one big Python integer per row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.errors import CorruptBytesError, ForeignBytesError, ParameterError, SerializationError
from he.format.residue_packing import pack_residues, packed_bytes, unpack_residues
from ntt.memory import secret_array
from ntt.workspace import workspace

MODULI = (2, 3, 97, 65537, (1 << 32) - 5, (1 << 49) + 5, (1 << 61) - 1, (1 << 63) + 29, 2**64 - 59)


def twin_pack_row(row: list[int], q: int) -> bytes:
    """The row as one integer, value i shifted by i * bits, in whole 64-bit words."""
    bits = q.bit_length()
    number = sum(value << (i * bits) for i, value in enumerate(row))
    return number.to_bytes(-(-len(row) * bits // 64) * 8, "little")


@st.composite
def residue_arrays(draw: st.DrawFn) -> tuple[tuple[int, ...], np.ndarray]:
    moduli = tuple(
        draw(st.lists(st.sampled_from(MODULI) | st.integers(1, 2**64 - 1), min_size=1, max_size=4))
    )
    parts, N = draw(st.integers(1, 3)), draw(st.integers(1, 70))
    values = [
        [[draw(st.integers(0, q - 1) | st.just(q - 1)) for _ in range(N)] for q in moduli]
        for _ in range(parts)
    ]
    return moduli, np.array(values, dtype=np.uint64)


@given(residue_arrays())
def test_pack_residues__equals_twin_and_comes_back(
    drawn: tuple[tuple[int, ...], np.ndarray],
) -> None:
    moduli, residues = drawn
    packed = pack_residues(residues, moduli)
    expected = b"".join(
        twin_pack_row([int(value) for value in row], q)
        for part in residues
        for row, q in zip(part, moduli, strict=True)
    )
    assert packed == expected
    assert len(packed) == len(residues) * packed_bytes(moduli, residues.shape[-1])
    restored = unpack_residues(packed, moduli, residues.shape)
    assert restored.dtype == np.uint64
    assert restored.flags.c_contiguous
    assert np.array_equal(restored, residues)


@pytest.mark.parametrize("bits", range(1, 65))
def test_pack_residues__every_width_at_the_largest_residue(bits: int) -> None:
    q = (1 << bits) - 1
    residues = np.full((1, 65), q - 1, dtype=np.uint64)
    residues[0, 1::2] = 0
    packed = pack_residues(residues, [q])
    assert packed == twin_pack_row(residues[0].tolist(), q)
    assert np.array_equal(unpack_residues(packed, [q], (1, 65)), residues)


def test_pack_residues__accepts_strided_arrays() -> None:
    wide = np.arange(64, dtype=np.uint64).reshape(2, 32)
    assert pack_residues(wide[:, ::2], [97, 97]) == pack_residues(wide[:, ::2].copy(), [97, 97])


def test_pack_residues__saves_the_unused_bits() -> None:
    assert packed_bytes([(1 << 50) - 27], 1024) == 1024 * 50 // 8


@pytest.mark.parametrize("q", MODULI)
def test_pack_residues__refuses_the_modulus_itself(q: int) -> None:
    residues = np.zeros((1, 8), dtype=np.uint64)
    residues[0, 5] = q
    with pytest.raises(ParameterError, match="not below its modulus"):
        pack_residues(residues, [q])


@pytest.mark.parametrize(
    ("shape", "moduli"),
    [((8,), [97]), ((2, 8), [97]), ((1, 0), [97]), ((0, 8), []), ((0, 1, 8), [97])],
)
def test_residue_shapes__must_fit_the_moduli(shape: tuple[int, ...], moduli: list[int]) -> None:
    with pytest.raises(ParameterError, match="does not fit"):
        pack_residues(np.zeros(shape, dtype=np.uint64), moduli)
    with pytest.raises(ParameterError, match="does not fit"):
        unpack_residues(b"", moduli, shape)


def test_pack_residues__refuses_other_dtypes_and_moduli() -> None:
    with pytest.raises(ParameterError, match="int64"):
        pack_residues(np.zeros((1, 8), dtype=np.int64), [97])
    for q in (0, -5, 1 << 64):
        with pytest.raises(ParameterError, match="modulus"):
            pack_residues(np.zeros((1, 8), dtype=np.uint64), [q])


@given(st.integers(2, 2**63), st.integers(1, 40), st.data())
def test_unpack_residues__never_returns_a_value_out_of_range(
    q: int, N: int, data: st.DataObject
) -> None:
    packed = data.draw(st.binary(min_size=packed_bytes([q], N), max_size=packed_bytes([q], N)))
    try:
        residues = unpack_residues(packed, [q], (1, N))
    except CorruptBytesError:
        return
    assert int(residues.max()) < q
    assert pack_residues(residues, [q]) == packed


def test_unpack_residues__refuses_value_padding_and_length() -> None:
    q, N = 97, 8  # 56 bits used of 64
    with pytest.raises(CorruptBytesError, match="97 is not below its modulus 97"):
        unpack_residues(bytes([97]) + bytes(7), [q], (1, N))
    with pytest.raises(CorruptBytesError, match="padding"):
        unpack_residues(bytes(7) + b"\x01", [q], (1, N))
    for length in (0, 7, 9, 16):
        with pytest.raises(CorruptBytesError, match=f"take 8 bytes, got {length}"):
            unpack_residues(bytes(length), [q], (1, N))


def test_unpack_residues__allocates_nothing_for_a_length_that_does_not_fit() -> None:
    with pytest.raises(SerializationError):
        unpack_residues(bytes(64), [97], (1 << 40, 1, 1 << 20))


def test_unpack_residues__refuses_what_is_no_bytes() -> None:
    with pytest.raises(ForeignBytesError, match="list"):
        unpack_residues([0] * 8, [97], (1, 8))  # type: ignore[arg-type]


@given(residue_arrays())
def test_unpack_residues__into_rows_of_another_array(
    drawn: tuple[tuple[int, ...], np.ndarray],
) -> None:
    moduli, residues = drawn
    parts, limbs, N = residues.shape
    around = np.full((parts, 2, limbs, N), 7, dtype=np.uint64)
    given_back = unpack_residues(
        pack_residues(residues, moduli), moduli, residues.shape, out=around[:, 0]
    )
    assert np.shares_memory(given_back, around)
    assert np.array_equal(around[:, 0], residues)
    assert (around[:, 1] == 7).all()


def test_unpack_residues__leaves_no_secret_in_shared_memory() -> None:
    """Scratch memory of the thread holds the words of public residues alone."""
    secret = np.full((1, 64), 91, dtype=np.uint64)
    packed = pack_residues(secret, [97])
    workspace("packed residues", (7,)).fill(0)
    assert np.array_equal(unpack_residues(packed, [97], (1, 64), secret_array), secret)
    assert not workspace("packed residues", (7,)).any()
    unpack_residues(packed, [97], (1, 64))
    assert workspace("packed residues", (7,)).tobytes() == packed
