"""`PackedAffine`: an affine map between two layouts, as an encrypted run computes it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from he.ckks.circuits.bsgs import BabyGiant
from nn.network.layers import FloatArray
from nn.packed.diagonals import Diagonals
from nn.packed.layout import TensorLayout
from nn.packed.packing_cost import Block
from nn.stages.affine import Affine
from nn.stages.sparse_matrix import SparseMatrix, times_dense

FEW_DIAGONALS = 512
"""Up to so many diagonals are transposed one by one, without the import of SciPy."""


@dataclass(frozen=True, eq=False)
class PackedAffine:
    """An affine map between two layouts, of one multiplicative level.

    It is the map ``out[o] = fold(sum_i sum_shift vector[o, i, shift] * rotate(in[i], shift)) +
    bias[o]`` of `nn.packed.packing`. choice: the diagonals that there are. Their values are filled
    in when they are asked for, and not kept.
    """

    affine: Affine
    choice: Diagonals

    @property
    def in_layout(self) -> TensorLayout:
        """The layout of the input."""
        return self.choice.in_layout

    @property
    def out_layout(self) -> TensorLayout:
        """The layout of the output."""
        return self.choice.out_layout

    @property
    def folds(self) -> tuple[int, ...]:
        """For each of these steps, in order, an output is added to itself rotated by the step."""
        return self.choice.folds

    @functools.cached_property
    def bias(self) -> FloatArray:
        """What is added last, (ciphertexts, n_slots)."""
        return self.out_layout.pack_flat(self.affine.bias)

    @functools.cached_property
    def splits(self) -> dict[Block, BabyGiant]:
        """How the shifts of each block split into babies and giants.

        The blocks of one input have the same babies, and the giants of the blocks of one output
        come from one set.
        """
        return self.choice.splits()

    @property
    def blocks(self) -> dict[Block, dict[int, FloatArray]]:
        """The vectors ``(n_slots,)`` by block and shift, filled in anew.

        ``blocks[o, i][shift]`` multiplies input ciphertext i rotated by `shift`, for output
        ciphertext o. Diagonals of zeros are left out, and so are blocks without diagonals; but
        every output has a block, if necessary with one diagonal of zeros.
        """
        vectors = self.choice.vectors(self.affine)
        full = np.tile(vectors, self.in_layout.n_slots // self.choice.unit)
        full.setflags(write=False)
        blocks: dict[Block, dict[int, FloatArray]] = {}
        for (block, shift), vector in zip(self.choice.places(), full, strict=True):
            blocks.setdefault(block, {})[shift] = vector
        return blocks

    @property
    def diagonals(self) -> int:
        """The number of products with plaintext vectors."""
        return int(self.choice.keys.size)

    @property
    def rotations(self) -> frozenset[int]:
        """All distinct nonzero rotation steps, folds included."""
        steps = frozenset(self.folds)
        return steps.union(*(plan.rotations for plan in self.splits.values()))

    @property
    def largest_weight(self) -> float:
        """The largest absolute value in any diagonal."""
        data = self.affine.matrix.data
        return float(np.abs(data).max()) if data.size else 0.0

    def apply(self, slots: FloatArray) -> FloatArray:
        """The map on cleartext slots, ``(..., ciphertexts, n_slots)`` in and out."""
        return self._evaluate(slots, absolute=False)

    def bound(self, values: FloatArray) -> FloatArray:
        """A bound on every output slot ``(ciphertexts, n_slots)``, from one on every input element.

        It covers the slots between the elements too, where a fold may leave partial sums.
        """
        if self.folds:
            return self._evaluate(self.in_layout.pack_flat(values), absolute=True)
        matrix = self.affine.matrix
        sizes = SparseMatrix(np.abs(matrix.data), matrix.indices, matrix.indptr, matrix.shape)
        return self.out_layout.pack_flat(sizes @ values + np.abs(self.affine.bias))

    def transposed(self, slots: FloatArray, *, few: int = FEW_DIAGONALS) -> FloatArray:
        """The transposed map of the diagonals, without folds and bias.

        It takes derivatives by the sums in front of the folds, ``(..., ciphertexts, n_slots)``, to
        derivatives by the input's slots. few: up to so many diagonals are taken one by one.
        """
        if self.diagonals > few:
            return self._transposed_at_once(slots)
        back = np.zeros((*slots.shape[:-2], self.in_layout.ciphertexts, self.in_layout.n_slots))
        for (o, i), shift, vector in self._vectors():
            product = self._in_units(slots[..., o, :]) * vector
            back[..., i, :] += np.roll(product.reshape(back[..., i, :].shape), shift, axis=-1)
        return back

    def _transposed_at_once(self, slots: FloatArray) -> FloatArray:
        """`transposed` by the entries of the matrix, all repetitions of a unit side by side."""
        n_slots, unit = self.in_layout.n_slots, self.choice.unit
        inputs, repetitions = self.in_layout.ciphertexts, n_slots // self.choice.unit
        leading = slots.shape[:-2]
        units = slots.reshape(-1, slots.shape[-2], repetitions, unit)
        dense = np.ascontiguousarray(units.transpose(1, 3, 0, 2)).reshape(
            slots.shape[-2] * unit, -1
        )
        total = np.zeros((inputs * n_slots, dense.shape[1]))
        for entries in self.choice.entries(self.affine):
            rows = entries.input * n_slots + entries.source
            columns = entries.output * unit + entries.slot
            total += times_dense(self.affine.matrix.data, rows, columns, len(total), dense)
        parts = total.reshape(inputs, n_slots, -1, repetitions)
        back = np.zeros((parts.shape[2], inputs, n_slots))
        for repetition in range(repetitions):
            part = parts[..., repetition].transpose(2, 0, 1)
            back += np.roll(part, repetition * unit, axis=-1)
        return back.reshape(*leading, inputs, n_slots)

    def gathered(self, slots: FloatArray) -> FloatArray:
        """For every output slot, the sum of the input slots that its diagonals multiply.

        ``(..., ciphertexts, n_slots)`` in and out, all numbers 0 or more; folds are left out.
        """
        n_slots = self.in_layout.n_slots
        spectrum = np.fft.rfft(slots, axis=-1)
        outputs = self.out_layout.ciphertexts
        total = np.zeros((*slots.shape[:-2], outputs, spectrum.shape[-1]), np.complex128)
        shifts: dict[Block, list[int]] = {}
        for block, shift in self.choice.places():
            shifts.setdefault(block, []).append(shift)
        for (o, i), steps in shifts.items():
            pattern = np.zeros(n_slots)
            pattern[steps] = 1.0
            total[..., o, :] += np.conj(np.fft.rfft(pattern)) * spectrum[..., i, :]
        result: FloatArray = np.maximum(np.fft.irfft(total, n_slots, axis=-1), 0.0)
        return result

    def _evaluate(self, slots: FloatArray, absolute: bool) -> FloatArray:
        size = np.abs if absolute else np.positive
        leading = slots.shape[:-2]
        out = np.zeros((*leading, *self.bias.shape))
        for (o, i), shift, vector in self._vectors():
            rotated = np.roll(slots[..., i, :], -shift, axis=-1)
            product = size(vector) * self._in_units(rotated)
            out[..., o, :] += product.reshape(rotated.shape)
        for step in self.folds:
            out += np.roll(out, -step, axis=-1)
        result: FloatArray = out + size(self.bias)
        return result

    def _vectors(self) -> Iterator[tuple[Block, int, FloatArray]]:
        """The block, the shift and one unit of each diagonal."""
        vectors = self.choice.vectors(self.affine)
        for (block, shift), vector in zip(self.choice.places(), vectors, strict=True):
            yield block, shift, vector

    def _in_units(self, slots: FloatArray) -> FloatArray:
        """(..., n_slots) as (..., repetitions, unit)."""
        return slots.reshape(*slots.shape[:-1], -1, self.choice.unit)
