"""What travels between clients and servers, mutated: it is refused by name or does no harm.

Three ways: the bytes as they are, the bytes behind a right checksum, and single values of a
well-formed container. By default 500 mutations a kind and way; `-m slow` runs 100,000.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nn
from he.errors import HEError
from nn.inference.keys import ClientKeys
from nn.network.layers import FloatArray
from tests.mutations import (
    mutated,
    mutated_container,
    mutated_fields,
    peak_bytes,
    survivors,
)
from tests.nn.networks import Builder

pytestmark = pytest.mark.filterwarnings("ignore")
FEW, MANY = 500, 100_000
NIGHTLY = (pytest.mark.slow, pytest.mark.timeout(7200))
MOST_GROWTH_BYTES = 600 << 20
REASON = "mutated bytes"
NAMED = (nn.NetworkError, HEError)
IMAGES = np.random.default_rng(1).random((2, 1, 3, 3))
WAYS = (mutated, mutated_container, mutated_fields)
PLANS = ["packed", "batched", "integers"]
PARTS = ["plan", "images", "answer", "evaluation keys", "secret key"]
LIMITS = nn.Limits(N=256, ciphertext_bytes=1 << 20, request_bytes=1 << 24, key_bytes=1 << 22)


def network() -> nn.Network:
    """An affine map, a polynomial that is no plain square, a sum, an affine map."""
    builder = Builder((1, 3, 3), 1)
    builder.linear(4)
    builder.add(nn.Polynomial([0, 0, 1]))
    builder.linear(3)
    return nn.Network("small", (1, 3, 3), tuple(builder.nodes))


@dataclass
class Session:
    """A session of one kind of plan, and the bytes of its parts."""

    plan: Any
    bytes: dict[str, bytes]
    stored: Any
    server: Any

    def use(self, part: str, data: bytes) -> object:
        """What the receiver of a part does with it."""
        return getattr(self, "use_" + part.replace(" ", "_"))(data)

    def use_plan(self, data: bytes) -> object:
        """A client reads a plan, looks at it, and works with it within its limits."""
        plan: Any = nn.read_plan(data, insecure_reason=REASON)
        assert nn.read_plan(plan.to_bytes(), insecure_reason=REASON).id == plan.id
        if isinstance(plan, nn.InferencePlan):
            assert plan.report()
        if hasattr(plan, "predicted_error"):
            assert np.isfinite(plan.predicted_error).all()
            assert plan.predicted_error.min() > 0
            assert not np.isnan(plan.predicted_bits)
        client = nn.Client(plan, limits=LIMITS)
        assert plan.evaluation_key_bytes <= LIMITS.key_bytes
        assert all(params.N <= LIMITS.N for params in plan.parameter_sets)
        return client.encrypt(np.zeros((1, *self._shape(plan))))

    @staticmethod
    def _shape(plan: Any) -> tuple[int, ...]:
        if isinstance(plan, nn.InferencePlan):
            return plan.input_layout.shape
        shape: tuple[int, ...] = getattr(plan, "input_shape", None) or plan.rounding.shape
        return shape

    def use_images(self, data: bytes) -> object:
        """A server computes on a batch; what it answers to other residues is as good as any."""
        return self.server.run(data)

    def use_answer(self, data: bytes) -> FloatArray:
        """A client decrypts an answer: finite logits within the plan, or an error."""
        logits: FloatArray = nn.Client(self.plan, self.stored).decrypt(data)
        assert logits.shape == (len(IMAGES), 3) or len(logits) <= self._most_images
        assert np.isfinite(logits).all()
        if hasattr(self.plan, "largest_logit"):
            most = 2 * self.plan.largest_logit + self.plan.predicted_error.max()
            assert np.abs(logits).max() <= most
        return logits

    @property
    def _most_images(self) -> int:
        return getattr(self.plan, "images", 1024)

    def use_evaluation_keys(self, data: bytes) -> object:
        """A server reads a client's keys."""
        return ClientKeys.from_bytes(data, self.plan.parameter_sets[0]).memory_bytes

    def use_secret_key(self, data: bytes) -> object:
        """A client reads its stored key."""
        packed = isinstance(self.plan, nn.InferencePlan)
        return nn.Client(self.plan, data if packed else [data]).secret_key_bytes()


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    options: dict[str, Any] = {"N": 64, "insecure_reason": REASON}
    real = options | {"precision_bits": 0}
    plans: dict[str, Any] = {
        "packed": nn.compile(network(), **real),
        "batched": nn.compile(network(), layout="batched", **real),
        "integers": nn.compile(network(), scheme="bfv", **options),
    }
    made = {}
    for kind, plan in plans.items():
        client: Any = nn.Client(plan)
        keys, stored = client.evaluation_keys(), client.secret_key_bytes()
        server: Any = nn.Server(plan, network(), keys)
        images = client.encrypt(IMAGES)
        parts = {
            "plan": plan.to_bytes(),
            "images": images.to_bytes(),
            "answer": server.run(images).to_bytes(),
            "evaluation keys": (keys if kind == "packed" else keys[0]).to_bytes(),
            "secret key": stored if kind == "packed" else stored[0],
        }
        made[kind] = Session(plan, parts, stored, server)
    return made


def test_originals__are_used(sessions: dict[str, Session]) -> None:
    assert list(sessions) == PLANS
    for session in sessions.values():
        assert list(session.bytes) == PARTS
        for part, data in session.bytes.items():
            assert session.use(part, data) is not None


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=NIGHTLY)])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", PLANS)
def test_mutated_bytes__are_refused_by_name_or_do_no_harm(
    sessions: dict[str, Session],
    kind: str,
    part: str,
    way: Callable[[bytes, random.Random], bytes],
    count: int,
) -> None:
    session = sessions[kind]
    original, before = session.bytes[part], peak_bytes()
    seed = FEW if count == MANY else 0

    def use(data: bytes) -> object:
        return session.use(part, data)

    for data, _ in survivors(original, use, NAMED, count, seed, way):
        # Bytes whose checksum is not made again never get through.
        assert way is not mutated or data == original
    assert peak_bytes() - before < MOST_GROWTH_BYTES


@pytest.mark.parametrize("way", WAYS[1:], ids=lambda way: way.__name__)
def test_mutations__reach_behind_the_checksum(
    sessions: dict[str, Session], way: Callable[[bytes, random.Random], bytes]
) -> None:
    """Some mutated plans are read: what holds of them is tested, not only the checksum."""
    session = sessions["packed"]
    found = [
        data
        for data, _ in survivors(
            session.bytes["plan"], lambda data: session.use("plan", data), NAMED, 2000, 7, way
        )
    ]
    assert len(found) >= 5
    assert any(data != session.bytes["plan"] for data in found)
