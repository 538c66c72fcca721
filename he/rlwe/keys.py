"""The types of keys, and their bytes. Only `he.rlwe.keygen` makes keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from he.errors import (
    CorruptBytesError,
    MissingKeyError,
    ParameterError,
)
from he.format.container import Contents, checked_values
from he.format.residue_packing import packed_bytes, packed_words
from he.rlwe.array_checks import check_array, check_below
from he.rlwe.key_elements import check_key_element
from he.rlwe.key_needs import check_read_element
from he.rlwe.owned_object import OwnedObject, checked_level
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.seeded import (
    PUBLIC_KEY,
    check_seeded,
    checked_seed,
    digit_label,
    pack_pairs,
    read_pairs,
)
from he.rlwe.serializable import Encoded
from he.rlwe.small_polynomials import small_polynomial, take_secret
from he.validation import instance, whole_number
from ntt.memory import read_only, secret_array


class SecretKey(OwnedObject):
    """The secret: a uniform ternary polynomial. It exists on the client's side only.

    coefficients: (N,) in {-1, 0, 1}, of which the key takes a copy. Raises `ParameterError` for
    others, and for what is no uniform secret (`take_secret`).

    The memory of the key becomes zeros when nothing refers to the key any more, when `wipe` is
    called, or at the end of a ``with`` block. A wiped key raises `MissingKeyError` where it is
    used.
    """

    kind = "secret key"

    def __init__(self, params: RLWEParameters, coefficients: np.ndarray) -> None:
        self.params = instance(params, RLWEParameters, "the parameter set of a secret key")
        rows = context(params)
        ops = rows.limbs(rows.all_rows)
        memory = secret_array((1 + len(ops.moduli), params.N))
        small = memory[0].view(np.int64)
        take_secret(params, coefficients, small)
        small_polynomial(small, ops, memory[1:])
        self._memory: np.ndarray | None = memory

    @property
    def coefficients(self) -> np.ndarray:
        """The coefficients, int64 (N,), read-only."""
        return read_only(self._held()[0].view(np.int64))

    @property
    def transformed(self) -> np.ndarray:
        """The transform modulo every prime q and then p, (primes, N), read-only."""
        return read_only(self._held()[1:])

    def wipe(self) -> None:
        """Turn the secret into zeros, in everything that looks at it. No call may be using it."""
        if self._memory is not None:
            self._memory.fill(0)
            self._memory = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def _held(self) -> np.ndarray:
        if self._memory is None:
            raise MissingKeyError("the secret key was wiped: make or read another one")
        return self._memory

    def __repr__(self) -> str:
        return f"SecretKey(N={self.params.N}, <hidden>)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret key is not pickled by accident: use to_bytes() and keep it safe")

    def _encoded(self) -> Encoded:
        """The coefficients + 1, as residues modulo 3: two bits each."""
        digits = secret_array((1, self.params.N))
        np.add(self.coefficients, 1, out=digits[0].view(np.int64))
        return {}, {"coefficients": packed_words(digits, [3], secret_array).data.cast("B")}

    @classmethod
    def _decoded(cls, contents: Contents, params: RLWEParameters) -> Self:
        contents.check_sections(["coefficients"])
        digits = contents.residues("coefficients", [3], (1, params.N), secret_array)
        coefficients = digits[0].view(np.int64)
        coefficients -= 1
        return cls.from_read(params, coefficients)

    @classmethod
    def from_read(cls, params: RLWEParameters, coefficients: np.ndarray) -> Self:
        """A secret key whose coefficients were read; raises `CorruptBytesError` for a bad one."""
        try:
            return cls(params, coefficients)
        except ParameterError as error:
            raise CorruptBytesError(f"the bytes hold no good secret key: {error}") from error


@dataclass(frozen=True, eq=False)
class PublicKey(OwnedObject):
    """An encryption of zero in QP at the top level: data (2, limbs_QP, N), transformed.

    Raises `ParameterError` for another array, residues beyond their moduli, or a seed that does not
    expand to the second half.
    """

    kind = "public key"

    params: RLWEParameters
    data: np.ndarray = field(repr=False)
    seed: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        params = instance(self.params, RLWEParameters, "the parameter set of a public key")
        ops = context(params).qp(params.max_level)
        check_array(self.data, (2, len(ops.moduli), params.N), "a public key")
        check_below(self.data, ops.moduli, "a public key")
        check_seeded(self.data, self.seed, ops, [PUBLIC_KEY], "a public key")
        _check_public(self.data)
        self.data.setflags(write=False)

    def _encoded(self) -> Encoded:
        moduli = context(self.params).qp(self.params.max_level).moduli
        return {"seed": self.seed or b""}, {"0": pack_pairs(self.data, self.seed, moduli)}

    @classmethod
    def _decoded(cls, contents: Contents, params: RLWEParameters) -> Self:
        contents.check_sections(["0"])
        seed = checked_seed(contents.field("seed", bytes))
        ops = context(params).qp(params.max_level)
        shape = (2, len(ops.moduli), params.N)
        data = read_pairs(contents, "0", ops, shape, seed, [PUBLIC_KEY])
        return cls.from_read(params, data, seed)

    @classmethod
    def from_read(
        cls, params: RLWEParameters, data: np.ndarray, seed: bytes | None = None
    ) -> Self:
        """A public key whose residues were read and are in range.

        Raises `CorruptBytesError` for a bad one.
        """
        try:
            _check_public(data)
        except ParameterError as error:
            raise CorruptBytesError(f"the bytes hold no good public key: {error}") from error
        return cls.unchecked(params=params, data=data, seed=seed)


@dataclass(frozen=True, eq=False)
class KeySwitchingKey(OwnedObject):
    """Gadget encryptions that carry a ciphertext part from one secret to another.

    data (dnum, 2, limbs_QP, N) transformed, for use at `level` and at the levels that it serves
    (`he.levels.Level.serves`): in a chain, all below. `element` is the Galois
    element, 0 for the relinearization key (s^2 to s), or one of the two changes of secret of
    bootstrapping (`he.trace.TO_SPARSE`, `FROM_SPARSE`). A Galois key of element g switches from s
    to the preimage of s under g; the automorphism is applied to the result, so that one
    decomposition serves many rotations.

    Raises `ParameterError` for a level or an element that does not exist, another array, residues
    beyond their moduli, or a seed that does not expand to the second halves.
    """

    kind = "switching key"

    params: RLWEParameters
    level: int
    element: int
    data: np.ndarray = field(repr=False)
    seed: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        params = instance(self.params, RLWEParameters, "the parameter set of a switching key")
        level = whole_number(self.level, "the level of a switching key", 0, params.max_level)
        element = whole_number(self.element, "the Galois element of a switching key")
        check_key_element(element, params.N)
        object.__setattr__(self, "level", level)
        object.__setattr__(self, "element", element)
        ops = context(params).qp(level)
        digits = params.digits(level)
        check_array(self.data, (digits, 2, len(ops.moduli), params.N), "a switching key")
        check_below(self.data, ops.moduli, "a switching key")
        labels = [digit_label(digit) for digit in range(digits)]
        check_seeded(self.data, self.seed, ops, labels, "a switching key")
        self.data.setflags(write=False)

    def rows(self, level: int) -> np.ndarray:
        """The limb of `data` that belongs to each limb of QP at a `level` that the key serves."""
        level = whole_number(level, "level", 0, self.level)
        limbs, own = self.params.levels[level].limbs, self.params.levels[self.level].limbs
        special = np.arange(own, self.data.shape[2])
        return np.concatenate((np.arange(limbs), special)).astype(np.int64)

    @staticmethod
    def packed_bytes(params: RLWEParameters, level: int) -> int:
        """The length of `packed` for a seeded key at `level`."""
        moduli = params.primes(level) + params.special_primes(level)
        return params.digits(level) * packed_bytes(moduli, params.N)

    @staticmethod
    def held_bytes(params: RLWEParameters, level: int) -> int:
        """The memory that a key at `level` takes in use."""
        moduli = params.primes(level) + params.special_primes(level)
        return 16 * params.digits(level) * len(moduli) * params.N

    @property
    def item(self) -> list[Any]:
        """[element, level, seed]: what a header says of this key."""
        return [self.element, self.level, self.seed or b""]

    def packed(self) -> bytes:
        """The residues of this key as bytes; behind a seed only the first half of each pair."""
        return pack_pairs(self.data, self.seed, context(self.params).qp(self.level).moduli)

    @classmethod
    def read(
        cls, contents: Contents, section: str, item: object, params: RLWEParameters
    ) -> Self:
        """The key that `item` describes, from its section.

        Raises `CorruptBytesError`.
        """
        element, level, seed = cls.read_item(item, params)
        ops = context(params).qp(level)
        digits = params.digits(level)
        shape = (digits, 2, len(ops.moduli), params.N)
        labels = [digit_label(digit) for digit in range(digits)]
        data = read_pairs(contents, section, ops, shape, seed, labels)
        return cls.unchecked(params=params, level=level, element=element, data=data, seed=seed)

    @staticmethod
    def read_item(item: object, params: RLWEParameters) -> tuple[int, int, bytes | None]:
        """The element, the level and the seed, if there is one, of what a header says of a key.

        Raises `CorruptBytesError`.
        """
        element, level, stored_seed = checked_values(item, "a switching key", int, int, bytes)
        checked_level(level, params)
        check_read_element(element, params)
        return element, level, checked_seed(stored_seed)

    def _encoded(self) -> Encoded:
        return {"item": self.item}, {str(self.element): self.packed()}

    @classmethod
    def _decoded(cls, contents: Contents, params: RLWEParameters) -> Self:
        item = contents.header.get("item")
        (section,) = sections = section_names([item])
        contents.check_sections(sections)
        return cls.read(contents, section, item, params)


def _check_public(data: np.ndarray) -> None:
    """Raise `ParameterError` where the uniform half is zero in a limb: it would hide nothing."""
    if not data[1].any(axis=-1).all():
        raise ParameterError("a public key whose second half is zero in a limb hides nothing")


def section_names(items: Sequence[object]) -> list[str]:
    """The section of each switching key that `items` describe: its element, and its level where
    another key of the element came before.
    """
    names: dict[str, None] = {}
    for item in items:
        element, level, _ = checked_values(item, "a switching key", int, int, bytes)
        name = str(element)
        names.setdefault(name if name not in names else f"{name} at level {level}")
    return list(names)
