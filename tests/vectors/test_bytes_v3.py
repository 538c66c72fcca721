"""Bytes of approximate plans of version 2, and of networks that know how errors grow.

All other kinds are still those of `bytes_v1` and `bytes_v2`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from tests.vectors import make_bytes
from tests.vectors.make_bytes import REASON

FOLDER = Path(__file__).parent / "bytes_v3"
KINDS = ["packed", "reals"]
DIGEST = "591ba6a0e8c48224064459bcd20ababadaa87d695d351788bc55f424bed7b0df"


def stored(kind: str) -> bytes:
    return (FOLDER / kind / "plan.bin").read_bytes()


def plan_of(kind: str) -> Any:
    return nn.read_plan(stored(kind), insecure_reason=REASON)


def test_folder__never_changes() -> None:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*.*")):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + path.read_bytes())
    assert digest.hexdigest() == DIGEST


@pytest.mark.parametrize("kind", KINDS)
def test_plans__say_the_worst_case_and_are_written_again_alike(kind: str) -> None:
    plan = plan_of(kind)
    assert plan.calibrated
    assert (plan.worst_case_error >= plan.predicted_error).all()
    assert (plan.worst_case_error > plan.predicted_error).any()
    assert plan.to_bytes() == stored(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_plans__still_suit_a_session(kind: str) -> None:
    plan, network = plan_of(kind), make_bytes.network()
    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    logits = client.decrypt(server.run(client.encrypt(make_bytes.IMAGES).to_bytes()).to_bytes())
    assert (np.abs(logits - network(make_bytes.IMAGES)) <= plan.predicted_error).all()


def test_network__has_the_growth_of_today() -> None:
    network, today = nn.load(FOLDER / "network.npz"), make_bytes.network()
    assert network.fingerprint() == today.fingerprint()
    assert network.statistics is not None
    assert today.statistics is not None
    for name, found in network.statistics.items():
        growth, now = found.growth, today.statistics[name].growth
        assert growth is not None
        assert now is not None
        assert np.allclose(growth.gains, now.gains)
        assert np.isclose(growth.carried, now.carried)
