"""Machine files: all that are shipped load, and misfits are refused with file and line."""

from __future__ import annotations

import pytest

from accel_model.errors import MachineFileError
from accel_model.estimation.energy import area_of
from accel_model.machine import calibration
from accel_model.machine.machine_file import CONFIGS, load_machine, machine_names, parse_machine

TEXT = (CONFIGS / "asic7.toml").read_text(encoding="utf-8")

ASSUMED = '{ tag = "assumed", origin = "a test", value = '


def test_machine__all_that_are_shipped_load_and_ours_are_measured():
    for name in machine_names():
        assert load_machine(name).name == name
    figures = load_machine("ecp5").figures
    for name in ("clock.hz", "ntt.butterflies", "ntt.butterfly_latency_cycles"):
        assert figures[name].tag == "measured"
        assert "commit" in figures[name].origin


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 256, tag", "value = 0, tag", r"m.toml:\d+: pointwise.lanes = 0: a value from"),
        ("bits = {", "bitz = {", r"m.toml:\d+: word.bitz is not known"),
        ("bits = {", "# {", r"word.bits is missing"),
        ('4, tag = "assumed"', '4, tag = "guessed"', r"m.toml:\d+: ntt.count needs an origin"),
        ('4, tag = "assumed"', '4, tag = "measured"', r"m.toml:\d+: ntt.count has the tag measu"),
        ("scale = 1, ", "", r"m.toml:\d+: ntt.butterfly_latency_cycles: a list of `terms` needs"),
        ("times = 2 }", "often = 2 }", r"m.toml:\d+: area.butterfly: a term is"),
        ("factored = false", "factored = 2", r"pointwise.factored = 2: true or false is needed"),
        ("value = 128", "value = 96", r"a power of two, for example 64"),
        ('timing = "generated"', 'timing = "fast"', r"choose one of generated"),
        ("[clock]", "[clock", r"m.toml:\d+: not TOML"),
        ("[clock]", "[word]", r"m.toml:\d+: not TOML"),
        ("prefetch = true", 'prefetch = "false"', r"m.toml:\d+: external.prefetch = 'false': true"),
        ("keys_from_seeds = false", "keys_from_seeds = 0", r"= 0: true or false is needed"),
        ('twiddles = "generated"', 'twiddles = "stord"', r"m.toml:\d+: ntt.twiddles .* stored, g"),
        ('name = "asic7"', "name = 7", r"m.toml:1: name = 7: words in quotes"),
        ('unit = "mm2"', 'unit = ""', r"m.toml:\d+: area.unit = '': words in quotes"),
        (
            "[ntt]",
            f"[ring]\nleast = {ASSUMED}64 }}\nmost = {ASSUMED}32 }}\n[ntt]",
            r"m.toml:\d+: ring.least = 64 is above ring.most = 32",
        ),
    ],
)
def test_machine__a_misfit_is_refused_with_file_and_line(old, new, message):
    with pytest.raises(MachineFileError, match=message):
        parse_machine(TEXT.replace(old, new), "m.toml")


def test_machine__bytes_that_are_no_text(tmp_path):
    path = tmp_path / "m.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(MachineFileError, match=r"m\.toml: not a text file"):
        load_machine(str(path))


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
