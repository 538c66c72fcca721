"""The CKKS evaluator: arithmetic on ciphertexts. It never sees a secret key."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from he import galois
from he.ciphertext import Ciphertext, Plaintext
from he.ckks.encoder import Encoder
from he.errors import (
    EncodingError,
    LevelExhaustedError,
    LevelMismatchError,
    ParameterError,
    ParametersMismatchError,
    ScaleMismatchError,
)
from he.keys import EvaluationKeys, KeySwitchingKey
from he.keyswitch import KeySwitcher
from he.params import CKKSParameters
from he.rns import context
from he.workspace import workspace
from ntt.limbs import LimbOps, Scalars

Operand = Ciphertext | Plaintext | complex | Sequence[complex] | np.ndarray


class Evaluator:
    """Arithmetic on CKKS ciphertexts of one parameter set.

    keys: what it may use; operations without a needed key raise `MissingKeyError`.

    Levels and scales. Every level has one canonical scale. Sums need operands at one level and
    scale. Products come in two forms: `tensor` and `multiply_plain(.., rescale=False)` leave the
    product of the scales, `multiply`, `square`, `multiply_plain` and `multiply_scalar` return to
    the canonical scale of the next lower level. `drop_to` moves a ciphertext to a lower level at
    its canonical scale; the operators and `multiply` do so for the operand that stands higher.
    """

    def __init__(self, params: CKKSParameters, keys: EvaluationKeys | None = None) -> None:
        if keys is not None and keys.params != params:
            raise ParametersMismatchError(f"the keys belong to {keys.params}, not to {params}")
        self.params = params
        self.keys = keys if keys is not None else EvaluationKeys(params)
        self.encoder = Encoder(params)
        self.context = context(params)
        self._switchers: dict[int, KeySwitcher] = {}

    # ------------------------------------------------------------ sums

    def add(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a + b; b a ciphertext, plaintext, scalar or vector of slots. Level: the lower one."""
        if isinstance(b, Ciphertext):
            a, b = self._aligned(a, b)
            ops = self._q(a)
            small, large = sorted((a, b), key=lambda ct: ct.parts)
            data = large.data.copy()
            ops.add(data[: small.parts], data[: small.parts], small.data)
            return self.result(data, a.scale)
        return self._add_encoded(a, self._encoded(a, b, a.scale), subtract=False)

    def subtract(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a - b, as `add`."""
        if isinstance(b, Ciphertext):
            return self.add(a, self.negate(b))
        return self._add_encoded(a, self._encoded(a, b, a.scale), subtract=True)

    def negate(self, a: Ciphertext) -> Ciphertext:
        """-a, at the same level and scale."""
        self._check(a)
        return self.result(self._q(a).negate(np.empty_like(a.data), a.data), a.scale)

    # ------------------------------------------------------------ products

    def multiply(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a b, relinearized and rescaled: one level below the lower operand.

        b a ciphertext, plaintext, scalar or vector of slots. Needs the relinearization key for two
        ciphertexts. Raises `LevelExhaustedError` at level 0.
        """
        if isinstance(b, Ciphertext):
            a, b = self._aligned(a, b)
            return self.relinearize_rescale(self.tensor(a, b))
        if isinstance(b, Plaintext):
            return self.multiply_plain(a, b)
        if isinstance(b, numbers.Real):
            return self.multiply_scalar(a, float(b))
        return self.multiply_plain(a, self._encoded(a, b, self._factor_scale(a)))

    def square(self, a: Ciphertext) -> Ciphertext:
        """a^2, relinearized and rescaled."""
        return self.relinearize_rescale(self.tensor(a, a))

    def power(self, a: Ciphertext, exponent: int) -> Ciphertext:
        """a^exponent for exponent >= 1, by squaring: ceil(log2(exponent)) levels."""
        if not isinstance(exponent, int) or exponent < 1:
            raise ParameterError(f"exponent {exponent!r}: a whole number of at least 1 is needed")
        if exponent == 1:
            return a.copy()
        half = self.power(a, exponent // 2)
        if exponent % 2 == 0:
            return self.square(half)
        return self.multiply(half, self.power(a, exponent - exponent // 2))

    def tensor(self, a: Ciphertext, b: Ciphertext) -> Ciphertext:
        """The unrelinearized product: three parts, at the product of the scales, same level."""
        self.check_pair(a, b)
        for operand in (a, b):
            if operand.parts != 2:
                raise ParameterError(
                    f"a product needs operands of 2 parts, not {operand.parts}: relinearize first"
                )
        data = np.empty((3, a.level + 1, self.params.N), dtype=np.uint64)
        self._q(a).tensor(data, a.data, b.data)
        return self.result(data, a.scale * b.scale)

    def relinearize(self, a: Ciphertext) -> Ciphertext:
        """Three parts to two, at the same level and scale. Needs the relinearization key."""
        self._check(a)
        if a.parts == 2:
            return a
        accumulator, switcher = self._switched_square(a)
        data = switcher.mod_down(accumulator)
        switcher.q.add(data, data, a.data[:2])
        return self.result(data, a.scale)

    def relinearize_rescale(self, a: Ciphertext) -> Ciphertext:
        """`relinearize` and `rescale` at once: one division by P q_level."""
        if a.parts == 2:
            return self.rescale(a)
        self._check(a)
        self._need_level(a)
        accumulator, switcher = self._switched_square(a)
        for part in range(2):
            switcher.add_special_multiple(accumulator[part], a.data[part])
        data = switcher.mod_down_rescale(accumulator)
        return self.result(data, a.scale / self.params.q[a.level])

    def multiply_plain(
        self, a: Ciphertext, b: Plaintext, *, rescale: bool = True
    ) -> Ciphertext:
        """a b for a plaintext at a's level; rescaled unless told otherwise.

        For a canonical result the plaintext's scale is ``scales[level - 1] q_level / a.scale``,
        which is ``scales[level]`` for a canonical a.
        """
        self.check_pair(a, b, same_scale=False)
        ops = self._q(a)
        data = np.empty_like(a.data)
        for part in range(a.parts):
            ops.multiply(data[part], a.data[part], b.data)
        product = self.result(data, a.scale * b.scale)
        return self.rescale(product) if rescale else product

    def multiply_scalar(self, a: Ciphertext, b: float) -> Ciphertext:
        """a b for a real constant in every slot, rescaled to the canonical scale below."""
        self._need_level(a)
        scale = self._factor_scale(a)
        return self.rescale(self._multiply_integer(a, self._integer(b, scale, a), scale))

    def multiply_integer(self, a: Ciphertext, b: int) -> Ciphertext:
        """a b for an integer, exactly: no level and no change of scale."""
        return self._multiply_integer(a, int(b), 1.0)

    def rescale(self, a: Ciphertext) -> Ciphertext:
        """Divide by q_level: one level lower, scale / q_level."""
        self._check(a)
        self._need_level(a)
        division = self.context.rescale(a.level)
        data = np.empty((a.parts, a.level, self.params.N), dtype=np.uint64)
        scratch = workspace("rescale", a.data.shape)
        np.copyto(scratch, a.data)
        for part in range(a.parts):
            division(scratch[part], data[part])
        return self.result(data, a.scale / self.params.q[a.level])

    # ------------------------------------------------------------ levels

    def drop_to(self, a: Ciphertext, level: int) -> Ciphertext:
        """The same slots at a lower level, at its canonical scale.

        Limbs are dropped to level + 1; the last step multiplies by an integer and rescales, so
        that the scale becomes canonical exactly (Kim, Papadimitriou, Polyakov, CT-RSA 2022).
        Raises `LevelMismatchError` for a level above a's.
        """
        self._check(a)
        if not 0 <= level <= a.level:
            raise LevelMismatchError(
                f"a ciphertext at level {a.level} cannot move to level {level}: choose a level "
                f"from 0 to {a.level}"
            )
        if level == a.level:
            return a
        above = self.drop_limbs(a, level + 1)
        factor = self.params.scales[level] * self.params.q[level + 1] / a.scale
        return self.rescale(self._multiply_integer(above, round(factor), factor))

    def drop_limbs(self, a: Ciphertext, level: int) -> Ciphertext:
        """Only the limbs up to `level`, at an unchanged scale."""
        self._check(a)
        if not 0 <= level <= a.level:
            raise LevelMismatchError(f"level {level}: it must be from 0 to {a.level}")
        data = np.ascontiguousarray(a.data[:, : level + 1])
        return self.result(data, a.scale)

    # ------------------------------------------------------------ automorphisms

    def rotate(self, a: Ciphertext, steps: int) -> Ciphertext:
        """Slots rotated left: result[i] = a[i + steps]. Same level and scale; needs its key."""
        return self.automorphism(a, galois.element_of_rotation(steps, self.params.N))

    def conjugate(self, a: Ciphertext) -> Ciphertext:
        """Every slot conjugated. Same level and scale; needs the key of element 2N - 1."""
        return self.automorphism(a, galois.element_of_conjugation(self.params.N))

    def automorphism(self, a: Ciphertext, element: int) -> Ciphertext:
        """The Galois automorphism x -> x^element of a."""
        return self.automorphisms(a, [element])[0]

    def rotations(self, a: Ciphertext, steps: Sequence[int]) -> list[Ciphertext]:
        """Many rotations of one ciphertext, with one decomposition (hoisting).

        Halevi and Shoup, CRYPTO 2018, section 5.
        """
        N = self.params.N
        return self.automorphisms(a, [galois.element_of_rotation(k, N) for k in steps])

    def automorphisms(self, a: Ciphertext, elements: Sequence[int]) -> list[Ciphertext]:
        """Many automorphisms of one ciphertext, with one decomposition."""
        self._check(a)
        if a.parts != 2:
            raise ParameterError(f"automorphisms act on 2 parts, not {a.parts}: relinearize first")
        keys = {e: self.keys.for_element(e, a.level) for e in elements if e != 1}
        switcher = self.switcher(a.level)
        digits = switcher.decompose(a.data[1]) if keys else None
        results = []
        for element in elements:
            if element == 1 or digits is None:
                results.append(a.copy())
                continue
            accumulator = workspace("switched", (2, switcher.limbs_qp, self.params.N))
            switcher.gadget_product(digits, keys[element], accumulator)
            pair = switcher.mod_down(accumulator)
            switcher.q.add(pair[0], pair[0], a.data[0])
            data = switcher.permute(np.empty_like(pair), pair, element)
            results.append(self.result(data, a.scale))
        return results

    def inner_sum(self, a: Ciphertext, count: int, stride: int = 1) -> Ciphertext:
        """result[i] = sum of a[i + j stride] for j < count, count a power of two.

        log2(count) rotations by stride, 2 stride, ..; same level and scale.
        """
        if count < 1 or count & (count - 1):
            raise ParameterError(f"count = {count}: a power of two is needed")
        total = a
        steps = stride
        while steps < count * stride:
            total = self.add(total, self.rotate(total, steps))
            steps *= 2
        return total

    # ------------------------------------------------------------ helpers

    def attach(self, a: Ciphertext) -> Ciphertext:
        """The same ciphertext with this evaluator, so that Python operators act on it."""
        self._check(a)
        return Ciphertext(a.params, a.data, a.scale, a.seed, self)

    def switcher(self, level: int) -> KeySwitcher:
        """The key-switching steps at `level`."""
        if level not in self._switchers:
            self._switchers[level] = KeySwitcher(self.context, level)
        return self._switchers[level]

    def _switched_square(self, a: Ciphertext) -> tuple[np.ndarray, KeySwitcher]:
        key: KeySwitchingKey = self.keys.for_relinearization(a.level)
        switcher = self.switcher(a.level)
        digits = switcher.decompose(a.data[2])
        accumulator = workspace("switched", (2, switcher.limbs_qp, self.params.N))
        return switcher.gadget_product(digits, key, accumulator), switcher

    def _add_encoded(self, a: Ciphertext, b: Plaintext, *, subtract: bool) -> Ciphertext:
        self.check_pair(a, b)
        ops = self._q(a)
        data = a.data.copy()
        (ops.subtract if subtract else ops.add)(data[0], data[0], b.data)
        return self.result(data, a.scale)

    def _encoded(self, a: Ciphertext, b: Any, scale: float) -> Plaintext:
        self._check(a)
        return b if isinstance(b, Plaintext) else self.encoder.encode(b, a.level, scale)

    def _factor_scale(self, a: Ciphertext) -> float:
        """The scale at which a factor of `a` brings the rescaled product to the canonical scale."""
        self._need_level(a)
        return self.params.scales[a.level - 1] * self.params.q[a.level] / a.scale

    def _integer(self, value: float, scale: float, a: Ciphertext) -> int:
        if not math.isfinite(value):
            raise EncodingError(f"scalar {value}: it must be finite")
        integer = round(value * scale)
        if 2 * abs(integer) >= math.prod(self.params.q[: a.level + 1]):
            raise EncodingError(
                f"scalar {value} at scale {scale:.6g} does not fit the modulus of level {a.level}"
            )
        return integer

    def _multiply_integer(self, a: Ciphertext, integer: int, scale: float) -> Ciphertext:
        self._check(a)
        ops = self._q(a)
        scalars = Scalars([integer] * len(ops.moduli), ops.moduli)
        data = ops.multiply_scalar(np.empty_like(a.data), a.data, scalars)
        return self.result(data, a.scale * scale)

    def _aligned(self, a: Ciphertext, b: Ciphertext) -> tuple[Ciphertext, Ciphertext]:
        self._check(a)
        self._check(b)
        level = min(a.level, b.level)
        return self.drop_to(a, level), self.drop_to(b, level)

    def _q(self, a: Ciphertext) -> LimbOps:
        return self.context.q(a.level)

    def result(self, data: np.ndarray, scale: float) -> Ciphertext:
        """A ciphertext of this evaluator, for those who extend it."""
        return Ciphertext(self.params, data, scale, None, self)

    def _need_level(self, a: Ciphertext) -> None:
        if a.level == 0:
            raise LevelExhaustedError(
                "the ciphertext is at level 0 and the operation rescales: no level is left; "
                "build parameters with a larger depth"
            )

    def _check(self, operand: Ciphertext | Plaintext) -> None:
        if operand.params is not self.params and operand.params != self.params:
            raise ParametersMismatchError(
                f"the {type(operand).__name__.lower()} belongs to {operand.params}, the evaluator "
                f"to {self.params}"
            )

    def check_pair(
        self, a: Ciphertext, b: Ciphertext | Plaintext, *, same_scale: bool = True
    ) -> None:
        """Raise unless both are of this parameter set, at one level and (if asked) one scale."""
        self._check(a)
        self._check(b)
        if a.level != b.level:
            raise LevelMismatchError(
                f"levels {a.level} and {b.level} differ: encode the plaintext at level {a.level}, "
                f"or bring ciphertexts to one level with drop_to"
            )
        # Canonical scales are equal to the last bit; products of them agree within rounding.
        if same_scale and not math.isclose(a.scale, b.scale, rel_tol=2.0**-40):
            raise ScaleMismatchError(
                f"scales 2^{math.log2(a.scale):.4f} and 2^{math.log2(b.scale):.4f} differ at level "
                f"{a.level}, whose canonical scale is "
                f"2^{math.log2(self.params.scales[a.level]):.4f}: rescale the product, or use "
                f"drop_to"
            )
