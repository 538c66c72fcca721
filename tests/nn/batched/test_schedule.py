"""Where the products of a batched circuit are relinearized."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from nn.batched.quantize import IntegerAffine, Square
from nn.batched.schedule import Relinearization, scheduled


def test_schedule__relinearizes_where_fewer_elements_are():
    narrow = IntegerAffine(sparse.csr_array(np.ones((2, 5), dtype=np.int64)), (0, 0))
    wide = IntegerAffine(sparse.csr_array(np.ones((5, 2), dtype=np.int64)), (0,) * 5)
    kinds = [type(step) for step in scheduled((Square(), narrow, Square(), wide, Square()))]
    assert kinds == [
        Square, IntegerAffine, Relinearization,
        Square, Relinearization, IntegerAffine,
        Square, Relinearization,
    ]  # fmt: skip
