"""Published machines: what they reproduce, run, and refuse; figures that come from measurements."""

from __future__ import annotations

import pytest

from accel_model.estimate.energy import SCALING_UNCERTAINTY, area_of, scaled_area
from accel_model.estimate.estimate import estimate
from accel_model.lowering.operations import lower
from accel_model.machine import calibration
from accel_model.machine.description import CONFIGS, load_machine, machine_names, parse_machine
from accel_model.machine.errors import MachineFileError, MachineMismatchError
from accel_model.machine.figures import TAGS
from accel_model.validation.validate import (
    area_lines,
    exact_machines,
    other_machines,
    published,
    unmodelled_lines,
)
from he.trace import HEOp, OpTrace

TEXT = (CONFIGS / "asic7.toml").read_text(encoding="utf-8")
PRIMES_OF_36_BITS = (68719230977, 68718428161, 68717379585)
"""1 modulo 2^14."""


def sum_of_two(N: int = 8192, primes: tuple[int, ...] = PRIMES_OF_36_BITS) -> OpTrace:
    """A trace without rotations: one addition."""
    shape = (2, 2)
    operation = HEOp("add", 1, (0, 1), (2,), layer="sum")
    return OpTrace(
        N, primes[:2], primes[2:], 1, (shape, shape, shape), (), (), (0, 1), (2,), (operation,)
    )


def test_published__every_group_names_a_machine_that_loads_and_a_tag():
    content = published()
    groups = [*content["exact"], *content["table"], *content["bootstrap"]]
    assert {group["machine"] for group in groups} <= set(machine_names())
    everything = [*groups, *content["exact_unit"], *content["unmodelled"], content["work"],
                  content["simfhe"]]  # fmt: skip
    assert all(group["tag"] in TAGS and group["origin"] for group in everything)


def test_exact__rates_follow_from_the_machine_files(monkeypatch):
    assert {check.subject.split()[0] for check in exact_machines()} == {
        "heax", "cofhee", "parametric-ntt",
    }  # fmt: skip
    assert all(check.holds for check in exact_machines())
    slower = load_machine("heax").with_values(clock__hz=299e6)
    monkeypatch.setattr(
        "accel_model.validation.validate.load_machine",
        lambda name: slower if name == "heax" else load_machine(name),
    )
    wrong = [check for check in exact_machines() if not check.holds]
    assert {check.subject.split()[0] for check in wrong} == {"heax"}


def test_others__every_error_has_a_reason_and_an_origin():
    for check in other_machines():
        assert check.reason
        assert "[" in check.origin
    assert all("not modelled" in line for line in unmodelled_lines())


def test_others__whole_operations_of_f1_follow_from_its_clock_and_lanes():
    errors: dict[str, set[float]] = {}
    for check in other_machines():
        if check.subject.startswith("f1"):
            what = check.subject.rpartition(" ")[0]
            errors.setdefault(what, set()).add(round(check.error, 12))
    assert errors == {
        "f1 NTT of a ciphertext, ns": {0.25},
        "f1 permutation of a ciphertext, ns": {0},
        "f1 product of ciphertexts, ns": {0},
    }


@pytest.mark.parametrize("name", ["heax", "cofhee", "sharp", "bts", "ark", "asic7", "ecp5"])
def test_estimate__a_program_that_fits_runs_on_published_machines_too(name):
    result = estimate(lower(sum_of_two()), load_machine(name))
    assert result.time_s >= result.ideal_s > 0
    assert result.energy.total_j > 0


@pytest.mark.parametrize(
    ("name", "trace", "message"),
    [
        ("craterlake", sum_of_two(), r"craterlake.toml:\d+: words of 28 bits, .* up to 36"),
        ("cofhee", sum_of_two(2048), r"cofhee.toml:\d+: .* rings of N = 4096 to 16384"),
        ("heax", sum_of_two(32768), r"heax.toml:\d+: .* the program has N = 32768"),
    ],
)
def test_estimate__what_a_machine_lacks_is_named_with_file_and_line(name, trace, message):
    with pytest.raises(MachineMismatchError, match=message):
        estimate(lower(trace), load_machine(name))


def test_estimate__no_automorphism_unit(circuit_run):
    machine = load_machine("asic7").with_values(automorphism__count=0, word__bits=64)
    with pytest.raises(MachineMismatchError, match=r"asic7.toml:\d+: .* no automorphism unit"):
        estimate(lower(circuit_run.trace), machine)
    assert estimate(lower(sum_of_two()), machine).utilisation["automorphism"] == 0


def test_estimate__a_reduction_that_does_not_take_the_primes():
    text = TEXT.replace("[ntt]", "[ntt]\n", 1).replace(
        "\n[ntt]", 'root_bits = { value = 17, tag = "assumed", origin = "a test" }\n\n[ntt]', 1
    )
    machine = parse_machine(text, "m.toml")
    line = text[: text.index("root_bits")].count("\n") + 1
    with pytest.raises(MachineMismatchError, match=rf"m.toml:{line}: .* word.root_bits of 14"):
        estimate(lower(sum_of_two()), machine)


