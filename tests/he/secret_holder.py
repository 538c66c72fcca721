"""A process that uses a secret key and lets go of it, for `tests.he.test_wiping` to look into.

python -m tests.he.secret_holder FOLDER HOW N: writes what it held into FOLDER, without a copy in
its memory, lets go of all secrets as HOW says, prints "ready", and waits for its input to end.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import he
from tests.he.holder_parameters import ELEMENT, VALUES, parameters


def write(folder: Path, name: str, data: bytes | memoryview) -> None:
    """Append to a file, without a buffer of this process between."""
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, data)
    os.close(descriptor)


def record_randomness(folder: Path) -> None:
    """Write down the first 32 bytes of every draw from the operating system."""
    draw = os.urandom

    def recorded(count: int) -> bytes:
        drawn = draw(count)
        write(folder, "seeds", drawn[:32])
        return drawn

    os.urandom = recorded


def use(folder: Path, secret: he.SecretKey) -> None:
    """Everything that a client does with its key."""
    params = secret.params
    generator, encoder = he.KeyGenerator(params), he.Encoder(params)
    top = params.max_level
    keys = generator.evaluation_keys(secret, he.KeyNeeds(top, {ELEMENT: top - 1}))
    public = generator.public_key(secret)
    for key in (keys.relinearization, keys.galois[ELEMENT], public):
        write(folder, "public seeds", key.seed)
    message = encoder.encode(VALUES)
    ciphertext = he.Encryptor(params, secret).encrypt(message)
    write(folder, "public seeds", ciphertext.seed)
    write(folder, "ciphertext", ciphertext.to_bytes())
    decryptor = he.Decryptor(params, secret)
    for kind in (ciphertext, he.Encryptor(params, public).encrypt(message)):
        encoder.decode_real(decryptor.decrypt(kind))
    evaluator = he.Evaluator(params)
    decryptor.decrypt(evaluator.tensor(ciphertext, ciphertext))


def main() -> None:
    """Run as the arguments say."""
    folder, how, N = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    record_randomness(folder)
    params = parameters(N)
    if how == "read":
        stored = bytearray((folder / "key").stat().st_size)
        with (folder / "key").open("rb", buffering=0) as file:
            file.readinto(stored)
        secret = he.SecretKey.from_bytes(stored, params)
        stored[:] = bytes(len(stored))
    else:
        secret = he.KeyGenerator(params).secret_key()
    write(folder, "coefficients", secret.coefficients.data.cast("B"))
    use(folder, secret)
    if how == "wipe":
        secret.wipe()
    elif how != "keep":
        del secret
    gc.collect()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
