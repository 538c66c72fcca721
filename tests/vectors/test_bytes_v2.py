"""Bytes of version 2, of what clients and servers exchange: the ids of plan, keys and request.

Version 1 has the same objects without ids; `test_bytes.py` goes on reading them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import he
import nn
from he.format import container
from nn.errors import IdentityError
from nn.inference.keys import ClientKeys
from tests.vectors import make_bytes
from tests.vectors.make_bytes import REASON

FOLDER = Path(__file__).parent / "bytes_v2"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
KINDS = ["packed", "reals", "integers"]
PARTS = ["plan", "images", "answer", "secret_key_0", "evaluation_keys_0"]
DIGEST = "73ab4882d976fe502eb1b813b08d865a1c00c509c2f549aeb601ada27b8504cf"


def stored(kind: str, name: str) -> bytes:
    return (FOLDER / kind / f"{name}.bin").read_bytes()


def plan_of(kind: str) -> Any:
    return nn.read_plan(stored(kind, "plan"), insecure_reason=REASON)


def client_of(kind: str) -> Any:
    secret = stored(kind, "secret_key_0")
    return nn.Client(plan_of(kind), secret if kind == "packed" else [secret])


def read(kind: str, name: str, data: bytes) -> Any:
    """A plan, images or an answer from bytes."""
    if name == "plan":
        return nn.read_plan(data, insecure_reason=REASON)
    plan = plan_of(kind)
    if kind != "packed":
        return nn.BatchedTensor.from_bytes(data, plan)
    layout = plan.input_layout if name == "images" else plan.output_layout
    return nn.EncryptedBatch.from_bytes(data, plan.params, layout.ciphertexts)


def travelling(kind: str, name: str) -> Any:
    return read(kind, name, stored(kind, name))


def test_folder__never_changes() -> None:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*.*")):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + path.read_bytes())
    assert digest.hexdigest() == DIGEST
    kept = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*")}
    assert kept == {f"{k}/{part}.bin" for k in KINDS for part in PARTS} | {"expected.json"}


@pytest.mark.parametrize("kind", KINDS)
def test_objects__are_written_again_alike(kind: str) -> None:
    plan = plan_of(kind)
    assert plan.to_bytes() == stored(kind, "plan")
    for name in ("images", "answer"):
        assert travelling(kind, name).to_bytes() == stored(kind, name)
    keys = ClientKeys.from_bytes(stored(kind, "evaluation_keys_0"), plan.parameter_sets[0])
    assert keys.to_bytes() == stored(kind, "evaluation_keys_0")
    secret = client_of(kind).secret_key_bytes()
    assert (secret if kind == "packed" else secret[0]) == stored(kind, "secret_key_0")


@pytest.mark.parametrize("kind", KINDS)
def test_ids__are_of_one_session(kind: str) -> None:
    plan = plan_of(kind)
    images, answer = travelling(kind, "images").ids, travelling(kind, "answer").ids
    keys = ClientKeys.from_bytes(stored(kind, "evaluation_keys_0"), plan.parameter_sets[0])
    assert images.plan == answer.plan == plan.id
    assert images.key == answer.key == keys.key_id
    assert images.request == answer.request
    assert (images.is_answer, answer.is_answer) == (False, True)


@pytest.mark.parametrize("kind", KINDS)
def test_sessions__answers_decrypt_once_and_images_are_answered(kind: str) -> None:
    plan = plan_of(kind)
    keys = stored(kind, "evaluation_keys_0")
    server = nn.Server(plan, make_bytes.network(), keys if kind == "packed" else [keys])
    for answer in (stored(kind, "answer"), server.run(stored(kind, "images")).to_bytes()):
        client = client_of(kind)
        if kind == "integers":
            assert (client.integers(answer) == EXPECTED["integers"]).all()
        else:
            error = np.abs(client.decrypt(answer) - EXPECTED["logits"])
            assert (error <= plan.predicted_error).all()
        with pytest.raises(IdentityError, match="answered before"):
            client.decrypt(answer)


def test_integers__the_plan_bounds_every_answer() -> None:
    largest = max(abs(value) for row in EXPECTED["integers"] for value in row)
    assert plan_of("integers").largest_answer >= largest


@pytest.mark.parametrize("kind", KINDS)
def test_versions__later_ones_are_refused(kind: str) -> None:
    """Behind a right checksum."""
    names = ("images", "answer") if kind != "integers" else ("images", "answer", "plan")
    for name in names:
        data = stored(kind, name)
        contents = container.unpack(data, container.kind_of(data))
        for version in (0, 3, "2", None, 2.0, True):
            header = contents.header | {"version": version}
            changed = container.pack(container.kind_of(data), header, contents.sections)
            with pytest.raises(he.VersionError, match="version"):
                read(kind, name, changed)
