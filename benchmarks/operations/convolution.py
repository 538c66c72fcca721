"""`python -m benchmarks convolution`: one encrypted convolution of a deep network.

The kernels are random, and the weights repeat in the slots as the image does: a convolution of
C channels of S x S pixels has diagonals that repeat every C S^2 slots.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from benchmarks.operations.turns import timed
from he.ckks.ciphertext import Ciphertext
from he.ckks.circuits.linear_transform import LinearTransform, SlotMatrix
from he.ckks.encoding.encoder import Encoder
from he.ckks.encryption import Decryptor, Encryptor
from he.ckks.evaluator import Evaluator
from he.ckks.params import CKKSParameters
from he.errors import ParameterError
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keygen import KeyGenerator
from nn.errors import NetworkError
from nn.network.layers import Conv2d
from nn.packed.layout import input_layout
from nn.packed.packed_affine import PackedAffine
from nn.packed.packing import lower
from nn.stages.affine import affine_from_layer
from nn.terminal.machine import backend_name
from ntt import threads

SCALE_BITS = 43
_REASON = "a benchmark with random values"

# Errors of slots are some 2^-26 at this scale; 2^-16 tells a right result from a wrong one.
_TOLERANCE = 2.0**-16


@dataclass
class ConvolutionRow:
    """One convolution of `channels` channels of `size` x `size` pixels at one level.

    encode_s: all diagonals on `encode_threads` threads. run_s: the smallest of `repeats` runs on
    `threads` threads. key_bytes: of the keys in memory. error: the largest of an output.
    """

    channels: int
    size: int
    N: int
    level: int
    diagonals: int
    rotations: int
    period: int
    weight_bytes: int
    key_bytes: int
    encode_s: float
    encode_threads: int
    run_s: float
    threads: int
    repeats: int
    error: float
    parameters: dict[str, object] = field(repr=False)

    operation: str = "convolution"


def run_convolution(
    channels: int, size: int, N: int, level: int, dnum: int, thread_count: int, repeats: int
) -> ConvolutionRow:
    """Encode, run and check a 3x3 convolution of random kernels, padded to the same size.

    Raises `NetworkError` where an output is not that of the plaintext convolution, and
    `ParameterError` for one that does not fit one ciphertext.
    """
    params = CKKSParameters.build(
        level, N=N, scale_bits=SCALE_BITS, dnum=dnum, insecure_reason=_REASON
    )
    rng = np.random.default_rng(0)
    packed, image, expected = _problem(rng, channels, size, params.slots)
    encoder, generator = Encoder(params), KeyGenerator(params)
    _warm(encoder, level)
    begin = time.perf_counter()
    blocks = {
        at: LinearTransform.encode(encoder, diagonals, level, packed.splits[at])
        for at, diagonals in packed.blocks.items()
    }
    encode_s = time.perf_counter() - begin
    secret = generator.secret_key()
    elements = KeyNeeds.union(block.needs for block in blocks.values())
    keys = generator.evaluation_keys(secret, elements)
    evaluator = Evaluator(params, keys)
    slots = packed.in_layout.pack(image)
    encryptor = Encryptor(params, secret)
    inputs = [encryptor.encrypt(encoder.encode(part, level)) for part in slots]
    matrix = SlotMatrix(evaluator, blocks)

    def run() -> list[Ciphertext]:
        return matrix.apply([inputs])[0]

    decryptor = Decryptor(params, secret)
    found = np.stack([encoder.decode_real(decryptor.decrypt(part)) for part in run()])
    error = float(np.abs(packed.out_layout.unpack(found) - expected).max())
    if not error < _TOLERANCE:
        raise NetworkError(
            f"a convolution of {channels} channels of {size} x {size}: the error is {error:.3g}, "
            f"at most {_TOLERANCE:.3g} was expected"
        )
    with threads.limit(thread_count):
        samples = timed(run, repeats)
    return ConvolutionRow(
        channels=channels,
        size=size,
        N=N,
        level=level,
        diagonals=packed.diagonals,
        rotations=len(elements.galois),
        period=max(block.period for block in blocks.values()),
        weight_bytes=sum(block.weights.nbytes for block in blocks.values()),
        key_bytes=sum(key.data.nbytes for key in keys.galois.values()),
        encode_s=encode_s,
        encode_threads=threads.get_threads(),
        run_s=min(samples),
        threads=thread_count,
        repeats=repeats,
        error=error,
        parameters={
            "q_bits": [q.bit_length() for q in params.q],
            "p_bits": [p.bit_length() for p in params.p],
            "dnum": params.dnum,
            "log_qp": round(params.log_qp, 1),
            "backend": backend_name(params),
        },
    )


def _problem(
    rng: np.random.Generator, channels: int, size: int, n_slots: int
) -> tuple[PackedAffine, np.ndarray, np.ndarray]:
    """The convolution in slots, an image and the result."""
    weight = rng.normal(size=(channels, channels, 3, 3)) / np.sqrt(9 * channels)
    layer = Conv2d(weight, np.zeros(channels), (1, 1), (1, 1))
    image = rng.uniform(-1, 1, (channels, size, size))
    layout = input_layout(image.shape, n_slots)
    if layout.ciphertexts > 1:
        raise ParameterError(
            f"{channels} channels of {size} x {size} take {layout.ciphertexts} ciphertexts of "
            f"{n_slots} slots: one is needed, so fewer channels or a larger N"
        )
    # The output lies as the input does, as in a residual block.
    packed = lower(affine_from_layer(layer, image.shape), layout, layout)
    return packed, image, layer.forward(image[None])[0]


def _warm(encoder: Encoder, level: int) -> None:
    """Twiddles and kernels, which a process loads once."""
    slots = encoder.params.slots
    for period in (slots, slots // 2, slots // 4, slots // 8):
        vector = np.tile(np.arange(period, dtype=np.float64), slots // period)
        LinearTransform.encode(encoder, {0: vector}, level)
