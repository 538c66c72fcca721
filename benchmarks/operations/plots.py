"""Pictures of benchmark results. This module loads Matplotlib, so it is imported when needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from accel_model.estimation.plots import save
from benchmarks.operations.inference import InferenceRow
from benchmarks.operations.suite import Row
from benchmarks.operations.transforms import TransformRow
from ntt.terminal import drawable


def plot_suite(rows: Sequence[Row], path: Path) -> None:
    """Bars of milliseconds on a logarithmic scale, in groups, one panel for each case."""
    cases = sorted({(row.N, row.depth) for row in rows})
    libraries = list(dict.fromkeys(row.library for row in rows))
    operations = list(dict.fromkeys(row.operation for row in rows))
    figure, panels = plt.subplots(
        len(cases), 1, figsize=(9, 2.6 * len(cases)), squeeze=False, layout="constrained"
    )
    width = 0.8 / len(libraries)
    for panel, (N, depth) in zip(panels[:, 0], cases, strict=True):
        for k, library in enumerate(libraries):
            times = {
                row.operation: row.median_s * 1e3
                for row in rows
                if (row.N, row.depth, row.library) == (N, depth, library)
            }
            places = [i + k * width for i, name in enumerate(operations) if name in times]
            panel.bar(places, list(times.values()), width, label=library)
        panel.set_yscale("log")
        panel.set_xticks(np.arange(len(operations)) + 0.4 - width / 2, operations)
        panel.set_title(f"N = {N}, depth {depth}", loc="left", fontsize=10)
        panel.set_ylabel("milliseconds")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0, 0].legend(frameon=False, ncols=len(libraries), fontsize=8)
    save(figure, path)


def plot_inference(rows: Sequence[InferenceRow], path: Path) -> None:
    """Bars of milliseconds an image on a logarithmic scale."""
    figure, panel = plt.subplots(figsize=(8, 0.8 + 0.5 * len(rows)), layout="constrained")
    names = [f"{row.library}\n{drawable(row.network[:24])}" for row in rows]
    bars = panel.barh(names, [row.median_s * 1e3 for row in rows])
    panel.bar_label(bars, fmt="%.1f ms", padding=3)
    panel.set_xscale("log")
    panel.invert_yaxis()
    panel.set_xlabel("milliseconds an image, server, logarithmic")
    panel.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def plot_transforms(rows: Sequence[TransformRow], path: Path) -> None:
    """Nanoseconds a butterfly over the ring degree, forward and inverse, with the limits."""
    alone = [row for row in rows if row.threads == 1]
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    for panel, operation in zip(panels, ("forward", "inverse"), strict=True):
        for k, backend in enumerate(dict.fromkeys(row.backend for row in alone)):
            mine = [row for row in alone if (row.backend, row.operation) == (backend, operation)]
            degrees = [row.N for row in mine]
            times = [row.median_ns_per_butterfly for row in mine]
            limits = [row.limit_ns_per_butterfly or np.nan for row in mine]
            panel.plot(degrees, times, "o-", color=f"C{k}", label=backend)
            panel.plot(degrees, limits, "--", color=f"C{k}", linewidth=1)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_title(f"{operation}; dashed: the machine's limit", loc="left", fontsize=10)
        panel.set_xlabel("N")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("ns a butterfly")
    panels[0].legend(frameon=False)
    save(figure, path)
