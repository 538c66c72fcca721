"""Kernels by the name of their module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ntt import tables
from ntt.kernels import KernelModule

CALL = """
import sys
import numpy as np
from ntt.backends import select
from ntt.tables import NTTTables
from ntt.modulus import find_primes
made = NTTTables(1024, find_primes(40, 1024, 2))
x = np.arange(2048, dtype=np.uint64).reshape(2, 1024)
backend = select.backend_module("scalar")
backend.forward(x, made.all_rows, made.for_word(64), 0, 2)
print(int(x.sum()), "numba" in sys.modules)
"""

CALLED_ALONE = """
import numpy as np
from ntt.backends import select
words, rows = np.ones((1, 128), dtype=np.uint64), np.zeros(1, dtype=np.int64)
tables = np.full((1, 528), 97, dtype=np.uint64)
select.source_module("scalar").add(words.copy(), words, words, rows, tables, 0, 1)
"""
CONTRACT = """
import numpy as np
from ntt.backends import select
words, rows = np.ones((1, 128), dtype=np.uint64), np.zeros(1, dtype=np.int64)
tables = np.full((1, 528), 97, dtype=np.uint64)
for array in (words, rows, tables):
    array.setflags(write=False)
out = 2 * words
select.backend_module("scalar").add(out, out, words, rows, tables, 0, 1)
print(out[0, 0])
"""


def test_kernel__takes_each_of_the_types_that_it_was_compiled_for() -> None:
    kernels = KernelModule("he.rlwe.rns_kernels")
    values = np.array([-1, 0, 1, 5, -1], dtype=np.int64)
    frozen = values.copy()
    frozen.setflags(write=False)
    for given in (values, frozen, values[::2].copy()):
        counts = np.zeros(4, dtype=np.int64)
        kernels.ternary_counts(counts, given)
        small = [int((given == value).sum()) for value in (-1, 0, 1)]
        assert counts.tolist() == [*small, len(given) - sum(small)]


def test_kernel__an_attribute_of_python_is_none() -> None:
    with pytest.raises(AttributeError, match=r"ntt\.reduction"):
        KernelModule("ntt.reduction").__wrapped__  # noqa: B018


def test_kernel__is_the_same_object_each_time() -> None:
    kernels = KernelModule("ntt.reduction")
    assert kernels.multiply_each is kernels.multiply_each


def test_kernel__second_process_has_no_need_of_numba() -> None:
    """The first process compiles or loads; afterwards machine code is there for the second."""
    found = [
        subprocess.run([sys.executable, "-c", CALL], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    sums = {run.stdout.split()[0] for run in found}
    assert len(sums) == 1
    assert found[1].stdout.split()[1] == "False"


def test_multiply_modulo__against_integers() -> None:
    a = np.arange(1, 9, dtype=np.uint64) * np.uint64(12345)
    q = 998244353
    product = tables.multiply_modulo(a % np.uint64(q), 54321, q)
    assert product.tolist() == [int(x) * 54321 % q for x in a]


def test_fixed_kernel__is_that_of_the_contract_whatever_else_was_compiled(tmp_path: Path) -> None:
    """A kernel that was called as it stands, with arrays of its own types, before."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for program in (f"{CALLED_ALONE}{CONTRACT}", CONTRACT, CONTRACT):
        command = [sys.executable, "-c", program]
        finished = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert finished.stdout == "3\n", finished.stderr
