"""`Bootstrapper`: what refreshes ciphertexts of a parameter set."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from he.ckks.bootstrap import slot_matrices
from he.ckks.bootstrap.circuit import BootstrapCircuit, KeyKind
from he.ckks.bootstrap.cosine import matrix_factors, sine_polynomials
from he.ckks.bootstrap.key_needs import (
    element_of_conjugating_rotation,
    needs,
    repeated_sums,
)
from he.ckks.bootstrap.messages import check_bounded
from he.ckks.bootstrap.modulus_raising import raised
from he.ckks.bootstrap.overflow import failure_probability
from he.ckks.bootstrap.prediction import RARE, BootstrapError, Prediction
from he.ckks.bootstrap.shapes import bootstrap_work
from he.ckks.bootstrap.slot_transforms import (
    SlotMap,
    SlotTransform,
    unconjugated,
)
from he.ckks.bootstrap.steps import split_evenly
from he.ckks.bootstrap.two_passes import mended, residual
from he.ckks.ciphertext import Ciphertext, Plaintext
from he.ckks.circuits.polynomial_evaluation import EncodedPolynomial
from he.ckks.encoding.encoder import Encoder
from he.ckks.evaluator import Evaluator
from he.ckks.noise import precision_bits
from he.ckks.operands import check_canonical
from he.ckks.params import CKKSParameters
from he.errors import LevelMismatchError, ParameterError
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keys import KeySwitchingKey
from he.rlwe.operand_checks import check_owner, check_two_parts
from he.rlwe.rns import context
from he.validation import instance
from ntt.workspace import workspace

_KEYS: dict[KeyKind, str] = {
    "fast": "fast: one for each rotation",
    "medium": "medium: one for all giant steps of a matrix",
    "small": "small: one for all baby steps of a matrix, one for all giant steps",
}


_ONE_PASS = ("SlotsToCoeffs", "ModRaise", "CoeffsToSlots", "EvalMod")


class Bootstrapper:
    """Refreshes ciphertexts: the same slots, `levels` higher.

    params: built by `CKKSParameters.build(.., bootstrap=..)`; raises `ParameterError` for others.
    Matrices are encoded by `prepare`, or when they are first used.
    """

    def __init__(self, params: CKKSParameters) -> None:
        instance(params, CKKSParameters, "the parameter set of a bootstrapper")
        if params.bootstrap is None:
            raise ParameterError(
                f"{params} has no levels for a bootstrap: build it with `bootstrap=`"
            )
        self.params = params
        self.circuit: BootstrapCircuit = params.bootstrap
        self._encoder = Encoder(params)
        top, circuit = params.max_level, self.circuit
        self._sine_level = top - circuit.cts_levels
        self._combined_level = self._sine_level - circuit.cosine_levels
        self._cts, self._cts_turn = self._transforms(self._to_coefficients(), top, circuit.keys)
        stc_level = circuit.stc_levels if circuit.slots_first else self._combined_level
        to_slots = self._transforms(self._to_slots(), stc_level, circuit.stc_keys)
        self._stc, self._stc_turn = to_slots

    @property
    def input_level(self) -> int:
        """The least level of a ciphertext that is refreshed; higher ones are moved there."""
        return self.circuit.input_level

    @property
    def output_level(self) -> int:
        """The level of a refreshed ciphertext."""
        return self.params.max_level - self.circuit.levels

    @property
    def levels(self) -> int:
        """The rescalings between two bootstraps."""
        return self.output_level - self.input_level

    @property
    def failure_probability(self) -> float:
        """The probability, at most, that a slot of a refreshed ciphertext is wrong altogether."""
        circuit = self.circuit
        passes = circuit.iterations * failure_probability(2 * circuit.slots, circuit.interval)
        return min(1.0, passes + (circuit.iterations - 1) * 2 * circuit.slots * RARE)

    @functools.cached_property
    def error(self) -> BootstrapError:
        """What a bootstrap is predicted to add to the error of a slot."""
        return self._prediction.error

    @functools.cached_property
    def _prediction(self) -> Prediction:
        return Prediction(self.params, self.circuit)

    @property
    def precision_bits(self) -> float:
        """Bits after the binary point that a slot is predicted to keep."""
        return self._prediction.precision_bits

    @functools.cached_property
    def needs(self) -> KeyNeeds:
        """The keys that `apply` uses."""
        return needs(self.circuit, self.params)

    @property
    def key_bytes(self) -> int:
        """The bytes of the keys that are sent and stored."""
        return EvaluationKeys.serialized_bytes(self.params, self.needs)

    @property
    def working_key_bytes(self) -> int:
        """The most memory that keys take at once, where each is forgotten behind the step that uses
        it (`he.StoredKeys`): those of one matrix, whose rotations share a decomposition.
        """
        return max(
            len(transform.elements) * KeySwitchingKey.held_bytes(self.params, transform.level)
            for transform in (*self._cts, *self._stc)
        )

    @property
    def weight_bytes(self) -> int:
        """The memory that the encoded matrices take."""
        return sum(transform.weight_bytes for transform in (*self._cts, *self._stc))

    def predicted_seconds(self) -> float:
        """About how long `apply` takes with the threads that are set, from the time that
        transforms take now: good to a factor of two on an idle machine.
        """
        ops = context(self.params).q(self.params.max_level)
        limbs = workspace("transform for a prediction", (len(ops.moduli), self.params.N))
        limbs.fill(0)
        seconds = []
        for _ in range(8):
            start = time.perf_counter()
            ops.forward(limbs)
            seconds.append(time.perf_counter() - start)
        return bootstrap_work(self.params) * min(seconds) / len(limbs)

    def report(self) -> str:
        """What to expect, in lines of text: levels, precision, failure, keys, memory, time."""
        circuit, failure = self.circuit, self.failure_probability
        kind = "real" if circuit.real else "complex"
        bits = math.log2(failure) if failure else -1074
        keys, matrices = self.key_bytes / 1e6, self.weight_bytes / 1e6
        kind_of_keys = _KEYS[circuit.keys]
        lines = [
            f"{self.params}",
            f"{circuit.slots} {kind} slots, {self.levels} levels between bootstraps",
            f"precision {self.precision_bits:.1f} bits for parts within {circuit.largest:g}",
            f"fails with a probability below 2^{bits:.0f}",
            f"keys of {keys:.0f} MB ({kind_of_keys}), matrices of {matrices:.0f} MB in memory",
            f"about {self.predicted_seconds():.2g} s",
        ]
        if circuit.iterations == 2:
            bits = precision_bits(self._prediction.pass_error.within())
            factor = self._prediction.factor_bits
            lines.append(
                f"two passes of {bits:.1f} bits, the second on errors times 2^{factor}"
            )
        return "\n".join(lines)

    def prepare(self) -> None:
        """Encode the matrices, on all threads; otherwise the first `apply` does."""
        _ = self._to_coefficients_map, self._to_slots_map

    def check_values(self, values: Any) -> None:
        """Raise `EncodingError` for values with a part beyond `circuit.largest`: for the client,
        before it encrypts, since a server does not see them.
        """
        check_bounded(values, self.circuit.largest)

    def apply(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """x with the same slots at `output_level`, at its canonical scale.

        x: at `input_level` or above, at the canonical scale of its level, every slot's parts within
        `circuit.largest` in absolute value. Raises `LevelMismatchError`, `ScaleMismatchError`,
        `MissingKeyError`.
        """
        for _, made in self.steps(evaluator, x):
            x = made
        return x

    def apply_pair(
        self, evaluator: Evaluator, x: Ciphertext, y: Ciphertext
    ) -> tuple[Ciphertext, Ciphertext]:
        """x and y with the same slots at `output_level`, in the time of one bootstrap.

        x, y: as for `apply`, with real slots: they travel as x + i y, and what x has of imaginary
        parts is added to y, and y's to x. Raises `ParameterError` where the circuit keeps only real
        parts or SlotsToCoeffs comes last, and as `apply`.
        """
        circuit = self.circuit
        if circuit.real or not circuit.slots_first or circuit.iterations > 1:
            raise ParameterError(
                "two real vectors need a bootstrap of complex slots in one pass whose "
                "SlotsToCoeffs comes first: build the parameters with real=False, "
                "slots_first=True, iterations=1"
            )
        for one in (x, y):
            self._check(evaluator, one)
        x, y = (evaluator.drop_to(one, self.input_level) for one in (x, y))
        turned = evaluator.multiply_plain(y, self._unit(y.level), rescale=False)
        z = evaluator.add(x, turned)
        steps = self._steps(evaluator)
        for name in self.step_names[1:-1]:
            z = steps[name](z)
        return self._parts(evaluator, z)

    def steps(
        self, evaluator: Evaluator, x: Ciphertext
    ) -> Iterator[tuple[str, Ciphertext]]:
        """`apply` step by step: the name of each step of `step_names`, and what it makes.

        The last one is the refreshed ciphertext. Who goes no further cancels the bootstrap.
        """
        self._check(evaluator, x)
        return self._run(evaluator, x)

    @property
    def step_names(self) -> tuple[str, ...]:
        """The steps, in order."""
        if self.circuit.iterations == 2:
            again = (f"{name}, again" for name in _ONE_PASS)
            return ("drop", *_ONE_PASS, "residual", *again, "sum")
        if self.circuit.slots_first:
            return ("drop", *_ONE_PASS)
        return ("drop", "ModRaise", "CoeffsToSlots", "EvalMod", "SlotsToCoeffs")

    # ------------------------------------------------------------ steps

    def _run(self, evaluator: Evaluator, x: Ciphertext) -> Iterator[tuple[str, Ciphertext]]:
        steps = self._steps(evaluator)
        kept: dict[str, Ciphertext] = {}
        for name in self.step_names:
            if name == "residual":
                x = residual(evaluator, kept["drop"], x, self._prediction.factor_bits)
            elif name == "sum":
                x = mended(evaluator, kept["EvalMod"], x, self._prediction.factor_bits)
            else:
                x = steps[name.removesuffix(", again")](x)
            if name in ("drop", "EvalMod"):
                kept[name] = x
            yield name, x

    def _steps(self, evaluator: Evaluator) -> dict[str, Callable[[Ciphertext], Ciphertext]]:
        def to_slots(x: Ciphertext) -> Ciphertext:
            return self._to_slots_map.apply(evaluator, evaluator.drop_to(x, self._stc[0].level))

        def lowered(x: Ciphertext) -> Ciphertext:
            return evaluator.drop_to(x, self.input_level)

        def raise_modulus(x: Ciphertext) -> Ciphertext:
            return summed(raised(evaluator, x), self._sums[0])

        def to_coefficients(x: Ciphertext) -> Ciphertext:
            return summed(self._to_coefficients_map.apply(evaluator, x), self._sums[1])

        def summed(x: Ciphertext, steps: list[int]) -> Ciphertext:
            for step in steps:
                x = evaluator.add(x, evaluator.rotate(x, step))
            return x

        def reduce(x: Ciphertext) -> Ciphertext:
            return self._reduced(evaluator, x)

        return {
            "drop": lowered,
            "SlotsToCoeffs": to_slots,
            "ModRaise": raise_modulus,
            "CoeffsToSlots": to_coefficients,
            "EvalMod": reduce,
        }

    def _reduced(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        """The fractions of the real and, unless `real`, the imaginary parts."""
        if self.circuit.real:
            return self._fractions(evaluator, evaluator.add(x, evaluator.conjugate(x)))
        real, imaginary = self._parts(evaluator, x)
        unit = self._unit(imaginary.level)
        return evaluator.add(real, evaluator.multiply_plain(imaginary, unit, rescale=False))

    def _parts(self, evaluator: Evaluator, x: Ciphertext) -> tuple[Ciphertext, Ciphertext]:
        """The fractions of the real parts, and of the imaginary ones over those of `_unit`."""
        conjugate = evaluator.conjugate(x)
        real = self._fractions(evaluator, evaluator.add(x, conjugate))
        turned = evaluator.multiply_plain(
            evaluator.subtract(conjugate, x), self._unit(x.level), rescale=False
        )
        return real, self._fractions(evaluator, turned)

    def _fractions(self, evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
        for polynomial in self._polynomials:
            x = polynomial.apply(evaluator, x)
        return x

    def _unit(self, level: int) -> Plaintext:
        """X^(N/2): i in every slot in whose order no other one is conjugated, at the scale 1."""
        return self._encoder.encode(
            unconjugated(np.array([1j, 1j]), self.params.slots), level, 1.0
        )

    def _check(self, evaluator: Evaluator, x: Ciphertext) -> None:
        instance(evaluator, Evaluator, "the evaluator")
        for other, needed in ((evaluator, Evaluator), (x, Ciphertext)):
            check_owner(self.params, other, needed, "bootstrapper")
        check_two_parts(x, "a bootstrap")
        check_canonical(x)
        if x.level < self.input_level:
            raise LevelMismatchError(
                f"the ciphertext is at level {x.level}, and a bootstrap begins with SlotsToCoeffs "
                f"at level {self.input_level}: refresh it before it comes below that level"
            )
        evaluator.keys.check(self.needs)

    # ------------------------------------------------------------ what they need

    @property
    def _sums(self) -> tuple[list[int], list[int]]:
        return repeated_sums(self.circuit, self.params.slots)

    @functools.cached_property
    def _polynomials(self) -> list[EncodedPolynomial]:
        level = self._sine_level
        encoded = []
        for polynomial in sine_polynomials(self.circuit, self._ratio):
            encoded.append(EncodedPolynomial(self._encoder, polynomial, level))
            level -= polynomial.depth
        return encoded

    @property
    def _ratio(self) -> float:
        """q_0 over the scale of level 0."""
        return self.params.modulus(0) / self.params.scales[0]

    def _to_coefficients(self) -> list[slot_matrices.Diagonals]:
        """From the slots t / scale of a raised ciphertext to t / (q_0 K), half of it, twice."""
        params, circuit = self.params, self.circuit
        scales = params.scales[self._sine_level :][::-1]
        factors = matrix_factors(circuit, scales, params.modulus(0), params.N)
        groups = split_evenly(circuit.slots.bit_length() - 1, circuit.cts_levels)
        return slot_matrices.coefficients_of_slots(circuit.slots, groups, factors)

    def _to_slots(self) -> list[slot_matrices.Diagonals]:
        groups = split_evenly(self.circuit.slots.bit_length() - 1, self.circuit.stc_levels)
        return slot_matrices.slots_of_coefficients(self.circuit.slots, groups)

    def _transforms(
        self, matrices: list[slot_matrices.Diagonals], level: int, keys: KeyKind
    ) -> tuple[list[SlotTransform], int]:
        """The matrices at their levels, and the Galois element of the rotation in front."""
        turn = 0
        if keys != "fast":
            matrices, turn = slot_matrices.from_zero(matrices)
        transforms = [
            SlotTransform.of(self.params, matrix, level - place, keys)
            for place, matrix in enumerate(matrices)
        ]
        return transforms, element_of_conjugating_rotation(turn, self.params.N)

    @functools.cached_property
    def _to_coefficients_map(self) -> SlotMap:
        return SlotMap([one.encode(self._encoder) for one in self._cts], self._cts_turn)

    @functools.cached_property
    def _to_slots_map(self) -> SlotMap:
        return SlotMap([one.encode(self._encoder) for one in self._stc], self._stc_turn)
