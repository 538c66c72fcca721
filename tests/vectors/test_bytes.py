"""Bytes that version 1 of the formats wrote stay readable, mean the same, and are written alike.

A format that changes gets a version and a folder of its own. This folder and its tests stay. Where
this project writes a later version of a kind, the test that version 1 is written alike ends for
that kind. All other tests go on.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import he
import nn
from accel_model.execution.executor import execute
from accel_model.isa import program_file
from accel_model.lowering.operations import lower
from he import bfv
from he.serialization import ciphertexts_from_bytes, ciphertexts_to_bytes
from he.trace import load as load_trace
from he.trace import save as save_trace
from tests.vectors import make_bytes

FOLDER = Path(__file__).parent / "bytes_v1"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
REASON = "committed bytes"
SLOTS = np.arange(32) / 8 - 2
INTEGERS = np.arange(64)
IMAGES = np.arange(18).reshape(2, 1, 3, 3) / 18
PLANS = ["packed", "reals", "integers"]
DIGEST = "69bfac6cd794778dde5cbc49c51bdec4cee57f06222494920743bbdaf73dc03d"

CKKS: dict[str, type[Any]] = {
    "secret_key": he.SecretKey,
    "public_key": he.PublicKey,
    "public_key_full": he.PublicKey,
    "relinearization_key": he.KeySwitchingKey,
    "galois_key": he.KeySwitchingKey,
    "galois_key_full": he.KeySwitchingKey,
    "evaluation_keys": he.EvaluationKeys,
    "evaluation_keys_full": he.EvaluationKeys,
    "plaintext": he.Plaintext,
    "ciphertext_seeded": he.Ciphertext,
    "ciphertext_full": he.Ciphertext,
    "ciphertext_low_level": he.Ciphertext,
    "ciphertext_three_parts": he.Ciphertext,
}
BFV: dict[str, type[Any]] = {
    "secret_key": he.SecretKey,
    "public_key": he.PublicKey,
    "evaluation_keys": he.EvaluationKeys,
    "plaintext": bfv.Plaintext,
    "ciphertext_seeded": bfv.Ciphertext,
    "ciphertext_full": bfv.Ciphertext,
    "ciphertext_three_parts": bfv.Ciphertext,
}


def stored(name: str) -> bytes:
    return (FOLDER / f"{name}.bin").read_bytes()


def ckks_params() -> he.CKKSParameters:
    return he.CKKSParameters.from_bytes(stored("ckks/parameters"), insecure_reason=REASON)


def bfv_params() -> bfv.BFVParameters:
    return bfv.BFVParameters.from_bytes(stored("bfv/parameters"), insecure_reason=REASON)


def ckks(name: str) -> Any:
    return CKKS[name].from_bytes(stored(f"ckks/{name}"), ckks_params())


def exact(name: str) -> Any:
    return BFV[name].from_bytes(stored(f"bfv/{name}"), bfv_params())


def plan_of(kind: str) -> Any:
    return nn.read_plan(stored(f"{kind}/plan"), insecure_reason=REASON)


def client_of(kind: str) -> Any:
    secret = stored(f"{kind}/secret_key_0")
    return nn.Client(plan_of(kind), secret if kind == "packed" else [secret])


def members(path: Path) -> dict[str, bytes]:
    """What an archive holds, whatever compressed it."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_folder__never_changes() -> None:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*.*")):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + path.read_bytes())
    assert digest.hexdigest() == DIGEST


