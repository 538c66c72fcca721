"""Where a server keeps weights: within the budget, and with the same bits everywhere."""

from __future__ import annotations

import functools
import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import he
import nn
from he.ckks.circuits.diagonal_encoding import ArrangedDiagonals
from nn.packed.packed_for import packed_for
from nn.packed.weights import EncodedForRuns, KeptMatrix, Place, choose_places
from tests.nn.samples import residual

sizes_of_stages = st.lists(st.integers(1, 100), min_size=1, max_size=7)


@given(sizes_of_stages, st.integers(0, 700))
def test_choose_places__keeps_to_the_budget(sizes, budget) -> None:
    """What is kept, and the largest of what is encoded for a run."""
    if budget < max(sizes):
        with pytest.raises(nn.MemoryBudgetError, match=f"needs {max(sizes)} bytes"):
            choose_places(sizes, budget, files=False)
        return
    places = choose_places(sizes, budget, files=False)
    kept = [size for size, place in zip(sizes, places, strict=True) if place is Place.MEMORY]
    others = [size for size, place in zip(sizes, places, strict=True) if place is Place.VALUES]
    assert sum(kept) + max(others, default=0) <= budget
    assert len(kept) + len(others) == len(sizes)
    # No single stage more would fit.
    for size in others:
        rest = [other for other in others if other is not size]
        if len(rest) == len(others) - 1:
            assert sum(kept) + size + max(rest, default=0) > budget


@given(sizes_of_stages, st.integers(0, 700))
def test_choose_places__with_files_any_budget_will_do(sizes, budget) -> None:
    places = choose_places(sizes, budget, files=True)
    kept = [size for size, place in zip(sizes, places, strict=True) if place is Place.MEMORY]
    assert sum(kept) <= budget
    assert Place.VALUES not in places
    others = [size for size, place in zip(sizes, places, strict=True) if place is Place.FILE]
    assert all(sum(kept) + size > budget for size in others)
    assert (Place.FILE in places) == (sum(sizes) > budget)


def test_choose_places__without_a_budget_all_is_in_memory() -> None:
    assert choose_places([5, 7], None, files=False) == [Place.MEMORY] * 2
    assert choose_places([5, 7], 12, files=False) == [Place.MEMORY] * 2


@functools.cache
def session() -> tuple:
    rng = np.random.default_rng(5)
    network = residual(rng)
    network = network.calibrated(rng.uniform(0, 1, (20, *network.input_shape)))
    plan = nn.compile(network, N=4096, precision_bits=2, insecure_reason="unit test")
    client = nn.Client(plan)
    images = client.encrypt(rng.uniform(0, 1, (3, *network.input_shape)))
    keys = client.evaluation_keys()
    expected = nn.Server(plan, network, keys).run(images)
    return plan, network, keys, images, expected


def sizes() -> list[int]:
    plan = session()[0]
    return [stage.weight_bytes for stage in plan.stages if stage.kind == "affine"]


def same(answer) -> bool:
    expected = session()[-1]
    pairs = zip(answer.ciphertexts, expected.ciphertexts, strict=True)
    return all((a.data == b.data).all() for a, b in pairs)


def matrices(server) -> dict:
    sources = {}
    for stage in server._stages:
        owner = getattr(stage.opened, "__self__", None)
        if owner is not None:
            sources[stage.name] = owner
    return sources


def test_plan__states_the_bytes_that_the_server_takes() -> None:
    plan, network, keys, *_ = session()
    server = nn.Server(plan, network, keys)
    found = {}
    for name, source in matrices(server).items():
        blocks = source.matrix._blocks.values()
        found[name] = sum(block.weights.nbytes for block in blocks)
    stated = {stage.name: stage.weight_bytes for stage in plan.stages if stage.kind == "affine"}
    assert found == stated
    assert plan.weight_bytes == sum(stated.values())


def test_server__with_the_least_memory_gives_the_same_bits() -> None:
    plan, network, keys, images, _ = session()
    least = max(sizes())
    server = nn.Server(plan, network, keys, memory_bytes=least)
    sources = matrices(server).values()
    assert any(isinstance(source, EncodedForRuns) for source in sources)
    assert same(server.run(images))
    assert all(source._matrix is None for source in sources if isinstance(source, EncodedForRuns))
    with pytest.raises(nn.MemoryBudgetError, match=f"needs {least} bytes"):
        nn.Server(plan, network, keys, memory_bytes=least - 1)


@pytest.mark.parametrize("least", [True, False])
def test_server__of_a_plan_from_bytes_keeps_no_maps(
    least: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, network, keys, images, _ = session()
    maps = []

    def packed(*arguments: object) -> list:
        found = packed_for(*arguments)
        maps.extend(weakref.ref(item.affine) for item in found if item.affine is not None)
        return found

    monkeypatch.setattr("nn.packed.server.packed_for", packed)
    budget = max(sizes()) if least else None
    read = nn.read_plan(plan.to_bytes(), insecure_reason="unit test")
    server = nn.Server(read, network, keys, memory_bytes=budget)
    gc.collect()
    assert maps
    assert not any(reference() for reference in maps)
    assert same(server.run(images))


def test_server__of_a_middle_budget_keeps_some_weights() -> None:
    plan, network, keys, images, _ = session()
    server = nn.Server(plan, network, keys, memory_bytes=plan.weight_bytes - 1)
    kinds = {type(source) for source in matrices(server).values()}
    assert kinds == {KeptMatrix, EncodedForRuns}
    assert same(server.run(images, threads=1))


def test_server__runs_of_several_threads_take_turns_at_weights() -> None:
    plan, network, keys, images, _ = session()
    server = nn.Server(plan, network, keys, memory_bytes=max(sizes()))
    answers: list = [None] * 3

    def run(index: int) -> None:
        answers[index] = server.run(images, threads=1)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(answer) for answer in answers)


def test_server__with_files_encodes_once_for_all_servers(tmp_path, monkeypatch) -> None:
    plan, network, keys, images, _ = session()
    folder = tmp_path / "new" / "weights"
    server = nn.Server(plan, network, keys, memory_bytes=0, weights_folder=str(folder))
    assert same(server.run(images))
    written = list(folder.iterdir())
    assert written
    monkeypatch.setattr(ArrangedDiagonals, "encode", None)
    again = nn.Server(plan, network, keys, memory_bytes=0, weights_folder=folder)
    assert same(again.run(images))
    path = max(written, key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(he.CorruptBytesError, match="was altered"):
        nn.Server(plan, network, keys, memory_bytes=0, weights_folder=folder)


def test_server__a_folder_without_a_budget_is_not_used(tmp_path) -> None:
    plan, network, keys, *_ = session()
    nn.Server(plan, network, keys, weights_folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_server__refuses_what_is_no_folder(tmp_path) -> None:
    plan, network, keys, *_ = session()
    for wrong in (3, b"folder", object()):
        with pytest.raises(nn.NetworkError, match="the path of a folder"):
            nn.Server(plan, network, keys, weights_folder=wrong)
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        nn.Server(plan, network, keys, weights_folder=file)


def test_server__tells_how_far_encoding_is(capsys) -> None:
    plan, network, keys, *_ = session()
    diagonals = sum(stage.diagonals for stage in plan.stages)
    for budget in (None, max(sizes())):
        nn.Server(plan, network, keys, memory_bytes=budget, progress=True)
        assert f"encoded diagonals {diagonals}/{diagonals}" in capsys.readouterr().err
