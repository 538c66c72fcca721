"""``python -m benchmarks suite``: the stages in the suite's order on the bundled images, timed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nn
from benchmarks.suite.build import build, build_deep, warm
from benchmarks.suite.places import IMAGES, NAMES, PIXELS, SUITE_SIZES, Places

ROOT = Path(__file__).resolve().parents[2]
STAGES = (
    "client_key_generation",
    "server_preprocess_model",
    "client_preprocess_input",
    "client_encode_encrypt_input",
    "server_encrypted_compute",
    "client_decrypt_decode",
    "client_postprocess",
)


@dataclass
class StageRow:
    """One stage of one size: the least wall clock of its process, and its processor time then."""

    size: str
    stage: str
    wall_s: float
    processor_s: float
    repeats: int

    operation: str = "suite stage"


@dataclass
class SizeRow:
    """What a size took besides: bytes, and how many labels are right."""

    size: str
    images: int
    layout: str
    accuracy: float
    key_bytes: int
    upload_bytes: int
    download_bytes: int

    operation: str = "suite size"


def prepare(root: Path, sizes: Sequence[int]) -> None:
    """Build the models of some sizes below a folder, and compile the kernels of the suite's."""
    if any(size < SUITE_SIZES for size in sizes):
        build(root)
        warm(root)
    if any(size >= SUITE_SIZES for size in sizes):
        build_deep(root)


def run_size(root: Path, size: int, repeats: int) -> tuple[list[StageRow], SizeRow]:
    """Run all stages of a size `repeats` times, each in a process of its own.

    Raises `NetworkError` where a stage fails.
    """
    places = Places(size, root)
    labels = _write_input(places, IMAGES[size])
    laps: dict[str, list[tuple[float, float]]] = {stage: [] for stage in STAGES}
    for _ in range(repeats):
        for stage in STAGES:
            laps[stage].append(_timed(root, stage, size))
    found = np.array(places.predictions.read_text(encoding="ascii").split(), dtype=int)
    if found.shape != labels.shape:
        raise nn.NetworkError(f"{len(found)} labels came for {len(labels)} images")
    rows = [StageRow(NAMES[size], stage, *min(laps[stage]), repeats) for stage in STAGES]
    return rows, SizeRow(
        NAMES[size],
        len(labels),
        places.layout,
        float((found == labels).mean()),
        _bytes_in(places.public),
        _bytes_in(places.upload),
        _bytes_in(places.download),
    )


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _write_input(places: Places, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Write images as the suite does; their labels. The bundled images repeat where they end."""
    images, labels = nn.zoo.test_images(places.network)
    chosen = np.arange(count) % len(images)
    pixels = PIXELS[places.network].normalised(images[chosen])
    places.pixels.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(places.pixels, pixels, fmt="%.6f")
    places.labels.write_text("".join(f"{label}\n" for label in labels[chosen]), encoding="ascii")
    truth: np.ndarray[tuple[int], np.dtype[np.int64]] = labels[chosen].astype(np.int64)
    return truth


def _timed(root: Path, stage: str, size: int) -> tuple[float, float]:
    """The wall clock and the processor time of a stage's process."""
    script = Path(__file__).with_name(f"{stage}.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before, begin = _children_s(), time.perf_counter()
    command = [sys.executable, str(script), str(size)]
    finished = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    wall, spent = time.perf_counter() - begin, _children_s() - before
    if finished.returncode:
        last = finished.stderr.strip().rpartition("\n")[2]
        raise nn.NetworkError(f"stage {stage} failed: {last}")
    return wall, spent


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
