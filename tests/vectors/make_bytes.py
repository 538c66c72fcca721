"""Made bytes_v1/, _v2/ and _v3/: ``python -m tests.vectors.make_bytes FOLDER`` (README.md).

Objects of every kind that has bytes, as this version writes them. The folder is written once and
kept for ever: later versions must read it. A format that changes gets a folder of its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import he
import nn
from accel_model.isa import program_file
from accel_model.lowering.operations import lower
from he import bfv
from he.rlwe.sampling import RandomStream
from he.serialization import ciphertexts_to_bytes
from he.trace import Tracer
from he.trace import save as save_trace
from ntt import threads

N, SCALE_BITS = 64, 28
CKKS_Q, CKKS_P = (1073741441, 268432897, 268428161), (1099511623297, 1099511622529)
BFV_Q, BFV_P, PLAIN_MODULUS = (1073741441, 1073739649, 1073738753), (1099511623297,), 257
SLOTS = np.arange(32) / 8 - 2
INTEGERS = np.arange(64)
IMAGES = np.arange(18).reshape(2, 1, 3, 3) / 18
REASON = "committed bytes"
SEED = bytes(range(32))
CONJUGATION = 2 * N - 1


def ckks_bytes() -> dict[str, bytes]:
    """Keys, plaintexts and ciphertexts of CKKS; the ciphertexts hold SLOTS."""
    params = he.CKKSParameters(
        N=N, q=CKKS_Q, p=CKKS_P, digit_limbs=2, scales=(2.0**SCALE_BITS,) * 3,
        insecure_reason=REASON,
    )  # fmt: skip
    needs = he.KeyNeeds(2, {3: 1, CONJUGATION: 0})
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    public = generator.public_key(secret)
    keys = generator.evaluation_keys(secret, needs)
    assert keys.relinearization is not None
    unseeded = replace(keys.galois[3], seed=None)
    encoder, evaluator = he.Encoder(params), he.Evaluator(params, keys)
    plaintext = encoder.encode(SLOTS)
    seeded = he.Encryptor(params, secret).encrypt(plaintext)
    low = he.Encryptor(params, secret).encrypt(encoder.encode(SLOTS, 0))
    public_one = he.Encryptor(params, public).encrypt(plaintext)
    made: dict[str, Any] = {
        "parameters": params,
        "parameters_secure": he.CKKSParameters.build(2, precision_bits=15),
        "key_needs": needs,
        "secret_key": secret,
        "public_key": public,
        "public_key_full": replace(public, seed=None),
        "relinearization_key": keys.relinearization,
        "galois_key": keys.galois[3],
        "galois_key_full": unseeded,
        "evaluation_keys": keys,
        "evaluation_keys_full": replace(keys, galois={**keys.galois, 3: unseeded}),
        "plaintext": plaintext,
        "ciphertext_seeded": seeded,
        "ciphertext_full": public_one,
        "ciphertext_low_level": low,
        "ciphertext_three_parts": evaluator.tensor(seeded, public_one),
    }
    packed = {name: obj.to_bytes() for name, obj in made.items()}
    return packed | {"ciphertext_batch": ciphertexts_to_bytes([seeded, public_one, low])}


def bfv_bytes() -> dict[str, bytes]:
    """Keys, plaintexts and ciphertexts of BFV; the ciphertexts hold INTEGERS."""
    params = bfv.BFVParameters(
        N=N, q=BFV_Q, p=BFV_P, digit_limbs=1, t=PLAIN_MODULUS, insecure_reason=REASON
    )
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    public = generator.public_key(secret)
    keys = generator.evaluation_keys(secret, he.KeyNeeds(2, {3: 2, CONJUGATION: 2}))
    plaintext = bfv.BatchEncoder(params).encode(INTEGERS)
    seeded = bfv.Encryptor(params, secret).encrypt(plaintext)
    full = bfv.Encryptor(params, public).encrypt(plaintext)
    made: dict[str, Any] = {
        "parameters": params,
        "secret_key": secret,
        "public_key": public,
        "evaluation_keys": keys,
        "plaintext": plaintext,
        "ciphertext_seeded": seeded,
        "ciphertext_full": full,
        "ciphertext_three_parts": bfv.Evaluator(params, keys).tensor(seeded, full),
    }
    return {name: obj.to_bytes() for name, obj in made.items()}


def network() -> nn.Network:
    """A convolution, a polynomial, an affine map: weights and statistics of fixed numbers."""
    conv = nn.Conv2d(np.arange(8).reshape(2, 1, 2, 2) / 16 - 0.25, np.array([0.125, -0.125]))
    nodes = (
        nn.Node("conv", conv, ("input",)),
        nn.Node("square", nn.Polynomial([0, 0, 1]), ("conv",)),
        nn.Node("flat", nn.Flatten(), ("square",)),
        nn.Node("fc", nn.Linear(np.arange(16).reshape(2, 8) / 8 - 1, np.zeros(2)), ("flat",)),
    )
    return nn.Network("small", (1, 3, 3), nodes, (0.0, 1.0)).calibrated(IMAGES)


def plan_bytes(plan: nn.InferencePlan | nn.BatchedPlan) -> dict[str, bytes]:
    """A plan, the keys of a client, IMAGES encrypted, and the server's answer."""
    client = nn.Client(plan)
    keys: Any = client.evaluation_keys()
    secret: Any = client.secret_key_bytes()
    images = client.encrypt(IMAGES)
    answer = nn.Server(plan, network(), keys).run(images)
    made = {"plan": plan.to_bytes(), "images": images.to_bytes(), "answer": answer.to_bytes()}
    for name, given in (("secret_key", secret), ("evaluation_keys", keys)):
        several = given if isinstance(given, list) else [given]
        for index, one in enumerate(several):
            made[f"{name}_{index}"] = one if isinstance(one, bytes) else one.to_bytes()
    return made


