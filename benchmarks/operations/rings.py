"""`python -m benchmarks rings`: operations on large rings beside what their parts must cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

import he
from benchmarks.operations import ring_costs, transform_limits
from benchmarks.operations.ring_costs import Cost, Rates, Shape
from he.rlwe import galois
from ntt import threads
from ntt.backends.scalar import ports
from ntt.backends.select import backend_for
from ntt.limbs import LimbOps

ROTATIONS = 8
"""Rotations of one ciphertext that share a decomposition."""

_SCALE_BITS = 43
_LEAST_CALLS = 3
_LARGE_BYTES = 1 << 28  # of a pass over memory
_WIDE_MULTIPLICATIONS = 2  # the low and the high word of a product


@dataclass(frozen=True)
class RingCase:
    """A ring degree, the number of limbs, and that of digits."""

    N: int
    limbs: int
    dnum: int
    insecure_reason: str | None = None

    def __str__(self) -> str:
        return f"{self.N}:{self.limbs}"


CASES = (
    RingCase(1 << 15, 15, 5),
    RingCase(1 << 16, 15, 4),
    RingCase(1 << 16, 28, 4),
)


@dataclass(frozen=True)
class RingRow:
    """One operation: its processor time, and the times of its parts at the rates of the run, in
    seconds.
    """

    operation: str
    N: int
    limbs: int
    special_limbs: int
    dnum: int
    threads: int
    backend: str
    best_s: float
    median_s: float
    repeats: int
    transforms_s: float
    products_s: float
    bytes_s: float
    rates: Rates

    @property
    def cost_s(self) -> float:
        """The time of all parts, one after the other."""
        return self.transforms_s + self.products_s + self.bytes_s


def run(
    cases: Sequence[RingCase] = CASES,
    *,
    seconds: float = 4.0,
    report: Callable[[RingRow], None] = lambda row: None,
) -> list[RingRow]:
    """Time the operations of every case on one thread; seconds: for each operation.

    Times are of the thread's processor, which other processes disturb less than the clock. The
    rates are measured before and after the operations of a case, and the better ones count.
    """
    rows = []
    with threads.limit(1):
        for case in cases:
            for row in _case(case, seconds):
                report(row)
                rows.append(row)
    return rows


def _case(case: RingCase, seconds: float) -> list[RingRow]:
    params = he.CKKSParameters.build(
        case.limbs - 1,
        scale_bits=_SCALE_BITS,
        N=case.N,
        dnum=case.dnum,
        insecure_reason=case.insecure_reason,
    )
    evaluator, ciphertext, elements = _set_up(params)
    q, qp = evaluator.context.q(params.max_level), evaluator.context.qp(params.max_level)
    digits = tuple(len(rows) for rows in params.digit_rows(params.max_level))
    shape = Shape(len(q.moduli), len(qp.moduli) - len(q.moduli), digits)
    first = _rates(qp, case.N)
    operations: dict[str, tuple[Callable[[], object], int, Cost]] = {
        "rescale": (lambda: evaluator.rescale(ciphertext), 1, ring_costs.rescale(shape)),
        "rotate": (lambda: evaluator.rotate(ciphertext, 1), 1, ring_costs.rotate(shape)),
        f"rotate, one of {ROTATIONS}": (
            lambda: evaluator.automorphisms(ciphertext, elements),
            ROTATIONS,
            ring_costs.hoisted(shape, ROTATIONS),
        ),
        "multiply": (
            lambda: evaluator.multiply(ciphertext, ciphertext), 1, ring_costs.multiply(shape)
        ),
    }  # fmt: skip
    times = [_processor_times(call, seconds) for call, _, _ in operations.values()]
    rates = _best(first, _rates(qp, case.N))
    backend = backend_for(case.N, evaluator.context.tables.largest_modulus_bits).__name__
    return [
        RingRow(
            operation=name,
            N=case.N,
            limbs=shape.limbs,
            special_limbs=shape.special,
            dnum=len(digits),
            threads=1,
            backend=backend.rpartition(".")[2],
            best_s=min(samples) / count,
            median_s=statistics.median(samples) / count,
            repeats=len(samples),
            transforms_s=cost.transforms_s(rates),
            products_s=cost.products_s(rates),
            bytes_s=cost.bytes_s(rates),
            rates=rates,
        )
        for (name, (_, count, cost)), samples in zip(operations.items(), times, strict=True)
    ]


def _processor_times(call: Callable[[], object], seconds: float) -> list[float]:
    """The processor seconds of each of the calls in so many seconds, at least three."""
    call()
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while len(samples) < _LEAST_CALLS or time.perf_counter() < end:
        begin = time.thread_time()
        call()
        samples.append(time.thread_time() - begin)
    return samples


def _set_up(params: he.CKKSParameters) -> tuple[he.Evaluator, he.Ciphertext, list[int]]:
    """An evaluator with keys, a ciphertext at the top level, and `ROTATIONS` Galois elements."""
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    elements = [galois.element_of_rotation(k, params.N) for k in range(1, ROTATIONS + 1)]
    needs = he.KeyNeeds(params.max_level, dict.fromkeys(elements, params.max_level))
    evaluator = he.Evaluator(params, generator.evaluation_keys(secret, needs))
    values = np.random.default_rng(0).uniform(-1, 1, params.slots)
    plaintext = he.Encoder(params).encode(values)
    return evaluator, he.Encryptor(params, secret).encrypt(plaintext), elements


def _rates(ops: LimbOps, N: int) -> Rates:
    """The rates of one limb's transforms in place, of products, and of passes over memory."""
    one = LimbOps(ops.tables, ops.rows[1:2])
    x = one.forward(np.zeros((1, N), dtype=np.uint64))
    backend = backend_for(N, ops.tables.largest_modulus_bits).__name__.rpartition(".")[2]
    products = transform_limits.products_per_ns(backend) * 1e9
    memory = np.zeros(_LARGE_BYTES // 8, dtype=np.uint64)
    pass_s = _best_s(lambda: ports.pass_over(memory, 1), rounds=10)
    return Rates(
        forward_s=_best_s(lambda: one.forward(x)),
        inverse_s=_best_s(lambda: one.inverse(x)),
        product_s=_WIDE_MULTIPLICATIONS * N / products,
        row_s=pass_s * 8 * N / (2 * _LARGE_BYTES),
    )


def _best(a: Rates, b: Rates) -> Rates:
    return Rates(
        min(a.forward_s, b.forward_s),
        min(a.inverse_s, b.inverse_s),
        min(a.product_s, b.product_s),
        min(a.row_s, b.row_s),
    )


def _best_s(call: Callable[[], object], rounds: int = 200) -> float:
    best = float("inf")
    for _ in range(rounds):
        begin = time.thread_time()
        call()
        best = min(best, time.thread_time() - begin)
    return best
