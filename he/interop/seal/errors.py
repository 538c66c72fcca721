"""The named errors of SEAL's bytes that `he.errors` has no name for."""

from __future__ import annotations

from he.errors import SerializationError


class UnknownGeneratorError(SerializationError):
    """A seed names a pseudorandom generator that this release does not know."""


class UnsupportedObjectError(SerializationError):
    """The bytes are a valid SEAL object of a kind that has no counterpart here."""
