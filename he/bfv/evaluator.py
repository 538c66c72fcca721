"""The BFV evaluator: exact arithmetic modulo t on ciphertexts. It never sees a secret key."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from he.bfv.ciphertext import Ciphertext, PlainFactor, Plaintext
from he.bfv.encoder import BatchEncoder, CoefficientEncoder
from he.bfv.lift import plain_lift
from he.bfv.multiplication import multiplication
from he.bfv.noise import Noise
from he.bfv.operands import check_budget, check_level_left, largest_embedding
from he.bfv.params import BFVParameters
from he.errors import LevelMismatchError, ParameterError
from he.rlwe import galois
from he.rlwe.array_checks import check_polynomials
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.evaluator import SharedEvaluator
from he.rlwe.operand_checks import check_owner, check_two_parts
from he.rlwe.params import whole_numbers
from he.validation import instance, truth_value, whole_number
from ntt.constants import Scalars
from ntt.limbs import LimbOps
from ntt.memory import large_array, large_copy
from ntt.workspace import workspace

Operand = Ciphertext | Plaintext | PlainFactor | int | Sequence[int] | np.ndarray


class Evaluator(SharedEvaluator[BFVParameters, Ciphertext]):
    """Arithmetic on BFV ciphertexts of one parameter set.

    keys: what it may use; operations without a needed key raise `MissingKeyError`.
    refuse_exhausted: raise `NoiseBudgetExhaustedError` where the noise model predicts that the
    result might not decrypt. The prediction is cautious; with False nothing is refused, and the
    decryptor still tells an exhausted ciphertext.

    Messages are polynomials modulo t: slots where they were batch-encoded, coefficients otherwise.
    Of two ciphertexts at different levels the higher is switched down. Ciphertexts are values: no
    operation changes an operand, and a result that equals an operand may share its memory. Calls
    from several threads at once are safe.

    Errors of every operation: `ParametersMismatchError`, `LevelMismatchError`, `MissingKeyError`,
    `EncodingError` (operands that have to be encoded), `NoiseBudgetExhaustedError` and
    `ParameterError`, raised before anything is computed.
    """

    _kind_of_parameters = BFVParameters
    _kind_of_ciphertexts = Ciphertext

    def __init__(
        self,
        params: BFVParameters,
        keys: EvaluationKeys | None = None,
        *,
        refuse_exhausted: bool = True,
    ) -> None:
        super().__init__(params, keys)
        self.encoder = BatchEncoder(params) if params.batches else CoefficientEncoder(params)
        self.model = params.noise_model
        self._refuse = truth_value(refuse_exhausted, "refuse_exhausted")

    # ------------------------------------------------------------ sums

    def add(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a + b; b a ciphertext, plaintext, integer or vector of slots. Level: the lower one."""
        return self._sum(a, b, subtract=False)

    def subtract(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a - b, as `add`."""
        return self._sum(a, b, subtract=True)

    def negate(self, a: Ciphertext) -> Ciphertext:
        """-a."""
        check_owner(self.params, a, Ciphertext)
        return self._made(self._q(a).negate(large_array(a.data.shape), a.data), a.noise)

    # ------------------------------------------------------------ products

    def multiply(self, a: Ciphertext, b: Operand) -> Ciphertext:
        """a b, relinearized; b a ciphertext, plaintext, `PlainFactor`, integer or vector of slots.

        Needs the relinearization key for two ciphertexts.
        """
        if isinstance(b, Ciphertext):
            return self.relinearize(self.tensor(a, b))
        b = b[()] if isinstance(b, np.ndarray) and b.ndim == 0 else b
        if isinstance(b, numbers.Integral):
            return self.multiply_scalar(a, int(b))
        return self.multiply_plain(a, b if isinstance(b, PlainFactor) else self._plain(b))

    def square(self, a: Ciphertext) -> Ciphertext:
        """a^2, relinearized; cheaper than a times itself."""
        return self.relinearize(self.tensor(a, a))

    def tensor(self, a: Ciphertext, b: Ciphertext) -> Ciphertext:
        """The unrelinearized product, three parts (`he.bfv.multiplication`)."""
        a, b = self._aligned(a, b)
        check_two_parts(a, "a product")
        check_two_parts(b, "a product")
        noise = self._allowed(self.model.multiply(a.noise, b.noise, a.level), "the product")
        return self._made(multiplication(self.params, a.level)(a.data, b.data), noise)

    def relinearize(self, a: Ciphertext) -> Ciphertext:
        """Three parts to two. Needs the relinearization key."""
        check_owner(self.params, a, Ciphertext)
        if a.parts == 2:
            return a
        key = self.keys.for_relinearization(a.level)
        noise = self._allowed(self.model.key_switch(a.noise, a.level), "the relinearization")
        switcher = self.switcher(a.level)
        (accumulator,) = switcher.switched(a.data[2], [key])
        data = switcher.mod_down(accumulator, large_array(a.data[:2].shape))
        switcher.q.add(data, data, a.data[:2])
        return self._made(data, noise)

    def multiply_plain(self, a: Ciphertext, b: Plaintext | PlainFactor) -> Ciphertext:
        """a b for a plaintext. Prepare one that serves many products with `factor`."""
        check_owner(self.params, a, Ciphertext)
        factor = b if isinstance(b, PlainFactor) else self.factor(b, a.level)
        check_owner(self.params, factor, PlainFactor)
        if factor.level < a.level:
            raise LevelMismatchError(
                f"the plaintext was prepared for level {factor.level} and below, the ciphertext "
                f"is at level {a.level}: prepare it with factor(plaintext, {a.level})"
            )
        noise = self.model.multiply_plain(a.noise, factor.norm_bits)
        noise = self._allowed(noise, "the product with a plaintext")
        ops, data = self._q(a), large_array(a.data.shape)
        for part in range(a.parts):
            ops.multiply(data[part], a.data[part], factor.data[: a.level + 1])
        return self._made(data, noise)

    def multiply_scalar(self, a: Ciphertext, b: int) -> Ciphertext:
        """a b for an integer: far cheaper than a plaintext with b in every slot."""
        check_owner(self.params, a, Ciphertext)
        t = self.params.t
        integer = (whole_number(b, "the factor") + t // 2) % t - t // 2
        bits = math.log2(max(abs(integer), 1))
        noise = self._allowed(self.model.multiply_plain(a.noise, bits), "the product")
        ops = self._q(a)
        scalars = Scalars([integer] * len(ops.moduli), ops.moduli)
        return self._made(ops.multiply_scalar(large_array(a.data.shape), a.data, scalars), noise)

    def factor(self, plaintext: Plaintext, level: int | None = None) -> PlainFactor:
        """The plaintext ready for products at `level` (default: the top) and below."""
        check_owner(self.params, plaintext, Plaintext)
        level = self.params.max_level if level is None else whole_number(level, "level")
        if not 0 <= level <= self.params.max_level:
            raise LevelMismatchError(f"level {level}: it must be from 0 to {self.params.max_level}")
        data = plain_lift(self.params, level).centred(plaintext.data)
        norm = largest_embedding(plaintext.data, self.params.t)
        bits = math.log2(max(norm, 1))
        return PlainFactor.unchecked(params=self.params, data=data, norm_bits=bits)

    # ------------------------------------------------------------ levels

    def mod_switch(self, a: Ciphertext) -> Ciphertext:
        """The same message one level lower: smaller and faster, and little noise is added.

        Raises `LevelExhaustedError` at level 0.
        """
        check_owner(self.params, a, Ciphertext)
        check_level_left(a)
        noise = self.model.mod_switch(a.noise, a.level, a.parts)
        noise = self._allowed(noise, "the switch to a smaller modulus")
        division = self.context.rescale(a.level)
        data = large_array((a.parts, a.level, self.params.N))
        scratch = workspace("rescale", a.data.shape)
        np.copyto(scratch, a.data)
        for part in range(a.parts):
            division(scratch[part], data[part])
        return self._made(data, noise)

    def mod_switch_to(self, a: Ciphertext, level: int) -> Ciphertext:
        """The same message at `level`; raises `LevelMismatchError` for one above a's."""
        check_owner(self.params, a, Ciphertext)
        level = whole_number(level, "level")
        if not 0 <= level <= a.level:
            raise LevelMismatchError(
                f"a ciphertext at level {a.level} cannot move to level {level}: choose a level "
                f"from 0 to {a.level}"
            )
        while a.level > level:
            a = self.mod_switch(a)
        return a

    # ------------------------------------------------------------ automorphisms

    def rotate_rows(self, a: Ciphertext, steps: int) -> Ciphertext:
        """Both rows of slots rotated left: result[r, i] = a[r, i + steps]. Needs its key."""
        return self.automorphism(a, galois.element_of_rotation(steps, self.params.N))

    def rotate_columns(self, a: Ciphertext) -> Ciphertext:
        """The two rows of slots swapped. Needs the key of element 2N - 1."""
        return self.automorphism(a, galois.element_of_conjugation(self.params.N))

    def automorphisms(self, a: Ciphertext, elements: Sequence[int]) -> list[Ciphertext]:
        """Many automorphisms of one ciphertext, with one decomposition."""
        check_owner(self.params, a, Ciphertext)
        check_two_parts(a, "an automorphism")
        elements = whole_numbers(elements, "the Galois elements")
        keys = {e: self.keys.for_element(e, a.level) for e in elements if e != 1}
        noise = self._allowed(self.model.key_switch(a.noise, a.level), "the rotation")
        images = self.switcher(a.level).images(a.data, elements, keys)
        return [
            self._made(image, a.noise if element == 1 else noise)
            for element, image in zip(elements, images, strict=True)
        ]

    # ------------------------------------------------------------ helpers

    def attach(self, a: Ciphertext) -> Ciphertext:
        """The same ciphertext with this evaluator, so that Python operators act on it."""
        check_owner(self.params, a, Ciphertext)
        return Ciphertext.unchecked(**{**a.__dict__, "_evaluator": self})

    def result(self, data: np.ndarray, noise: Noise) -> Ciphertext:
        """A ciphertext of this evaluator, for those who extend it; residues are not looked at.

        Raises as `Ciphertext`.
        """
        check_polynomials(self.params, data, (2, 3), "a result")
        instance(noise, Noise, "the noise of a result")
        return self._made(data, noise)

    def _made(self, data: np.ndarray, noise: Noise) -> Ciphertext:
        return Ciphertext.unchecked(
            params=self.params, data=data, noise=noise, seed=None, _evaluator=self
        )

    def _sum(self, a: Ciphertext, b: Operand, *, subtract: bool) -> Ciphertext:
        if not isinstance(b, Ciphertext):
            return self._sum_plain(a, self._plain(b), subtract=subtract)
        a, b = self._aligned(a, b)
        noise = self._allowed(self.model.add(a.noise, b.noise), "the sum")
        ops, common = self._q(a), min(a.parts, b.parts)
        longer = a if a.parts > common else b
        data = large_array(longer.data.shape)
        combine = ops.subtract if subtract else ops.add
        combine(data[:common], a.data[:common], b.data[:common])
        if subtract and longer is b:
            ops.negate(data[common:], b.data[common:])
        else:
            np.copyto(data[common:], longer.data[common:])
        return self._made(data, noise)

    def _sum_plain(self, a: Ciphertext, b: Plaintext, *, subtract: bool) -> Ciphertext:
        check_owner(self.params, a, Ciphertext)
        check_owner(self.params, b, Plaintext)
        noise = self._allowed(self.model.add_plain(a.noise, a.level), "the sum")
        ops, data = self._q(a), large_copy(a.data)
        scaled = plain_lift(self.params, a.level).scaled(b.data)
        (ops.subtract if subtract else ops.add)(data[0], data[0], scaled)
        return self._made(data, noise)

    def _plain(self, b: Any) -> Plaintext:
        if isinstance(b, PlainFactor):
            raise ParameterError("a PlainFactor serves products only: add the Plaintext itself")
        return b if isinstance(b, Plaintext) else self.encoder.encode(b)

    def _aligned(self, a: Ciphertext, b: Ciphertext) -> tuple[Ciphertext, Ciphertext]:
        check_owner(self.params, a, Ciphertext)
        check_owner(self.params, b, Ciphertext)
        if a.level == b.level:
            return a, b
        level = min(a.level, b.level)
        return self.mod_switch_to(a, level), self.mod_switch_to(b, level)

    def _q(self, a: Ciphertext) -> LimbOps:
        return self.context.q(a.level)

    def _allowed(self, noise: Noise, what: str) -> Noise:
        if self._refuse:
            check_budget(noise, what)
        return noise