def write_files(folder: Path) -> None:
    """The network, the trace of a few operations, and their program with its data."""
    nn.save(network(), folder / "network.npz")
    params = he.CKKSParameters(
        N=16, q=(1073741441, 16777153), p=(68719476577,), digit_limbs=1, scales=(2.0**24,) * 2,
        insecure_reason=REASON,
    )  # fmt: skip
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    keys = generator.evaluation_keys(secret, he.KeyNeeds(1, {3: 0}))
    tracer = Tracer(params, "square, rotate")
    evaluator = he.Evaluator(params, keys, tracer=tracer)
    ct = he.Encryptor(params, secret).encrypt(he.Encoder(params).encode(np.ones(8) / 4))
    tracer.input(ct.data)
    tracer.layer = "square"
    square = evaluator.multiply(ct, ct)
    tracer.layer = "rotate"
    tracer.output(evaluator.rotate(square, 1).data)
    save_trace(tracer.trace(), folder / "run.trace")
    program_file.save(lower(tracer.trace()), folder / "program.npz", tracer.arrays)


def write(folder: Path) -> None:
    """Everything, into `folder`."""
    small: dict[str, Any] = {"N": N, "insecure_reason": REASON}
    packed = nn.compile(network(), precision_bits=0, **small)
    plans = {
        # The worst case of so small a network is what is predicted.
        "packed": replace(packed, worst_case_error=2 * packed.predicted_error),
        "reals": nn.compile(network(), layout="batched", precision_bits=0, **small),
        "integers": nn.compile(network(), scheme="bfv", **small),
    }
    folders: dict[str, Mapping[str, bytes]] = {"ckks": ckks_bytes(), "bfv": bfv_bytes()}
    folders |= {name: plan_bytes(plan) for name, plan in plans.items()}
    for name, contents in folders.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for item, data in contents.items():
            (folder / name / f"{item}.bin").write_bytes(data)
    write_files(folder)
    integers = nn.Client(plans["integers"], _keys_of(folder / "integers")).integers(
        (folder / "integers" / "answer.bin").read_bytes()
    )
    expected = {"logits": network()(IMAGES).tolist(), "integers": np.asarray(integers).tolist()}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


def _keys_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("secret_key_*.bin"))]


def repeatable(work: Callable[[], object]) -> None:
    """Run `work` with randomness from SEED in place of the operating system's, on one thread."""
    taken, os.urandom = os.urandom, RandomStream.from_seed(SEED, "committed bytes").bytes
    try:
        with threads.limit(1):
            work()
    finally:
        os.urandom = taken


if __name__ == "__main__":
    repeatable(lambda: write(Path(sys.argv[1])))
