"""The CKKS evaluator: arithmetic on ciphertexts. It never sees a secret key."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.encoding.encoder import Encoder
from he.ckks.operands import (
    check_canonical,
    check_factor,
    check_level_left,
    check_pair,
    is_canonical,
    real_operand,
)
from he.ckks.params import CKKSParameters
from he.ckks.recorded_evaluator import RecordedEvaluator
from he.ckks.scales import check_held, check_scale, scaled_integer
from he.errors import LevelMismatchError
from he.rlwe import galois
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.keys import KeySwitchingKey
from he.rlwe.keyswitch import KeySwitcher
from he.rlwe.operand_checks import check_owner, check_two_parts
from he.rlwe.params import whole_numbers
from he.trace import Tracer
from he.validation import shown, truth_value, whole_number
from ntt.constants import Scalars
from ntt.limbs import LimbOps
from ntt.memory import contiguous, large_array, large_copy
from ntt.workspace import workspace

Operand = Ciphertext | Plaintext | complex | Sequence[complex] | np.ndarray


class Evaluator(RecordedEvaluator):
    """Arithmetic on CKKS ciphertexts of one parameter set.

    keys: what it may use; operations without a needed key raise `MissingKeyError`. tracer: records
    every operation (`he.trace`).

    Levels and scales. Every level has one canonical scale. Sums need operands at one level and
    scale. Products come in two forms: `tensor` and `multiply_plain(.., rescale=False)` leave the
    product of the scales, `multiply`, `square`, `multiply_plain` and `multiply_scalar` return to
    the canonical scale of the next lower level. `drop_to` moves a ciphertext to a lower level at
    its canonical scale; the operators and `multiply` do so for the operand that stands higher.

    Ciphertexts are values: no operation changes an operand, and a result that equals an operand
    may share its memory. Calls from several threads at once are safe.

    Errors of every operation: `ParametersMismatchError`, `LevelMismatchError`,
    `ScaleMismatchError`, `LevelExhaustedError`, `MissingKeyError`, `EncodingError` (operands that
    have to be encoded) and `ParameterError`, raised before anything is computed.
    """

    def __init__(
        self,
        params: CKKSParameters,
        keys: EvaluationKeys | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        super().__init__(params, keys, tracer)
        self.encoder = Encoder(params)

    # ------------------------------------------------------------ sums

    def add(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a + b; b a ciphertext, plaintext, scalar or vector of slots. Level: the lower one."""
        if isinstance(b, Ciphertext):
            return self._sum(*self._aligned(a, b), subtract=False)
        number = real_operand(b)
        if number is not None:
            return self._add_scalar(a, number)
        return self._add_encoded(a, b, subtract=False)

    def subtract(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a - b, as `add`."""
        if isinstance(b, Ciphertext):
            return self._sum(*self._aligned(a, b), subtract=True)
        number = real_operand(b)
        if number is not None:
            return self._add_scalar(a, -number)
        return self._add_encoded(a, b, subtract=True)

    def negate(self, a: Ciphertext) -> Ciphertext:
        """-a, at the same level and scale."""
        check_owner(self.params, a, Ciphertext)
        data = self._q(a).negate(large_array(a.data.shape), a.data)
        return self._recorded("negate", (a,), data, a.scale)

    # ------------------------------------------------------------ products

    def multiply(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a b, relinearized and rescaled: one level below the lower operand.

        b a ciphertext, plaintext, scalar or vector of slots. Needs the relinearization key for two
        ciphertexts. Raises `LevelExhaustedError` at level 0. Also an integer scalar takes a level
        here; `multiply_integer` takes none.
        """
        if isinstance(b, Ciphertext):
            a, b = self._aligned(a, b)
            check_level_left(a)
            return self.relinearize_rescale(self._tensor(a, b, scratch=True))
        if isinstance(b, Plaintext):
            return self.multiply_plain(a, b)
        number = real_operand(b)
        if number is not None:
            return self.multiply_scalar(a, number)
        scale = self._factor_scale(a)
        return self.multiply_plain(a, self.encoder.encode(b, a.level, scale))

    def square(self, a: Ciphertext) -> Ciphertext:
        """a^2, relinearized and rescaled."""
        return self.multiply(a, a)

    def tensor(self, a: Ciphertext, b: Ciphertext) -> Ciphertext:
        """The unrelinearized product: three parts, at the product of the scales, same level."""
        return self._tensor(a, b, scratch=False)

    def _tensor(self, a: Ciphertext, b: Ciphertext, *, scratch: bool) -> Ciphertext:
        """`tensor`; scratch: in scratch memory, for use at once."""
        check_pair(self.params, a, b)
        check_two_parts(a, "a product")
        check_two_parts(b, "a product")
        scale = a.scale * b.scale
        check_scale(self.params, a.level, scale, "the product")
        shape = (3, *a.data.shape[1:])
        data = workspace("tensor", shape) if scratch else large_array(shape)
        self._q(a).tensor(data, a.data, b.data)
        return self._recorded("tensor", (a, b), data, scale)

    def relinearize(self, a: Ciphertext) -> Ciphertext:
        """Three parts to two, at the same level and scale. Needs the relinearization key."""
        check_owner(self.params, a, Ciphertext)
        if a.parts == 2:
            return a
        key, accumulator, switcher = self._switched_square(a)
        data = switcher.mod_down(accumulator)
        switcher.q.add(data, data, a.data[:2])
        return self._recorded("relinearize", (a,), data, a.scale, keys=(key,))

    def relinearize_rescale(self, a: Ciphertext) -> Ciphertext:
        """`relinearize` and `rescale` at once, with one division."""
        check_owner(self.params, a, Ciphertext)
        if a.parts == 2:
            return self.rescale(a)
        check_level_left(a)
        key, accumulator, switcher = self._switched_square(a)
        for part in range(2):
            switcher.add_special_multiple(accumulator[part], a.data[part])
        data = switcher.mod_down_rescale(accumulator)
        return self._recorded(
            "relinearize_rescale", (a,), data, *self._below(a), keys=(key,)
        )

    def multiply_plain(
        self, a: Ciphertext, b: Plaintext, *, rescale: bool = True
    ) -> Ciphertext:
        """a b for a plaintext at a's level; rescaled unless told otherwise.

        For a canonical result the plaintext's scale is
        ``scales[level - 1] Q_level / (Q_(level - 1) a.scale)``, which is ``scales[level]`` for a
        canonical a.
        """
        check_pair(self.params, a, b, Plaintext, same_scale=False)
        if truth_value(rescale, "rescale"):
            check_level_left(a)
        scale = a.scale * b.scale
        check_scale(self.params, a.level, scale, "the product")
        ops = self._q(a)
        data = self._product_data(a, scratch=rescale)
        for part in range(a.parts):
            ops.multiply(data[part], a.data[part], b.data)
        product = self._recorded("multiply_plain", (a,), data, scale, plaintexts=(b.data,))
        return self.rescale(product) if rescale else product

    def multiply_scalar(self, a: Ciphertext, b: float) -> Ciphertext:
        """a b for a real constant in every slot, rescaled to the canonical scale below."""
        scale = self._factor_scale(a)
        integer = scaled_integer(self.params, a.level, b, scale, "scalar")
        return self.rescale(self._multiply_integer(a, integer, scale, scratch=True))

    def multiply_integer(self, a: Ciphertext, b: int) -> Ciphertext:
        """a b for an integer, exactly: no level and no change of scale."""
        check_owner(self.params, a, Ciphertext)
        integer = whole_number(b, "the factor")
        check_held(self.params, a.level, integer, f"the factor {shown(integer)}")
        return self._multiply_integer(a, integer, 1.0)

    def rescale(self, a: Ciphertext) -> Ciphertext:
        """Divide by Q_level / Q_(level - 1), q_level in a chain: one level lower, as the scale."""
        check_owner(self.params, a, Ciphertext)
        check_level_left(a)
        data = self._changed(a, a.level - 1)
        return self._recorded("rescale", (a,), data, *self._below(a))

    # ------------------------------------------------------------ levels

    def drop_to(self, a: Ciphertext, level: int) -> Ciphertext:
        """The same slots at a lower level, at its canonical scale.

        Limbs are dropped to level + 1; the last step multiplies by an integer and rescales, so
        that the scale becomes canonical exactly (Kim, Papadimitriou, Polyakov, CT-RSA 2022). Where
        levels are no chain, one such step leads from a's level to the lower one. The rounding of a
        factor f adds at most 0.5 / f of a value to its error. At a's own level it is a itself.
        Raises `LevelMismatchError` for a level above a's, `ScaleMismatchError` for a scale that is
        not canonical, or so large that the integer would be 0.
        """
        check_owner(self.params, a, Ciphertext)
        level = whole_number(level, "the level")
        if 0 <= level < a.level:
            check_canonical(a)
        return a if level == a.level else self.to_canonical(a, level)

    def to_canonical(self, a: Ciphertext, level: int) -> Ciphertext:
        """As `drop_to`, for a ciphertext at any scale: at its own level it must be canonical.

        In a chain the integer and the divisions are those of `CKKSParameters.last_factor`. Raises
        `ScaleMismatchError` there and where the integer would be 0, `LevelMismatchError` for a
        level above a's.
        """
        check_owner(self.params, a, Ciphertext)
        params, level = self.params, whole_number(level, "the level")
        if level == a.level:
            check_canonical(a)
            return a
        if not 0 <= level < a.level:
            raise LevelMismatchError(
                f"a ciphertext at level {a.level} cannot move to level {level}: choose a level "
                f"from 0 to {a.level}"
            )
        if params.levels[a.level].holds(params.levels[level + 1]):
            factor, count = params.scales[level] * params.divisors[level + 1] / a.scale, 1
            if not is_canonical(params, a.level, a.scale):
                factor, count = params.last_factor(a.scale, a.level, level)
            check_factor(a, level, factor)
            moved = self.drop_limbs(a, level + count)
            moved = self._multiply_integer(moved, round(factor), factor, scratch=True)
            return functools.reduce(lambda x, _: self.rescale(x), range(count), moved)
        factor = params.scales[level] * params.quotient(a.level, level) / a.scale
        return self._moved(a, level, round(factor), params.scales[level])

    def drop_limbs(self, a: Ciphertext, level: int) -> Ciphertext:
        """The same slots at a lower level, at the same scale: only the limbs of that level.

        Where its primes are not among a's, a is multiplied by the nearest integer to Q_a / Q_level
        and divided by that quotient: the scale changes by a little (`CKKSParameters.dropped`).
        """
        params = self.params
        check_owner(params, a, Ciphertext)
        level = whole_number(level, "the level")
        if not 0 <= level <= a.level:
            raise LevelMismatchError(f"level {level}: it must be from 0 to {a.level}")
        integer, ratio = params.dropped(a.level, level)
        check_scale(params, level, a.scale * ratio, "the result")
        if not params.levels[a.level].holds(params.levels[level]):
            return self._moved(a, level, integer, a.scale * ratio)
        data = contiguous(a.data[:, : params.levels[level].limbs])
        return self._recorded("drop_limbs", (a,), data, a.scale, level)

    # ------------------------------------------------------------ automorphisms

    def rotate(self, a: Ciphertext, steps: int) -> Ciphertext:
        """Slots rotated left: result[i] = a[i + steps]. Same level and scale; needs its key."""
        return self.automorphism(a, galois.element_of_rotation(steps, self.params.N))

    def conjugate(self, a: Ciphertext) -> Ciphertext:
        """Every slot conjugated. Same level and scale; needs the key of element 2N - 1."""
        return self.automorphism(a, galois.element_of_conjugation(self.params.N))

    def automorphisms(self, a: Ciphertext, elements: Sequence[int]) -> list[Ciphertext]:
        """Many automorphisms of one ciphertext, with one decomposition.

        Their data may be views of one block of memory (`KeySwitcher.images`).
        """
        check_owner(self.params, a, Ciphertext)
        check_two_parts(a, "an automorphism")
        elements = whole_numbers(elements, "the Galois elements")
        keys = {e: self.keys.for_element(e, a.level) for e in elements if e != 1}
        images = self.switcher(a.level).images(a.data, elements, keys)
        if self.tracer is not None:
            used = [keys[e] for e in elements if e != 1]
            self.tracer.record(
                "automorphisms", a.level, [a.data], images, elements=elements, keys=used
            )
        return [self._made(image, a.scale, a.level) for image in images]

    def inner_sum(self, a: Ciphertext, count: int, stride: int = 1) -> Ciphertext:
        """result[i] = sum of a[i + j stride] for j < count, count a power of two.

        log2(count) rotations by stride, 2 stride, ..; same level and scale. Raises
        `ParameterError` for another count.
        """
        steps = galois.inner_sum_steps(count, stride)
        check_owner(self.params, a, Ciphertext)
        check_two_parts(a, "an inner sum")
        for step in steps:
            element = galois.element_of_rotation(step, self.params.N)
            if element != 1:
                self.keys.for_element(element, a.level)
        total = a
        for step in steps:
            total = self.add(total, self.rotate(total, step))
        return total

    # ------------------------------------------------------------ helpers

    def _switched_square(self, a: Ciphertext) -> tuple[KeySwitchingKey, np.ndarray, KeySwitcher]:
        key: KeySwitchingKey = self.keys.for_relinearization(a.level)
        switcher = self.switcher(a.level)
        (accumulator,) = switcher.switched(a.data[2], [key])
        return key, accumulator, switcher

    def _sum(self, a: Ciphertext, b: Ciphertext, *, subtract: bool) -> Ciphertext:
        ops = self._q(a)
        common = min(a.parts, b.parts)
        longer = a if a.parts > common else b
        data = large_array(longer.data.shape)
        combine = ops.subtract if subtract else ops.add
        combine(data[:common], a.data[:common], b.data[:common])
        if longer.parts > common:
            if subtract and longer is b:
                ops.negate(data[common:], b.data[common:])
            else:
                np.copyto(data[common:], longer.data[common:])
        return self._recorded("subtract" if subtract else "add", (a, b), data, a.scale)

    def _add_scalar(self, a: Ciphertext, b: float) -> Ciphertext:
        """A constant polynomial is the same number at every point of the transform."""
        check_owner(self.params, a, Ciphertext)
        ops = self._q(a)
        integer = scaled_integer(self.params, a.level, b, a.scale, "scalar")
        data = large_copy(a.data)
        scalars = np.array([integer % q for q in ops.moduli], dtype=np.uint64)
        ops.add_scalar(data[0], data[0], scalars)
        return self._recorded("add_integer", (a,), data, a.scale, integer=integer)

    def _add_encoded(self, a: Ciphertext, b: Any, *, subtract: bool) -> Ciphertext:
        check_owner(self.params, a, Ciphertext)
        b = b if isinstance(b, Plaintext) else self.encoder.encode(b, a.level, a.scale)
        check_pair(self.params, a, b, Plaintext)
        ops = self._q(a)
        data = large_copy(a.data)
        (ops.subtract if subtract else ops.add)(data[0], data[0], b.data)
        kind = "subtract_plain" if subtract else "add_plain"
        return self._recorded(kind, (a,), data, a.scale, plaintexts=(b.data,))

    def _factor_scale(self, a: Ciphertext) -> float:
        """The scale at which a factor of `a` brings the rescaled product to the canonical scale."""
        check_owner(self.params, a, Ciphertext)
        check_level_left(a)
        check_canonical(a)
        return self.params.scales[a.level - 1] * self.params.divisors[a.level] / a.scale

    def _multiply_integer(
        self, a: Ciphertext, integer: int, scale: float, *, scratch: bool = False
    ) -> Ciphertext:
        ops = self._q(a)
        check_scale(self.params, a.level, a.scale * scale, "the product")
        scalars = Scalars([integer] * len(ops.moduli), ops.moduli)
        data = ops.multiply_scalar(self._product_data(a, scratch=scratch), a.data, scalars)
        return self._recorded("multiply_integer", (a,), data, a.scale * scale, integer=integer)

    def _product_data(self, a: Ciphertext, *, scratch: bool) -> np.ndarray:
        """Memory for a product of a's shape; scratch: scratch memory, for use at once."""
        return workspace("product", a.data.shape) if scratch else large_array(a.data.shape)

    def _aligned(self, a: Ciphertext, b: Ciphertext) -> tuple[Ciphertext, Ciphertext]:
        check_owner(self.params, a, Ciphertext)
        check_owner(self.params, b, Ciphertext)
        level = min(a.level, b.level)
        a, b = self.drop_to(a, level), self.drop_to(b, level)
        check_pair(self.params, a, b)
        return a, b

    def _q(self, a: Ciphertext) -> LimbOps:
        return self.context.q(a.level)

    def _changed(self, a: Ciphertext, level: int) -> np.ndarray:
        """The residues of a times Q_level / Q_a, rounded, at a lower level."""
        division = self.context.change(a.level, level)
        return division.parts(a.data, large_array((a.parts, division.limbs, self.params.N)))

    def _moved(self, a: Ciphertext, level: int, integer: int, scale: float) -> Ciphertext:
        """a times integer Q_level / Q_a, at a lower level, of a known scale."""
        larger = a.scale * integer
        check_scale(self.params, a.level, larger, "the product")
        product = self._multiply_integer(a, integer, larger / a.scale, scratch=True)
        data = self._changed(product, level)
        return self._recorded("rescale", (product,), data, scale, level)

    def _below(self, a: Ciphertext) -> tuple[float, int]:
        """The scale and the level behind a rescaling of a."""
        return a.scale / self.params.divisors[a.level], a.level - 1
