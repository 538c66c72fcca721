"""Limbs in external memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_model.errors import ExecutionError
from accel_model.timed.image import new_image, pack, unpack, write_limbs
from accel_model.timed.scheduler import schedule
from tests.accel_model.timed.random_programs import RADIX, RandomProgram, shape_of


@given(st.integers(1, 63), st.integers(0, 10**6))
def test_pack__residue_by_residue(bits, seed):
    limb = np.random.default_rng(seed).integers(0, 1 << bits, 32, dtype=np.uint64)
    packed = pack(limb, bits)
    whole = sum(int(r) << i * bits for i, r in enumerate(limb))
    assert int.from_bytes(packed.tobytes(), "little") == whole
    assert np.array_equal(unpack(packed, bits, 32), limb)


def test_write_limbs__arrays_that_are_missing_or_out_of_range():
    made = RandomProgram(3, 20)
    program = schedule(made.program(), shape_of(), RADIX)
    data, image = made.data(), new_image(program)
    with pytest.raises(ExecutionError, match=r"reads key '1', .* the data hold nothing"):
        write_limbs(image, program, {("input", "x"): data["input", "x"]})
    data["key", "1"][0, 0] = 1 << 28
    with pytest.raises(ExecutionError, match="key '1': residue 268435456 is not below"):
        write_limbs(image, program, data)
