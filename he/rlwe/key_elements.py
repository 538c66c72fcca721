"""What names a switching key: a Galois element, relinearization, or a change of secret."""

from __future__ import annotations

from he.rlwe import galois
from he.trace import FROM_SPARSE, RELINEARIZATION, TO_SPARSE

CHANGES_OF_SECRET = (TO_SPARSE, FROM_SPARSE)
"""The two keys of bootstrapping, which are made together."""

NO_GALOIS_ELEMENTS = (RELINEARIZATION, *CHANGES_OF_SECRET)
"""What names a key and is no Galois element; those are odd."""


def check_key_element(element: int, N: int) -> None:
    """Raise `ParameterError` unless `element` names a switching key of ring degree N."""
    if element not in NO_GALOIS_ELEMENTS:
        galois.check_element(element, N)
