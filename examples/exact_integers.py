"""Exact integers with BFV: a server adds up ballots that it cannot read.

    python examples/exact_integers.py
"""

from __future__ import annotations

import numpy as np

import he
from he import bfv

CANDIDATES, BALLOTS = 4, 12


def main() -> tuple[np.ndarray, np.ndarray]:
    """Count encrypted ballots; the counts for each candidate, encrypted and in the clear."""
    # The counting office makes the keys. Voters and the server get the public ones.
    params = bfv.BFVParameters.build(depth=1, plain_bits=20, spare_bits=5)  # for the sums
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    public = generator.public_key(secret).to_bytes()
    needs = he.KeyNeeds(relinearization=params.max_level)
    keys = generator.evaluation_keys(secret, needs).to_bytes()

    # Each voter encrypts a one in the slot of a candidate; voter 3 cheats and encrypts a five.
    encoder = bfv.BatchEncoder(params)
    encryptor = bfv.Encryptor(params, he.PublicKey.from_bytes(public, params))
    votes = np.zeros((BALLOTS, CANDIDATES), dtype=np.int64)
    votes[np.arange(BALLOTS), np.random.default_rng(7).integers(0, CANDIDATES, BALLOTS)] = 1
    votes[3] *= 5
    ballots = [encryptor.encrypt(encoder.encode(vote)).to_bytes() for vote in votes]

    # The server adds up votes, and v (v - 1), which is zero for an honest vote.
    evaluator = bfv.Evaluator(params, he.EvaluationKeys.from_bytes(keys, params))
    received = [evaluator.attach(bfv.Ciphertext.from_bytes(b, params)) for b in ballots]
    total, excess = received[0], received[0] * (received[0] - 1)
    for ballot in received[1:]:
        total, excess = total + ballot, excess + ballot * (ballot - 1)

    # The office decrypts both sums: exact, whatever their size below the plain modulus.
    decryptor = bfv.Decryptor(params, secret)
    counts = encoder.decode(decryptor.decrypt(total))[:CANDIDATES]
    cheated = encoder.decode(decryptor.decrypt(excess))[:CANDIDATES]
    print(f"counts {counts}, in the clear {votes.sum(axis=0)}")
    print(f"excess {cheated}: {'a vote above one' if cheated.any() else 'all votes are honest'}")
    return counts, cheated


if __name__ == "__main__":
    main()
