"""What the parameter sets of every scheme share: a ring, a chain of primes, and key switching."""

from __future__ import annotations

import functools
import hashlib
import math
import sys
from abc import abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self

from he.errors import CorruptBytesError, InsecureParametersError, ParameterError
from he.format.container import Contents, checked_values, unpack
from he.levels import Level, chain, check_levels
from he.rlwe import security
from he.rlwe.sampling import STANDARD_SIGMA
from he.rlwe.serializable import Buffer, Encoded, Serializable
from he.validation import items_of, real_number, whole_number, words
from ntt.errors import ModulusError, RingDegreeError
from ntt.modulus import check_ntt_modulus, check_ring_degree

MAX_PRIMES = 128
"""The most primes q, primes p and levels of a parameter set that is read from bytes."""

MAX_DEPTH = 60
"""The largest multiplicative depth that parameters are built for."""

_LARGEST_EXPONENT = sys.float_info.max_exp - 1


@dataclass(frozen=True, kw_only=True)
class RLWEParameters(Serializable):
    """A ring in full RNS with hybrid key switching; the base of each scheme's parameter set.

    - `N`: the ring degree, a power of two from 2^3 to 2^17.
    - `q`: distinct primes = 1 mod 2N below 2^61, of which the modulus of each level is made.
    - `p`: the special primes; their product is P.
    - `digit_limbs`: primes in a digit (alpha) of the chain.
    - `own_levels`: the primes and the digits of each level, index 0 .. L. By default q is a chain:
      a ciphertext at level l has residues modulo q_0, .., q_l, all special primes serve each level,
      and there are dnum = ceil((L + 1) / alpha) digits at the top level.
    - `security_bits`: 128, 192 or 256; checked over sigma and the largest log2(Q_l P_l) of all
      levels by `he.rlwe.security`. No key has a modulus of primes of two levels.
    - `insecure_reason`: words that say why less is wanted (tests, demonstrations); None otherwise.
    - `sigma`: standard deviation of the error's discrete Gaussian, at least 3.19 where no
      `insecure_reason` says otherwise. The secret is uniform ternary.

    Numbers may be Python's or NumPy's, tuples may be given as lists or arrays; both are kept as
    Python's own.

    Raises `ParameterError` or `InsecureParametersError`.
    """

    N: int
    q: tuple[int, ...]
    p: tuple[int, ...]
    digit_limbs: int
    security_bits: int = field(default=128, compare=False)
    insecure_reason: str | None = field(default=None, compare=False)
    sigma: float = STANDARD_SIGMA
    own_levels: tuple[Level, ...] = field(default=(), repr=False)
    id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._make_plain()
        check_degree(self.N)
        if not self.q or not self.p:
            raise ParameterError("at least one prime q and one special prime p are needed")
        if len(set(self.q + self.p)) != len(self.q) + len(self.p):
            raise ParameterError(f"primes are not distinct: q = {self.q}, p = {self.p}")
        try:
            for prime in self.q + self.p:
                check_ntt_modulus(prime, self.N)
        except ModulusError as error:
            raise ParameterError(str(error)) from error
        if not 1 <= self.digit_limbs <= len(self.q):
            raise ParameterError(
                f"digit_limbs = {self.digit_limbs}: from 1 to {len(self.q)}, the primes of Q"
            )
        if not 0.5 <= self.sigma <= 64:
            raise ParameterError(f"sigma = {self.sigma}: it must be from 0.5 to 64")
        if self.own_levels:
            wrong = check_levels(self.own_levels, self.q, self.p)
            if wrong is not None:
                raise ParameterError(wrong)
            if self.own_levels == self._chain():
                self._set(own_levels=())
        self._check_scheme()
        security.check(
            self.N,
            self.log_qp,
            self.security_bits,
            sigma=self.sigma,
            insecure_reason=self.insecure_reason,
        )
        identity = self._identity()
        if self.own_levels:
            identity += f"|{[tuple(level) for level in self.own_levels]}"
        digest = hashlib.blake2b(identity.encode(), digest_size=16).digest()
        self._set(id=digest)

    def _make_plain(self) -> None:
        """Turn the fields, where given as another kind of number or sequence, into Python's own.

        Raises `ParameterError` or `WrongObjectError`.
        """
        self._set(
            N=whole_number(self.N, "N"),
            q=whole_numbers(self.q, "q"),
            own_levels=_plain_levels(self.own_levels),
            p=whole_numbers(self.p, "p"),
            digit_limbs=whole_number(self.digit_limbs, "digit_limbs"),
            security_bits=whole_number(self.security_bits, "security_bits"),
            insecure_reason=words(self.insecure_reason, "insecure_reason"),
            sigma=real_number(self.sigma, "sigma"),
        )

    def _set(self, **fields: object) -> None:
        """Set fields of this frozen object while it is made."""
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __copy__(self) -> Self:
        """Itself: it never changes."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: it never changes."""
        return self

    @abstractmethod
    def _check_scheme(self) -> None:
        """Raise `ParameterError` unless the scheme's own fields are in range."""

    @abstractmethod
    def _identity(self) -> str:
        """Every field that two equal parameter sets share, in words: what the id is made of."""

    # ------------------------------------------------------------ what follows from the fields

    @property
    def max_level(self) -> int:
        """L: the level of a fresh ciphertext."""
        return len(self.levels) - 1

    @functools.cached_property
    def levels(self) -> tuple[Level, ...]:
        """The primes and the digits of each level."""
        return self.own_levels or self._chain()

    def _chain(self) -> tuple[Level, ...]:
        return chain(len(self.q), len(self.p), self.digit_limbs)

    @property
    def is_chain(self) -> bool:
        """Whether the modulus of level l is q_0 .. q_l."""
        return not self.own_levels

    def at(self, level: int) -> Level:
        """The primes and digits of `level`; raises `ParameterError` for a level that is none."""
        return self.levels[whole_number(level, "level", 0, self.max_level)]

    def primes(self, level: int) -> tuple[int, ...]:
        """The primes of the modulus of `level`, in the order of limbs."""
        return tuple([self.q[row] for row in self.at(level).rows])

    def special_primes(self, level: int) -> tuple[int, ...]:
        """The special primes that key switching uses at `level`."""
        return tuple([self.p[index] for index in self.at(level).specials])

    def modulus(self, level: int) -> int:
        """Q_l, the modulus of `level`."""
        return math.prod(self.primes(level))

    def special_modulus(self, level: int) -> int:
        """P_l, the product of the special primes that key switching uses at `level`."""
        return math.prod(self.special_primes(level))

    @functools.cached_property
    def divisors(self) -> tuple[float, ...]:
        """What a rescaling from each level divides by, Q_l / Q_(l - 1); at level 0 it is Q_0."""
        moduli = [self.modulus(level) for level in range(self.max_level + 1)]
        return tuple(
            float(Fraction(above, below))
            for above, below in zip(moduli, [1, *moduli], strict=False)
        )

    @property
    def dnum(self) -> int:
        """Number of digits at the top level."""
        return self.digits(self.max_level)

    def digits(self, level: int) -> int:
        """Number of digits at `level`."""
        return len(self.at(level).digits)

    def digit_rows(self, level: int) -> tuple[range, ...]:
        """The limbs of each digit at `level`."""
        return self.at(level).digits

    @functools.cached_property
    def level_moduli(self) -> tuple[float, ...]:
        """The modulus Q_l of each level l, infinite where it is beyond float64."""
        exact = [self.modulus(level) for level in range(self.max_level + 1)]
        return tuple(
            float(modulus) if modulus.bit_length() <= _LARGEST_EXPONENT else math.inf
            for modulus in exact
        )

    @property
    def log_qp(self) -> float:
        """The largest log2(Q_l P_l) of all levels: what the security table is asked about."""
        return max(
            sum(math.log2(prime) for prime in self.primes(level) + self.special_primes(level))
            for level in range(self.max_level + 1)
        )

    @property
    def security_estimate(self) -> int:
        """The largest security level of the table that holds; 0 when none does."""
        return security.estimate_security(self.N, self.log_qp, self.sigma)

    # ------------------------------------------------------------ bytes

    @classmethod
    def from_bytes(cls, data: Buffer, *, insecure_reason: str | None = None) -> Self:
        """A parameter set from its bytes.

        insecure_reason: words that say why a set outside the security table, or with a smaller
        error than the table's, may be read; the reason stored in the bytes is their writer's and
        does not speak for the reader. Raises
        `InsecureParametersError` for such a set without a reason, `SerializationError` for other,
        altered or truncated bytes.
        """
        contents = unpack(data, cls.kind)
        contents.check_sections(())
        try:
            params = cls._decoded(contents, None)
        except InsecureParametersError:
            raise
        except ParameterError as error:
            raise CorruptBytesError(f"the bytes hold no valid parameters: {error}") from error
        weak = params.security_estimate < params.security_bits
        if weak and not (words(insecure_reason, "insecure_reason") or "").strip():
            raise InsecureParametersError(
                f"the bytes hold parameters of {params.security_estimate} bits of security "
                f"(log2(QP) {params.log_qp:.1f} at N = {params.N}, sigma {params.sigma:g}), not "
                f"{params.security_bits} (their writer's reason: {params.insecure_reason!r}); to "
                f"read them all the same, call {cls.__name__}.from_bytes(data, "
                f"insecure_reason=...) with a reason"
            )
        return params

    def _encoded(self) -> Encoded:
        """Every field as it stands; floats keep all their bits."""
        header: dict[str, Any] = {
            "N": self.N,
            "q": self.q,
            "p": self.p,
            "digit_limbs": self.digit_limbs,
            "security_bits": self.security_bits,
            "insecure_reason": self.insecure_reason or "",
            "sigma": self.sigma,
        }
        if not self.is_chain:
            header["levels"] = [
                [list(rows), list(specials), digit_limbs]
                for rows, specials, digit_limbs in self.own_levels
            ]
        return {**header, **self._scheme_fields()}, {}

    @classmethod
    def _decoded(cls, contents: Contents, params: Any) -> Self:
        return cls(
            N=contents.field("N", int),
            q=stored_tuple(contents, "q", int),
            p=stored_tuple(contents, "p", int),
            digit_limbs=contents.field("digit_limbs", int),
            security_bits=contents.field("security_bits", int),
            insecure_reason=contents.field("insecure_reason", str) or None,
            sigma=contents.field("sigma", float),
            own_levels=_read_levels(contents),
            **cls._read_scheme_fields(contents),
        )

    @abstractmethod
    def _scheme_fields(self) -> dict[str, Any]:
        """The scheme's own fields."""

    @classmethod
    @abstractmethod
    def _read_scheme_fields(cls, contents: Contents) -> dict[str, Any]:
        """The inverse of `_scheme_fields`."""


