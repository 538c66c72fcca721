"""fhelium, with its experimental bootstrap of N = 2^16 on the processor."""

from __future__ import annotations

import math
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.peers.bootstrap.measurement import NotMeasuredError, Subject, timed_keys

FULL = 1 << 16

_LARGEST = 0.1
"""The largest value of a slot that its example refreshes."""


def set_up(threads: int, N: int = FULL) -> Subject:
    """Full slots and the library's own preset.

    Raises `ImportError` where it is not installed, `NotMeasuredError` for another ring.
    """
    if N != FULL:
        raise NotMeasuredError(f"fhelium has no preset at N = {N}: leave its --peer-ring out")
    import fhelium
    import torch
    from fhelium.eager import Engine
    from fhelium.experimental.bootstrap.presets import cosine_depth_refresh_logn16_v1
    from fhelium.values import EvaluationKeySet

    torch.set_num_threads(threads)
    config = fhelium.CkksConfig.parse(
        fhelium.Preset.slots32768_scale50_depth27_int64, galois_generator=5
    )
    engine: Any = Engine(config, allow_automatic_key_generation=False)
    bootstrap: Any = cosine_depth_refresh_logn16_v1(engine)
    secret = engine.create_secret_key()
    public = engine.create_public_key(secret)
    random = np.random.default_rng(2026)

    def make_keys() -> object:
        return EvaluationKeySet(
            rotations=bootstrap.create_rotation_keys(secret),
            relinearization=engine.create_relinearization_key(secret),
            conjugation=engine.create_conjugation_key(secret),
        )

    keys, keys_s, key_memory = timed_keys(make_keys)
    slots = engine.num_slots

    def prepare() -> object:
        values = torch.from_numpy(random.uniform(-_LARGEST, _LARGEST, slots))
        x = engine.encrypt_message(values, public)
        ones = torch.ones(slots, dtype=torch.float64)
        while x.depth < bootstrap.input_depth:
            one = engine.encode(ones, depth=x.depth, scale=engine.config.default_scale)
            product = engine.multiply_plaintext(
                engine.coefficient_domain_to_ntt_domain(x),
                engine.prepare_plaintext_for_multiplication(one),
            )
            x = engine.rescale_to_next_depth(engine.ntt_domain_to_coefficient_domain(product))
        return x

    def reveal(ciphertext: object) -> np.ndarray:
        found: np.ndarray = engine.decrypt_message(ciphertext, secret, is_real=True).cpu().numpy()
        return found

    return Subject(
        library="fhelium",
        version=metadata.version("fhelium"),
        N=2 * slots,
        slots=slots,
        levels=bootstrap.input_depth - bootstrap.output_depth,
        scale_bits=math.log2(engine.config.default_scale),
        parameters={"preset": "cosine_depth_refresh_logn16_v1", "largest": _LARGEST},
        keys_s=keys_s,
        key_memory_bytes=key_memory,
        prepare=prepare,
        refresh=lambda x: bootstrap(x, evaluation_keys=keys),
        reveal=reveal,
    )
