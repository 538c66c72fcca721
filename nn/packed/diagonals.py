"""The diagonals of an affine map between two layouts: which ones there are, and their values.

Which diagonals there are is counted first, without values: that is all that costs, keys and levels
depend on.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from he.ckks.circuits.bsgs import BabyGiant, distinct, split
from nn.network.layers import FloatArray
from nn.packed.layout import IntArray, TensorLayout
from nn.packed.packing_cost import Block, PackingCost
from nn.stages.affine import Affine


class Entries(NamedTuple):
    """Where the entries of a matrix lie in the diagonals, one copy of the rows.

    For each entry: the place of its `diagonal` among all, its `slot` there, and the slot `source`
    that the diagonal's rotation brings there: ``(slot + shift) mod n_slots``. output, input: the
    ciphertexts of its row and of its column.
    """

    diagonal: IntArray
    slot: IntArray
    source: IntArray
    output: IntArray
    input: IntArray


@dataclass(frozen=True, eq=False)
class Diagonals:
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
        return folds_from(self.in_layout, self.base)

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
    ) -> Diagonals | None:
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
        if cost.total({}, result.folds, keys.size, in_layout, out_layout) > limit:
            return None
        plan = _split(
            tuple(distinct(keys & (base - 1)).tolist()),
            n_slots,
            cost.baby * inputs + cost.key,
            cost.giant * outputs + cost.key,
            base,
        )
        result = replace(result, plan=plan)
        total = cost.total(result.splits(), result.folds, keys.size, in_layout, out_layout)
        return replace(result, cost=total)

    def splits(self) -> dict[Block, BabyGiant]:
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

    @property
    def unit(self) -> int:
        """A number of slots with which all diagonals repeat."""
        # Both the input and, unless a fold makes it, the output.
        return max(self.in_layout.period, self.out_layout.period)

    def entries(self, affine: Affine) -> list[Entries]:
        """Where the entries of the map's matrix lie, for each copy of the rows."""
        in_layout, out_layout, base = self.in_layout, self.out_layout, self.base
        n_slots, period, inputs = in_layout.n_slots, in_layout.period, in_layout.ciphertexts
        columns = in_layout.positions[affine.matrix.indices]
        rows = out_layout.positions[affine.matrix.rows]
        output, own = np.divmod(rows, n_slots)
        source = columns // n_slots
        pairs = (output * inputs + source) * base
        shifts = self.shifts
        place = np.zeros(out_layout.ciphertexts * inputs * base, dtype=np.int64)
        place[self.keys] = np.arange(self.keys.size)
        found = []
        for copy in _copies(in_layout, out_layout, base):
            slots = own + copy
            classes = (columns - slots) & (base - 1)
            index = place[pairs + classes]
            # The slot in the row's own period from which this shift reads the column.
            steps = shifts[classes]
            read = slots - (slots & (period - 1)) + ((columns - steps) & (period - 1))
            found.append(Entries(index, read, (read + steps) & (n_slots - 1), output, source))
        return found

    def vectors(self, affine: Affine) -> FloatArray:
        """The values of the diagonals, one `unit` of each: (diagonals, unit)."""
        found = np.zeros((self.keys.size, self.unit))
        for entries in self.entries(affine):
            found[entries.diagonal, entries.slot] = affine.matrix.data
        return found

    def places(self) -> list[tuple[Block, int]]:
        """The block and the shift of each diagonal."""
        shifts, inputs = self.shifts, self.in_layout.ciphertexts
        places = []
        for key in self.keys.tolist():
            pair, shift = divmod(key, self.base)
            places.append((divmod(pair, inputs), int(shifts[shift])))
        return places


def folds_from(in_layout: TensorLayout, base: int) -> tuple[int, ...]:
    """R, 2R, .., S/2."""
    first, last = base.bit_length() - 1, in_layout.period.bit_length() - 1
    return tuple(1 << k for k in range(first, last))


@functools.lru_cache(maxsize=256)
def _split(
    classes: tuple[int, ...], n_slots: int, baby_cost: float, giant_cost: float, period: int
) -> BabyGiant:
    """`split`, once for the choices that have the same shifts."""
    return split(classes, n_slots, baby_cost, giant_cost, period=period)


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