def check_degree(N: int) -> None:
    """Raise `ParameterError` unless N is a ring degree, a power of two from 2^3 to 2^17."""
    try:
        check_ring_degree(whole_number(N, "N"))
    except RingDegreeError as error:
        raise ParameterError(str(error)) from error


def whole_numbers(values: object, what: str) -> tuple[int, ...]:
    """The integers of a list, tuple or array.

    Raises `ParameterError` for other numbers, `WrongObjectError` for no sequence.
    """
    number = f"a number in {what}"
    return tuple([whole_number(value, number) for value in items_of(values, what)])


def _plain_levels(levels: object) -> tuple[Level, ...]:
    """The levels with Python's own numbers."""
    found = []
    for level in items_of(levels, "levels"):
        fields = items_of(level, "a level")
        if len(fields) != 3:
            raise ParameterError(f"a level has {len(fields)} fields: rows, specials, digit_limbs")
        rows, specials, digit_limbs = fields
        found.append(
            Level(
                whole_numbers(rows, "the rows of a level"),
                whole_numbers(specials, "the special primes of a level"),
                whole_number(digit_limbs, "the digit_limbs of a level"),
            )
        )
    return tuple(found)


def _read_levels(contents: Contents) -> tuple[Level, ...]:
    """The levels of a header, () of a chain; raises `CorruptBytesError` for anything else."""
    if "levels" not in contents.header:
        return ()
    levels = []
    for item in stored_tuple(contents, "levels", list):
        rows, specials, digit_limbs = checked_values(item, "a level", list, list, int)
        levels.append(Level(_read_rows(rows), _read_rows(specials), digit_limbs))
    return tuple(levels)


def _read_rows(rows: list[Any]) -> tuple[int, ...]:
    if len(rows) > MAX_PRIMES:
        raise CorruptBytesError(f"{len(rows)} primes of a level: at most {MAX_PRIMES} are read")
    return tuple(checked_values(rows, "the primes of a level", *[int] * len(rows)))


def stored_tuple(contents: Contents, name: str, needed: type[Any]) -> tuple[Any, ...]:
    """A header field of at most `MAX_PRIMES` values of one type.

    Raises `CorruptBytesError` for anything else.
    """
    values = contents.field(name, list)
    if len(values) > MAX_PRIMES:
        raise CorruptBytesError(f"{len(values)} {name}: at most {MAX_PRIMES} are read")
    return tuple(checked_values(values, name, *[needed] * len(values)))
