"""Which ring degrees, lanes and buffers units can have."""

from __future__ import annotations

from rtl.errors import GeometryError

MIN_LOG_N, MAX_LOG_N = 3, 16
MAX_LANES = 32


def check_geometry(N: int, lanes: int, name: str = "lanes") -> None:
    """Raise `GeometryError` unless N is from 8 to 65536 and there are from 1 to 32 lanes, at most
    N / 2; each a power of two. The error calls the lanes `name`."""
    sizes = [1 << k for k in range(MIN_LOG_N, MAX_LOG_N + 1)]
    if N not in sizes:
        nearest = min(sizes, key=lambda size: abs(size - N))
        raise GeometryError(
            f"N = {N}: the ring degree must be a power of two from {sizes[0]} to {sizes[-1]}; "
            f"the nearest is {nearest}"
        )
    counts = [1 << k for k in range(MAX_LANES.bit_length()) if 1 << k <= N // 2]
    if lanes not in counts:
        nearest = min(counts, key=lambda count: abs(count - lanes))
        raise GeometryError(
            f"{lanes} {name} for N = {N}: the number must be a power of two from 1 to "
            f"{counts[-1]}; the nearest is {nearest}"
        )


def check_buffers(buffers: int) -> None:
    """Raise `GeometryError` unless there are one or two buffers."""
    if buffers not in (1, 2):
        nearest = min(max(buffers, 1), 2)
        raise GeometryError(f"{buffers} buffers: a unit has 1 or 2; the nearest is {nearest}")
