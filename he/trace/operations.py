"""The records of a trace: operations, what they name, and how a trace is wrong.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from he.errors import HEError

RELINEARIZATION = 0
"""What stands for the relinearization key where others are named by their Galois element."""

TO_SPARSE, FROM_SPARSE = 2, 4
"""What stands for the two keys of bootstrapping: from the secret to an ephemeral sparse one at
level 0, and back at a higher level. Galois elements are odd."""

KINDS = {
    "add": "a + b",
    "subtract": "a - b",
    "negate": "-a",
    "add_plain": "a + plaintext, in part 0",
    "subtract_plain": "a - plaintext, in part 0",
    "add_integer": "a + integer, in part 0 at every point of the transform",
    "multiply_plain": "a times plaintext, every part",
    "multiply_integer": "a times integer, every part",
    "add_multiple": "a + b times integer or plaintext, in parts 0 and 1; b may have more limbs",
    "zeros": "a ciphertext of zeros",
    "tensor": "(a0 b0, a0 b1 + a1 b0, a1 b1)",
    "relinearize": "three parts to two",
    "relinearize_rescale": "three parts to two, and a rescaling, in one division",
    "rescale": "divided by Q_level / Q_to_level",
    "switch_key": "part 1 switched to another secret by a key",
    "raise_modulus": "the centred coefficients modulo Q_level, as residues modulo Q_to_level",
    "drop_limbs": "the first limbs only",
    "automorphisms": "images under x -> x^element, one a result, with one decomposition",
    "linear_transform": "out[o] = sum_i block[o, i](in[i]), double hoisting, and a rescaling",
}
"""Every kind of operation, and what it computes."""


@dataclass(frozen=True)
class Block:
    """One block of a linear transform: sum_g giants[g](sum_t plaintext[t] babies[baby_of[t]](x)).

    Term t belongs to giant g for starts[g] <= t < starts[g + 1]. Babies and giants are Galois
    elements, 1 for no rotation. `plaintext` has a row (limbs_QP, N) a term,
    or (limbs_Q, N) where the babies are divided by P before the products.
    """

    output: int
    input: int
    babies: tuple[int, ...]
    giants: tuple[int, ...]
    starts: tuple[int, ...]
    baby_of: tuple[int, ...]
    plaintext: int


@dataclass(frozen=True)
class HEOp:
    """One homomorphic operation.

    kind: one of `KINDS`. level: of the operands when it starts (of the result for `zeros`).
    operands, results: ciphertexts by number. plaintexts: by number. elements: Galois elements of
    `automorphisms`, one a result. keys: the switching keys used, by Galois element, 0 for
    relinearization; of an element's keys it is the one that serves the level. digits: how many
    digits one decomposition has, 0 without a key. integer: for the kinds that take one. blocks: for
    `linear_transform`. layer: the caller's name for a part of the computation. to_level: of the
    result of `rescale`, where it is not one below, and of `raise_modulus`.
    """

    kind: str
    level: int
    operands: tuple[int, ...]
    results: tuple[int, ...]
    plaintexts: tuple[int, ...] = ()
    elements: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    digits: int = 0
    integer: int | None = None
    blocks: tuple[Block, ...] = ()
    layer: str = ""
    to_level: int | None = None


@dataclass(frozen=True)
class TracedKey:
    """A switching key: its Galois element, highest level, and shape (dnum, 2, limbs_QP)."""

    element: int
    level: int
    shape: tuple[int, ...]


class TraceError(HEError):
    """A recorded operation names what is not known, or a trace contradicts itself.

    operation: the number of the operation at fault, or None.
    """

    def __init__(self, message: str, operation: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation


class TraceFileError(TraceError):
    """A trace file has another version, is cut short, or holds no trace."""
