"""Pictures of estimates and sweeps. This module loads Matplotlib, so it is imported when needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accel_model.estimation.estimate import Estimate
from accel_model.estimation.parts import Part
from accel_model.estimation.roofline import rate_per_s, roof_of
from accel_model.estimation.schedule import KINDS
from accel_model.estimation.sweep import Point
from accel_model.machine.description import Machine
from he.format.files import replaced_file
from ntt.terminal import drawable

_BANDWIDTH = "external.bytes_per_s"


def estimate_figure(results: Sequence[Estimate], machines: Sequence[Machine], N: int) -> Figure:
    """For each machine its roofline, and the share of the run that its units work."""
    figure, panels = plt.subplots(
        len(results), 2, figsize=(11, 3.6 * len(results)), squeeze=False, layout="constrained"
    )
    for (left, right), result, machine in zip(panels, results, machines, strict=True):
        draw_roofline(left, result, machine, N)
        draw_busy(right, result)
    return figure


def draw_roofline(panel: Axes, result: Estimate, machine: Machine, N: int) -> None:
    """The roof, and a point for each layer (filled) and each kind of operation (hollow).

    A part without external traffic is at the right edge.
    """
    roof = roof_of(N, machine)
    drawn = [
        (part, marker)
        for parts, marker in ((result.layers, "o"), (result.operations, "D"))
        for part in parts
        if part.modular_products
    ]
    known = [part.intensity for part, _ in drawn if np.isfinite(part.intensity)]
    low = min([*known, roof.ridge]) / 3
    high = max([*known, roof.ridge]) * 10
    axis = np.geomspace(low, high, 100)
    panel.plot(axis, [roof.reach_per_s(x) for x in axis], color="0.3", linewidth=1.5)
    for index, (part, marker) in enumerate(drawn):
        color = f"C{index % 10}"
        panel.plot(
            min(part.intensity, high / 1.3),
            rate_per_s(part),
            marker,
            color=color,
            markerfacecolor=color if marker == "o" else "none",
            label=drawable(part.name),
            linestyle="none",
        )
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("modular products an external byte")
    panel.set_ylabel("modular products a second")
    panel.set_title(f"{drawable(result.machine)}: roofline", loc="left", fontsize=10)
    if drawn:
        panel.legend(fontsize=7, frameon=False, loc="lower right", ncols=2)
    _plain(panel)


def draw_busy(panel: Axes, result: Estimate) -> None:
    """For each kind of unit the share of the run that it works, by layer."""
    places, left = [float(k) for k in range(len(KINDS))], np.zeros(len(KINDS))
    for part in result.layers:
        shares = np.array([_share(part, kind, result) for kind in KINDS])
        panel.barh(places, shares, left=left, label=drawable(part.name))
        left += shares
    for place, total in zip(places, left, strict=True):
        panel.text(total + 1, place, f"{total:.0f} %", va="center", fontsize=8)
    panel.set_yticks(places, KINDS)
    panel.set_xlim(0, 135)
    panel.set_xticks(range(0, 101, 20))
    panel.invert_yaxis()
    panel.set_xlabel("per cent of the run")
    panel.set_title(f"{drawable(result.machine)}: where the cycles go", loc="left", fontsize=10)
    panel.legend(fontsize=7, frameon=False, loc="center right")
    _plain(panel)


def pareto_figure(points: Sequence[Point], machine: Machine) -> Figure:
    """Time over area, and time over energy; optimal points are filled, the others hollow.

    The colours are bandwidths. A bandwidth has no area in the model, so a point is compared with
    points of the same or a lower bandwidth. A cross marks the machine as it is in its file.
    """
    figure, panels = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True, layout="constrained")
    title, unit = drawable(machine.name), drawable(points[0].result.area.unit)
    times = np.array([point.result.time_s * 1e3 for point in points])
    optimal = np.array([point.optimal for point in points])
    itself = np.array([_is_itself(point, machine) for point in points])
    bandwidths = np.array([point.values.get(_BANDWIDTH, machine[_BANDWIDTH]) for point in points])
    costs = (
        (f"area, {unit}", [point.result.area.total for point in points]),
        ("energy, mJ", [point.result.energy.total_j * 1e3 for point in points]),
    )
    for panel, (label, values) in zip(panels, costs, strict=True):
        x = np.array(values)
        panel.scatter(x[~optimal], times[~optimal], 22, facecolors="none", edgecolors="0.7",
                      label="not optimal")  # fmt: skip
        for k, bandwidth in enumerate(sorted(set(bandwidths.tolist()))):
            chosen = optimal & (bandwidths == bandwidth)
            name = f"optimal at {bandwidth / 1e9:g} GB/s"
            panel.scatter(x[chosen], times[chosen], 26, color=f"C{k}", label=name)
        panel.scatter(x[itself], times[itself], 90, color="black", marker="x", label=title)
        _scale(panel.set_xscale, x)
        _scale(panel.set_yscale, times)
        panel.set_xlabel(label)
        panel.set_title(f"{title}: time and {label.split(',')[0]}", loc="left", fontsize=10)
        _plain(panel)
    panels[0].set_ylabel("milliseconds")
    panels[1].legend(fontsize=7, frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the picture in the format of the file's suffix (.png, .svg, .pdf)."""
    with replaced_file(path, "wb", make_folders=True) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=130)
    plt.close(figure)


def _share(part: Part, kind: str, result: Estimate) -> float:
    return 100 * part.busy_s[kind] / result.time_s if result.time_s else 0.0


def _scale(set_scale: Callable[[str], object], values: np.ndarray) -> None:
    """Logarithmic where the values span more than a decade."""
    set_scale("log" if values.max() > 10 * values.min() > 0 else "linear")


def _is_itself(point: Point, machine: Machine) -> bool:
    return all(
        value == machine[name] for name, value in point.values.items() if name in machine.figures
    )


def _plain(panel: Axes) -> None:
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=8)
