"""Whether a program fits a machine."""

from __future__ import annotations

from accel_model.errors import MachineMismatchError
from accel_model.estimation.costs import limb_bytes, slots_of
from accel_model.estimation.residency import MIN_SLOTS
from accel_model.isa import Opcode, Program
from accel_model.machine.description import Machine


def check_fits(program: Program, machine: Machine) -> None:
    """Raise `MachineMismatchError` unless the primes, limbs, ring and rotations fit the machine."""
    widest = max(program.moduli).bit_length()
    if widest > machine["word.bits"]:
        raise MachineMismatchError(
            f"{machine.where('word.bits')}: words of {machine.whole('word.bits')} bits, the "
            f"program's primes have up to {widest}: use word.bits = {widest} or more, or "
            "parameters with smaller primes"
        )
    slots = slots_of(program.N, machine)
    if slots < MIN_SLOTS:
        needed = MIN_SLOTS * limb_bytes(program.N, machine)
        raise MachineMismatchError(
            f"{machine.where('memory.bytes')}: {machine['memory.bytes']:.0f} bytes hold {slots} "
            f"limbs of N = {program.N}: at least {needed:.0f} bytes are needed"
        )
    least, most = machine.get("ring.least", 2), machine.get("ring.most", program.N)
    if not least <= program.N <= most:
        name = "ring.least" if least > program.N else "ring.most"
        raise MachineMismatchError(
            f"{machine.where(name)}: {machine.name} transforms rings of N = {least:.0f} to "
            f"{most:.0f}, the program has N = {program.N}: use parameters of that size"
        )
    _check_reduction(program, machine)
    if not machine["automorphism.count"] and (
        program.instructions["opcode"] == Opcode.PERMUTE
    ).any():
        raise MachineMismatchError(
            f"{machine.where('automorphism.count')}: {machine.name} has no automorphism unit, "
            "which the program's rotations need: choose another machine, or a computation "
            "without rotations"
        )
    if machine.words["ntt.timing"] == "generated" and 2 * machine["ntt.butterflies"] > program.N:
        raise MachineMismatchError(
            f"{machine.where('ntt.butterflies')}: {machine.whole('ntt.butterflies')} butterflies "
            f"for N = {program.N}: at most {program.N // 2} can work"
        )


def _check_reduction(program: Program, machine: Machine) -> None:
    root = 1 << int(machine.get("word.root_bits"))
    for q in program.moduli:
        if (q - 1) % root:
            bits = (q - 1 & 1 - q).bit_length() - 1
            raise MachineMismatchError(
                f"{machine.where('word.root_bits')}: the reduction takes moduli that are 1 modulo "
                f"{root}, the program has {q}: use a word.root_bits of {bits} or less"
            )
