"""Traced runs: every kind of operation in several parameter sets, and encrypted networks."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nn
from accel_model.isa import Opcode
from he.ckks.bootstrap.modulus_raising import raised
from he.ckks.circuits.linear_transform import LinearTransform, apply_matrix
from he.ckks.circuits.polynomial import Polynomial
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.rlwe import division, raising
from he.rlwe.galois import element_of_rotation
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator
from he.trace import FROM_SPARSE, RELINEARIZATION, TO_SPARSE, OpTrace, Tracer
from ntt.constants import BasisChange, DigitChange, LimbDivision, Scalars
from ntt.hoisting import VectorMoves
from ntt.limbs import LimbOps

REASON = "unit test"

# Digits of one limb and of several, one special prime and several, rings below and above a vector,
# primes below 2^50 and above.
SETS: dict[str, Callable[[], CKKSParameters]] = {
    "one digit": lambda: CKKSParameters.build(3, N=64, scale_bits=36, insecure_reason=REASON),
    "one-limb digits": lambda: CKKSParameters.build(
        3, N=64, scale_bits=36, dnum=4, insecure_reason=REASON
    ),
    "two digits": lambda: CKKSParameters.build(
        4, N=128, scale_bits=40, dnum=2, insecure_reason=REASON
    ),
    "wide primes": lambda: CKKSParameters.build(
        3, N=32, scale_bits=54, prime_bits=61, dnum=2, insecure_reason=REASON
    ),
    "words": lambda: CKKSParameters.build(
        4, N=64, scale_bits=28, word_bits=50, insecure_reason=REASON
    ),
    "scales beyond a word": lambda: CKKSParameters.build(
        3, N=64, scale_bits=[30, 30, 40, 55], word_bits=40, insecure_reason=REASON
    ),
}


@contextlib.contextmanager
def counted_limbs() -> Iterator[Counter[Opcode]]:
    """Count, by opcode, what the kernels of the software do to limbs while this is open."""
    counts: Counter[Opcode] = Counter()

    def rows(ops: LimbOps, out: np.ndarray, *_: Any) -> int:
        return int(out.size) // ops.tables.N

    def tensor(ops: LimbOps, *_: Any) -> dict[Opcode, int]:
        return {Opcode.MUL: 3 * len(ops.rows), Opcode.MULADD: len(ops.rows)}

    def products(ops: LimbOps, sums: int, terms: int) -> dict[Opcode, int]:
        limbs = 2 * len(ops.rows)
        return {Opcode.MUL: sums * limbs, Opcode.MULADD: (terms - sums) * limbs}

    def hoisted(
        ops: LimbOps, out: np.ndarray, digits: np.ndarray, addends: np.ndarray,
        operands: Any, first: int, memory: np.ndarray, part: slice,
    ) -> dict[Opcode, int]:
        """Of one image: each key's products, the addend in Q, a permutation; then the sums.

        A thread computes a part of the columns. All of them count with the first part.
        """
        if part.start:
            return {}
        keys = sum(key is not None for key in operands.owners[0])
        terms = sum(weights.shape[2] for weights in operands.owners[1])
        # P times anything is 0 modulo the special primes.
        in_q = sum(bool(addends[0, 0, first + r].any()) for r in range(len(ops.rows)))
        total = Counter(products(ops, keys, keys * digits.shape[1]))
        total.update(products(ops, operands.sums, terms))
        total.update({Opcode.ADD: keys * in_q, Opcode.PERMUTE: keys * 2 * len(ops.rows)})
        return dict(total)

    def conversion(ops: LimbOps, change: BasisChange) -> dict[Opcode, int]:
        return {Opcode.CONVERT: change.weights.values.size}

    def digits_of(
        ops: LimbOps, out: np.ndarray, x: np.ndarray, y: np.ndarray, first: int,
        change: DigitChange,
    ) -> dict[Opcode, int]:
        """Each digit's limbs but its own, from all its sources."""
        counts: Counter[Opcode] = Counter()
        for begin, end in change.spans.tolist():
            limbs = sum(not begin <= first + r < end for r in range(len(ops.rows)))
            counts.update({Opcode.NTT: limbs, Opcode.CONVERT: limbs * (end - begin)})
        return counts

    def divide(
        ops: LimbOps, out: np.ndarray, x: np.ndarray, y: np.ndarray, change: BasisChange,
        factors: Scalars, addend: np.ndarray | None = None, image: VectorMoves | None = None,
        secret: bool = False,
    ) -> dict[Opcode, int]:
        if out.ndim == 2:  # counted when the call is repeated with the axis of the parts
            return {}
        limbs = len(out) * len(ops.rows)
        each = dict.fromkeys((Opcode.NTT, Opcode.SUB, Opcode.MULSCALAR), limbs)
        converted = len(out) * change.weights.values.size
        added = len(ops.rows) * (addend is not None)
        more = {Opcode.CONVERT: converted, Opcode.ADD: added, Opcode.PERMUTE: limbs * bool(image)}
        return {**each, **more}

    def quotients(
        ops: LimbOps, out: np.ndarray, digits: np.ndarray, addend: np.ndarray,
        operands: Any, division: LimbDivision, memory: np.ndarray, part: slice,
    ) -> dict[Opcode, int]:
        """Of one key, as steps: its products, twice the division of a part, the addend, a
        permutation. The kernel itself divides by what its digits were multiplied by.
        """
        kept, dropped = len(addend), len(ops.rows) - len(addend)
        total = Counter(products(ops, 1, len(digits)))
        weights = kept * (dropped + (dropped > 1))
        total.update({Opcode.INTT: 2 * dropped, Opcode.ADDSCALAR: 2 * dropped})
        if dropped > 1:
            each = {Opcode.MULSCALAR: dropped, Opcode.FRACTION: dropped, Opcode.FLOOR: 1}
            total.update({opcode: 2 * count for opcode, count in each.items()})
        total.update({Opcode.CONVERT: 2 * weights, Opcode.ADD: kept, Opcode.PERMUTE: 2 * kept})
        total.update(dict.fromkeys((Opcode.NTT, Opcode.SUB, Opcode.MULSCALAR), 2 * kept))
        keys = sum(pair % 2 == 0 for pair in range(part.start, part.stop))
        return {opcode: keys * count for opcode, count in total.items()}

    rowwise = {
        "forward": Opcode.NTT,
        "inverse": Opcode.INTT,
        "add": Opcode.ADD,
        "subtract": Opcode.SUB,
        "negate": Opcode.NEGATE,
        "multiply": Opcode.MUL,
        "multiply_add": Opcode.MULADD,
        "multiply_scalar": Opcode.MULSCALAR,
        "add_scalar": Opcode.ADDSCALAR,
    }
    of_limbs: dict[str, Callable[..., dict[Opcode, int]]] = {
        name: lambda ops, *a, opcode=opcode: {opcode: rows(ops, *a)}
        for name, opcode in rowwise.items()
    } | {
        "tensor": tensor,
        "gadget_product": lambda ops, out, digits, *_: products(ops, 1, len(digits)),
        "hoisted_product": hoisted,
        "hoisted_quotients": quotients,
        "convert": lambda ops, out, y, change: conversion(ops, change),
        "convert_forward": lambda ops, out, y, change: {
            Opcode.NTT: len(ops.rows),
            **conversion(ops, change),
        },
        "convert_digits": digits_of,
        "divide": divide,
        "inverse_affine": lambda ops, out, x, scalars, addends: dict.fromkeys(
            (Opcode.INTT, Opcode.ADDSCALAR, *([Opcode.MULSCALAR] if scalars else [])),
            rows(ops, out),
        ),
        "affine": lambda ops, *a: dict.fromkeys(
            (Opcode.MULSCALAR, Opcode.ADDSCALAR), rows(ops, *a)
        ),
        "permute": lambda ops, out, *_: {Opcode.PERMUTE: rows(ops, out)},
        "permute_add": lambda ops, out, *_: dict.fromkeys(
            (Opcode.PERMUTE, Opcode.ADD), rows(ops, out)
        ),
    }
    of_kernels: dict[str, Callable[..., dict[Opcode, int]]] = {
        "overflow_count": lambda out, y, inverses: {Opcode.FRACTION: len(y), Opcode.FLOOR: 1},
    }

    def counting(call: Any, count: Callable[..., dict[Opcode, int]]) -> Any:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            counts.update(count(*arguments, **options))
            return call(*arguments, **options)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for owner, known in (
            (LimbOps, of_limbs),
            (division._kernels, of_kernels),
            (raising._kernels, of_kernels),
        ):
            for name, count in known.items():
                patch.setattr(owner, name, counting(getattr(owner, name), count))
        yield counts


