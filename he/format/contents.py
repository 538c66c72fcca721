"""What a container holds, and how a reader takes it: each item of exactly the type it must have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from he.errors import CorruptBytesError
from he.format.residue_packing import Allocate, unpack_residues
from ntt.memory import large_array

Section = NDArray[Any] | memoryview
"""What a section holds once read: an array, or a read-only view of opaque bytes."""

Field = TypeVar("Field", bool, int, float, str, bytes, list[Any], dict[str, Any])


class Contents(NamedTuple):
    """What a container holds: the header, and the sections by name.

    The methods fetch one item and raise `CorruptBytesError` where the item is missing, or of
    another type or shape than the reader needs.
    """

    header: dict[str, Any]
    sections: dict[str, Section]

    def field(self, name: str, needed: type[Field]) -> Field:
        """The header's item `name`, of exactly the type `needed` (a bool is no int)."""
        value = self.header.get(name)
        if type(value) is not needed:
            found = type(value).__name__ if name in self.header else "missing"
            raise CorruptBytesError(
                f"header field {name!r} is {found}, needed is {needed.__name__}"
            )
        return value

    def array(self, name: str, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
        """The array `name`, of exactly this dtype and shape."""
        section = self.sections.get(name)
        if isinstance(section, np.ndarray):
            found = f"{section.dtype.name} of shape {section.shape}"
            if section.dtype.name == dtype and section.shape == tuple(shape):
                return section
        else:
            found = "missing" if section is None else "opaque bytes"
        raise CorruptBytesError(
            f"section {name!r} is {found}, needed is {dtype} of shape {tuple(shape)}"
        )

    def octets(self, name: str) -> memoryview:
        """The opaque bytes `name`, as a read-only view."""
        section = self.sections.get(name)
        if not isinstance(section, memoryview):
            found = "missing" if section is None else "an array"
            raise CorruptBytesError(f"section {name!r} is {found}, needed are opaque bytes")
        return section

    def residues(
        self,
        name: str,
        moduli: Sequence[int],
        shape: Sequence[int],
        allocate: Allocate = large_array,
    ) -> NDArray[np.uint64]:
        """The residues packed in `name`: `shape` = (..., len(moduli), N), each value checked."""
        return unpack_residues(self.octets(name), moduli, shape, allocate)

    def check_sections(self, names: Iterable[str]) -> None:
        """Raise `CorruptBytesError` unless the sections are these, each named once."""
        needed = sorted(names)
        if needed != sorted(self.sections):
            raise CorruptBytesError(
                f"{len(self.sections)} sections do not match the {len(needed)} items listed"
            )


def checked_values(item: object, what: str, *types: type[Any]) -> Sequence[Any]:
    """`item`, if it is a list of values of exactly these types (a bool is no int).

    Raises `CorruptBytesError` otherwise; `what` is the item's name in the message.
    """
    if not isinstance(item, list) or len(item) != len(types):
        raise CorruptBytesError(f"{what} is not described by {len(types)} values")
    for value, needed in zip(item, types, strict=True):
        if type(value) is not needed:
            raise CorruptBytesError(
                f"{what}: {type(value).__name__} stands where {needed.__name__} is needed"
            )
    return item
