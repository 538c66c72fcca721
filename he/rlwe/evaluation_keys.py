"""`EvaluationKeys`: the switching keys that an evaluator is given, and their bytes."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from he.errors import (
    MissingGaloisKeyError,
    MissingKeyError,
    MissingRelinearizationKeyError,
    ParameterError,
    ParametersMismatchError,
)
from he.format.container import Contents, packed_size
from he.rlwe.key_elements import CHANGES_OF_SECRET
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keys import KeySwitchingKey, section_names
from he.rlwe.owned_object import OwnedObject
from he.rlwe.parallel import map_threads
from he.rlwe.params import RLWEParameters
from he.rlwe.sampling import SEED_BYTES
from he.rlwe.serializable import Encoded
from he.trace import RELINEARIZATION
from he.validation import instance, items_of, whole_number


@dataclass(frozen=True, eq=False)
class EvaluationKeys(OwnedObject):
    """What an evaluator is given: public keys for relinearization and for Galois elements.

    relinearization, galois: the key of each element for the highest level at which it is used.
    lower: keys for lower levels that those do not serve, where levels are no chain.
    """

    kind = "evaluation keys"

    params: RLWEParameters
    relinearization: KeySwitchingKey | None = None
    galois: Mapping[int, KeySwitchingKey] = field(default_factory=dict)
    lower: tuple[KeySwitchingKey, ...] = ()

    def __post_init__(self) -> None:
        instance(self.params, RLWEParameters, "the parameter set of evaluation keys")
        named = dict(instance(self.galois, Mapping, "the galois of evaluation keys"))
        object.__setattr__(self, "galois", named)
        if self.relinearization is not None:
            named = {**named, RELINEARIZATION: self.relinearization}
        lower = items_of(self.lower, "the lower of evaluation keys")
        object.__setattr__(self, "lower", tuple(lower))
        for key in lower:
            instance(key, KeySwitchingKey, "a key for a lower level")
            if key.element not in named:
                raise ParameterError(
                    f"there is a key of element {key.element} for level {key.level} and none for "
                    f"its highest level: make evaluation keys with `EvaluationKeys.of`"
                )
        for element, key in [*named.items(), *((key.element, key) for key in lower)]:
            instance(key, KeySwitchingKey, f"the key of element {element}")
            if key.params != self.params:
                raise ParametersMismatchError(
                    f"the key of element {element} belongs to {key.params}, not to {self.params}"
                )
            if key.element != element:
                raise ParameterError(
                    f"the key of element {key.element} stands in the place of {element}"
                )

    @property
    def memory_bytes(self) -> int:
        """Bytes of the expanded keys in memory."""
        return sum(key.data.nbytes for key in self._ordered)

    @classmethod
    def of(cls, params: RLWEParameters, keys: Iterable[KeySwitchingKey]) -> Self:
        """These keys; of one element there may be several, for different levels."""
        given = [
            instance(key, KeySwitchingKey, "an evaluation key") for key in items_of(keys, "keys")
        ]
        upwards = sorted(given, key=lambda key: key.level)
        highest = {key.element: key for key in upwards}  # of an element's keys, the last one stays
        lower = tuple(key for key in upwards if highest[key.element] is not key)
        return cls(params, highest.pop(RELINEARIZATION, None), highest, lower)

    @functools.cached_property
    def _ordered(self) -> list[KeySwitchingKey]:
        """Every key in the order of the bytes, which is that of `KeyNeeds.levels`."""
        keys = [*self.galois.values(), *self.lower]
        if self.relinearization is not None:
            keys.append(self.relinearization)
        return sorted(keys, key=lambda key: (key.element, -key.level))

    @functools.cached_property
    def _by_element(self) -> dict[int, list[KeySwitchingKey]]:
        keys: dict[int, list[KeySwitchingKey]] = {}
        for key in self._ordered:
            keys.setdefault(key.element, []).append(key)
        return keys

    def _levels_of(self, element: int) -> Sequence[int]:
        """The levels of an element's keys, the highest first."""
        return [key.level for key in self._by_element.get(element, ())]

    def _key(self, element: int, level: int) -> KeySwitchingKey:
        """The key of an element that was made for a level, of which there is one."""
        return next(key for key in self._by_element[element] if key.level == level)

    def _serving(self, element: int, level: int) -> int:
        """The level of an element's key that serves `level`; raises `MissingKeyError`."""
        levels, made = self.params.levels, self._levels_of(element)
        if 0 <= level < len(levels):
            for own in made:
                if own >= level and levels[own].serves(levels[level]):
                    return own
        found = f"the one given serves level {' and '.join(map(str, made))}"
        if element == RELINEARIZATION:
            raise MissingRelinearizationKeyError(
                f"a relinearization key for level {level} is needed, "
                f"{found if made else 'there is none'}: make it with "
                f"KeyNeeds(relinearization={level})"
            )
        found = found if made else "it is missing"
        if element in CHANGES_OF_SECRET:
            raise MissingKeyError(
                f"the bootstrapping key for level {level} is needed, {found}: "
                f"make the keys that `Bootstrapper.needs` names"
            )
        raise MissingGaloisKeyError(
            f"the key of Galois element {element} for level {level} is needed, {found}: make it "
            f"with KeyNeeds(galois={{{element}: {level}}}); the rotation by k is element 3^k mod 2N"
        )

    def check(self, needs: KeyNeeds) -> None:
        """Raise `MissingKeyError` unless there is a key for every element and level in `needs`."""
        for element, level in instance(needs, KeyNeeds, "the needs").levels():
            self._serving(element, level)

    @classmethod
    def serialized_bytes(cls, params: RLWEParameters, needs: KeyNeeds) -> int:
        """Exactly how many bytes the (seeded) keys for `needs` take, before any is made."""
        levels = instance(needs, KeyNeeds, "the needs").made(params)
        items = [[element, level, bytes(SEED_BYTES)] for element, level in levels]
        sizes = {
            section: KeySwitchingKey.packed_bytes(params, level)
            for section, (_, level) in zip(section_names(items), levels, strict=True)
        }
        return packed_size(cls.kind, {"params": params.id, "keys": items}, sizes)

    def for_relinearization(self, level: int) -> KeySwitchingKey:
        """The relinearization key for `level`; raises `MissingRelinearizationKeyError`."""
        level = whole_number(level, "level")
        return self._key(RELINEARIZATION, self._serving(RELINEARIZATION, level))

    def for_element(self, element: int, level: int) -> KeySwitchingKey:
        """The key of a Galois element for `level`; raises `MissingGaloisKeyError`."""
        element, level = whole_number(element, "the Galois element"), whole_number(level, "level")
        return self._key(element, self._serving(element, level))

    def for_change_of_secret(self, element: int, level: int) -> KeySwitchingKey:
        """The key `he.trace.TO_SPARSE` or `FROM_SPARSE` for `level`; raises `MissingKeyError`."""
        element, level = whole_number(element, "the key"), whole_number(level, "level")
        return self._key(element, self._serving(element, level))

    def _encoded(self) -> Encoded:
        packed = map_threads(KeySwitchingKey.packed, self._ordered)
        items = [key.item for key in self._ordered]
        return {"keys": items}, dict(zip(section_names(items), packed, strict=True))

    @classmethod
    def _decoded(cls, contents: Contents, params: RLWEParameters) -> Self:
        items = contents.field("keys", list)
        sections = section_names(items)
        contents.check_sections(sections)
        keys = map_threads(
            lambda found: KeySwitchingKey.read(contents, *found, params),
            list(zip(sections, items, strict=True)),
        )
        return cls.of(params, keys)
