"""A process that uses a client and lets go of it, for `tests.nn.test_wiping` to look into.

python -m tests.nn.client_holder FOLDER KIND HOW: writes its secret keys into FOLDER, without a copy
in its memory, closes or deletes the client, prints "ready", and waits for its input to end. HOW
"store": asks for the bytes of its secret keys, and wipes them, before it deletes the client.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np

import nn
from ntt.memory import wipe_bytes
from tests.he.secret_holder import write
from tests.nn.test_any_plan import compiled, network


def main() -> None:
    """Run as the arguments say."""
    folder, kind, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    plan = compiled(kind)
    client = nn.Client(plan)
    secrets = [client._secret] if kind == "packed" else client._secrets
    for index, secret in enumerate(secrets):
        write(folder, f"secret {index}", secret.coefficients.data.cast("B"))
    del secret, secrets
    server = nn.Server(plan, network(), client.evaluation_keys())
    images = np.random.default_rng(1).random((2, 1, 3, 3))
    client.decrypt(server.run(client.encrypt(images).to_bytes()).to_bytes())
    if how == "store":
        stored = client.secret_key_bytes()
        wipe_bytes(stored)
        assert not any(stored)
    if how == "close":
        client.close()
    else:
        del client
    gc.collect()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
