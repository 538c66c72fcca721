"""The list of keys that a circuit needs, and its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from he.errors import CorruptBytesError, ParameterError
from he.format.container import Contents, checked_values, unpack
from he.levels import serving_levels
from he.rlwe import galois
from he.rlwe.key_elements import CHANGES_OF_SECRET, NO_GALOIS_ELEMENTS, check_key_element
from he.rlwe.owned_object import checked_level
from he.rlwe.params import RLWEParameters
from he.rlwe.serializable import Buffer, Encoded, Serializable
from he.trace import RELINEARIZATION
from he.validation import instance, items_of, shown, whole_number
from ntt.modulus import MAX_RING_DEGREE


@dataclass(frozen=True)
class KeyNeeds(Serializable):
    """The keys that a circuit needs, and the highest level at which it uses each.

    relinearization: the level, or None. galois: {Galois element: level}, and the levels of
    `he.trace.TO_SPARSE` and `FROM_SPARSE` where a circuit bootstraps. lower: (element, level)
    for each lower level at which a key is used, element 0 for relinearization; only parameter sets
    whose levels are no chain need keys for those. Raises `ParameterError` for what are no whole
    numbers, `WrongObjectError` for no mapping.
    """

    kind = "key needs"

    relinearization: int | None = None
    galois: Mapping[int, int] = field(default_factory=dict)
    lower: tuple[tuple[int, int], ...] = ()

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
        lower = {_pair(item) for item in items_of(self.lower, "the lower of `KeyNeeds`")}
        object.__setattr__(self, "lower", tuple(sorted(lower)))

    @classmethod
    def of(cls, used: Iterable[tuple[int, int]]) -> Self:
        """The keys of (element, level) pairs, element 0 for relinearization."""
        pairs = sorted({_pair(item) for item in items_of(used, "the keys that are used")})
        highest = dict(pairs)  # of an element's pairs, the last one stays
        lower = tuple(pair for pair in pairs if pair[1] < highest[pair[0]])
        return cls(highest.pop(RELINEARIZATION, None), highest, lower)

    def made(self, params: RLWEParameters) -> list[tuple[int, int]]:
        """(element, level) of the fewest keys that serve: relinearization first, then by element,
        the highest level of each first.

        Raises `ParameterError` as `check`.
        """
        self.check(params)
        used: dict[int, list[int]] = {}
        for element, level in self.levels():
            used.setdefault(element, []).append(level)
        return [
            (element, level)
            for element, levels in used.items()
            for level in serving_levels(params.levels, levels)
        ]

    def without_served(self, params: RLWEParameters) -> KeyNeeds:
        """The same needs, without the levels that the key of a higher one serves."""
        return KeyNeeds.of(self.made(params))

    @staticmethod
    def union(needs: Iterable[KeyNeeds]) -> KeyNeeds:
        """Every key that any of `needs` names, at every level named."""
        given = [
            instance(need, KeyNeeds, "one of the needs") for need in items_of(needs, "the needs")
        ]
        return KeyNeeds.of(pair for need in given for pair in need.levels())

    def check(self, params: RLWEParameters) -> None:
        """Raise `ParameterError` unless every level and Galois element exists in `params`."""
        instance(params, RLWEParameters, "the parameter set")
        for element, level in self.levels():
            whole_number(level, "key level", 0, params.max_level)
            check_key_element(element, params.N)
        if RELINEARIZATION in self.galois:
            galois.check_element(RELINEARIZATION, params.N)
        changes = [element for element in CHANGES_OF_SECRET if element in self.galois]
        if len(changes) == 1:
            raise ParameterError(
                f"the keys {CHANGES_OF_SECRET} to a sparse secret and back are made together, and "
                f"only {changes[0]} is needed: take the needs of a `Bootstrapper` as they are"
            )

    def levels(self) -> list[tuple[int, int]]:
        """(element, level) of every key in the order of the bytes: relinearization is first, and of
        an element the highest level.
        """
        first = [] if self.relinearization is None else [(RELINEARIZATION, self.relinearization)]
        pairs = [*first, *self.galois.items(), *self.lower]
        return sorted(pairs, key=lambda pair: (pair[0], -pair[1]))

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
        pairs: list[tuple[int, int]] = []
        for item in contents.field("keys", list):
            element, level = checked_values(item, "a needed key", int, int)
            check_read_element(element, params)
            pairs.append((element, checked_level(level, params)))
        needs = cls.of(pairs)
        if pairs != needs.levels():
            raise CorruptBytesError("needed keys are not in their order, or listed twice")
        return needs


def _pair(item: object) -> tuple[int, int]:
    """(Galois element, level) of a key, as whole numbers."""
    pair = items_of(item, "a key that is used, (Galois element, level),")
    if len(pair) != 2:
        raise ParameterError(f"{shown(item)}: (Galois element, level) is needed")
    element, level = pair
    return whole_number(element, "a Galois element"), whole_number(level, "the level of a key")


def check_read_element(element: int, params: RLWEParameters | None) -> None:
    """Raise `CorruptBytesError` unless an element that was read names a key in `params`."""
    if element in NO_GALOIS_ELEMENTS:
        return
    limit = 2 * (params.N if params is not None else MAX_RING_DEGREE)
    if element % 2 == 0 or not 1 <= element < limit:
        raise CorruptBytesError(f"Galois element {element}: it must be odd and in [1, {limit})")
