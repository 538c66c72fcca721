"""A figure of the model beside a reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A reference figure beside the model's.

    subject: what the figure is of. origin: where the reference comes from. must_equal: whether a
    difference is a failure. reason: why the two may differ.
    """

    subject: str
    reference: float
    modelled: float
    origin: str
    must_equal: bool = True
    reason: str = ""

    @property
    def holds(self) -> bool:
        """False where the two must be equal and are not."""
        return not self.must_equal or self.reference == self.modelled

    @property
    def error(self) -> float:
        """modelled / reference - 1."""
        return self.modelled / self.reference - 1


def check_lines(title: str, checks: Sequence[Check]) -> Iterator[str]:
    """A table of checks."""
    failed = sum(not check.holds for check in checks)
    yield f"{title}: {len(checks)} figures, {failed} wrong"
    for check in checks:
        mark = "ok" if check.holds else "WRONG"
        if not check.must_equal:
            mark = f"{check.error:+.1%}"
        yield (
            f"  {mark:>8}  {check.subject}: {check.reference:g}, modelled {check.modelled:g}"
            f"  ({check.origin}{'; ' + check.reason if check.reason else ''})"
        )
