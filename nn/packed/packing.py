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

import math

import numpy as np

from nn.packed.diagonals import Diagonals, folds_from
from nn.packed.layout import PackingError, TensorLayout
from nn.packed.layout_candidates import candidate_layouts
from nn.packed.packed_affine import PackedAffine
from nn.packed.packing_cost import DEFAULT_COST, PackingCost
from nn.stages.affine import Affine


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
    best: tuple[tuple[float, int, int, int], int, Diagonals] | None = None
    for number in order:
        layout, base = choices[number]
        limit = best[-1].cost if best else math.inf
        # Of a row's entries as many as the base goes into the period share a diagonal.
        least = -(-longest_row * base // in_layout.period)
        if cost.total({}, folds_from(in_layout, base), least, in_layout, layout) > limit:
            continue
        rows = layout.positions[entry_rows]
        found = Diagonals.count(in_layout, layout, base, columns, rows, cost, limit)
        if found and (best is None or (found.rank, number) < best[:2]):
            best = found.rank, number, found
    assert best is not None
    return PackedAffine(affine, best[-1])


def _most(in_layout: TensorLayout, out_layout: TensorLayout, base: int, cost: PackingCost) -> float:
    """About what a choice costs if all its diagonals are needed."""
    diagonals = base * in_layout.ciphertexts * out_layout.ciphertexts
    return cost.total({}, folds_from(in_layout, base), diagonals, in_layout, out_layout)


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
