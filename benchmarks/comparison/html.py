"""A comparison as one HTML page, which loads nothing: its plots are SVG inside the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from accel_model.machine.figures import TAGS
from benchmarks.comparison import plots as compare_plots
from benchmarks.comparison.compare import Accelerator, Comparison, Line
from benchmarks.comparison.text import amount, area_value, busiest, ratio
from ntt.terminal import printable

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; }
table { border-collapse: collapse; font-size: 0.85rem; margin: 0.8rem 0; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right;
         vertical-align: top; }
th:first-child, td:first-child, td.words { text-align: left; }
thead th { border-bottom: 2px solid #888; }
figure { margin: 1rem 0; } figcaption { font-size: 0.85rem; color: #555; }
svg { width: 100%; height: auto; }
pre { background: #f4f4f4; padding: 0.6rem; overflow-x: auto; font-size: 0.85rem; }
.scroll { overflow-x: auto; }
.tag { font-size: 0.72rem; border-radius: 0.6rem; padding: 0 0.45rem; white-space: nowrap; }
.measured { background: #cdeccd; } .calibrated { background: #d3e3fb; }
.published { background: #e4dbf5; } .remembered { background: #f4e6c3; }
.assumed { background: #f8d6cc; }
"""


def report(comparison: Comparison, origin: Mapping[str, Any]) -> str:
    """The page. origin: from `benchmarks.commands.results_file.provenance`."""
    machines = comparison.accelerators
    title = f"{comparison.software.title}, beside {', '.join(a.name for a in machines)}"
    body = [
        f"<h1>{_text(title)}</h1>",
        *_summary(comparison),
        *_lines("Time by layer", "layer", comparison.layers(), machines),
        *_lines("Time by operation", "operation", comparison.operations(), machines),
        "<h2>Where the energy goes</h2>",
        _figure(compare_plots.energy_svg(machines), "The shares of each machine's energy."),
        *(part for machine in machines for part in _machine(comparison, machine)),
        *_peers(comparison),
        *_trust(comparison),
        *_origin(origin, comparison),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _summary(comparison: Comparison) -> Iterator[str]:
    software, machines = comparison.software, comparison.accelerators
    measured = f"{amount(software.median_s, 's')} {_tag('measured')}"
    rows = [
        ["time", measured, *(f"{amount(a.result.time_s, 's')} {_tag(a.result.tag)}"
                             for a in machines)],
        ["speed-up", "1", *(ratio(comparison.speed_up(a)) for a in machines)],
        ["ideal bound: no schedule of the program is faster", "",
         *(amount(a.result.ideal_s, "s") for a in machines)],
        ["busiest unit", "", *(_text(busiest(a)) for a in machines)],
        ["energy", "not measured",
         *(f"{amount(a.result.energy.total_j, 'J')} {_tag(a.result.energy.tag)}"
           for a in machines)],
        ["area", "", *(f"{_text(area_value(a))} {_tag(a.result.area.tag)}" for a in machines)],
    ]  # fmt: skip
    params = software.params
    yield (
        f"<p>N = {params.N}, log2(QP) = {params.log_qp:.0f}, dnum {params.dnum}, "
        f"{params.security_estimate}-bit security; {len(comparison.program):,} instructions on "
        f"limbs; software on {software.threads} thread(s), median of {len(software.samples_s)} "
        "runs.</p>"
    )
    yield _table(["", "software", *(_text(a.name) for a in machines)], rows)
    if software.committed_s is not None:
        yield f"<p>Software time {_text(software.committed_words)}.</p>"
    elif software.disturbance is not None:
        yield f"<p>Software run: {_text(software.disturbance.words())}.</p>"
    for machine in machines:
        yield f"<p><b>{_text(machine.name)}</b>: {_text(machine.machine.title)}</p>"


def _lines(
    title: str, what: str, lines: Sequence[Line], machines: Sequence[Accelerator]
) -> Iterator[str]:
    if not lines:
        return
    yield f"<h2>{title}</h2>"
    if any(line.software_s for line in lines):
        caption = f"Software beside the machines, for each {what}; a logarithmic scale."
        yield _figure(compare_plots.times_svg(lines, machines), caption)
    rows = []
    for line in lines:
        row = [_text(line.name), "-" if line.software_s is None else amount(line.software_s, "s")]
        for machine in machines:
            part = line.parts[machine.name]
            if part is None:
                row += ["-"] * 4
            else:
                row += [
                    amount(part.time_s, "s"),
                    ratio(line.speed_up(machine.name)),
                    amount(part.energy.total_j, "J"),
                    _text(part.bottleneck),
                ]
        rows.append(row)
    head = [what, "software"]
    for machine in machines:
        head += [_text(machine.name), "speed-up", "energy", "bound by"]
    yield _table(head, rows)
    yield (
        "<p>Layers overlap on a machine. The time between two ends of instructions belongs to the "
        "instruction that ends next, so the times add up to the total. The area is that of the "
        "whole machine.</p>"
    )


def _machine(comparison: Comparison, accelerator: Accelerator) -> Iterator[str]:
    machine, result = accelerator.machine, accelerator.result
    yield f"<h2>{_text(machine.name)}: {_text(machine.title)}</h2>"
    yield _figure(
        compare_plots.machine_svg(comparison, accelerator),
        "Left: the roofline, with layers filled and kinds of operations hollow; a point at the "
        "right edge has no external traffic. Right: the share of the run that each kind of unit "
        "works.",
    )
    moved = ", ".join(f"{k} {size / 1e6:.1f} MB" for k, size in result.external_bytes.items())
    yield (
        f"<p>External traffic: {moved}. On-chip memory: {result.peak_slots} of {result.slots} "
        "limbs in use.</p>"
    )
    if accelerator.points:
        yield _figure(
            compare_plots.pareto_svg(accelerator),
            "Half, the same and double of butterflies, lanes, memory and bandwidth: "
            f"{len(accelerator.points)} machines. Bandwidth has no area in the model, so a point "
            "is compared with points of the same or a lower bandwidth.",
        )
    rows = [
        [_text(name), f"{figure.value:g}", _tag(figure.tag), _text(figure.origin)]
        for name, figure in machine.figures.items()
    ]
    yield _table(["figure", "value", "tag", "origin"], rows, words=(3,))


def _peers(comparison: Comparison) -> Iterator[str]:
    if not comparison.peers:
        return
    yield "<h2>Other libraries</h2>"
    rows = [
        [
            _text(f"{peer.library} {peer.version}"),
            f"{amount(peer.median_s, 's')} {_tag('measured')}",
            ratio(peer.median_s / peer.ours_s),
            *(ratio(peer.median_s / a.result.time_s) for a in comparison.accelerators),
            _text(peer.what),
        ]
        for peer in comparison.peers
    ]
    machines = [f"{_text(a.name)}'s speed-up" for a in comparison.accelerators]
    head = ["library", "time", "this library's speed-up", *machines, "what"]
    yield _table(head, rows, words=(len(head) - 1,))


def _trust(comparison: Comparison) -> Iterator[str]:
    software = comparison.software
    tags = "".join(f"<li>{_tag(name)} {_text(meaning)}</li>" for name, meaning in TAGS.items())
    yield (
        "<h2>Why believe it</h2><ul>"
        f"<li>The software run is real: {_text(software.check)}.</li>"
        "<li>The program is lowered from the trace of that run. NumPy executed it on the same "
        "ciphertexts and keys, to the same bits.</li>"
        "<li>The cycles of the NTT, pointwise and automorphism units equal those of the simulated "
        "Verilog: <code>python -m accel_model validate</code>.</li>"
        "<li>A result has the tag of its least certain input. An assumed figure is a choice or a "
        "guess, so absolute numbers that depend on it are estimates.</li>"
        "<li>Not in the model: the host, its link to the accelerator, control logic, wires between "
        "units, and, in the area, the memory controllers.</li></ul>"
        f"<p>The tags:</p><ul>{tags}</ul>"
    )


def _origin(origin: Mapping[str, Any], comparison: Comparison) -> Iterator[str]:
    facts = {
        **{name: origin[name] for name in ("commit", "date")},
        **origin["machine"],
        "backend": comparison.software.parameters()["backend"],
    }
    rows = [[_text(name), _text(_plain(value))] for name, value in facts.items()]
    yield "<h2>Origin</h2>"
    yield f"<pre>{_text(str(origin['command']))}</pre>"
    yield _table(["", ""], rows, words=(1,))


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = ()
) -> str:
    """A table of cells in HTML; the columns in `words` are left-aligned."""
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    lines = []
    for row in rows:
        cells = (
            f'<td class="words">{cell}</td>' if column in words else f"<td>{cell}</td>"
            for column, cell in enumerate(row)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{_text(caption)}</figcaption></figure>"


def _text(text: str) -> str:
    """A text as HTML that shows the text as it is."""
    return escape(printable(text))


def _tag(name: str) -> str:
    return f'<span class="tag {name}">{name}</span>'


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
