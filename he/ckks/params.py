"""CKKS parameter sets: immutable, checked once, and built from what a user knows."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from he.ckks.bootstrap.circuit import BootstrapCircuit
from he.ckks.bootstrap.parameters import Bootstrapping
from he.ckks.chain_levels import FAST_PRIME_BITS, LevelModuli
from he.ckks.construction import Request, candidates
from he.ckks.scaled_levels import ScaledLevels
from he.errors import InsecureParametersError, ParameterError, SlowPrimesWarning
from he.format.container import Contents
from he.rlwe import security
from he.rlwe.params import (
    MAX_DEPTH,
    check_degree,
    stored_tuple,
)
from he.validation import instance, whole_number
from ntt.backends.select import available_backends


@dataclass(frozen=True, kw_only=True)
class CKKSParameters(ScaledLevels):
    """A CKKS parameter set: `RLWEParameters` with a scale for each level.

    Rescaling a ciphertext from level l divides by Q_l / Q_(l - 1), which is q_l in a chain.

    scales: the canonical scale of each level, index 0 .. L, with
    ``scales[l - 1] = scales[l]^2 Q_(l - 1) / Q_l`` (Kim, Papadimitriou, Polyakov, CT-RSA 2022),
    but for levels that were built with `divisor_bits`.
    bootstrap: the bootstrap that the levels are made for, if any (`he.Bootstrapper`).

    Raises `ParameterError` or `InsecureParametersError`.
    """

    kind = "ckks parameters"

    bootstrap: BootstrapCircuit | None = None

    def _check_scheme(self) -> None:
        if self.bootstrap is not None:
            circuit = instance(self.bootstrap, BootstrapCircuit, "the bootstrap")
            if circuit.slots > self.slots or circuit.levels + circuit.input_level > self.max_level:
                raise ParameterError(
                    f"N = {self.N} and {self.max_level} levels do not hold {circuit}"
                )
        super()._check_scheme()

    def __str__(self) -> str:
        q_bits = ", ".join(str(prime.bit_length()) for prime in self.q)
        p_bits = ", ".join(str(prime.bit_length()) for prime in self.p)
        return (
            f"CKKS N={self.N}, q bits [{q_bits}], p bits [{p_bits}], dnum {self.dnum}, "
            f"scale 2^{math.log2(self.scales[-1]):.1f}, values below 2^"
            f"{math.log2(self.value_limit()):.1f}, log2(QP) {self.log_qp:.1f}"
        )

    def report(self) -> str:
        """The levels as a table: scale, modulus, words, digits, special primes, log2(QP)."""
        titles = ("level", "log2 scale", "log2 Q", "words", "digits", "special", "log2 QP")
        rows: list[tuple[str, ...]] = [titles]
        for level in reversed(range(self.max_level + 1)):
            own, log2_Q = self.levels[level], math.log2(self.modulus(level))
            log2_P = math.log2(self.special_modulus(level))
            counts = (own.limbs, len(own.digits), len(own.specials))
            scale = f"{math.log2(self.scales[level]):.2f}"
            row = (f"{level}", scale, f"{log2_Q:.1f}", *map(str, counts), f"{log2_Q + log2_P:.1f}")
            rows.append(row)
        widths = [len(title) + 2 for title in titles]
        lines = [str(self)]
        lines += ["".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]
        if self._slow_primes:
            lines.append(self._slow_primes)
        return "\n".join(lines)

    @property
    def _slow_primes(self) -> str:
        """What is slow about these primes; nothing: ''."""
        wide = sum(prime >= 1 << FAST_PRIME_BITS for prime in self.q + self.p)
        if not wide:
            return ""
        return (
            f"{wide} primes above 2^{FAST_PRIME_BITS} have slow kernels, and all limbs with "
            f"them: build with prime_bits or word_bits of {FAST_PRIME_BITS}"
        )

    def _warn_of_slow_primes(self) -> None:
        if self._slow_primes and len(available_backends()) > 1:
            warnings.warn(self._slow_primes, SlowPrimesWarning, stacklevel=3)

    def _identity(self) -> str:
        return (
            f"ckks|{self.N}|{self.q}|{self.p}|{self.digit_limbs}|"
            f"{[scale.hex() for scale in self.scales]}|{self.sigma.hex()}"
            f"{'' if self.bootstrap is None else f'|{self.bootstrap.stored()}'}"
        )

    def _scheme_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"scales": self.scales}
        if self.bootstrap is not None:
            fields["bootstrap"] = self.bootstrap.stored()
        return fields

    @classmethod
    def _read_scheme_fields(cls, contents: Contents) -> dict[str, Any]:
        stored = contents.header.get("bootstrap")
        return {
            "scales": stored_tuple(contents, "scales", float),
            "bootstrap": None if stored is None else BootstrapCircuit.read(stored),
        }

    # ------------------------------------------------------------ construction

    @classmethod
    def build(
        cls,
        depth: int,
        *,
        precision_bits: float | None = None,
        scale_bits: float | Sequence[float] | None = None,
        N: int | None = None,
        integer_bits: int | None = None,
        security_bits: int = 128,
        dnum: int | None = None,
        special_bits: int | None = None,
        word_bits: int | None = None,
        divisor_bits: Sequence[float] | None = None,
        key_levels: Sequence[int] = (),
        prime_bits: int = FAST_PRIME_BITS,
        bootstrap: Bootstrapping | None = None,
        insecure_reason: str | None = None,
    ) -> CKKSParameters:
        """Parameters for `depth` rescalings, from what a user knows.

        - `depth`: the multiplicative depth, 0 or more.
        - `precision_bits`: bits after the binary point that one operation keeps in every slot; sets
          the scale. Default 20, unless `scale_bits` is given.
        - `scale_bits`: log2 of the scale instead, from 10 to 60; with `word_bits` also one of each
          level, 0 .. depth.
        - `N`: the ring degree; None takes the smallest that the security table allows.
        - `integer_bits`: decrypted values, and all values on the way at level 0, must stay below
          2^integer_bits in absolute value; larger ones come out wrong, without an error. None takes
          16, or less where 16 would cost a larger N, more digits, more or slower primes, but at
          least 8 (5 for scales above 2^41). `value_limit` says what a parameter set holds.
        - `security_bits`: 128, 192 or 256.
        - `dnum`: number of key-switching digits; None takes the fewest whose special primes fit,
          which is the fastest.
        - `special_bits`: log2(P); None takes five bits more than the largest digit, so that key
          switching adds less noise than rescaling does.
        - `word_bits`: None makes a chain, one prime of the scale's size a level, in which a
          switching key serves all levels below its own. A number, 50 for these kernels, makes the
          modulus of each level of as few primes below 2^word_bits as hold it, with the cheapest
          digits (`he.ckks.word_levels`): faster where scales are smaller than words, but each
          level at which a key is used needs a key of its own. `dnum` and `special_bits` are then
          chosen.
        - `divisor_bits`: what the rescaling from each level 1 .. depth divides by, in bits, for
          circuits that rescale once behind several factors, such as a square times a plaintext
          (`he.ckks.divided_levels`). The levels are a chain; `scale_bits` of each level are taken
          as they are, and each of the `key_levels` has digits and special primes, and so keys, of
          its own, which the levels below share. A product of two ciphertexts, rescaled, is then
          not at the canonical scale. `dnum`, `special_bits` and `prime_bits` are then chosen.
        - `prime_bits`: primes of a chain stay below 2^prime_bits, from 50 to 61; a larger scale or
          q_0 is a product of two. Primes above 2^50 have slower kernels.
        - `bootstrap`: what is asked of a bootstrap: `depth` is then the number of rescalings
          between two of them, and the levels that one takes come on top (`he.Bootstrapper`).
        - `insecure_reason`: words that say why parameters outside the table are wanted.

        Raises `ParameterError`, or `InsecureParametersError` when nothing fits. `SlowPrimesWarning`
        says where `prime_bits` or `word_bits` lead past the fast kernels of this machine.
        """
        request = Request(
            depth=whole_number(depth, "depth", 0, MAX_DEPTH),
            precision_bits=precision_bits,
            scale_bits=scale_bits,
            integer_bits=integer_bits,
            security_bits=security_bits,
            dnum=dnum,
            special_bits=special_bits,
            word_bits=word_bits,
            divisor_bits=divisor_bits,
            key_levels=key_levels,
            prime_bits=prime_bits,
            bootstrap=bootstrap,
            insecure_reason=insecure_reason,
            N=None if N is None else whole_number(N, "N"),
        )
        refusal: Exception | None = None
        for degree in security.RING_DEGREES if request.N is None else (request.N,):
            check_degree(degree)
            try:
                of = functools.partial(cls._of, request, degree)
                for made in candidates(request, degree, of):
                    made._warn_of_slow_primes()
                    return made
            except InsecureParametersError as error:
                refusal = error
        assert refusal is not None
        raise refusal

    @classmethod
    def _of(cls, request: Request, N: int, moduli: LevelModuli) -> CKKSParameters:
        return cls(
            N=N,
            q=moduli.q,
            p=moduli.p,
            digit_limbs=moduli.levels[-1].digit_limbs,
            scales=moduli.scales,
            security_bits=request.security_bits,
            insecure_reason=request.insecure_reason,
            own_levels=moduli.levels,
            bootstrap=moduli.bootstrap,
        )
