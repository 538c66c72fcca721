"""Where the server's time goes: the tables of docs/profile-mnist.md.

    python tools/profile_mnist.py [--batch 16] [--repeats 10] [--network mnist]

A clock of the thread's CPU time is put around every kernel of the backend. The server runs on one
thread, and the least time of the repeats is kept for every stage and kind of work. Two limits
stand beside the times, from counts and from rates that are measured in the same run: the
multiplications of the transforms' butterflies (`benchmarks.operations.transform_limits`), and the
bytes of keys and diagonals, at the rate of passes over memory.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import nn
from benchmarks.operations import transform_limits
from nn.terminal.machine import cpu_model, source_commit
from ntt.backends import select
from ntt.terminal import CommandParser, positive, run_command

KINDS = {
    "transforms": (
        *("forward", "inverse", "inverse_affine"),
        *("convert_forward", "convert_digits", "divide"),
    ),
    "whole rotations": ("hoisted_quotients",),
    "keys and diagonals": ("hoisted_product", "gadget_product"),
    "element-wise": (
        *("add", "subtract", "negate", "multiply", "multiply_add", "multiply_scalar"),
        *("affine", "add_scalar", "tensor", "convert"),
    ),
    "automorphisms": ("permute", "permute_add"),
}
"""Kernels by the kind of work. A kernel that converts or divides also transforms; a whole rotation
is products with its key, a division and a permutation."""

server_module: Any = importlib.import_module("nn.packed.server")

OTHER = "interpreter and copies"
_MEMORY_BYTES = 1 << 28  # of a pass over memory: far more than a cache


class Recorder:
    """CPU nanoseconds, transforms and bytes of keys and diagonals, by (stage, kernel)."""

    def __init__(self) -> None:
        self.stage = ""
        self.ns: Counter[tuple[str, str]] = Counter()
        self.transforms: Counter[str] = Counter()
        self.bytes_read: Counter[str] = Counter()
        self.stage_ns: Counter[str] = Counter()
        self._begin = 0

    def start(self, stage: str) -> None:
        """A stage begins: a method of `nn.terminal.progress.StageProgress`."""
        self.stage, self._begin = stage, time.thread_time_ns()

    def advance(self) -> None:
        """An image has passed the stage."""

    def done(self, level: int) -> None:
        """The stage has ended."""
        self.stage_ns[self.stage] += time.thread_time_ns() - self._begin

    def timed(self, name: str, kernel: Callable[..., None]) -> Callable[..., None]:
        """The kernel, with its time and its work recorded at every call."""

        def run(*arguments: Any) -> None:
            begin = time.thread_time_ns()
            kernel(*arguments)
            self.ns[self.stage, name] += time.thread_time_ns() - begin
            rows = arguments[-1] - arguments[-2]
            self.transforms[self.stage] += transforms_made(name, rows, arguments)
            self.bytes_read[self.stage] += (
                rows * limbs_read(name, arguments) * 8 * ring_degree(arguments)
            )

        return run


def ring_degree(arguments: tuple[Any, ...]) -> int:
    """N, the last axis of a kernel's first array."""
    return int(arguments[0].shape[-1])


def transforms_made(name: str, rows: int, arguments: tuple[Any, ...]) -> int:
    """Transforms of a call on so many rows: limbs, or, for whole rotations, parts."""
    if name == "hoisted_quotients":
        return rows * int(arguments[1].shape[1])
    if name == "convert_digits":
        out, _, _, first, digits, *_ = arguments
        limbs = range(first, first + out.shape[1])
        own = (begin <= limb < end for begin, end in digits.spans for limb in limbs)
        return rows - sum(map(bool, own))
    return rows if name in KINDS["transforms"] else 0


def limbs_read(name: str, arguments: tuple[Any, ...]) -> float:
    """Rows of keys and diagonals that a kernel reads for each row of a call."""
    if name == "hoisted_quotients":
        return int(arguments[1].shape[0] * arguments[1].shape[1])
    if name == "gadget_product":
        return 2 * int(arguments[1].shape[0])
    if name == "hoisted_product":
        _, digits, _, keys, _, sums, *_ = arguments
        products = int(digits.shape[1]) * int(np.count_nonzero(keys.addresses))
        blocks_of_row = int(arguments[4].sources.shape[1])
        return (2 * products + int(sums.product_of.size)) / blocks_of_row
    return 0


