"""The plots of a comparison as SVG. This module loads Matplotlib, so it is imported when needed."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from accel_model.estimation.plots import estimate_figure, pareto_figure
from benchmarks.comparison.compare import Accelerator, Comparison, Line
from ntt.terminal import drawable

_ENERGIES = {
    "arithmetic_j": "arithmetic",
    "memory_j": "on-chip memory",
    "external_j": "external memory",
    "leakage_j": "leakage",
}


def times_svg(lines: Sequence[Line], machines: Sequence[Accelerator]) -> str:
    """Bars of milliseconds on a logarithmic scale: for each line the software and each machine."""
    shown = [line for line in lines if line.software_s]
    series: list[tuple[str, list[float]]] = [
        ("software", [1e3 * (line.software_s or np.nan) for line in shown])
    ]
    for machine in machines:
        parts = [line.parts[machine.name] for line in shown]
        series.append(
            (machine.name, [np.nan if part is None else 1e3 * part.time_s for part in parts])
        )
    figure, panel = plt.subplots(figsize=(9, 3.2), layout="constrained")
    width = 0.8 / len(series)
    for k, (name, values) in enumerate(series):
        bars = panel.bar(np.arange(len(shown)) + k * width, values, width, label=drawable(name))
        panel.bar_label(bars, ["" if np.isnan(v) else f"{v:.3g}" for v in values], fontsize=7)
    panel.set_yscale("log")
    panel.margins(y=0.12)
    names = [drawable(line.name) for line in shown]
    panel.set_xticks(np.arange(len(shown)) + 0.4 - width / 2, names)
    panel.set_ylabel("milliseconds")
    panel.legend(frameon=False, fontsize=8, ncols=len(series))
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=8)
    return svg(figure)


def energy_svg(machines: Sequence[Accelerator]) -> str:
    """Bars of the shares of each machine's energy."""
    figure, panel = plt.subplots(figsize=(9, 0.9 + 0.5 * len(machines)), layout="constrained")
    names = [drawable(machine.name) for machine in machines]
    left = np.zeros(len(machines))
    for attribute, label in _ENERGIES.items():
        energies = [machine.result.energy for machine in machines]
        shares = np.array([100 * getattr(e, attribute) / (e.total_j or 1) for e in energies])
        panel.barh(names, shares, left=left, label=label)
        left += shares
    panel.set_xlabel("per cent of the energy")
    panel.set_xlim(0, 135)
    panel.set_xticks(range(0, 101, 20))
    panel.invert_yaxis()
    panel.legend(frameon=False, fontsize=8, loc="center right")
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=8)
    return svg(figure)


def machine_svg(comparison: Comparison, accelerator: Accelerator) -> str:
    """The machine's roofline, and the share of the run that its units work."""
    N = comparison.program.N
    return svg(estimate_figure([accelerator.result], [accelerator.machine], N))


def pareto_svg(accelerator: Accelerator) -> str:
    """The Pareto front of the machine's variations."""
    return svg(pareto_figure(accelerator.points, accelerator.machine))


def svg(figure: Figure) -> str:
    """The picture as an `<svg>` element without prologue and metadata, with reproducible bytes."""
    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": "he-accel"}):
        figure.savefig(text, format="svg", metadata=nothing)
    plt.close(figure)
    content = text.getvalue()
    return content[content.index("<svg") :]