@dataclass
class TracedRun:
    """A run's trace, the arrays that it read, those that it left, and what it counted."""

    trace: OpTrace
    arrays: dict[tuple[str, str], Any]
    outputs: list[np.ndarray]
    counts: Counter[Opcode]


class Circuit:
    """Every kind of operation, prepared so that `run` only evaluates."""

    def __init__(self, params: CKKSParameters) -> None:
        rng = np.random.default_rng(11)
        top, slots = params.max_level, params.slots
        self.encoder = encoder = Encoder(params)
        generator = KeyGenerator(params, seed=bytes(32))
        secret = generator.secret_key()
        shifts = [(0, 1, 2, 5), (1, 6), (0,), (3, 4)]
        self.blocks = {
            (position // 2, position % 2): LinearTransform.encode(
                encoder, {k: rng.uniform(-1, 1, slots) for k in chosen}, top
            )
            for position, chosen in enumerate(shifts)
        }
        self.divided = {
            at: LinearTransform.encode(
                encoder,
                {k: rng.uniform(-1, 1, slots) for k in chosen},
                top,
                divided=True,
            )
            for at, chosen in zip(self.blocks, shifts, strict=True)
        }
        power = Polynomial([0.1, rng.uniform(0, 1, slots), 0.5, 0.25])
        chebyshev = Polynomial([0.3, 0.2, 0.1, 0.4], basis="chebyshev", interval=(-1, 1))
        monic = Polynomial([0.1, 0.2, -3])
        self.polynomials = [
            EncodedPolynomial(encoder, polynomial, top) for polynomial in (power, chebyshev, monic)
        ]
        rotations = {element_of_rotation(k, params.N): top for k in (1, 3)}
        changes = {TO_SPARSE: 0, FROM_SPARSE: top}
        conjugation = {2 * params.N - 1: top - 1}
        products = tuple((RELINEARIZATION, level) for level in range(top))
        needs = KeyNeeds.union(
            [
                KeyNeeds(top, rotations | conjugation | changes, products),
                *(b.needs for b in self.blocks.values()),
            ]
        )
        self.keys = generator.evaluation_keys(secret, needs)
        self.plaintext = encoder.encode(rng.uniform(-1, 1, slots), top)
        encryptor = Encryptor(params, secret)
        self.inputs = [
            encryptor.encrypt(encoder.encode(rng.uniform(-1, 1, slots), top)) for _ in range(2)
        ]
        self.params = params

    def run(self, tracer: Tracer | None) -> list[np.ndarray]:
        """Evaluate; the data of each result."""
        evaluator = Evaluator(self.params, self.keys, tracer)
        x, y = self.inputs
        if tracer is not None:
            tracer.layer = "circuit"
            for ciphertext in self.inputs:
                tracer.input(ciphertext.data)
        square, product = evaluator.tensor(x, x), evaluator.tensor(x, y)
        lifted = evaluator.multiply_plain(x, self.plaintext, rescale=False)
        results = [
            evaluator.add(x, y),
            evaluator.subtract(x, y),
            evaluator.negate(x),
            evaluator.add(x, self.plaintext),
            evaluator.subtract(x, self.plaintext),
            evaluator.subtract(x, 0.25),
            evaluator.rescale(lifted),
            evaluator.subtract(lifted, product),
            evaluator.add(product, lifted),
            evaluator.multiply(x, 0.5),
            evaluator.multiply_integer(x, -3),
            evaluator.relinearize(square),
            evaluator.relinearize_rescale(evaluator.subtract(square, product)),
            evaluator.multiply(evaluator.drop_to(x, x.level - 1), y),
            *evaluator.rotations(x, [1, 0, 3]),
            evaluator.conjugate(evaluator.drop_to(y, y.level - 1)),
            *apply_matrix(evaluator, self.blocks, [x, y]),
            *apply_matrix(evaluator, self.divided, [x, y]),
            *(polynomial.apply(evaluator, x) for polynomial in self.polynomials),
            raised(evaluator, evaluator.drop_to(x, 0)),
        ]
        if tracer is not None:
            for result in results:
                tracer.output(result.data)
        return [result.data for result in results]


