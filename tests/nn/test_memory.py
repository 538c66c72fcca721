"""What does not fit the memory is refused by name, before it is tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nn
from nn import memory
from nn.errors import MemoryBudgetError
from nn.memory import check_memory, free_bytes

REASON = "unit test"


def tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str) -> None:
    path = tmp_path / "meminfo"
    path.write_text(words)
    monkeypatch.setattr(memory, "_MEMINFO", path)


def small_network() -> nn.Network:
    rng = np.random.default_rng(0)
    nodes = (
        nn.Node("conv", nn.Conv2d(rng.normal(size=(2, 1, 3, 3)) / 4, np.zeros(2)), ("input",)),
        nn.Node("act", nn.Polynomial([0.1, 0.5, 0.25]), ("conv",)),
        nn.Node("flatten", nn.Flatten(), ("act",)),
        nn.Node("fc", nn.Linear(rng.normal(size=(3, 32)) / 6, np.zeros(3)), ("flatten",)),
    )
    network = nn.Network("small", (1, 6, 6), nodes, (-1.0, 1.0))
    return network.calibrated(rng.uniform(-1, 1, (8, 1, 6, 6)))


def test_free_bytes__reads_what_the_system_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tell(monkeypatch, tmp_path, "MemTotal: 100 kB\nMemAvailable:   12 kB\n")
    assert free_bytes() == 12 << 10


@pytest.mark.parametrize("words", ["", "MemAvailable:", "MemAvailable: many kB", "nothing"])
def test_free_bytes__unknown_memory_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str
) -> None:
    tell(monkeypatch, tmp_path, words)
    assert free_bytes() is None
    check_memory(1 << 60, "keys", "nothing")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert free_bytes() is None


def test_check_memory__names_both_sizes_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tell(monkeypatch, tmp_path, "MemAvailable: 1000000 kB\n")
    check_memory(1_024_000_000, "keys", "buy some")
    with pytest.raises(MemoryBudgetError, match=r"keys take 2.00 GB .*, 1.02 GB .*: buy some"):
        check_memory(2_000_000_000, "keys", "buy some")


def test_memory__keys_weights_and_matrices_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = small_network()
    plan = nn.compile(network, N=256, precision_bits=2, insecure_reason=REASON)
    client = nn.Client(plan)
    keys = client.evaluation_keys()
    assert keys.memory_bytes == plan.key_memory_bytes
    tell(monkeypatch, tmp_path, "MemAvailable: 1 kB\n")
    with pytest.raises(MemoryBudgetError, match="evaluation keys"):
        client.evaluation_keys()
    with pytest.raises(MemoryBudgetError, match=r"give memory_bytes, \d+ at least"):
        nn.Server(plan, network, keys)
    largest = max(stage.weight_bytes or 0 for stage in plan.stages)
    nn.Server(plan, network, keys, memory_bytes=largest)
    with pytest.raises(MemoryBudgetError, match=r"convolution \(1, 6, 6\) -> \(2, 4, 4\)"):
        nn.compile(network, N=256, precision_bits=2, insecure_reason=REASON)


def test_compile__a_memory_error_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("nn.compilation.plan_packed", fails)
    with pytest.raises(MemoryBudgetError, match="'small' does not fit"):
        nn.compile(small_network())
