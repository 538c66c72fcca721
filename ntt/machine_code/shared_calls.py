"""The code of an entry that shares a call of a kernel among threads (`ntt.machine_code.sharing`).

A kernel can be shared if its last two arguments are the first of its items and the one after the
last, and if it returns nothing. Its arguments with a name of `PRIVATE` are scratch memory: each
thread gets memory of its own, so many bytes behind that of the thread before.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ntt.machine_code.sharing import SHARE

PRIVATE = ("memory", "scratch")
"""The names of arguments of which each thread has its own."""

_PART = "he_accel_part"
_FLAG = ir.IntType(32)
_SIZE = ir.IntType(64)
_MEMORY = ir.IntType(8).as_pointer()
_NOTHING = ir.VoidType()


def can_be_shared(kernel: Any) -> bool:
    """Whether a kernel (Numba's description of a compiled function) works on a range of items."""
    ends = tuple(kernel.argtypes[-2:])
    return bool(kernel.restype == types.none and ends == (types.int64, types.int64))


def share_call(
    context: Any,
    builder: ir.IRBuilder,
    kernel: Any,
    native: ir.Function,
    values: list[ir.Value],
    board: ir.Value,
    sharing: list[ir.Value],
) -> ir.Value:
    """Code that runs a kernel on its items with other threads; whether it failed.

    values: its arguments. board: an address. sharing: the numbers of helpers and of parts, and the
    bytes between the scratch memory of two threads.
    """
    data_type = ir.LiteralStructType([value.type for value in values] + [_FLAG])
    data = cgutils.alloca_once(builder, data_type)
    for place, value in enumerate(values):
        builder.store(value, _field(builder, data, place))
    failed = _field(builder, data, len(values))
    builder.store(_FLAG(0), failed)
    part = _part(context, builder.module, kernel, native, data_type)
    share = ir.Function(
        builder.module,
        ir.FunctionType(
            _NOTHING,
            [_MEMORY, _SIZE, _SIZE, _SIZE, part.type, _MEMORY, _SIZE, _SIZE],
        ),
        SHARE,
    )
    builder.call(
        share,
        [
            builder.inttoptr(board, _MEMORY), *sharing, part, builder.bitcast(data, _MEMORY),
            *values[-2:],
        ],
    )  # fmt: skip
    return builder.icmp_signed("!=", builder.load(failed), _FLAG(0))


def _part(
    context: Any, module: ir.Module, kernel: Any, native: ir.Function, data_type: ir.Type
) -> ir.Function:
    """``void(data, lo, hi, lane, step)``: the kernel on items [lo, hi)."""
    signature = ir.FunctionType(_NOTHING, [_MEMORY, _SIZE, _SIZE, _SIZE, _SIZE])
    function = ir.Function(module, signature, _PART)
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block("part"))
    given, lo, hi, lane, step = function.args
    data = builder.bitcast(given, data_type.as_pointer())
    offset = builder.mul(lane, step)
    values = []
    for place, (name, numba_type) in enumerate(zip(kernel.args, kernel.argtypes, strict=True)):
        value = builder.load(_field(builder, data, place))
        if name in PRIVATE:
            value = _moved(context, builder, value, numba_type, offset)
        values.append(value)
    status, _ = context.call_conv.call_function(
        builder, native, kernel.restype, kernel.argtypes, [*values[:-2], lo, hi]
    )
    with builder.if_then(builder.not_(status.is_ok), likely=False):
        builder.store(_FLAG(1), _field(builder, data, len(values)))
    builder.ret_void()
    return function


def _moved(
    context: Any, builder: ir.IRBuilder, value: ir.Value, numba_type: Any, offset: ir.Value
) -> ir.Value:
    """An array, or a tuple of arrays, that begins `offset` bytes later."""
    if isinstance(numba_type, types.BaseTuple):
        for place, member in enumerate(numba_type):
            item = builder.extract_value(value, place)
            moved = _moved(context, builder, item, member, offset)
            value = builder.insert_value(value, moved, place)
        return value
    array = cgutils.create_struct_proxy(numba_type)(context, builder, value=value)
    begin = builder.gep(builder.bitcast(array.data, _MEMORY), [offset])
    array.data = builder.bitcast(begin, array.data.type)
    return array._getvalue()


def _field(builder: ir.IRBuilder, data: ir.Value, place: int) -> ir.Value:
    return builder.gep(data, [_FLAG(0), _FLAG(place)], inbounds=True)