@pytest.fixture(scope="session", params=SETS)
def circuit(request: pytest.FixtureRequest) -> Circuit:
    """The circuit in each parameter set."""
    return Circuit(SETS[request.param]())


@pytest.fixture(scope="session")
def circuit_run(circuit: Circuit) -> TracedRun:
    """One traced run of it."""
    tracer = Tracer(circuit.params, "circuit")
    with counted_limbs() as counts:
        outputs = circuit.run(tracer)
    return TracedRun(tracer.trace(), tracer.arrays, outputs, counts)


def small_network() -> nn.Network:
    """conv - polynomial a channel - conv - add - square - linear on images (1, 8, 8)."""
    rng = np.random.default_rng(3)

    def conv(inputs: int) -> nn.Conv2d:
        weight = rng.uniform(-1, 1, (4, inputs, 3, 3)) / (3 * np.sqrt(inputs))
        return nn.Conv2d(weight, rng.uniform(-0.2, 0.2, 4), padding=(1, 1))

    linear = nn.Linear(rng.uniform(-0.1, 0.1, (3, 64)), rng.uniform(-1, 1, 3))
    nodes = (
        nn.Node("conv1", conv(1), ("input",)),
        nn.Node("act1", nn.Polynomial(rng.uniform(0.1, 0.5, (4, 3))), ("conv1",)),
        nn.Node("conv2", conv(4), ("act1",)),
        nn.Node("add", nn.Add(), ("conv2", "act1")),
        nn.Node("act2", nn.Polynomial([0, 0, 1]), ("add",)),
        nn.Node("pool", nn.AvgPool2d((2, 2), (2, 2)), ("act2",)),
        nn.Node("flatten", nn.Flatten(), ("pool",)),
        nn.Node("fc", linear, ("flatten",)),
    )
    return nn.Network("small", (1, 8, 8), nodes)