def test_folder__has_every_kind_that_the_script_makes(tmp_path: Path) -> None:
    make_bytes.write(tmp_path)
    made, kept = (
        {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
        for folder in (tmp_path, FOLDER)
    )
    assert made == kept
    tested = {f"ckks/{name}" for name in CKKS} | {f"bfv/{name}" for name in BFV}
    tested |= {f"ckks/{name}" for name in ("parameters_secure", "key_needs", "ciphertext_batch")}
    tested |= {f"{scheme}/parameters" for scheme in ("ckks", "bfv")}
    parts = ("plan", "images", "answer", "secret_key_0", "evaluation_keys_0")
    tested |= {f"{kind}/{part}" for kind in PLANS for part in parts}
    assert kept == {f"{name}.bin" for name in tested} | {
        "expected.json", "network.npz", "program.npz", "run.trace"
    }  # fmt: skip


# What is read is written again alike


@pytest.mark.parametrize("name", CKKS)
def test_objects__are_written_again_alike(name: str) -> None:
    assert ckks(name).to_bytes() == stored(f"ckks/{name}")


@pytest.mark.parametrize("name", BFV)
def test_objects_of_bfv__are_written_again_alike(name: str) -> None:
    assert exact(name).to_bytes() == stored(f"bfv/{name}")


def test_parameters_needs_and_batches__are_written_again_alike() -> None:
    secure = he.CKKSParameters.from_bytes(stored("ckks/parameters_secure"))
    assert secure.to_bytes() == stored("ckks/parameters_secure")
    assert ckks_params().to_bytes() == stored("ckks/parameters")
    assert bfv_params().to_bytes() == stored("bfv/parameters")
    needs = he.KeyNeeds.from_bytes(stored("ckks/key_needs"), ckks_params())
    assert needs.to_bytes() == stored("ckks/key_needs")
    batch = ciphertexts_from_bytes(stored("ckks/ciphertext_batch"), ckks_params())
    assert ciphertexts_to_bytes(batch) == stored("ckks/ciphertext_batch")


@pytest.mark.parametrize("kind", PLANS)
def test_plans_and_what_travels__are_written_again_alike(kind: str) -> None:
    plan = plan_of(kind)
    assert plan.to_bytes() == stored(f"{kind}/plan")
    for name in ("images", "answer"):
        data = stored(f"{kind}/{name}")
        if kind == "packed":
            layout = plan.input_layout if name == "images" else plan.output_layout
            read: Any = nn.EncryptedBatch.from_bytes(data, plan.params, layout.ciphertexts)
        else:
            read = nn.BatchedTensor.from_bytes(data, plan)
        assert read.to_bytes() == data
    params = plan.params if kind == "packed" else plan.params[0]
    keys: dict[str, type[Any]] = {
        "secret_key_0": he.SecretKey,
        "evaluation_keys_0": he.EvaluationKeys,
    }
    for name, key in keys.items():
        data = stored(f"{kind}/{name}")
        assert key.from_bytes(data, params).to_bytes() == data


def test_files__are_written_again_alike(tmp_path: Path) -> None:
    nn.save(nn.load(FOLDER / "network.npz"), tmp_path / "network.npz")
    program = program_file.load(FOLDER / "program.npz")
    data = program_file.load_data(FOLDER / "program.npz")
    program_file.save(program, tmp_path / "program.npz", data)
    save_trace(load_trace(FOLDER / "run.trace"), tmp_path / "run.trace")
    for name in ("network.npz", "program.npz"):
        assert members(tmp_path / name) == members(FOLDER / name)
    assert (tmp_path / "run.trace").read_bytes() == (FOLDER / "run.trace").read_bytes()


# What is read means what was written


def test_ckks__parameters_are_those_written() -> None:
    params = ckks_params()
    assert (params.N, params.q) == (64, (1073741441, 268432897, 268428161))
    assert (params.p, params.digit_limbs) == ((1099511623297, 1099511622529), 2)
    assert params.scales == (2.0**28,) * 3
    needs = he.KeyNeeds.from_bytes(stored("ckks/key_needs"), params)
    assert (needs.relinearization, dict(needs.galois)) == (2, {3: 1, 127: 0})
    secure = he.CKKSParameters.from_bytes(stored("ckks/parameters_secure"))
    assert secure.security_estimate >= 128


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("ciphertext_seeded", 2, SLOTS),
        ("ciphertext_full", 2, SLOTS),
        ("ciphertext_low_level", 0, SLOTS),
        ("ciphertext_three_parts", 2, SLOTS**2),
    ],
)
def test_ckks__ciphertexts_decrypt_to_the_known_numbers(
    name: str, level: int, expected: np.ndarray
) -> None:
    params, ciphertext = ckks_params(), ckks(name)
    assert ciphertext.level == level
    decrypted = he.Decryptor(params, ckks("secret_key")).decrypt(ciphertext)
    assert np.abs(he.Encoder(params).decode_real(decrypted) - expected).max() < 1e-4


def test_ckks__a_batch_holds_its_ciphertexts_in_order() -> None:
    batch = ciphertexts_from_bytes(stored("ckks/ciphertext_batch"), ckks_params())
    names = ("ciphertext_seeded", "ciphertext_full", "ciphertext_low_level")
    assert [ct.to_bytes() for ct in batch] == [stored(f"ckks/{name}") for name in names]


