"""The arithmetic blocks against Python integers, in Verilator."""

from __future__ import annotations

import numpy as np
import pytest

from ntt.modulus import find_primes, is_prime
from rtl.arithmetic.addsub import AddSub, PairOperation
from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.multiplier import Multiplier
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.arithmetic.tiling import TILES, tile_named
from rtl.simulation.verilator import Simulator
from rtl.verilog.emit import design

# The narrowest, the usual and the widest; the others behind the marker.
WIDTHS = (16, 50, 64, *(pytest.param(width, marks=pytest.mark.slow) for width in (28, 36, 60)))
MULTIPLIERS = (
    (52, 52, 53),
    (17, 33, None),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in ((50, 50, None), (24, 41, 24))),
)


def primes_for(width: int, word_bits: int, count: int) -> list[int]:
    """The largest primes of exactly `width` bits that are 1 mod 2^word_bits."""
    step, found = 1 << word_bits, []
    candidate = ((1 << width) - 1) // step * step + 1
    while len(found) < count:
        if candidate < 1 << width and is_prime(candidate):
            found.append(candidate)
        candidate -= step
    return found


def edge_and_random(q: int, count: int, seed: int) -> np.ndarray:
    """Residues modulo q: the edges and their neighbours first, then uniform ones."""
    edges = [0, 1, 2, q - 1, q - 2, q // 2, q // 2 + 1]
    drawn = np.random.default_rng(seed).integers(0, q, count - len(edges), dtype=np.uint64)
    return np.concatenate([np.array(edges, np.uint64), drawn])


def constants_inputs(multiplier: ModularMultiplier, q: int) -> dict[str, int]:
    return {f"modulus.{name}": value for name, value in multiplier.constants(q).items()}


def padded(values: np.ndarray, latency: int) -> np.ndarray:
    return np.concatenate([values, np.zeros(latency, np.uint64)])


@pytest.mark.parametrize(("a_width", "b_width", "keep"), MULTIPLIERS)
@pytest.mark.parametrize("tile", sorted(TILES))
def test_multiplier__equals_python_integers(tile, a_width, b_width, keep):
    block = Multiplier(a_width, b_width, tile_named(tile), keep)
    a = edge_and_random(1 << a_width, 300, 1)
    b = edge_and_random(1 << b_width, 300, 2)[::-1].copy()
    with Simulator(design(block.hardware(), "multiplier")) as simulator:
        inputs = {"a": padded(a, block.latency), "b": padded(b, block.latency)}
        out = simulator.run(300 + block.latency, inputs)
    for i in range(300):
        low = int(out["p:0" if block.keep > 64 else "p"][i + block.latency])
        high = int(out["p:1"][i + block.latency]) << 64 if block.keep > 64 else 0
        assert high | low == block.golden(int(a[i]), int(b[i]))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modular_multiplier__equals_python_integers_at_edges_and_random(reduction, width):
    word_bits = 11 if width == 16 else 17
    block = modular_multiplier(reduction, width, word_bits=word_bits)
    q = primes_for(width, word_bits, 1)[0]
    a, b = edge_and_random(q, 64, 1), edge_and_random(q, 64, 2)
    a, b = np.repeat(a, 64), np.tile(b, 64)
    with Simulator(design(block.hardware(), f"{reduction}_{width}")) as simulator:
        inputs = {"a": padded(a, block.latency), "b": padded(b, block.latency), "load": 1}
        out = simulator.run(len(a) + block.latency, inputs | constants_inputs(block, q))["p"]
    expected = [block.golden(int(x), int(y), q) for x, y in zip(a, b, strict=True)]
    assert out[block.latency :].tolist() == expected


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modular_multiplier__exhaustive_over_12_bit_primes(reduction):
    block = modular_multiplier(reduction, 12, word_bits=7)
    primes = [p for p in primes_for(12, 7, 8) if p.bit_length() == 12][:3]
    assert len(primes) == 3
    with Simulator(design(block.hardware(), f"{reduction}_12")) as simulator:
        for q in primes:
            scale = np.uint64(pow(block.radix, -1, q))
            b = np.arange(q, dtype=np.uint64)
            for start in range(0, q, 256):
                column = np.arange(start, min(start + 256, q), dtype=np.uint64)
                x, y = np.repeat(column, q), np.tile(b, len(column))
                inputs = {"a": padded(x, block.latency), "b": padded(y, block.latency), "load": 1}
                out = simulator.run(len(x) + block.latency, inputs | constants_inputs(block, q))
                expected = x * y % np.uint64(q) * scale % np.uint64(q)
                assert np.array_equal(out["p"][block.latency :], expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modular_multiplier__a_new_modulus_follows_its_operands(reduction):
    block = modular_multiplier(reduction, 28, word_bits=14)
    primes = primes_for(28, 14, 2)
    batch = block.latency  # the shortest time for which constants must hold still
    rng = np.random.default_rng(5)
    rounds = [(q, rng.integers(0, q, (2, batch), dtype=np.uint64)) for q in primes * 3]
    a = np.concatenate([values[0] for _, values in rounds])
    b = np.concatenate([values[1] for _, values in rounds])
    load = np.tile(np.eye(1, batch, dtype=np.uint64)[0], len(rounds))
    inputs = {"a": a, "b": b, "load": load}
    for name in block.constant_widths:
        inputs[f"modulus.{name}"] = np.repeat(
            np.array([block.constants(q)[name] for q, _ in rounds], np.uint64), batch
        )
    inputs = {
        name: np.concatenate([value, np.repeat(value[-1:] * (name[0] == "m"), block.latency)])
        for name, value in inputs.items()
    }
    with Simulator(design(block.hardware(), f"{reduction}_28")) as simulator:
        out = simulator.run(len(a) + block.latency, inputs)["p"][block.latency :]
    expected = [
        block.golden(int(x), int(y), q)
        for q, values in rounds
        for x, y in zip(*values, strict=True)
    ]
    assert out.tolist() == expected


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("width", [12, 50, 64])
def test_add_sub__equals_python_integers_for_every_operation(width, reverse):
    block = AddSub(width, reverse)
    q = primes_for(width, 5, 1)[0]
    x = np.repeat(edge_and_random(q, 40, 3), 40)
    y = np.tile(edge_and_random(q, 40, 4), 40)
    with Simulator(design(block.hardware(), f"add_sub_{width}")) as simulator:
        for operation in PairOperation:
            inputs = {"x": padded(x, 3), "y": padded(y, 3), "q": q, "load": 1}
            out = simulator.run(len(x) + 3, inputs | {"operation": operation.value})
            for i, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
                pair = int(out["u"][i + 3]), int(out["v"][i + 3])
                assert pair == block.golden(operation, a, b, q)


def test_add_sub__exhaustive_over_an_8_bit_prime():
    block, q = AddSub(8), 251
    x, y = np.divmod(np.arange(q * q, dtype=np.uint64), np.uint64(q))
    with Simulator(design(block.hardware(), "add_sub_8")) as simulator:
        for operation in PairOperation:
            inputs = {"x": padded(x, 3), "y": padded(y, 3), "q": q, "load": 1}
            out = simulator.run(len(x) + 3, inputs | {"operation": operation.value})
            golden = [block.golden(operation, a, b, q) for a in range(q) for b in range(q)]
            assert list(zip(out["u"][3:].tolist(), out["v"][3:].tolist(), strict=True)) == golden


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_butterfly__equals_python_integers_with_directions_mixed(reduction):
    block = Butterfly(modular_multiplier(reduction, 50))
    q = find_primes(50, 1 << 16, 1)[0]
    count = 2000
    a, b, w = (edge_and_random(q, count, seed) for seed in (1, 2, 3))
    b, w = np.roll(b, 3), np.roll(w, 5)
    inverse = np.random.default_rng(4).integers(0, 2, count, dtype=np.uint64)
    columns = {"a": a, "b": b, "w": w, "inverse": inverse}
    inputs = {name: padded(value, block.latency) for name, value in columns.items()} | {"load": 1}
    with Simulator(design(block.hardware(), f"butterfly_{reduction}")) as simulator:
        inputs |= constants_inputs(block.multiplier, q)
        out = simulator.run(count + block.latency, inputs)
    for i in range(count):
        got = int(out["u"][i + block.latency]), int(out["v"][i + block.latency])
        assert got == block.golden(int(a[i]), int(b[i]), int(w[i]), bool(inverse[i]), q)
