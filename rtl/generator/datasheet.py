"""The datasheet of a generated block: ports, timing, number formats."""

from __future__ import annotations

from rtl.arithmetic.modmul import ModularMultiplier
from rtl.generator.catalogue import AnyBlock
from rtl.markdown import table
from rtl.units.stream_unit import Row, StreamUnit
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


def _timing(block: AnyBlock) -> list[Row]:
    if isinstance(block, StreamUnit):
        return block.timing_rows
    return [
        ("from operands to their result", f"{block.latency}"),
        ("from operands to the next operands", "1"),
    ]


def _formats(block: AnyBlock) -> list[str]:
    lines = ["Residues are unsigned, in [0, q), on every port."]
    if not isinstance(block, StreamUnit):
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
            *block.format_lines,
        ]
    return lines
