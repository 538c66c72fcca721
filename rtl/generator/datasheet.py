"""The datasheet of a generated block: ports, timing, number formats."""

from __future__ import annotations

from rtl.arithmetic.butterfly import Butterfly
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.generator.catalogue import AnyBlock
from rtl.markdown import table
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.expander import SeedExpander
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import PointwiseUnit
from rtl.verilog.design import Design


def datasheet(block: AnyBlock, design: Design) -> str:
    """The datasheet of one generated block, as Markdown."""
    parts = [
        f"# {design.name}",
        (type(block).__doc__ or "").strip().replace("\n    ", "\n"),
        "## Ports\n\nClock `clk` (rising edge), reset `rst` (synchronous, active high).\n\n"
        + _ports(design),
        "## Timing\n\n" + table(("quantity", "cycles"), _timing(block)),
        "## Formats\n\n" + "\n".join(f"- {line}" for line in _formats(block)),
    ]
    if design.images:
        images = "\n".join(f"- `{name}`" for name in design.images)
        parts.append(
            "## Memory images\n\nThe Verilog reads these files with `$readmemb`: one word a line, "
            f"binary, address 0 first.\n\n{images}"
        )
    return "\n\n".join(parts) + "\n"


def _ports(design: Design) -> str:
    rows = []
    for port in design.ports:
        way = "in" if port.is_input else "out"
        if len(port.fields) == 1:
            rows.append((f"`{port.name}`", way, str(port.width), ""))
            continue
        rows.append((f"`{port.name}`", way, str(port.width), "fields below, lowest first"))
        rows += [
            ("", "", str(f.width), f"`{f.name}` at bits {f.offset + f.width - 1}..{f.offset}")
            for f in port.fields
            if f.width
        ]
    return table(("port", "way", "bits", "content"), rows)


def _timing(block: AnyBlock) -> list[tuple[str, ...]]:
    if isinstance(block, NTTUnit):
        return [
            ("one transform, from the first step to the last write (`busy`)",
             f"{block.transform_cycles}"),
            ("the steps and waits alone", f"{block.schedule.issue_cycles}"),
            ("from the last beat in to the first beat out", f"{block.latency_cycles}"),
            ("from a transform to the next, if neither stream waits", f"{block.interval_cycles}"),
            ("beats of a polynomial", f"{block.beats}"),
        ]
    if isinstance(block, AutomorphismUnit):
        return [
            ("from the last beat in to the first beat out", f"{block.latency_cycles}"),
            ("from a polynomial to the next, if neither stream waits", f"{block.interval_cycles}"),
        ]
    if isinstance(block, SeedExpander):
        return [
            ("from a key in to the first beat out, if all its words are kept",
             f"{block.latency_cycles}"),
            (f"from a block of the key stream (8 words, {block.words} a cycle) to the next",
             f"{block.cipher.passes}"),
            ("from the last beat out to the next key in", "0"),
            ("of each beat of a key: `beat_cycles(key, modulus)`", ""),
        ]
    if isinstance(block, PointwiseUnit):
        return [
            ("from a beat in to its result", f"{block.latency_cycles}"),
            ("from a beat to the next with the same modulus", "1"),
            ("from a beat that changes the modulus to the next such beat, at least",
             f"{block.modulus_change_cycles}"),
        ]  # fmt: skip
    return [
        ("from operands to their result", f"{block.latency}"),
        ("from operands to the next operands", "1"),
    ]


def _formats(block: AnyBlock) -> list[str]:
    lines = ["Residues are unsigned, in [0, q), on every port."]
    if isinstance(block, (ModularMultiplier, Butterfly)):
        multiplier = block if isinstance(block, ModularMultiplier) else block.multiplier
        lines += [
            (
                f"Reduction {multiplier.reduction}: p = a b / R mod q with R = {multiplier.radix}; "
                "an operand in factor form, b R mod q, gives the plain product."
            ),
            "`modulus` holds the constants of q, "
            + ", ".join(
                f"{name} ({bits} bits)" for name, bits in multiplier.constant_widths.items()
            )
            + "; it must hold still for the latency after each operand that `load` marks.",
        ]
    else:
        moduli = ", ".join(f"{i}: {q}" for i, q in enumerate(block.moduli))
        lines += [
            (
                "Streams: a beat moves in each cycle in which valid and ready are both high. Until "
                "then, valid stays high and the beat stays the same."
            ),
            f"Table of moduli: {moduli}.",
        ]
    if isinstance(block, (NTTUnit, AutomorphismUnit)):
        lines.append(
            "Beat j carries coefficients j L .. j L + L - 1, L lanes, the first in the lowest "
            "bits. The unit reads modulus and command in the first beat of a polynomial only."
        )
    if isinstance(block, SeedExpander):
        lines.append(
            "A key has 32 bytes, the first in the lowest bits. Its row is made of the first N "
            "words w of 64 bits, little-endian, of its ChaCha20 stream (counter from 0, nonce 0) "
            "with w mod 2^b < q, b the bit length of q. `last` is high in the last beat of a row."
        )
    if isinstance(block, NTTUnit):
        lines.append(
            "Forward: natural order in, bit-reversed order out, A[i] = a(psi^(2 brv(i) + 1)), psi "
            "the smallest primitive 2N-th root of unity. Inverse: the other way, 1/N included."
        )
    return lines
