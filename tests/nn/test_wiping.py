"""Clients leave no copy of their secret keys in memory, and refuse to work without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import he
import nn
from he.format.residue_packing import pack_residues
from tests.he.process_memory import child, copies
from tests.he.secret_forms import of_polynomial, windows
from tests.nn.test_any_plan import KINDS, compiled, network


@pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="searches memory through Linux's /proc"
)
@pytest.mark.parametrize(
    ("kind", "how"),
    [*((kind, "delete") for kind in KINDS), ("packed", "close"), ("packed", "store")],
)
def test_memory__holds_no_secret_of_a_client_after_its_end(tmp_path, kind, how):
    plan = compiled(kind)
    sets = plan.params if isinstance(plan.params, tuple) else (plan.params,)
    with child("tests.nn.client_holder", str(tmp_path), kind, how) as process:
        patterns = {}
        for index, params in enumerate(sets):
            s = np.frombuffer((tmp_path / f"secret {index}").read_bytes(), dtype=np.int64)
            patterns |= of_polynomial(f"secret {index}", s, params)
            packed = pack_residues((s + 1).astype(np.uint64)[None], [3])
            patterns |= dict(windows(f"secret {index}, packed", np.frombuffer(packed, np.uint8)))
        assert copies(process, patterns) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_close__ends_what_needs_the_key(kind):
    plan = compiled(kind)
    images = np.random.default_rng(1).random((2, 1, 3, 3))
    with nn.Client(plan) as client:
        server = nn.Server(plan, network(), client.evaluation_keys())
        answer = server.run(client.encrypt(images))
        client.decrypt(answer)
    for use in (
        lambda: client.encrypt(images),
        lambda: client.decrypt(answer),
        client.evaluation_keys,
        client.secret_key_bytes,
    ):
        with pytest.raises(he.MissingKeyError, match="was wiped"):
            use()
    client.close()
