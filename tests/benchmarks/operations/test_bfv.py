"""benchmarks.operations.bfv: an equal task for every library, and exact results."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks.main import main
from benchmarks.operations import bfv, primitives
from benchmarks.peers.bfv_he_accel import HEAccelBFV
from benchmarks.peers.bfv_task import PLAIN_MODULUS, BFVCase, own_parameters, seal_sizes

CASE = BFVCase(1 << 13, 2)


@pytest.fixture(scope="module")
def library() -> HEAccelBFV:
    return HEAccelBFV(CASE)


def test_case__values_use_the_whole_plain_modulus() -> None:
    first, second = CASE.values
    for values in (first, second):
        assert values.shape == (CASE.N,)
        assert values.min() >= -(PLAIN_MODULUS // 2)
        assert values.max() <= PLAIN_MODULUS // 2
        # 8192 draws miss the outer tenth with probability 0.9^8192.
        assert values.max() > 0.9 * (PLAIN_MODULUS // 2)
    assert (first != second).any()


@pytest.mark.parametrize("case", bfv.CASES, ids=lambda case: f"{case.N}-{case.depth}")
def test_seal_sizes__as_many_bits_as_ours_but_the_spare_in_fewest_primes(case: BFVCase) -> None:
    own = own_parameters(case)
    *q, special = seal_sizes(case)
    assert own.security_estimate >= 128
    assert sum(q) + case.depth == np.ceil(own.log_q(own.max_level))
    assert 60 * (len(q) - 1) < sum(q) <= 60 * len(q)
    assert special == max(q)


@pytest.mark.parametrize("operation", bfv.OPERATIONS)
def test_check__accepts_what_this_library_computes(library: HEAccelBFV, operation: str) -> None:
    bfv.check(library, CASE, operation)


def test_check__tells_a_single_wrong_slot(
    library: HEAccelBFV, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = library.reveal(library.operations["multiply"]())
    right[5] += 1
    monkeypatch.setattr(HEAccelBFV, "reveal", lambda self, result: right)
    with pytest.raises(primitives.WrongResult, match=r"multiply at N = 8192: 1 of 8192"):
        bfv.check(library, CASE, "multiply")


def test_admit__needs_budget_left_and_ours_the_largest(library: HEAccelBFV) -> None:
    class Peer(HEAccelBFV):
        def __init__(self, left: int) -> None:
            self.name, self.parameters = "peer", {"budget_after_depth_bits": left}

    left = int(str(library.parameters["budget_after_depth_bits"]))
    bfv.admit([library, Peer(left)], CASE)
    for refused in (left + 1, 0):
        with pytest.raises(primitives.WrongResult, match="noise budgets"):
            bfv.admit([library, Peer(refused)], CASE)


def test_command__writes_rows_and_a_picture(tmp_path: Path) -> None:
    file, picture = tmp_path / "bfv.json", tmp_path / "bfv.png"
    words = ["bfv", "--case", "8192:2", "--seconds", "0", "--turn", "0"]
    assert main([*words, "--json", str(file), "--plot", str(picture)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert [row["operation"] for row in rows] == list(bfv.OPERATIONS)
    for row in rows:
        assert (row["library"], row["N"], row["threads"]) == ("he-accel", 8192, 1)
        assert row["median_s"] > 0
        assert row["parameters"]["t"] == PLAIN_MODULUS
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_command__names_the_cases_for_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bfv", "--case", "8192:3"]) == 2
    assert "8192:2, 8192:4" in capsys.readouterr().out


@pytest.mark.crosscheck
def test_pyfhel__computes_the_same(pyfhel: ModuleType, library: HEAccelBFV) -> None:
    from benchmarks.peers.bfv_pyfhel import PyfhelBFV

    peer = PyfhelBFV(CASE)
    assert isinstance(peer._he, pyfhel.Pyfhel)
    for operation in bfv.OPERATIONS:
        bfv.check(peer, CASE, operation)
    bfv.admit([library, peer], CASE)
