"""What the service and its clients both know: paths, names of headers, states, errors."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

API = "/v1"
"""The start of every path; a change that old clients cannot follow gets a new one."""

OFFSET = "Upload-Offset"
"""The header with the number of bytes that stand before the body of an upload."""

ID_DIGITS = 32
"""Hexadecimal digits of the id of a plan, of keys, of a request and of a job."""


class KeyState(StrEnum):
    """How far evaluation keys are."""

    UPLOADING = "uploading"
    READY = "ready"


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the state stays."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Refusal(Exception):
    """A request that the service refuses.

    status: of HTTP. code: a name that programs compare. message: for people, with the way out.
    retry_s: after how many seconds another try may succeed; None where it will not.
    """

    def __init__(self, status: int, code: str, message: str, retry_s: float | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_s = status, code, message, retry_s

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.status, self.code, self.message, self.retry_s)


def bad_request(places: Iterable[str]) -> Refusal:
    """The refusal of a request that is not as OpenAPI describes it; places: where it is not."""
    return Refusal(422, "bad_request", f"not as described: {', '.join(sorted(places))}")


def is_id(text: str) -> bool:
    """Whether a text is an id as the service writes them: 32 lower-case hexadecimal digits."""
    return len(text) == ID_DIGITS and all(digit in "0123456789abcdef" for digit in text)
