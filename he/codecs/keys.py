"""Secret, public and switching keys, and the set of keys that an evaluator is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from he.codecs import checks
from he.codecs.parameters import named_levels
from he.format.container import Contents, packed_size
from he.format.residue_packing import pack_residues, packed_bytes
from he.rlwe.keys import EvaluationKeys, KeyNeeds, KeySwitchingKey, PublicKey, SecretKey
from he.rlwe.parallel import map_threads
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.sampling import SEED_BYTES
from he.rlwe.seeded import PUBLIC_KEY, digit_label, uniform_from_seed

EVALUATION_KEYS = "evaluation keys"


def encode_secret(secret: SecretKey) -> checks.Encoded:
    """Its coefficients + 1, as residues modulo 3: two bits each."""
    digits = (secret.coefficients + 1).astype(np.uint64)
    return {"params": secret.params.id}, {"coefficients": pack_residues(digits[None, :], [3])}


def decode_secret(contents: Contents, params: RLWEParameters) -> SecretKey:
    """The inverse of `encode_secret`."""
    checks.sections(contents, ["coefficients"])
    digits = contents.residues("coefficients", [3], (1, params.N))
    return SecretKey(params, digits[0].astype(np.int64) - 1)


def encode_public(key: PublicKey) -> checks.Encoded:
    """Its seed and first half, or both halves without a seed."""
    stored = key.data if key.seed is None else key.data[:1]
    moduli = key.params.q + key.params.p
    header = {"params": key.params.id, "seed": key.seed or b""}
    return header, {"0": pack_residues(stored, moduli)}


def decode_public(contents: Contents, params: RLWEParameters) -> PublicKey:
    """The inverse of `encode_public`."""
    checks.sections(contents, ["0"])
    seed = checks.seed(contents.field("seed", bytes))
    ops = context(params).qp(params.max_level)
    shape = (2, len(ops.moduli), params.N)
    if seed is None:
        return PublicKey(params, contents.residues("0", ops.moduli, shape))
    data = np.empty(shape, dtype=np.uint64)
    data[0] = contents.residues("0", ops.moduli, shape[1:])
    data[1] = uniform_from_seed(seed, PUBLIC_KEY, ops)
    return PublicKey(params, data, seed)


def encode_evaluation(keys: EvaluationKeys) -> checks.Encoded:
    """[element, level, seed] of each, and its first halves (both without a seed)."""
    ordered = [] if keys.relinearization is None else [keys.relinearization]
    ordered += [keys.galois[element] for element in sorted(keys.galois)]
    items = [[key.element, key.level, key.seed or b""] for key in ordered]
    packed = map_threads(_pack, ordered)
    sections = {str(key.element): block for key, block in zip(ordered, packed, strict=True)}
    return {"params": keys.params.id, "keys": items}, sections


def decode_evaluation(contents: Contents, params: RLWEParameters) -> EvaluationKeys:
    """The inverse of `encode_evaluation`."""
    items = [
        checks.values(item, "a switching key", int, int, bytes)
        for item in contents.field("keys", list)
    ]
    checks.sections(contents, (str(element) for element, _, _ in items))
    keys = map_threads(lambda item: _read(contents, item, params), items)
    galois = {key.element: key for key in keys}
    return EvaluationKeys(params, galois.pop(0, None), galois)


def evaluation_bytes(params: RLWEParameters, needs: KeyNeeds) -> int:
    """How long the container of the (seeded) keys that `needs` names will be."""
    levels = named_levels(needs)
    items = [[element, level, bytes(SEED_BYTES)] for element, level in levels]
    sizes = {
        str(element): params.digits(level)
        * packed_bytes(context(params).qp(level).moduli, params.N)
        for element, level in levels
    }
    return packed_size(EVALUATION_KEYS, {"params": params.id, "keys": items}, sizes)


def encode_switching(key: KeySwitchingKey) -> checks.Encoded:
    """As one of `encode_evaluation`."""
    header = {"params": key.params.id, "item": [key.element, key.level, key.seed or b""]}
    return header, {str(key.element): _pack(key)}


def decode_switching(contents: Contents, params: RLWEParameters) -> KeySwitchingKey:
    """The inverse of `encode_switching`."""
    item = checks.values(contents.header.get("item"), "a switching key", int, int, bytes)
    checks.sections(contents, [str(item[0])])
    return _read(contents, item, params)


def _pack(key: KeySwitchingKey) -> bytes:
    stored = key.data if key.seed is None else key.data[:, 0]
    return pack_residues(stored, context(key.params).qp(key.level).moduli)


def _read(contents: Contents, item: Any, params: RLWEParameters) -> KeySwitchingKey:
    element, level, seed = item
    checks.level(level, params)
    if element:
        checks.element(element, params)
    seed = checks.seed(seed)
    ops = context(params).qp(level)
    shape = (params.digits(level), 2, len(ops.moduli), params.N)
    if seed is None:
        data = contents.residues(str(element), ops.moduli, shape)
        return KeySwitchingKey(params, level, element, data)
    halves = contents.residues(str(element), ops.moduli, (shape[0], *shape[2:]))
    data = np.empty(shape, dtype=np.uint64)
    for j, half in enumerate(halves):
        data[j, 0] = half
        data[j, 1] = uniform_from_seed(seed, digit_label(j), ops)
    return KeySwitchingKey(params, level, element, data, seed)
