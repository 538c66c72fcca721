"""Programs that do not fit a machine are refused with file and line."""

from __future__ import annotations

import pytest

from accel_model.errors import MachineMismatchError
from accel_model.estimation.estimate import estimate
from accel_model.lowering.operations import lower
from accel_model.machine.machine_file import CONFIGS, load_machine, parse_machine
from tests.accel_model.programs import program_of, sum_of_two

TEXT = (CONFIGS / "asic7.toml").read_text(encoding="utf-8")


def test_estimate__what_a_program_needs_is_named():
    program, machine = program_of(1, 20), load_machine("asic7")
    with pytest.raises(MachineMismatchError, match=r"up to 17: use word\.bits = 17"):
        estimate(program, machine.with_values(word__bits=16))
    with pytest.raises(MachineMismatchError, match=r"asic7.toml:\d+: .* at least 25600 bytes"):
        estimate(program, machine.with_values(memory__bytes=100))


@pytest.mark.parametrize(
    ("name", "trace", "message"),
    [
        ("craterlake", sum_of_two(), r"craterlake.toml:\d+: words of 28 bits, .* up to 36"),
        ("cofhee", sum_of_two(64), r"cofhee.toml:\d+: .* rings of N = 128 to 8192"),
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
