"""Evaluation keys in a file, each read when it is used and forgotten when memory is needed."""

from __future__ import annotations

import mmap
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from he.errors import CorruptBytesError, ParameterError
from he.format.container import Contents, unpack
from he.format.residue_packing import check_length
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.keys import KeySwitchingKey, section_names
from he.rlwe.owned_object import check_owned
from he.rlwe.params import RLWEParameters
from he.trace import RELINEARIZATION
from he.validation import file_path, instance, whole_number


class StoredKeys(EvaluationKeys):
    """Evaluation keys in a file of the bytes of `EvaluationKeys`, as
    `KeyGenerator.write_evaluation_keys` writes it. They stand wherever evaluation keys do.

    path: the file, all of whose bytes are looked at once. It is mapped, not read: a key is
    unpacked, and its second half expanded from its seed, when it is first used. Meanwhile another
    file may take its place, but its bytes must stay as they are. most_bytes: the
    memory that keys may take between their uses, None for all; those used last stay. A circuit
    holds the keys of its present step besides (`Bootstrapper.working_key_bytes`).

    Raises `CorruptBytesError` for a file that is cut or altered, `ForeignBytesError` for another
    one, `ParametersMismatchError` for keys of other parameters, `ParameterError` for `most_bytes`
    below the largest key, `OSError` where the file cannot be read. A file that is cut later is
    refused with `CorruptBytesError` when a key is read.
    """

    def __init__(
        self, path: Path | str, params: RLWEParameters, most_bytes: int | None = None
    ) -> None:
        path = file_path(path, "the file of stored keys")
        instance(params, RLWEParameters, "the parameter set of stored keys")
        if most_bytes is not None:
            most_bytes = whole_number(most_bytes, "most_bytes", 1)
        with path.open("rb") as file:
            try:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:  # of no bytes
                raise CorruptBytesError(f"{path}: the file is empty") from error
        contents = unpack(memoryview(mapped), self.kind)
        check_owned(contents, params, self.kind)
        _forget(mapped)
        object.__setattr__(self, "params", params)
        self.__dict__["_file"] = _KeyFile(params, contents, mapped, most_bytes)

    @property
    def relinearization(self) -> KeySwitchingKey | None:
        """The relinearization key of the highest level, read from the file; None without one."""
        levels = self._levels_of(RELINEARIZATION)
        return self._key(RELINEARIZATION, levels[0]) if levels else None

    @property
    def galois(self) -> Mapping[int, KeySwitchingKey]:
        """The key of each other element for its highest level, read when it is asked for."""
        return _Highest(self._stored)

    @property
    def lower(self) -> tuple[KeySwitchingKey, ...]:
        """The keys for lower levels, read from the file."""
        return tuple(
            self._key(element, level)
            for element, levels in self._stored.levels.items()
            for level in levels[1:]
        )

    @property
    def memory_bytes(self) -> int:
        """Bytes of the keys that are in memory now."""
        return self._stored.held_bytes

    def to_bytes(self) -> bytes:
        """The bytes of the file; raises `CorruptBytesError` where it was cut."""
        self._stored.check_whole()
        return bytes(self._stored.mapped)

    def __repr__(self) -> str:
        """Without a look at any key."""
        levels = self._stored.levels
        return f"StoredKeys({sum(map(len, levels.values()))} keys of {self.params})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as evaluation keys: another machine does not have the file."""
        return EvaluationKeys.from_bytes, (self.to_bytes(), self.params)

    @classmethod
    def _decoded(cls, contents: Contents, params: RLWEParameters) -> Self:
        raise ParameterError("stored keys stay in their file: use StoredKeys(path, params)")

    @classmethod
    def of(  # type: ignore[override]
        cls, params: RLWEParameters, keys: Iterable[KeySwitchingKey]
    ) -> EvaluationKeys:
        """`EvaluationKeys.of`: these keys are in memory."""
        return EvaluationKeys.of(params, keys)

    @property
    def _stored(self) -> _KeyFile:
        stored: _KeyFile = self.__dict__["_file"]
        return stored

    def _levels_of(self, element: int) -> Sequence[int]:
        return self._stored.levels.get(element, ())

    def _key(self, element: int, level: int) -> KeySwitchingKey:
        return self._stored.key(element, level)


class _KeyFile:
    """A mapped file of keys, and those of its keys that are in memory."""

    def __init__(
        self, params: RLWEParameters, contents: Contents, mapped: mmap.mmap, most_bytes: int | None
    ) -> None:
        self.mapped = mapped
        self.levels: dict[int, list[int]] = {}
        self.held_bytes = 0
        self._params, self._contents, self._most_bytes = params, contents, most_bytes
        self._held: OrderedDict[tuple[int, int], KeySwitchingKey] = OrderedDict()
        self._places: dict[tuple[int, int], tuple[str, Any]] = {}
        self._lock = threading.RLock()
        items = contents.field("keys", list)
        sections = section_names(items)
        contents.check_sections(sections)
        largest = 0
        for section, item in zip(sections, items, strict=True):
            element, level, seed = KeySwitchingKey.read_item(item, params)
            moduli = params.primes(level) + params.special_primes(level)
            parts = (params.digits(level),) if seed else (params.digits(level), 2)
            check_length(contents.octets(section), moduli, (*parts, len(moduli), params.N))
            self.levels.setdefault(element, []).append(level)
            self._places[element, level] = section, item
            largest = max(largest, KeySwitchingKey.held_bytes(params, level))
        for levels in self.levels.values():
            if levels != sorted(set(levels), reverse=True):
                raise CorruptBytesError("stored keys are not in their order, or listed twice")
        if most_bytes is not None and most_bytes < largest:
            raise ParameterError(
                f"most_bytes = {most_bytes}: the largest key takes {largest} bytes in use, allow "
                f"that much or more"
            )

    def key(self, element: int, level: int) -> KeySwitchingKey:
        """A key, from memory or from the file; raises `CorruptBytesError` for residues out of range
        and for a file that was cut.
        """
        place = element, level
        with self._lock:
            if place in self._held:
                self._held.move_to_end(place)
                return self._held[place]
            self.check_whole()
            size = KeySwitchingKey.held_bytes(self._params, level)
            while self._most_bytes is not None and self.held_bytes + size > self._most_bytes:
                _, forgotten = self._held.popitem(last=False)
                self.held_bytes -= forgotten.data.nbytes
            section, item = self._places[place]
            key = KeySwitchingKey.read(self._contents, section, item, self._params)
            self._held[place] = key
            self.held_bytes += size
            _forget(self.mapped)
            return key

    def check_whole(self) -> None:
        """Raise `CorruptBytesError` where the file was cut: to read what is gone ends a process."""
        found, needed = self.mapped.size(), len(self.mapped)
        if found < needed:
            raise CorruptBytesError(
                f"the file of stored keys was cut to {found} of its {needed} bytes while it was in "
                f"use: write it again, beside the one in use"
            )


class _Highest(Mapping[int, KeySwitchingKey]):
    """{element: its key for the highest level}, of every element but relinearization."""

    def __init__(self, file: _KeyFile) -> None:
        self._file = file

    def __getitem__(self, element: int) -> KeySwitchingKey:
        if element == RELINEARIZATION:
            raise KeyError(element)
        return self._file.key(element, self._file.levels[element][0])

    def __iter__(self) -> Iterator[int]:
        return (element for element in self._file.levels if element != RELINEARIZATION)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _forget(mapped: mmap.mmap) -> None:
    """Let the system take back the memory of what was read of a file, which it keeps on disk."""
    if hasattr(mapped, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
