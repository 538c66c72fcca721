"""Key switching in blocks of limbs is key switching at once, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import ntt
from he import keyswitch
from he.ckks.linear_transform import LinearTransform


@pytest.mark.parametrize("name", ["small", "one-limb digits", "two digits", "wide primes"])
@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize(("digit_bytes", "accumulator_bytes"), [(1, 1), (1, 1 << 30), (8_000, 1)])
def test_switched__does_not_depend_on_the_blocks(
    schemes, monkeypatch, name, threads, digit_bytes: int, accumulator_bytes: int
) -> None:
    s = schemes(name)
    x, y = s.encrypt(s.random(1)).ct, s.encrypt(s.random(2)).ct
    transform = LinearTransform.encode(s.encoder, {0: s.random(3), 1: s.random(4)}, x.level)

    def results() -> list[np.ndarray]:
        ev = s.evaluator
        rotations = ev.rotations(x, [1, 0, 2, 3, 1])
        others = [ev.multiply(x, y), ev.relinearize(ev.tensor(x, y)), transform.apply(ev, x)]
        return [ct.data for ct in (*rotations, *others)]

    at_once = results()
    monkeypatch.setattr(keyswitch, "_DIGIT_BYTES", digit_bytes)
    monkeypatch.setattr(keyswitch, "_ACCUMULATOR_BYTES", accumulator_bytes)
    ntt.set_threads(threads)
    try:
        assert len(s.evaluator.switcher(x.level)._blocks()) > 1
        in_blocks = results()
    finally:
        ntt.set_threads(None)
    assert all((a == b).all() for a, b in zip(at_once, in_blocks, strict=True))


def test_blocks__cover_the_limbs_in_order(small, monkeypatch) -> None:
    switcher = small.evaluator.switcher(4)
    for digit_bytes in (1, 1000, 5000, 10_000, 1 << 30):
        monkeypatch.setattr(keyswitch, "_DIGIT_BYTES", digit_bytes)
        blocks = switcher._blocks()
        assert [r for block in blocks for r in block] == list(range(switcher.limbs_qp))
        assert all(blocks)
