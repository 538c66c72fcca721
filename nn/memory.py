"""What does not fit the memory of this machine is refused by name, before it is tried."""

from __future__ import annotations

from pathlib import Path

from nn.errors import MemoryBudgetError

_MEMINFO = Path("/proc/meminfo")


def free_bytes() -> int | None:
    """The memory that the system can give without swapping; None where it does not say."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        name, _, amount = line.partition(":")
        words = amount.split()
        if name == "MemAvailable" and words and words[0].isdigit():
            return int(words[0]) << 10
    return None


def check_memory(needed: int, what: str, way_out: str) -> None:
    """Raise `MemoryBudgetError` where `what` takes more bytes than this machine has free.

    way_out: what the user can do. Nothing is refused where the system does not tell its memory.
    """
    free = free_bytes()
    if free is not None and needed > free:
        raise MemoryBudgetError(
            f"{what} take {gigabytes(needed)} of memory, {gigabytes(free)} are free here: {way_out}"
        )


def gigabytes(size: int) -> str:
    """A number of bytes in words."""
    return f"{size / 1e9:.2f} GB"