def test_area__at_another_node_has_a_range_and_names_its_factor():
    machine = load_machine("f1")
    scaled = scaled_area(machine)
    # Stillmaker and Baas: 14 to 7 nm is 0.34.
    assert scaled.value == pytest.approx(0.34 * area_of(machine).total)
    spread = SCALING_UNCERTAINTY.value
    assert (scaled.least, scaled.most) == pytest.approx(
        (scaled.value * (1 - spread), scaled.value * (1 + spread))
    )
    assert "Stillmaker" in scaled.origin
    assert scaled_area(load_machine("sharp")) is None
    assert scaled_area(load_machine("ecp5")) is None
    lines = {line.split(":")[0].strip(): line for line in area_lines()}
    assert "from 36.03 to 66.92" in lines["f1"]
    assert "no factor" in lines["cofhee"]


def test_tags__energy_rests_on_the_time_and_area_on_the_sizes():
    """No result is called better than the weakest figure that it is computed from."""
    program = lower(sum_of_two())
    machine = load_machine("sharp")
    assert {f.tag for name, f in machine.figures.items() if name.startswith("energy.")} == {
        "remembered"
    }
    assert machine.figures["external.latency_s"].tag == "assumed"
    assert estimate(program, machine).energy.tag == "assumed"
    text = TEXT.replace('tag = "assumed", origin = "0.07', 'tag = "published", origin = "0.07')
    named = parse_machine(text.replace('tag = "assumed", origin = "one multiplier',
                                       'origin = "one multiplier')
                          .replace('tag = "assumed", origin = "two multipliers',
                                   'origin = "two multipliers'), "m.toml")  # fmt: skip
    assert {f.tag for name, f in named.figures.items() if name.startswith("area.")} == {
        "calibrated", "published",
    }  # fmt: skip
    assert named.figures["memory.bytes"].tag == "assumed"
    assert area_of(named).tag == "assumed"


def test_figure__a_scaled_measurement_is_calibrated_and_says_why():
    figure = load_machine("fpga").figures["area.lane"]
    block = {"kind": "modmul", "width": 50, "reduction": "word"}
    measured = calibration.find(block, "xcup")["measured"]["lut"]
    assert figure.value == 2 * measured
    assert figure.tag == "calibrated"
    assert "times 2: two multipliers a lane" in figure.origin


@pytest.mark.parametrize(
    "extra",
    ["scale = 2", 'scale = "two", origin = "x"', 'scale = 2, origin = ""', 'tag = "assumed"',
     'scale = 2, origin = "x", tag = "measured"'],
)  # fmt: skip
def test_figure__a_scale_without_a_reason_is_refused(extra):
    source = 'block = { kind = "modmul", width = 50, reduction = "word" }, target = "xcup"'
    lines = [
        f'butterfly = {{ {source}, field = "lut", {extra} }}' if line.startswith("butterfly = ")
        and "modmul" in line else line
        for line in TEXT.splitlines()
    ]  # fmt: skip
    with pytest.raises(MachineFileError, match=r"m.toml:\d+: area.butterfly: .* `scale`"):
        parse_machine("\n".join(lines), "m.toml")


def test_machines__compare_like_with_like():
    """Ours load every key: the generator that would spare that is no unit that was measured."""
    for name in ("ecp5", "fpga", "asic7"):
        assert not load_machine(name).keys_from_seeds


def test_ecp5__its_units_fit_the_device_and_the_clock_is_the_slowest():
    """nextpnr's capacity of the device: 156 multipliers and 208 memory blocks of 18,432 bits."""
    units = [
        calibration.find({"kind": "ntt", "N": 8192, "butterflies": 2, "word_bits": 14}, "ecp5"),
        calibration.find({"kind": "pointwise", "lanes": 2, "word_bits": 14}, "ecp5"),
        calibration.find({"kind": "automorphism", "N": 8192, "lanes": 2}, "ecp5"),
    ]
    machine = load_machine("ecp5")
    measured = [unit["measured"] for unit in units]
    assert all(m["fits"] for m in measured)
    assert sum(m["dsp"] for m in measured) <= 156
    memory_blocks = -(-machine.whole("memory.bytes") * 8 // 18432)
    assert sum(m["ram_blocks"] for m in measured) + memory_blocks <= 208
    assert area_of(machine).total == sum(m["lut"] for m in measured)
    assert machine["clock.hz"] == min(m["clock_median_hz"] for m in measured)
    for name in ("clock.hz", "ntt.butterflies", "pointwise.lanes", "ntt.butterfly_latency_cycles"):
        assert machine.figures[name].tag == "measured"
