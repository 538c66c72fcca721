"""CKKS of this library with levels made of words (`he.ckks.word_levels`), beside a chain."""

from __future__ import annotations

import he
from benchmarks.peers.ckks.he_accel import OwnLibrary, library_of
from benchmarks.peers.library import Case, UnsupportedCase

_WORD_BITS = 50
_INTEGER_BITS = 5


def set_up(case: Case) -> OwnLibrary:
    """As that of `he_accel`. Raises `UnsupportedCase`, without words, for a case of other scales:
    words pay where a scale is far below a word.
    """
    if case.scale_bits is None:
        raise UnsupportedCase
    params = he.CKKSParameters.build(
        case.depth,
        N=case.N,
        scale_bits=case.scale_bits,
        integer_bits=_INTEGER_BITS,
        word_bits=_WORD_BITS,
    )
    return library_of(case, params, "he-accel words")
