"""Affine maps on packed tensors: diagonals, folds, and the layout they lead to.

An affine map becomes ``out[o] = fold(sum_i sum_shift vector[o, i, shift] * rotate(in[i], shift)) +
bias[o]`` with ``rotate(x, k)[s] = x[(s + k) mod n_slots]``: one multiplication by a plaintext, so
one level, whatever the layer. With row ``r`` at slot ``s``, column ``c`` at slot ``p`` and period
S, the matrix entry goes to the diagonal ``shift = p - s mod S`` (Halevi and Shoup, CRYPTO 2014).

A fold base R < S lets an entry contribute at any slot ``t = s mod R``, so that at most R diagonals
are left; rotations by R, 2R, .., S/2 then add the S/R partial sums (the hybrid method of Juvekar,
Vaikuntanathan and Chandrakasan, "Gazelle", USENIX Security 2018, section 3.3). R = 1 with one row
in each repetition of the input is the stacked method of Brutzkus, Elisha and Gilad-Bachrach
("LoLA", ICML 2019).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np

from he.ckks.circuits.bsgs import BabyGiant, distinct, split
from nn.network.layers import FloatArray
from nn.packed.layout import IntArray, PackingError, TensorLayout
from nn.packed.layout_candidates import candidate_layouts
from nn.packed.packing_cost import DEFAULT_COST, Block, PackingCost
from nn.stages.affine import Affine


@dataclass(frozen=True, eq=False)
class PackedAffine:
    """An affine map between two layouts, of one multiplicative level.

    ``blocks[o, i][shift]`` is the vector ``(n_slots,)`` that multiplies input ciphertext i rotated
    by `shift`, for output ciphertext o. Diagonals of zeros are left out, and so are blocks without
    diagonals; but every output has a block, if necessary with one diagonal of zeros. `folds` are
    steps: for each step, in order, every output ciphertext is added to itself rotated by the step.
    `bias` ``(ciphertexts, n_slots)`` is added last. ``splits[o, i]`` says how the shifts of a
    block split into babies and giants. The blocks of one input have the same babies, and the giants
    of the blocks of one output come from one set.
    """

    blocks: dict[Block, dict[int, FloatArray]]
    folds: tuple[int, ...]
    bias: FloatArray
    in_layout: TensorLayout
    out_layout: TensorLayout
    splits: dict[Block, BabyGiant]

    @property
    def diagonals(self) -> int:
        """The number of products with plaintext vectors."""
        return sum(len(block) for block in self.blocks.values())

    @property
    def rotations(self) -> frozenset[int]:
        """All distinct nonzero rotation steps, folds included."""
        steps = frozenset(self.folds)
        return steps.union(*(plan.rotations for plan in self.splits.values()))

    def apply(self, slots: FloatArray) -> FloatArray:
        """The map on cleartext slots, ``(..., ciphertexts, n_slots)`` in and out."""
        return self._evaluate(slots, absolute=False)

    def bound(self, slots: FloatArray) -> FloatArray:
        """A bound on every output slot, from a bound on every input slot.

        It covers the slots between the elements too, where a fold may leave partial sums.
        """
        return self._evaluate(slots, absolute=True)

    def transposed(self, slots: FloatArray) -> FloatArray:
        """The transposed map of the diagonals, without folds and bias.

        It takes derivatives by the sums in front of the folds, ``(..., ciphertexts, n_slots)``, to
        derivatives by the input's slots.
        """
        leading = slots.shape[:-2]
        back = np.zeros((*leading, self.in_layout.ciphertexts, self.in_layout.n_slots))
        for (o, i), diagonals in self.blocks.items():
            for shift, vector in diagonals.items():
                back[..., i, :] += np.roll(vector * slots[..., o, :], shift, axis=-1)
        return back

    def gathered(self, slots: FloatArray) -> FloatArray:
        """For every output slot, the sum of the input slots that its diagonals multiply.

        ``(..., ciphertexts, n_slots)`` in and out, all numbers 0 or more; folds are left out.
        """
        n_slots = self.in_layout.n_slots
        spectrum = np.fft.rfft(slots, axis=-1)
        total = np.zeros((*slots.shape[:-2], len(self.bias), spectrum.shape[-1]), np.complex128)
        for (o, i), diagonals in self.blocks.items():
            pattern = np.zeros(n_slots)
            pattern[list(diagonals)] = 1.0
            total[..., o, :] += np.conj(np.fft.rfft(pattern)) * spectrum[..., i, :]
        result: FloatArray = np.maximum(np.fft.irfft(total, n_slots, axis=-1), 0.0)
        return result

    def _evaluate(self, slots: FloatArray, absolute: bool) -> FloatArray:
        size = np.abs if absolute else np.positive
        leading = slots.shape[:-2]
        out = np.zeros((*leading, *self.bias.shape))
        for (o, i), diagonals in self.blocks.items():
            for shift, vector in diagonals.items():
                out[..., o, :] += size(vector) * np.roll(slots[..., i, :], -shift, axis=-1)
        for step in self.folds:
            out += np.roll(out, -step, axis=-1)
        result: FloatArray = out + size(self.bias)
        return result


def lower(
    affine: Affine,
    in_layout: TensorLayout,
    out_layout: TensorLayout | None = None,
    cost: PackingCost | None = None,
    *,
    clean: bool = False,
) -> PackedAffine:
    """The cheapest packing that the search finds of `affine` on inputs in `in_layout`.

    Without `out_layout` the candidates of `nn.packed.layout_candidates` compete. clean: the slots
    between the elements hold zeros, and no partial sums of a fold. Raises `PackingError` for
    layouts that do not suit the map.
    """
    cost = cost or DEFAULT_COST
    if in_layout.size != affine.in_size:
        raise PackingError(
            f"the input layout holds {in_layout.shape}, {in_layout.size} elements; the map takes "
            f"{affine.in_shape}, {affine.in_size}"
        )
    if out_layout is not None and out_layout.size != affine.out_size:
        raise PackingError(
            f"the output layout holds {out_layout.shape}, {out_layout.size} elements; the map "
            f"gives {affine.out_shape}, {affine.out_size}"
        )
    if out_layout is not None and out_layout.n_slots != in_layout.n_slots:
        raise PackingError(
            f"the layouts have {in_layout.n_slots} and {out_layout.n_slots} slots; one number is "
            "needed"
        )
    layouts = [out_layout] if out_layout else candidate_layouts(affine, in_layout)
    matrix = affine.matrix
    entry_rows, entry_columns = matrix.rows, matrix.indices
    columns = in_layout.positions[entry_columns]
    longest_row = int(np.diff(matrix.indptr).max())
    choices = [
        (layout, base) for layout in layouts for base in _fold_bases(in_layout, layout, clean)
    ]
    # What promises to be cheap comes first, so that the search soon knows a limit. Of choices of
    # equal rank the first one of `choices` is taken.
    order = sorted(range(len(choices)), key=lambda k: _most(in_layout, *choices[k], cost))
    best: tuple[tuple[float, int, int, int], int, _Diagonals] | None = None
    for number in order:
        layout, base = choices[number]
        limit = best[-1].cost if best else math.inf
        # Of a row's entries as many as the base goes into the period share a diagonal.
        least = -(-longest_row * base // in_layout.period)
        if cost.total({}, _folds(in_layout, base), least, layout) > limit:
            continue
        rows = layout.positions[entry_rows]
        found = _Diagonals.count(in_layout, layout, base, columns, rows, cost, limit)
        if found and (best is None or (found.rank, number) < best[:2]):
            best = found.rank, number, found
    assert best is not None
    return best[-1].fill(affine, matrix.data, columns, entry_rows)


def _most(
    in_layout: TensorLayout, out_layout: TensorLayout, base: int, cost: PackingCost
) -> float:
    """About what a choice costs if all its diagonals are needed."""
    diagonals = base * in_layout.ciphertexts * out_layout.ciphertexts
    return cost.total({}, _folds(in_layout, base), diagonals, out_layout)


def _folds(in_layout: TensorLayout, base: int) -> tuple[int, ...]:
    """R, 2R, .., S/2."""
    first, last = base.bit_length() - 1, in_layout.period.bit_length() - 1
    return tuple(1 << k for k in range(first, last))


@functools.lru_cache(maxsize=256)
def _split(
    classes: tuple[int, ...], n_slots: int, baby_cost: float, giant_cost: float, period: int
) -> BabyGiant:
    """`split`, once for the choices that have the same shifts."""
    return split(classes, n_slots, baby_cost, giant_cost, period=period)


def _fold_bases(in_layout: TensorLayout, out_layout: TensorLayout, clean: bool) -> list[int]:
    """Every base R for which folding leaves the rows where `out_layout` has them.

    After the fold a slot s holds the sum over ``s + k R`` up to the end of its input period S only
    if ``s mod S < R``. The other slots hold partial sums, which `clean` forbids. With a single
    period of rows the result repeats with R itself.
    """
    period = in_layout.period
    bases = [period]
    if out_layout.period < period:
        bases.append(out_layout.period)
    elif not clean:
        last = int((out_layout.positions % period).max())
        bases += [base for base in (1 << k for k in range(period.bit_length() - 1)) if base > last]
    return bases


@dataclass(frozen=True, eq=False)
class _Diagonals:
    """The diagonals that a choice of layouts and fold base needs, before they are filled.

    `keys` are the distinct values of ``(o inputs + i) base + shift mod base``, ascending.
    """

    in_layout: TensorLayout
    out_layout: TensorLayout
    base: int
    keys: IntArray
    plan: BabyGiant
    cost: float

    @property
    def rank(self) -> tuple[float, int, int, int]:
        """The order of choices: by cost, then by what is cheaper for the next layer."""
        layout = self.out_layout
        return self.cost, layout.ciphertexts, layout.period, self.keys.size

    @property
    def folds(self) -> tuple[int, ...]:
        """R, 2R, .., S/2."""
        return _folds(self.in_layout, self.base)

    @property
    def shifts(self) -> IntArray:
        """The step in [0, n_slots) that stands for each class modulo the base; -1 if unused."""
        table = np.full(self.base, -1, dtype=np.int64)
        steps = np.array([shift for _, _, shift in self.plan.terms], dtype=np.int64)
        table[steps % self.base] = steps
        return table

    @classmethod
    def count(
        cls,
        in_layout: TensorLayout,
        out_layout: TensorLayout,
        base: int,
        columns: IntArray,
        rows: IntArray,
        cost: PackingCost,
        limit: float,
    ) -> _Diagonals | None:
        """The choice, or None if it costs more than `limit`."""
        n_slots, inputs = in_layout.n_slots, in_layout.ciphertexts
        outputs = out_layout.ciphertexts
        used = np.zeros(outputs * inputs * base, dtype=bool)
        pairs = (rows // n_slots * inputs + columns // n_slots) * base
        for copy in _copies(in_layout, out_layout, base):
            used[pairs + ((columns - rows - copy) & (base - 1))] = True
        # A diagonal of zeros where an output ciphertext has no entry, so that it exists at all.
        by_output = used.reshape(outputs, inputs * base)
        by_output[~by_output.any(axis=1), 0] = True
        keys = np.flatnonzero(used)
        result = cls(in_layout, out_layout, base, keys, BabyGiant((), (), ()), 0.0)
        if cost.total({}, result.folds, keys.size, out_layout) > limit:
            return None
        plan = _split(
            tuple(distinct(keys & (base - 1)).tolist()),
            n_slots,
            cost.baby * inputs + cost.key,
            cost.giant * outputs + cost.key,
            base,
        )
        result = replace(result, plan=plan)
        total = cost.total(result._splits(), result.folds, keys.size, out_layout)
        return replace(result, cost=total)

    def _splits(self) -> dict[Block, BabyGiant]:
        """The plan of each block: what it uses of the plan of all."""
        inputs = self.in_layout.ciphertexts
        by_class = {shift % self.base: (g, b, shift) for g, b, shift in self.plan.terms}
        terms: dict[Block, list[tuple[int, int, int]]] = {}
        babies: dict[int, set[int]] = {}
        for pair, shift in zip(*np.divmod(self.keys, self.base), strict=True):
            block = divmod(int(pair), inputs)
            term = by_class[int(shift)]
            terms.setdefault(block, []).append(term)
            babies.setdefault(block[1], set()).add(term[1])
        return {
            block: _restricted(self.plan, block_terms, sorted(babies[block[1]]))
            for block, block_terms in terms.items()
        }

    def fill(
        self, affine: Affine, values: FloatArray, columns: IntArray, row_indices: IntArray
    ) -> PackedAffine:
        in_layout, out_layout = self.in_layout, self.out_layout
        n_slots, period, inputs = in_layout.n_slots, in_layout.period, in_layout.ciphertexts
        rows = out_layout.positions[row_indices]
        # What repeats in the vectors: both the input and, unless a fold makes it, the output.
        unit = max(period, out_layout.period)
        vectors = np.zeros((self.keys.size, unit))
        shifts = self.shifts
        pairs = (rows // n_slots * inputs + columns // n_slots) * self.base
        for copy in _copies(in_layout, out_layout, self.base):
            slots = rows % n_slots + copy
            classes = (columns - slots) & (self.base - 1)
            index = np.searchsorted(self.keys, pairs + classes)
            # The slot in the row's own period from which this shift reads the column.
            offsets = (columns - shifts[classes]) & (period - 1)
            sources = slots - (slots & (period - 1)) + offsets
            vectors[index, sources] = values
        full = np.tile(vectors, n_slots // unit)
        blocks: dict[Block, dict[int, FloatArray]] = {}
        for key, vector in zip(self.keys.tolist(), full, strict=True):
            pair, shift = divmod(key, self.base)
            blocks.setdefault(divmod(pair, inputs), {})[int(shifts[shift])] = vector
        full.setflags(write=False)
        return PackedAffine(
            blocks,
            self.folds,
            out_layout.pack_flat(affine.bias),
            in_layout,
            out_layout,
            self._splits(),
        )


def _copies(in_layout: TensorLayout, out_layout: TensorLayout, base: int) -> range:
    """The offsets of a row's repetitions within one input period; a fold makes its own."""
    if base == in_layout.period and out_layout.period < in_layout.period:
        return range(0, in_layout.period, out_layout.period)
    return range(1)


def _restricted(plan: BabyGiant, terms: list[tuple[int, int, int]], babies: list[int]) -> BabyGiant:
    """`plan` with these terms, these babies and only the giants that the terms need."""
    giants = sorted({giant for giant, _, _ in terms})
    new_giant = {old: new for new, old in enumerate(giants)}
    new_baby = {old: new for new, old in enumerate(babies)}
    return BabyGiant(
        tuple(plan.babies[baby] for baby in babies),
        tuple(plan.giants[giant] for giant in giants),
        tuple((new_giant[giant], new_baby[baby], shift) for giant, baby, shift in terms),
    )
