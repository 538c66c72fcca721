"""Residue number systems: the limbs of each level, and exact moves between bases.

Rows are numbered through all primes: those of q, then the special ones. A polynomial at level l "in
Q" has the limbs of that level (`he.levels.Level`); "in QP" its special primes follow them.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Self, TypeVar

import numpy as np

from he.errors import UnsupportedOperationError
from he.rlwe.division import Division, crt_weights
from he.rlwe.params import RLWEParameters
from ntt.caching import Made
from ntt.constants import DigitChange, Scalars
from ntt.limbs import LimbOps
from ntt.memory import large_array
from ntt.tables import NTTTables
from ntt.workspace import workspace

T = TypeVar("T")


class KernelsOfRows:
    """The kernels for any rows of a chain's tables, made once."""

    def __init__(self, tables: NTTTables) -> None:
        self.tables = tables
        self._made: dict[tuple[int, ...], LimbOps] = {}
        self._subrings: dict[int, KernelsOfRows] = {}
        self._mirrored: KernelsOfRows | None = None

    def subring(self, N: int) -> KernelsOfRows:
        """The kernels of polynomials in X^g, g = own N / N: `ntt.NTTTables.subring`."""
        found = self._subrings.get(N)
        if found is None:
            found = self._subrings.setdefault(N, KernelsOfRows(self.tables.subring(N)))
        return found

    def mirrored(self) -> KernelsOfRows:
        """The kernels of polynomials p(X) = p(1/X): `ntt.NTTTables.mirrored`."""
        if self._mirrored is None:
            self._mirrored = KernelsOfRows(self.tables.mirrored())
        return self._mirrored

    def __call__(self, rows: tuple[int, ...]) -> LimbOps:
        found = self._made.get(rows)
        if found is None:
            made = LimbOps(self.tables, np.array(rows, dtype=np.int64))
            found = self._made.setdefault(rows, made)
        return found