def test_ckks__the_plaintext_decodes_to_the_known_numbers() -> None:
    assert np.abs(he.Encoder(ckks_params()).decode_real(ckks("plaintext")) - SLOTS).max() < 1e-6


def test_ckks__seeded_and_full_keys_are_the_same() -> None:
    for name in ("public_key", "galois_key"):
        seeded, full = ckks(name), ckks(f"{name}_full")
        assert seeded.seed is not None
        assert full.seed is None
        assert (seeded.data == full.data).all()
    seeded, full = ckks("evaluation_keys"), ckks("evaluation_keys_full")
    assert (seeded.galois[3].data == full.galois[3].data).all()
    assert (seeded.relinearization.data == ckks("relinearization_key").data).all()


@pytest.mark.parametrize("keys", ["evaluation_keys", "evaluation_keys_full"])
def test_ckks__keys_do_what_they_did(keys: str) -> None:
    params, secret = ckks_params(), ckks("secret_key")
    evaluator = he.Evaluator(params, ckks(keys))
    encoder, decryptor = he.Encoder(params), he.Decryptor(params, secret)
    fresh = he.Encryptor(params, ckks("public_key")).encrypt(encoder.encode(SLOTS))
    square = evaluator.multiply(fresh, ckks("ciphertext_seeded"))
    turned = evaluator.rotate(square, 1)
    for ciphertext, expected in ((square, SLOTS**2), (turned, np.roll(SLOTS**2, -1))):
        decoded = encoder.decode_real(decryptor.decrypt(ciphertext))
        assert np.abs(decoded - expected).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ciphertext_seeded", INTEGERS),
        ("ciphertext_full", INTEGERS),
        ("ciphertext_three_parts", INTEGERS**2),
    ],
)
def test_bfv__ciphertexts_decrypt_to_the_known_numbers(name: str, expected: np.ndarray) -> None:
    params = bfv_params()
    decrypted = bfv.Decryptor(params, exact("secret_key")).decrypt(exact(name))
    assert (bfv.BatchEncoder(params).decode(decrypted) % 257 == expected % 257).all()


def test_bfv__plaintext_and_keys_do_what_they_did() -> None:
    params = bfv_params()
    encoder, decryptor = bfv.BatchEncoder(params), bfv.Decryptor(params, exact("secret_key"))
    assert (encoder.decode(exact("plaintext")) % 257 == INTEGERS).all()
    evaluator = bfv.Evaluator(params, exact("evaluation_keys"))
    fresh = bfv.Encryptor(params, exact("public_key")).encrypt(exact("plaintext"))
    product = evaluator.multiply(fresh, exact("ciphertext_seeded"))
    assert (encoder.decode(decryptor.decrypt(product)) % 257 == INTEGERS**2 % 257).all()
    turned = evaluator.rotate_rows(exact("ciphertext_full"), 1)
    rows = np.roll(INTEGERS.reshape(2, 32), -1, axis=1).ravel()
    assert (encoder.decode(decryptor.decrypt(turned)) % 257 == rows).all()


def test_network__computes_what_it_did() -> None:
    network = nn.load(FOLDER / "network.npz")
    assert np.abs(network(IMAGES) - EXPECTED["logits"]).max() < 1e-12
    assert network.fingerprint() == make_bytes.network().fingerprint()


@pytest.mark.parametrize("kind", PLANS)
def test_plans__answers_decrypt_and_images_are_answered(kind: str) -> None:
    """The client's half and the server's half of a session, each from bytes alone."""
    plan, client = plan_of(kind), client_of(kind)
    keys = stored(f"{kind}/evaluation_keys_0")
    server = nn.Server(
        plan, nn.load(FOLDER / "network.npz"), keys if kind == "packed" else [keys]
    )
    for answer in (stored(f"{kind}/answer"), server.run(stored(f"{kind}/images")).to_bytes()):
        if kind == "integers":
            assert (client.integers(answer) == EXPECTED["integers"]).all()
        else:
            error = np.abs(client.decrypt(answer) - EXPECTED["logits"])
            assert (error <= plan.predicted_error).all()


def test_trace_and_program__are_one_run() -> None:
    program = program_file.load(FOLDER / "program.npz")
    data = program_file.load_data(FOLDER / "program.npz")
    lowered = lower(load_trace(FOLDER / "run.trace"))
    assert len(lowered) == len(program)
    assert lowered.objects == program.objects
    for name, array in execute(program, data).items():
        assert (array == data["output", name]).all()
