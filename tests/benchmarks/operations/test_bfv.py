"""benchmarks.operations.bfv: an equal task for every library, and exact results."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import pytest

from benchmarks.operations import bfv
from benchmarks.operations.suite import WrongResult
from benchmarks.peers.bfv import he_accel
from benchmarks.peers.bfv.task import OPERATIONS, BFVCase
from benchmarks.peers.library import Library

CASE = BFVCase(1 << 13, 2)


@pytest.fixture(scope="module")
def library() -> Library:
    return he_accel.set_up(CASE)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_check__accepts_what_this_library_computes(library: Library, operation: str) -> None:
    bfv.check(library, CASE, operation)


def test_check__tells_a_single_wrong_slot(library: Library) -> None:
    slots = library.reveal(library.operations["multiply"]())
    slots[5] += 1
    wrong = dataclasses.replace(library, reveal=lambda result: slots)
    with pytest.raises(WrongResult, match=r"multiply at N = 8192: 1 of 8192"):
        bfv.check(wrong, CASE, "multiply")


def test_admit__needs_budget_left_and_ours_the_largest(library: Library) -> None:
    def peer(left: int) -> Library:
        parameters = {"budget_after_depth_bits": left}
        return dataclasses.replace(library, name="peer", parameters=parameters)

    left = int(str(library.parameters["budget_after_depth_bits"]))
    bfv.admit([library, peer(left)], CASE)
    for refused in (left + 1, 0):
        with pytest.raises(WrongResult, match="noise budgets"):
            bfv.admit([library, peer(refused)], CASE)


@pytest.mark.crosscheck
def test_pyfhel__computes_the_same(pyfhel: ModuleType, library: Library) -> None:
    from benchmarks.peers.bfv import pyfhel as module

    assert module.Pyfhel is pyfhel.Pyfhel
    peer = module.set_up(CASE)
    for operation in OPERATIONS:
        bfv.check(peer, CASE, operation)
    bfv.admit([library, peer], CASE)