@contextlib.contextmanager
def recording(backend: Any, recorder: Recorder) -> Iterator[None]:
    """Within the block, `recorder` times the backend's kernels and knows the server's stage."""
    names = [name for kind in KINDS.values() for name in kind]
    kept = {name: getattr(backend, name) for name in names}
    progress = server_module.stage_progress
    for name, kernel in kept.items():
        setattr(backend, name, recorder.timed(name, kernel))
    server_module.stage_progress = lambda *_: contextlib.nullcontext(recorder)
    try:
        yield
    finally:
        for name, kernel in kept.items():
            setattr(backend, name, kernel)
        server_module.stage_progress = progress


def profile(network: str, batch: int, repeats: int) -> None:
    """Measure one batch size and print its table."""
    graph = nn.zoo.load(network)
    plan = nn.compile(graph)
    client = nn.Client(plan)
    server = nn.Server(plan, graph, client.evaluation_keys())
    images = nn.zoo.test_images(network)[0][:batch]
    encrypted = client.encrypt(images)
    server.run(encrypted, threads=1)
    params = plan.params
    backend = select.backend_for(params.N, max(q.bit_length() for q in params.q + params.p))
    least: dict[tuple[str, str], float] = defaultdict(lambda: float("inf"))
    for _ in range(repeats):
        recorder = Recorder()
        with recording(backend, recorder):
            server.run(encrypted, threads=1)
        inside: Counter[tuple[str, str]] = Counter()
        for (stage, name), ns in recorder.ns.items():
            kind = next(kind for kind, names in KINDS.items() if name in names)
            inside[stage, kind] += ns
        for stage, ns in recorder.stage_ns.items():
            inside[stage, OTHER] = ns - sum(v for (s, _), v in inside.items() if s == stage)
        for at, ns in inside.items():
            least[at] = min(least[at], ns / batch / 1e6)
    report(plan, least, recorder, batch, backend.__name__.rpartition(".")[2])


def report(
    plan: nn.InferencePlan,
    least: dict[tuple[str, str], float],
    recorder: Recorder,
    batch: int,
    backend: str,
) -> None:
    """Print the table of one batch size, in milliseconds of CPU time an image."""
    stages = [stage.name for stage in plan.stages]
    kinds = [*KINDS, OTHER]
    N = plan.params.N
    butterfly_ns = transform_limits.limit(backend, N).ns
    memory = transform_limits.bytes_per_ns(_MEMORY_BYTES)
    print(f"{cpu_model()}, backend {backend}, commit {source_commit()}")
    print(f"{butterfly_ns:.3f} ns a butterfly at least, {memory:.1f} GB/s of memory")
    print(f"\n{batch} image(s) a run, one thread, ms of CPU an image\n")
    heads = ["stage", *kinds, "total, ms", "transforms made", "transform limit, ms", "MB read",
             "memory limit, ms"]  # fmt: skip
    print("| " + " | ".join(heads) + " |")
    print("|---" + "|---:" * (len(heads) - 1) + "|")
    totals = np.zeros(len(heads) - 1)
    for stage in stages:
        times = [least.get((stage, kind), 0.0) for kind in kinds]
        count = recorder.transforms[stage] / batch
        read = recorder.bytes_read[stage] / batch
        limit = count * N / 2 * (N.bit_length() - 1) * butterfly_ns / 1e6
        row = np.array([*times, sum(times), count, limit, read / 1e6, read / memory / 1e6])
        totals += row
        print(_row(stage, row))
    print(_row("all", totals))


def _row(name: str, values: np.ndarray) -> str:
    formats = ["{:.2f}"] * (len(values) - 4) + ["{:.0f}", "{:.2f}", "{:.1f}", "{:.2f}"]
    return "| " + " | ".join([name, *map(str.format, formats, values)]) + " |"


def main() -> int:
    """Run the command line and return the exit status."""
    parser = CommandParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--network", default="mnist", choices=nn.zoo.names())
    parser.add_argument("--batch", type=positive, nargs="+", default=[1, 16], help="images a run")
    parser.add_argument("--repeats", type=positive, default=10)
    arguments = parser.parse_args()
    for batch in arguments.batch:
        profile(arguments.network, batch, arguments.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, nn.NetworkError))
