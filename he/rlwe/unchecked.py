"""Objects that are checked where callers make them, and not where this package does."""

from __future__ import annotations

from typing import Any, Self


class Unchecked:
    """A class whose constructor checks its fields, and that has a way around it."""

    __slots__ = ()

    @classmethod
    def unchecked(cls, **fields: Any) -> Self:
        """An object of these fields, all of them, without the checks of the constructor.

        For what this package computed or has checked; operations make many such objects. An array
        `data` becomes read-only.
        """
        made = object.__new__(cls)
        made.__dict__.update(fields)
        data = fields.get("data")
        if data is not None:
            data.setflags(False)
        return made
