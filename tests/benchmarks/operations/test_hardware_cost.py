"""The cost of a network on a machine: that of the program of a real run, and what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nn
from accel_model.errors import MachineMismatchError
from accel_model.estimation.estimate import estimate
from accel_model.lowering.operations import lower
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import load_machine
from benchmarks.commands.options import on_machines
from benchmarks.main import main
from benchmarks.operations.hardware_cost import hardware_cost, word_bits
from benchmarks.operations.tracing import blank_images, traced_run
from tests.nn.samples import small

OPTIONS = {"N": 512, "insecure_reason": "unit test"}


@pytest.fixture(scope="module")
def network() -> nn.Network:
    """conv - square - linear on images (1, 6, 6)."""
    return small().calibrated(np.random.default_rng(8).uniform(0, 1, (8, 1, 6, 6)))


@pytest.mark.parametrize("images", [1, 2])
def test_hardware_cost__is_that_of_a_real_run(network, images):
    plan, machine = nn.compile(network, **OPTIONS), load_machine("asic7")
    client = nn.Client(plan)
    tracer = traced_run(
        network, plan, client, client.evaluation_keys(), blank_images(network, images)
    )
    program = lower(tracer.trace())
    run = estimate(program, machine)
    cost = hardware_cost(network, "asic7", plan=plan, images=images)
    assert (cost.time_s, cost.energy_j, cost.area, cost.instructions) == (
        run.time_s, run.energy.total_j, run.area.total, len(program),
    )  # fmt: skip
    assert cost.traffic_bytes == sum(run.external_bytes.values())
    limb = program.N * 50 / 8
    assert cost.on_chip_bytes == run.peak_slots * limb
    arrays = sum(int(np.prod(o.shape)) for o in program.objects)
    assert cost.external_memory_bytes == arrays * limb  # nothing is spilled


def test_hardware_cost__limbs_that_find_no_room_lie_outside(network):
    plan, machine = nn.compile(network, **OPTIONS), load_machine("asic7")
    small = machine.with_values(memory__bytes=16 * 512 * 50 / 8)
    large, tight = (hardware_cost(network, m, plan=plan) for m in (machine, small))
    assert tight.on_chip_bytes < large.on_chip_bytes
    assert tight.external_memory_bytes > large.external_memory_bytes
    assert tight.traffic_bytes > large.traffic_bytes


def test_hardware_cost__a_machine_with_too_short_words(network):
    with pytest.raises(MachineMismatchError, match=r"words of 28 bits, .* use word.bits = 50"):
        hardware_cost(network, "asic7-28", plan=nn.compile(network, **OPTIONS))


def test_hardware_cost__plans_for_the_words_of_the_machine(network):
    """28-bit primes without being asked; a file's own options are told."""
    assert word_bits(load_machine("asic7")) is None
    short = load_machine("asic7-28")
    assert word_bits(short) == 28
    plan = nn.compile(network, word_bits=28, **OPTIONS)
    cost = hardware_cost(network, short.with_values(external__packed=1), plan=plan)
    assert cost.options == ("packed",)
    assert cost.machine == "asic7-28"


def test_cost__command(network, tmp_path, capsys):
    path, file = tmp_path / "small.npz", tmp_path / "cost.json"
    nn.save(network, path)
    words = ["cost", "--network", str(path), "--ring-degree", "512", "--json", str(file)]
    words += ["--insecure-reason", "unit test", "--machine", "asic7", "--machine", "asic7-28"]
    assert main([*words, "--options", "--images", "1", "2"]) == 0
    rows = json.loads(file.read_text())["rows"]
    assert [(row["machine"], row["images"], len(row["options"])) for row in rows] == [
        (machine, images, options)
        for machine in ("asic7", "asic7-28")
        for options in (0, 3)
        for images in (1, 2)
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith("asic7 all options")
    assert f"{rows[2]['time_s'] * 1e6:,.1f}" in lines[3]


def test_cost__machines_that_no_option_named_may_be_unfit(network, tmp_path, capsys):
    """Of the two that stand for no `--machine`, `ecp5` has no room for long limbs."""
    path, file = tmp_path / "small.npz", tmp_path / "cost.json"
    nn.save(network, path)

    def run(N: int, *words: str) -> int:
        ring = ["--ring-degree", str(N), "--insecure-reason", "unit test"]
        return main(["cost", "--network", str(path), *ring, "--json", str(file), *words])

    assert run(65536) == 0
    assert [row["machine"] for row in json.loads(file.read_text())["rows"]] == ["asic7"]
    assert "ecp5 is left out: ecp5.toml:33: 256000 bytes hold 0 limbs" in capsys.readouterr().err
    assert run(65536, "--machine", "asic7", "--machine", "ecp5") == 2
    assert "256000 bytes hold 0 limbs" in capsys.readouterr().err


def test_on_machines__one_must_fit():
    machines = [load_machine("ecp5"), load_machine("asic7")]

    def refuse(machine: Machine) -> None:
        raise MachineMismatchError(f"not on {machine.name}")

    with pytest.raises(MachineMismatchError, match="not on asic7"):
        on_machines(machines, False, refuse)
    with pytest.raises(MachineMismatchError, match="not on ecp5"):
        on_machines(machines, True, refuse)
