"""Layouts: the slots of ciphertexts in which the elements of a tensor lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from he.ckks.circuits.bsgs import distinct
from nn.errors import NetworkError, ShapeError
from nn.network.layers import FloatArray, Shape

IntArray = NDArray[np.int64]


class PackingError(NetworkError):
    """A tensor, layout or layer does not fit the slots."""


@dataclass(frozen=True)
class Grid:
    """Images interleaved in the gaps of one pixel grid: multiplexed packing.

    Channel ``c = (block m_y + d_y) m_x + d_x`` with ``(m_y, m_x) = multiplex`` has pixel ``(y, x)``
    at slot ``(y g_y + d_y) pitch + x g_x + d_x`` of its block, where ``(g_y, g_x) = gap``. A block
    is `block` slots long. A convolution of stride s widens the gap by s and fills the gap with s^2
    times the channels. So slots stay in use, and every pixel stays near the pixels that it depends
    on.

    Lee et al., "Low-complexity deep convolutional neural networks on fully homomorphic encryption
    using multiplexed parallel convolutions", ICML 2022 (ePrint 2021/1688), section 4.
    """

    pitch: int
    block: int
    gap: tuple[int, int] = (1, 1)
    multiplex: tuple[int, int] = (1, 1)

    @property
    def channels_per_block(self) -> int:
        """The number of channels interleaved in one block."""
        return self.multiplex[0] * self.multiplex[1]

    def blocks(self, channels: int) -> int:
        """The number of blocks that `channels` channels need."""
        return -(-channels // self.channels_per_block)

    def fits(self, height: int, width: int) -> bool:
        """Whether images of this size stay within their rows and blocks, and share no slot."""
        row = (width - 1) * self.gap[1] + self.multiplex[1]
        last = ((height - 1) * self.gap[0] + self.multiplex[0] - 1) * self.pitch + row
        inside = self.multiplex[0] <= self.gap[0] and self.multiplex[1] <= self.gap[1]
        return inside and row <= self.pitch and last <= self.block

    def slots(self, shape: Shape) -> tuple[IntArray, IntArray]:
        """The block, and the slot in the block, of every element of ``(C, H, W)``."""
        channel, y, x = np.indices(shape, dtype=np.int64)
        block, inside = np.divmod(channel, self.channels_per_block)
        d_y, d_x = np.divmod(inside, self.multiplex[1])
        slot = (y * self.gap[0] + d_y) * self.pitch + x * self.gap[1] + d_x
        return block, slot


@dataclass(frozen=True, eq=False)
class TensorLayout:
    """A one-to-one map from tensor elements to slots.

    Row-major element ``e`` of `shape` lies at ``positions[e] = ciphertext n_slots + slot`` with
    ``slot < period``. The ciphertext repeats with `period`, so the element lies again at every
    multiple of `period` further on. `period` and `n_slots` are powers of two; ``period = n_slots``
    means no repetition. The slots between the elements are never read: they hold zeros when the
    client packed them, and partial sums behind a fold. `grid` says how an image lies, if it lies
    regularly.

    Raises `PackingError` if the positions do not fit.
    """

    shape: Shape
    n_slots: int
    ciphertexts: int
    period: int
    positions: IntArray
    grid: Grid | None = None

    def __post_init__(self) -> None:
        for name in ("n_slots", "period"):
            check_power_of_two(getattr(self, name), name)
        positions = np.array(self.positions, dtype=np.int64)
        size = int(np.prod(self.shape))
        if positions.shape != (size,):
            raise PackingError(
                f"a layout of {self.shape} has positions {positions.shape}; ({size},) is needed"
            )
        if positions.min() < 0 or positions.max() >= self.ciphertexts * self.n_slots:
            raise PackingError(
                f"positions {positions.min()} .. {positions.max()} do not fit {self.ciphertexts} "
                f"ciphertexts of {self.n_slots} slots; more ciphertexts are needed"
            )
        if self.period > self.n_slots or (positions % self.n_slots).max() >= self.period:
            raise PackingError(
                f"period {self.period} does not hold slot {(positions % self.n_slots).max()} of "
                f"{self.n_slots}; a larger power of two up to n_slots is needed"
            )
        if distinct(positions).size != size:
            raise PackingError(f"two elements of a layout of {self.shape} share one slot")
        positions.setflags(write=False)
        object.__setattr__(self, "positions", positions)

    @property
    def size(self) -> int:
        """Elements of the tensor."""
        return int(self.positions.size)

    def matches(self, other: TensorLayout) -> bool:
        """Whether both layouts put the same elements into the same slots, whatever their shapes.

        Equal positions with a longer period are another layout: fewer slots are known to repeat.
        """
        return (
            (self.n_slots, self.ciphertexts, self.period)
            == (other.n_slots, other.ciphertexts, other.period)
        ) and np.array_equal(self.positions, other.positions)

    def pack(self, tensor: ArrayLike) -> FloatArray:
        """``(..., *shape) -> (..., ciphertexts, n_slots)``, repeated, zero between the elements.

        Raises `ShapeError` for another shape.
        """
        values = np.asarray(tensor, dtype=np.float64)
        rank = len(self.shape)
        if values.ndim < rank or values.shape[values.ndim - rank :] != self.shape:
            raise ShapeError(f"this layout packs (..., {self.shape}), got {values.shape}")
        return self.pack_flat(values.reshape(*values.shape[: values.ndim - rank], self.size))

    def pack_flat(self, values: FloatArray) -> FloatArray:
        """`pack` for row-major flattened tensors, ``(..., size)``."""
        leading = values.shape[:-1]
        base = np.zeros((*leading, self.ciphertexts, self.period))
        ciphertext, slot = np.divmod(self.positions, self.n_slots)
        base[..., ciphertext, slot] = values
        return np.tile(base, self.n_slots // self.period)

    def sum_repetitions(self, slots: FloatArray) -> FloatArray:
        """The sums over the repetitions of every element: ``(..., ciphertexts, n_slots)`` to
        ``(..., size)``.
        """
        repeated = slots.reshape(*slots.shape[:-1], self.n_slots // self.period, self.period)
        ciphertext, slot = np.divmod(self.positions, self.n_slots)
        result: FloatArray = repeated.sum(axis=-2)[..., ciphertext, slot]
        return result

    def unpack(self, slots: ArrayLike) -> NDArray[Any]:
        """``(..., ciphertexts, n_slots) -> (..., *shape)``, from the first repetition.

        Raises `ShapeError` for another shape.
        """
        values = np.asarray(slots)
        if values.shape[-2:] != (self.ciphertexts, self.n_slots):
            raise ShapeError(
                f"this layout unpacks (..., {self.ciphertexts}, {self.n_slots}), got {values.shape}"
            )
        ciphertext, slot = np.divmod(self.positions, self.n_slots)
        result = values[..., ciphertext, slot]
        return result.reshape(*values.shape[:-2], *self.shape)


def input_layout(shape: Shape, n_slots: int) -> TensorLayout:
    """The client's layout of an image or a vector.

    Each channel lies in row-major order in a block of a power of two of slots, and the blocks
    repeat with the smallest period. Channels that do not fit one ciphertext take several, whole
    channels in each. If one channel does not fit a ciphertext, the order is plain row-major.
    """
    check_power_of_two(n_slots, "n_slots")
    planes = (1, 1, *shape) if len(shape) == 1 else shape
    grid = Grid(planes[-1], next_power_of_two(planes[-2] * planes[-1]))
    if grid.block > n_slots:
        return compact_layout(shape, n_slots)
    return grid_layout(shape, n_slots, grid)


def compact_layout(shape: Shape, n_slots: int) -> TensorLayout:
    """Row-major order without gaps, with the smallest period if it fits one ciphertext."""
    size = int(np.prod(shape))
    ciphertexts = -(-size // n_slots)
    period = min(n_slots, next_power_of_two(size))
    fits = len(shape) == 3 and ciphertexts == 1
    grid = Grid(shape[-1], int(np.prod(shape[1:]))) if fits else None
    return TensorLayout(shape, n_slots, ciphertexts, period, np.arange(size), grid)


def grid_layout(shape: Shape, n_slots: int, grid: Grid) -> TensorLayout:
    """Whole blocks of `grid` one after the other, as many in a ciphertext as fit.

    The blocks repeat with the smallest period that holds them. A vector is one row of pixels.
    Raises `PackingError` if the image does not fit the grid or a block does not fit the slots.
    """
    channels, height, width = shape if len(shape) == 3 else (1, 1, shape[0])
    if not grid.fits(height, width) or grid.block > n_slots:
        raise PackingError(
            f"{shape} does not fit {grid} in {n_slots} slots; a longer pitch or block, or more "
            "slots, are needed"
        )
    per_ciphertext = min(grid.blocks(channels), n_slots // grid.block)
    block, slot = grid.slots((channels, height, width))
    ciphertext, block = np.divmod(block, per_ciphertext)
    positions = ciphertext * n_slots + block * grid.block + slot
    ciphertexts = -(-grid.blocks(channels) // per_ciphertext)
    period = min(n_slots, next_power_of_two(per_ciphertext * grid.block))
    kept = grid if len(shape) == 3 else None
    return TensorLayout(shape, n_slots, ciphertexts, period, positions.ravel(), kept)


def next_power_of_two(value: int) -> int:
    """The smallest power of two >= `value`, for a positive integer."""
    return 1 << (value - 1).bit_length()


def check_power_of_two(value: int, what: str) -> None:
    """Raise `PackingError` unless `value` is a power of two; `what` names it."""
    if value < 1 or value & (value - 1):
        raise PackingError(f"{what} is {value}; a power of two is needed")
