"""The list of keys that a circuit needs, and its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from he.errors import CorruptBytesError
from he.format.container import Contents, checked_values, unpack
from he.rlwe import galois
from he.rlwe.owned_object import checked_level
from he.rlwe.params import RLWEParameters
from he.rlwe.serializable import Buffer, Encoded, Serializable
from he.trace import RELINEARIZATION
from he.validation import instance, items_of, whole_number
from ntt.modulus import MAX_RING_DEGREE


@dataclass(frozen=True)
class KeyNeeds(Serializable):
    """The keys that a circuit needs, and the highest level at which it uses each.

    relinearization: the level, or None. galois: {Galois element: level}. Raises `ParameterError`
    for what are no whole numbers, `WrongObjectError` for no mapping.
    """

    kind = "key needs"

    relinearization: int | None = None
    galois: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.relinearization is not None:
            level = whole_number(self.relinearization, "the level of relinearization")
            object.__setattr__(self, "relinearization", level)
        named = instance(self.galois, Mapping, "the galois of `KeyNeeds`, {element: level},")
        levels = {
            whole_number(element, "a Galois element"): whole_number(level, "the level of a key")
            for element, level in named.items()
        }
        object.__setattr__(self, "galois", levels)

    @staticmethod
    def union(needs: Iterable[KeyNeeds]) -> KeyNeeds:
        """Every key that any of `needs` names, at the highest level named."""
        relinearization: int | None = None
        galois: dict[int, int] = {}
        for need in items_of(needs, "the needs"):
            instance(need, KeyNeeds, "one of the needs")
            if need.relinearization is not None:
                relinearization = max(need.relinearization, relinearization or 0)
            for element, level in need.galois.items():
                galois[element] = max(level, galois.get(element, 0))
        return KeyNeeds(relinearization, dict(sorted(galois.items())))

    def check(self, params: RLWEParameters) -> None:
        """Raise `ParameterError` unless every level and Galois element exists in `params`."""
        instance(params, RLWEParameters, "the parameter set")
        levels = list(self.galois.values())
        if self.relinearization is not None:
            levels.append(self.relinearization)
        for level in levels:
            whole_number(level, "key level", 0, params.max_level)
        for element in self.galois:
            galois.check_element(element, params.N)

    def levels(self) -> list[tuple[int, int]]:
        """(element, level) of every key in the order of the bytes: relinearization is first."""
        first = [] if self.relinearization is None else [(RELINEARIZATION, self.relinearization)]
        return first + sorted(self.galois.items())

    @classmethod
    def from_bytes(cls, data: Buffer, params: RLWEParameters | None = None) -> Self:
        """A list of needed keys from its bytes, checked against `params` where given.

        Raises `SerializationError` for other, altered or truncated bytes.
        """
        if params is not None:
            instance(params, RLWEParameters, "the parameter set")
        return cls._decoded(unpack(data, cls.kind), params)

    def _encoded(self) -> Encoded:
        return {"keys": [list(pair) for pair in self.levels()]}, {}

    @classmethod
    def _decoded(cls, contents: Contents, params: RLWEParameters | None) -> Self:
        contents.check_sections(())
        levels: dict[int, int] = {}
        for item in contents.field("keys", list):
            element, level = checked_values(item, "a needed key", int, int)
            if element in levels:
                raise CorruptBytesError(f"Galois element {element} is listed twice")
            if element != RELINEARIZATION:
                check_read_element(element, params)
            levels[element] = checked_level(level, params)
        return cls(levels.pop(RELINEARIZATION, None), levels)


def check_read_element(element: int, params: RLWEParameters | None) -> None:
    """Raise `CorruptBytesError` unless a Galois element that was read exists in `params`."""
    limit = 2 * (params.N if params is not None else MAX_RING_DEGREE)
    if element % 2 == 0 or not 1 <= element < limit:
        raise CorruptBytesError(f"Galois element {element}: it must be odd and in [1, {limit})")