class KeepingTracer(Tracer):
    """Also keeps what every operation took and left: (operands, results), in order."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kept: list[tuple[list[np.ndarray], list[np.ndarray]]] = []

    def record(
        self, kind: str, level: int, operands: Any, results: Any, **details: Any
    ) -> None:
        super().record(kind, level, operands, results, **details)
        copies = [[data.copy() for data in group] for group in (operands, results)]
        self.kept.append((copies[0], copies[1]))


class NetworkRun:
    """A client, a traced server, one encrypted image, and its encrypted answer; kept: operands and
    results of every operation of that run."""

    def __init__(self, network: nn.Network, image: np.ndarray, **planning: Any) -> None:
        self.plan = nn.compile(network, **planning)
        self.client = nn.Client(self.plan)
        self.network = network
        tracer = KeepingTracer(self.plan.params, network.name)
        server = nn.Server(self.plan, network, self.client.evaluation_keys(), tracer=tracer)
        batch = self.client.encrypt(image)
        with counted_limbs() as self.counts:
            self.answer = server.run(batch)
        self.trace, self.arrays, self.kept = tracer.trace(), tracer.arrays, tracer.kept


@pytest.fixture(scope="session", params=[64, 256])
def small_run(request: pytest.FixtureRequest) -> NetworkRun:
    """The small network on tensors that span several ciphertexts, and on single ones."""
    image = np.random.default_rng(4).uniform(0, 1, (1, 1, 8, 8))
    return NetworkRun(
        small_network(), image, N=request.param, precision_bits=2, insecure_reason=REASON
    )


@pytest.fixture(scope="session")
def mnist_run() -> NetworkRun:
    """The network of the zoo at its secure parameters, on an image of the test set."""
    return NetworkRun(nn.zoo.load("mnist"), nn.zoo.test_images("mnist")[0][:1])
