"""A comparison as text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accel_model.estimation.grounds import ground_words
from benchmarks.comparison.compare import Accelerator, Comparison, Line
from nn.terminal.machine import cpu_model

_NAME, _COLUMN = 22, 30


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Software and machines side by side: in total, by layer, by kind of operation; then peers."""
    software, machines = comparison.software, comparison.accelerators
    params = software.params
    yield (
        f"{software.title}; N = {params.N}, log2(QP) = {params.log_qp:.0f}, dnum {params.dnum}, "
        f"{params.security_estimate}-bit security"
    )
    yield f"software: {cpu_model()}, {software.threads} thread(s); {software.check}"
    if software.committed_s is not None:
        yield f"software time {software.committed_words}"
    elif software.disturbance is not None:
        yield f"software run: {software.disturbance.words()}"
    if software.disturbed:
        yield (
            "no speed-up is shown: run on an idle machine, or give a committed measurement with "
            "--software FILE"
        )
    yield (
        f"program: {len(comparison.program)} instructions on limbs; NumPy executed it on the same "
        "ciphertexts and keys, to the same bits"
    )
    for accelerator in machines:
        yield f"{accelerator.name}: {accelerator.machine.title}"
    yield ""
    yield columns("", ["software", *(a.name for a in machines)])
    yield columns(
        "time",
        [f"{amount(software.median_s, 's')} [measured]",
         *(f"{amount(a.result.time_s, 's')} [{a.result.tag}]" for a in machines)],
    )  # fmt: skip
    yield columns("  speed-up", ["1", *(ratio(comparison.speed_up(a)) for a in machines)])
    if software.images > 1:
        cells = [software.median_s, *(a.result.time_s for a in machines)]
        yield columns("  an image", [amount(cell / software.images, "s") for cell in cells])
    yield columns("  ideal bound", ["", *(amount(a.result.ideal_s, 's') for a in machines)])
    yield columns("  busiest unit", ["", *(busiest(a) for a in machines)])
    energies = [a.result.energy for a in machines]
    yield columns(
        "energy",
        ["not measured", *(f"{amount(e.total_j, 'J')} [{e.tag}]" for e in energies)],
    )
    yield columns("area", ["", *(f"{area_value(a)} [{a.result.area.tag}]" for a in machines)])
    for accelerator in machines:
        yield from _options(comparison, accelerator)
        yield f"{accelerator.name} rests on: {ground_words(accelerator.result.grounds)}"
    yield from _table("layer", comparison.layers(), machines)
    yield from _table("operation", comparison.operations(), machines)
    if comparison.peers:
        yield ""
        names = ["peer's time", "software", *(a.name for a in machines)]
        yield columns("speed-up over peers", names)
        for peer in comparison.peers:
            yield columns(
                f"{peer.library} {peer.version}"[:_NAME],
                [
                    f"{amount(peer.median_s, 's')} [measured]",
                    ratio(peer.median_s / peer.ours_s),
                    *(ratio(peer.median_s / a.result.time_s) for a in machines),
                ],
            ) + f"   {peer.what}"


def amount(value: float, unit: str) -> str:
    """A value with three digits and an SI prefix: 45.3 us."""
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n")):
        if abs(value) >= 0.9995 * factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def ratio(value: float | None) -> str:
    """A speed-up in words: 0.034x, 17x, or - where there is none."""
    if value is None:
        return "-"
    return f"{value:.0f}x" if value >= 99.5 else f"{value:.2g}x"


def busiest(accelerator: Accelerator) -> str:
    """The unit that works for the largest share of the run, and the share."""
    use = accelerator.result.utilisation
    name = max(use, key=use.__getitem__)
    return f"{name}, {use[name]:.0%}"


def area_value(accelerator: Accelerator) -> str:
    """The total area in its unit."""
    area = accelerator.result.area
    value = f"{area.total:,.0f}" if area.total >= 1000 else f"{area.total:.3g}"
    return f"{value} {area.unit}"


def _options(comparison: Comparison, accelerator: Accelerator) -> Iterator[str]:
    yield ""
    yield columns(f"{accelerator.name} with", ["time", "speed-up", "energy", "area"])
    for row in accelerator.options:
        if row.generated_s is not None:
            speed_up = comparison.software.median_s / row.generated_s
            cells = [
                amount(row.generated_s, "s"),
                ratio(None if comparison.software.disturbed else speed_up),
            ]
            yield columns(f"  {row.name}", cells) + f"  {row.reason}"
            continue
        if row.result is None:
            yield f"  {row.name:<{_NAME - 2}}  - ({row.reason})"
            continue
        speed_up = comparison.software.median_s / row.result.time_s
        area = row.result.area
        yield columns(
            f"  {row.name}",
            [
                amount(row.result.time_s, "s"),
                ratio(None if comparison.software.disturbed else speed_up),
                amount(row.result.energy.total_j, "J"),
                f"{area.total:.4g} {area.unit}",
            ],
        )


def _table(
    what: str, lines: Sequence[Line], machines: Sequence[Accelerator]
) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield columns(f"{what}: time, speed-up, energy", ["software", *(a.name for a in machines)])
    for line in lines:
        cells = ["-" if line.software_s is None else amount(line.software_s, 's')]
        for accelerator in machines:
            part = line.parts[accelerator.name]
            if part is None:
                cells.append("-")
                continue
            speed_up = ratio(line.speed_up(accelerator.name))
            energy = amount(part.energy.total_j, "J")
            cells.append(f"{amount(part.time_s, 's'):>10}{speed_up:>8}{energy:>10}")
        yield columns(f"  {line.name}", cells)


def columns(name: str, cells: Sequence[str]) -> str:
    """A name and its cells, one column each."""
    return f"{name:<{_NAME}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)
