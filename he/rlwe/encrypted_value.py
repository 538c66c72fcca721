"""What ciphertexts of every scheme have in common: shape, bytes, and Python's operators."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, Protocol, Self, TypeVar

import numpy as np

from he.errors import CorruptBytesError, NoEvaluatorError, UnsupportedOperationError
from he.format.container import Contents
from he.rlwe.array_checks import check_below, check_polynomials
from he.rlwe.owned_object import OwnedObject, checked_level
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.seeded import CIPHERTEXT, check_seeded, pack_pairs, read_pairs
from he.validation import instance
from ntt.memory import large_copy

Encrypted = TypeVar("Encrypted")


class Operations(Protocol[Encrypted]):
    """What Python's operators ask of the evaluator that is attached to a ciphertext."""

    def add(self, a: Encrypted, b: Any) -> Encrypted:
        """a + b."""

    def subtract(self, a: Encrypted, b: Any) -> Encrypted:
        """a - b."""

    def negate(self, a: Encrypted) -> Encrypted:
        """-a."""

    def multiply(self, a: Encrypted, b: Any) -> Encrypted:
        """a b."""

    def power(self, a: Encrypted, exponent: int) -> Encrypted:
        """a^exponent."""


Evaluator = TypeVar("Evaluator", bound=Operations[Any])


class EncryptedValue(OwnedObject, Generic[Evaluator]):
    """A ciphertext, data (parts, limbs, N), that may have an evaluator attached.

    The array becomes read-only: bytes hold the seed in place of c_1, so c_1 must not change.

    seed: the 32 bytes that c_1 is the expansion of, or None.
    """

    data: np.ndarray
    seed: bytes | None
    _evaluator: Evaluator | None

    # NumPy arrays then leave ``array * ciphertext`` to the methods below.
    __array_ufunc__ = None

    # Python drops it where `__eq__` is defined; here it means the object, as `is` does.
    __hash__ = object.__hash__

    def _check(self, needed: type[Any], level: int | None = None) -> int:
        """What every scheme's constructor asks of an object that is made by hand; its level."""
        params = instance(self.params, needed, "the parameter set of a ciphertext")
        level = check_polynomials(params, self.data, (2, 3), "a ciphertext", level)
        ops = context(params).q(level)
        check_below(self.data, ops.moduli, "a ciphertext")
        check_seeded(self.data, self.seed, ops, [CIPHERTEXT], "a ciphertext")
        self.data.setflags(write=False)
        return level

    @property
    def level(self) -> int:
        """The level: in a chain, the index of the last limb."""
        return int(self.data.shape[-2]) - 1

    @property
    def parts(self) -> int:
        """Number of polynomials: 2, or 3 before relinearization."""
        return int(self.data.shape[0])

    @property
    def evaluator(self) -> Evaluator:
        """The attached evaluator; raises `NoEvaluatorError` when there is none."""
        if self._evaluator is None:
            raise NoEvaluatorError(
                "this ciphertext has no evaluator, so Python operators cannot act on it: "
                "call evaluator.attach(ciphertext) first, or evaluator.add(..) and the like"
            )
        return self._evaluator

    def __add__(self, other: Any) -> Self:
        result: Self = self.evaluator.add(self, other)
        return result

    __radd__ = __add__

    def __sub__(self, other: Any) -> Self:
        result: Self = self.evaluator.subtract(self, other)
        return result

    def __rsub__(self, other: Any) -> Self:
        result: Self = self.evaluator.add(-self, other)
        return result

    def __neg__(self) -> Self:
        result: Self = self.evaluator.negate(self)
        return result

    def __pos__(self) -> Self:
        return self

    def __mul__(self, other: Any) -> Self:
        result: Self = self.evaluator.multiply(self, other)
        return result

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Self:
        result: Self = self.evaluator.power(self, exponent)
        return result

    def __rtruediv__(self, other: Any) -> NoReturn:
        raise UnsupportedOperationError(
            "nothing is divided by a ciphertext: multiply by an encrypted reciprocal, which a "
            "polynomial approximates (`he.evaluate_polynomial`)"
        )

    def __eq__(self, other: object) -> NoReturn:
        raise _no_comparison("compared")

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __bool__(self) -> NoReturn:
        raise _no_comparison("true or false")

    # ------------------------------------------------------------ copies and bytes

    def __copy__(self) -> Self:
        """Itself, for it never changes."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """An independent copy of the residues, with the same evaluator."""
        return self.unchecked(**{**self.__dict__, "data": large_copy(self.data)})

    def _packed(self) -> bytes:
        """The residues as bytes; c_1 is left out behind a seed."""
        return pack_pairs(self.data, self.seed, self.params.primes(self.level))


def _no_comparison(what: str) -> UnsupportedOperationError:
    return UnsupportedOperationError(
        f"a ciphertext cannot be {what}: nobody sees what is encrypted without the secret key. "
        f"Decrypt first; `is` tells objects apart, `to_bytes()` encryptions"
    )


def read_parts(
    contents: Contents,
    section: str,
    params: RLWEParameters,
    level: int,
    parts: int,
    seed: bytes | None,
) -> np.ndarray:
    """The parts (parts, limbs, N) of a ciphertext, from its section of a container.

    Raises `CorruptBytesError` for a level or a number of parts that no ciphertext has.
    """
    checked_level(level, params)
    if parts not in ((2, 3) if seed is None else (2,)):
        raise CorruptBytesError(
            f"a ciphertext of {parts} parts {'without' if seed is None else 'with'} a seed"
        )
    ops = context(params).q(level)
    shape = (parts, len(ops.moduli), params.N)
    return read_pairs(contents, section, ops, shape, seed, [CIPHERTEXT])
