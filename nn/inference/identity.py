"""`Ids`: which plan, whose keys and which request encrypted images and answers belong to.

The ids find accidents: a server that mixes up clients, a queue that delivers an answer twice, a
proxy that repeats an old one. They are no signature. Whoever can alter an answer can alter its ids.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from he.errors import CorruptBytesError, VersionError
from he.format.container import Contents
from he.validation import instance
from nn.errors import IdentityError

ID_BYTES = 16
VERSION = 2
"""The version of encrypted images and answers with ids; version 1 had none."""


@dataclass(frozen=True)
class Ids:
    """The ids of encrypted images, or of the answer to them.

    plan: the id of the plan. key: the id of the client's keys, drawn with the secret key; empty
    where keys of version 1 have none. request: the id of the request, drawn for each encryption of
    images; the server copies it to the answer. is_answer: whether a server made the ciphertexts.
    """

    plan: bytes
    key: bytes
    request: bytes
    is_answer: bool = False

    def answered(self, key: bytes) -> Ids:
        """The ids of an answer that was computed with the keys of this id."""
        return replace(self, key=key or self.key, is_answer=True)

    @property
    def header(self) -> dict[str, object]:
        """The ids in the header of bytes, with the version that has them."""
        return {"version": VERSION, "ids": [self.plan, self.key, self.request, self.is_answer]}

    @classmethod
    def read(cls, contents: Contents) -> Self | None:
        """The ids in the header of bytes; None for version 1.

        Raises `he.VersionError` for a later version, `he.CorruptBytesError` for other ids.
        """
        if read_version(contents, VERSION) == 1:
            return None
        found = contents.field("ids", list)
        if len(found) != 4 or type(found[3]) is not bool:
            raise CorruptBytesError("the ids are not those of a plan, of keys and of a request")
        return cls(check_id(found[0]), check_id(found[1], True), check_id(found[2]), found[3])


def check_ids(ids: object) -> None:
    """Raise `he.WrongObjectError` for anything but `Ids` or None."""
    if ids is not None:
        instance(ids, Ids, "ids")


def check_images(ids: Ids | None, plan: bytes, key: bytes) -> None:
    """Raise `IdentityError` unless these are the ids of images for a server's plan and keys.

    None, and ids that one side does not know, are not compared.
    """
    if ids is None:
        return
    if ids.plan != plan:
        raise IdentityError(
            "the images were encrypted for another plan: of another network, or of this network "
            "under other parameters"
        )
    if ids.key and key and ids.key != key:
        raise IdentityError(
            "the images were encrypted by another client than the one whose evaluation keys the "
            "server has"
        )
    if ids.is_answer:
        raise IdentityError("this is a server's answer, not encrypted images")


def new_id() -> bytes:
    """A fresh id from the operating system's randomness."""
    return os.urandom(ID_BYTES)


def digest_of(parts: Iterable[object]) -> bytes:
    """The id of what has these parts: bytes as they stand, all else by its `repr`."""
    digest = hashlib.blake2b(digest_size=ID_BYTES)
    for part in parts:
        octets = part if isinstance(part, bytes) else repr(part).encode()
        digest.update(len(octets).to_bytes(8, "little") + octets)
    return digest.digest()


def check_id(found: object, may_be_empty: bool = False) -> bytes:
    """An id that was read; raises `he.CorruptBytesError` for anything else."""
    lengths = (0, ID_BYTES) if may_be_empty else (ID_BYTES,)
    if not isinstance(found, bytes) or len(found) not in lengths:
        raise CorruptBytesError(f"an id is not {ID_BYTES} bytes")
    return found


def read_version(contents: Contents, newest: int) -> int:
    """The version of bytes, from 1 to `newest`; bytes of version 1 may name none.

    Raises `he.VersionError` for any other.
    """
    version = contents.header.get("version", 1)
    if type(version) is not int or not 1 <= version <= newest:
        raise VersionError(
            f"the bytes are of version {version!r}, this release reads 1 to {newest}; write them "
            f"again, or use the release that wrote them"
        )
    return version
