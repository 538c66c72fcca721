"""Raising the modulus of a ciphertext, under an ephemeral sparse secret.

The ciphertext at level 0 is switched to a sparse secret, its residues modulo q_0 are read modulo
all primes of the top level, and it is switched back (Bossuat, Troncoso-Pastoriza, Hubaux, ACNS
2022, section 4). What is raised decrypts to m + q_0 I with few values of I, since the secret is
sparse.
"""

from __future__ import annotations

import numpy as np

from he.ckks.ciphertext import Ciphertext
from he.ckks.evaluator import Evaluator
from he.rlwe.raising import ModulusRaising
from he.trace import FROM_SPARSE, TO_SPARSE
from ntt.memory import large_array


def raised(evaluator: Evaluator, x: Ciphertext) -> Ciphertext:
    """x, at level 0, as a ciphertext of the top level whose coefficients are those of x and
    multiples of q_0. Its scale is said to be the canonical one.
    """
    params, top = evaluator.params, evaluator.params.max_level
    hidden = _switched(evaluator, x.data, 0, TO_SPARSE)
    data = large_array((2, params.levels[top].limbs, params.N))
    evaluator.context.companion(ModulusRaising, top)(params, hidden, data)
    evaluator.note("raise_modulus", 0, (hidden,), data, to_level=top)
    return evaluator.result(_switched(evaluator, data, top, FROM_SPARSE), params.scales[top], top)


def _switched(evaluator: Evaluator, data: np.ndarray, level: int, element: int) -> np.ndarray:
    """data (2, limbs, N) with its second part switched by a key for a change of secret."""
    key = evaluator.keys.for_change_of_secret(element, level)
    switcher = evaluator.switcher(level)
    (accumulator,) = switcher.switched(data[1], [key])
    out = switcher.mod_down(accumulator)
    switcher.q.add(out[0], out[0], data[0])
    evaluator.note("switch_key", level, (data,), out, keys=(key,))
    return out
