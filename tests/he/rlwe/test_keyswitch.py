"""Key switching in blocks of limbs is key switching at once, bit for bit."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import ntt
from he.ckks.circuits.linear_transform import LinearTransform
from he.rlwe import galois, keyswitch, limb_blocks
from ntt import threads
from ntt.backends.select import available_backends


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
    monkeypatch.setattr(limb_blocks, "_DIGIT_BYTES", digit_bytes)
    monkeypatch.setattr(keyswitch, "_ACCUMULATOR_BYTES", accumulator_bytes)
    ntt.set_threads(threads)
    try:
        assert len(s.evaluator.switcher(x.level)._blocks()) > 1
        in_blocks = results()
    finally:
        ntt.set_threads(None)
    assert all((a == b).all() for a, b in zip(at_once, in_blocks, strict=True))


@pytest.mark.parametrize("name", ["tiny", "small", "one-limb digits", "two digits", "wide primes"])
@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize("edge", [False, True])
def test_automorphisms__fused_are_those_step_by_step(schemes, monkeypatch, name, backend, edge):
    """Of uniform ciphertexts, and of the largest residues, at the top level and below."""
    s = schemes(name)
    elements = [galois.element_of_rotation(k, s.params.N) for k in (1, 0, 2, 3, 1)]
    for level in (s.params.max_level, s.params.max_level - 1):
        switcher = s.evaluator.switcher(level)
        pair = s.encrypt(s.random(level)).ct.data[:, : level + 1].copy()
        if edge:
            pair[:] = np.array(switcher.q.moduli, dtype=np.uint64)[:, None] - np.uint64(1)
        keys = {e: s.evaluator.keys.for_element(e, level) for e in elements if e != 1}
        images = []
        for fuses in (True, False):
            monkeypatch.setattr(keyswitch.KeySwitcher, "_fuses", lambda *_, f=fuses: f)
            with backend_or_scalar(backend):
                images.append(switcher.images(pair, elements, keys))
        assert all((a == b).all() for a, b in zip(*images, strict=True))


@contextlib.contextmanager
def backend_or_scalar(name):
    """The backend `name`, and what it cannot hold in `scalar`."""
    ntt.set_backend(",".join(dict.fromkeys((name, "scalar"))))
    try:
        yield
    finally:
        ntt.set_backend(None)


def test_automorphisms__are_fused_where_every_thread_has_a_part(small, monkeypatch) -> None:
    switcher, N = small.evaluator.switcher(4), small.params.N
    monkeypatch.setattr(threads, "get_threads", lambda: 3)
    assert switcher._fuses(2, N)
    assert not switcher._fuses(1, N)
    monkeypatch.setattr(threads, "get_threads", lambda: 2)
    assert switcher._fuses(1, N)
    monkeypatch.setattr(keyswitch, "_WHOLE_DIGIT_BYTES", 1)
    assert not switcher._fuses(2, N)


def test_operands__are_remembered_for_some_sets_of_keys(small, monkeypatch) -> None:
    monkeypatch.setattr(keyswitch, "_KNOWN_OPERANDS", 2)
    switcher, N = keyswitch.KeySwitcher(small.evaluator.context, 4), small.params.N
    first, second, *_ = small.evaluator.keys.galois.values()
    sets = [[first], [second], [first, second]]
    for keys in (*sets, *sets):
        operands = switcher._operands(keys, N)
        assert operands is switcher._operands(keys, N)
        assert operands.keys.addresses.tolist() == [key.data.ctypes.data for key in keys]
        assert len(switcher._known_operands) <= 2


def test_blocks__cover_the_limbs_in_order(small, monkeypatch) -> None:
    switcher = small.evaluator.switcher(4)
    for digit_bytes in (1, 1000, 5000, 10_000, 1 << 30):
        monkeypatch.setattr(limb_blocks, "_DIGIT_BYTES", digit_bytes)
        blocks = switcher._blocks()
        assert [r for block in blocks for r in block] == list(range(switcher.limbs_qp))
        assert all(blocks)