class RNSChain:
    """Twiddles of a chain of primes, and the kernels and divisions for any rows of it.

    What a chain makes refers to its kernels, never to the chain: without a circle of references,
    all its memory is free as soon as nobody uses the chain.
    """

    def __init__(self, N: int, moduli: Sequence[int]) -> None:
        self.tables = NTTTables(N, moduli)
        self.limbs = KernelsOfRows(self.tables)
        self._made = Made()

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: it never changes but for what it has made."""
        return self

    def __reduce__(self) -> NoReturn:
        raise UnsupportedOperationError(
            "evaluators, encoders, encryptors and what else computes are not pickled: pickle or "
            "send parameter sets, keys and ciphertexts, and make the others of them anew"
        )

    def division(
        self, rows: tuple[int, ...], dropped: int, coming: tuple[int, ...] = ()
    ) -> Division:
        """Division of a polynomial over `rows` by the product of the last `dropped` of them, times
        that of the rows that come.
        """
        make = functools.partial(Division, self.limbs, rows, dropped, coming)
        return self._made.get((Division, rows, dropped, coming), make)


class RNSContext(RNSChain):
    """The heavy companion of a parameter set: twiddles, and the constants of each level.

    Made once per parameter set by `context`; read-only but for its caches.
    """

    def __init__(self, params: RLWEParameters) -> None:
        super().__init__(params.N, params.q + params.p)
        self.params = params
        self.all_rows = tuple(range(len(params.q) + len(params.p)))

    def q_rows(self, level: int) -> tuple[int, ...]:
        """Rows of Q at `level`."""
        return self.params.levels[level].rows

    def special_rows(self, level: int) -> tuple[int, ...]:
        """Rows of the special primes at `level`."""
        first = len(self.params.q)
        return tuple([first + index for index in self.params.levels[level].specials])

    def qp_rows(self, level: int) -> tuple[int, ...]:
        """Rows of QP at `level`: those of Q, then the special primes."""
        return self.q_rows(level) + self.special_rows(level)

    def q(self, level: int) -> LimbOps:
        """The kernels of Q at `level`."""
        return self.limbs(self.q_rows(level))

    def qp(self, level: int) -> LimbOps:
        """The kernels of QP at `level`."""
        return self.limbs(self.qp_rows(level))

    def special_factor(self, level: int) -> Scalars:
        """P modulo each prime of Q at `level`."""
        moduli = self.q(level).moduli
        P = self.params.special_modulus(level)
        make = functools.partial(Scalars, [P] * len(moduli), moduli)
        return self._made.get(("special factor", level), make)

    def decomposition(self, level: int, centred: bool = True) -> Decomposition:
        """The digit decomposition at `level`."""
        make = functools.partial(Decomposition, self, level, centred)
        return self._made.get((Decomposition, level, centred), make)

    def scaled_decomposition(self, level: int, centred: bool, radix: int) -> Decomposition:
        """The same for kernels that divide their products by radix P (`LimbDivision.scales`)."""

        def make() -> Decomposition:
            scales = self.mod_down(level).constants.scales(radix)
            return Decomposition(self, level, centred, scales)

        return self._made.get((Decomposition, level, centred, radix), make)

    def companion(self, make: Callable[..., T], *key: int) -> T:
        """``make(params, *key)``, made once: what a scheme computes with besides this context.

        It must not refer to the context, which holds it.
        """
        return self._made.get((make, *key), functools.partial(make, self.params, *key))

    def mod_down(self, level: int) -> Division:
        """Division by P: from QP to Q at `level`."""
        return self.division(self.qp_rows(level), len(self.special_rows(level)))

    def rescale(self, level: int) -> Division:
        """From Q at `level` to Q at `level` - 1: times Q_(level - 1) / Q_level."""
        return self.change(level, level - 1)

    def mod_down_rescale(self, level: int) -> Division:
        """From QP at `level` to Q at `level` - 1: times Q_(level - 1) / (P Q_level), at once."""
        return self.change(level, level - 1, self.special_rows(level))

    def change(self, level: int, lower: int, special: tuple[int, ...] = ()) -> Division:
        """From Q at `level` and `special` rows behind it to Q at a lower level."""
        rows, kept = self.q_rows(level), self.q_rows(lower)
        shared = self.params.levels[level].shared(self.params.levels[lower])
        going = len(rows) - shared + len(special)
        return self.division((*rows, *special), going, kept[shared:])


_in_use: weakref.WeakValueDictionary[RLWEParameters, RNSContext] = weakref.WeakValueDictionary()


@functools.lru_cache(maxsize=4)
def context(params: RLWEParameters) -> RNSContext:
    """The `RNSContext` of a parameter set, shared by everything that computes with it.

    It lives while something uses it; besides, the last four asked for are kept. One of N = 2^16 and
    35 primes takes some 230 MB, and a service sees parameter sets of strangers.
    """
    found = _in_use.get(params)
    return found if found is not None else _in_use.setdefault(params, RNSContext(params))


class Decomposition:
    """mod_up: a polynomial in Q at a level to its digits in QP.

    Digit j is [c]_{D_j} raised to all of QP by the fast base conversion (Halevi, Polyakov, Shoup,
    CT-RSA 2019, section 2.2) without its correction: a sum of one centred term a prime, each
    uniform in (-D_j/2, D_j/2). With the gadget P (Q/D_j) [(Q/D_j)^-1]_{D_j} the digits recompose
    to P c (Han and Ki, CT-RSA 2020, section 3).

    The terms are centred because a common mean of all coefficients is a polynomial that is N / pi
    times as large in the slots next to zeta = 1 as a centred one is anywhere. With `centred` False
    they lie in [0, D_j), as SEAL's do.

    scales: what the limbs of QP of every digit are multiplied by, if anything.
    """

    def __init__(
        self,
        context: RNSContext,
        level: int,
        centred: bool = True,
        scales: tuple[int, ...] | None = None,
    ) -> None:
        self._limbs = context.limbs
        self._rows = context.qp_rows(level)
        self._q = context.q(level)
        self._scales = scales
        moduli = self._q.moduli
        self._digits = [
            _Digit.of(tuple(rows), [moduli[r] for r in rows], centred)
            for rows in context.params.digit_rows(level)
        ]
        inverses = [inverse for digit in self._digits for inverse in digit.inverses]
        centres = [half for digit in self._digits for half in digit.halves]
        # The one prime of a digit of one prime has the weight 1.
        grouped = any(len(digit.rows) > 1 for digit in self._digits)
        self._inverses = Scalars(inverses, self._q.moduli) if grouped else None
        self._centres = np.array(centres, dtype=np.uint64)
        self._changes: dict[tuple[int, int], tuple[LimbOps, DigitChange]] = {}

    def __len__(self) -> int:
        return len(self._digits)

    def __call__(self, c: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """c (limbs_Q, N) in the transformed domain -> digits (dnum, limbs_QP, N), transformed."""
        if out is None:
            out = large_array((len(self), len(self._rows), c.shape[-1]))
        return self.fill(out, c, self.terms(c), 0, len(self._rows))

    def terms(self, c: np.ndarray) -> np.ndarray:
        """[c_i (D_j / q_i)^-1]_{q_i} in coefficients, shifted to be centred: scratch memory."""
        terms = workspace("decomposition", c.shape)
        return self._q.inverse_affine(terms, c, self._inverses, self._centres)

    def fill(
        self, out: np.ndarray, c: np.ndarray, terms: np.ndarray, lo: int, hi: int
    ) -> np.ndarray:
        """out (dnum, hi - lo, N) = limbs [lo, hi) of QP of every digit; terms: `terms` of c."""
        if (lo, hi) not in self._changes:
            self._changes[lo, hi] = self._change(lo, hi)
        ops, change = self._changes[lo, hi]
        return ops.convert_digits(out, c, terms, lo, change)

    def _change(self, lo: int, hi: int) -> tuple[LimbOps, DigitChange]:
        """What converts every digit to the limbs [lo, hi)."""
        ops = self._limbs(self._rows[lo:hi])
        most = max(len(digit.rows) for digit in self._digits)
        scales = None if self._scales is None else self._scales[lo:hi]
        factors = scales or (1,) * len(ops.moduli)
        weights = [
            [
                [scale * c for c in digit.cofactors] + [0] * (most - len(digit.rows))
                for scale in factors
            ]
            for digit in self._digits
        ]
        offsets = [[-scale * digit.shift for scale in factors] for digit in self._digits]
        spans = [(digit.rows[0], digit.rows[-1] + 1) for digit in self._digits]
        return ops, DigitChange(spans, weights, offsets, ops.moduli, scales)


@dataclass(frozen=True)
class _Digit:
    """The rows of a digit, its CRT weights, and the centres of its terms."""

    rows: tuple[int, ...]
    inverses: list[int]
    cofactors: list[int]
    halves: list[int]

    @classmethod
    def of(cls, rows: tuple[int, ...], moduli: list[int], centred: bool) -> _Digit:
        halves = [d // 2 if centred else 0 for d in moduli]
        return cls(rows, *crt_weights(moduli), halves)

    @property
    def shift(self) -> int:
        """What centring adds to the sum of the terms."""
        return sum(h * c for h, c in zip(self.halves, self.cofactors, strict=True))
