"""`u64x8`: eight unsigned 64-bit lanes as a first-class type inside Numba kernels.

They need AVX-512. Inside a kernel, `u64x8` values support ``+``, ``-``, ``&``, ``|``, ``>>`` and
``<<``, lane by lane, and the functions below. Arrays are contiguous uint64 (words,). Nothing here
checks an index: the caller stays inside its arrays.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

LANES = 8
_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
_VECTOR = ir.VectorType(_I64, LANES)


class U64x8Type(types.Type):
    """The Numba type of a vector of eight uint64."""

    def __init__(self) -> None:
        super().__init__("u64x8")


u64x8 = U64x8Type()


@register_model(U64x8Type)
class _U64x8Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _VECTOR)


def llvm_function(builder, name, result, arguments):
    """The LLVM intrinsic `name`, declared once in the module of the builder."""
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(result, arguments), name)
    return function


def array_pointer(context, builder, array_type, array, index, pointee):
    """The address of ``array[index]`` of a contiguous array, as a pointer to `pointee`."""
    view = context.make_array(array_type)(context, builder, array)
    return builder.bitcast(builder.gep(view.data, [index]), pointee.as_pointer())


@intrinsic
def splat(typing_context, scalar):
    """All eight lanes equal to `scalar` (uint64)."""

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
        return builder.shuffle_vector(first, undefined, zeros)

    return u64x8(types.uint64), generate


@intrinsic
def load(typing_context, array, index):
    """The eight words ``array[index : index + 8]``."""

    def generate(context, builder, signature, arguments):
        pointer = array_pointer(context, builder, signature.args[0], *arguments, _VECTOR)
        return builder.load(pointer, align=8)

    return u64x8(array, types.intp), generate


def load_runs(run, backwards=False):
    """A function of (array, index): ``array[index : index + 8 // run]``, each word in `run` lanes.

    run: 1, 2, 4 or 8. backwards: the last word in the first lanes.
    """
    words = ir.VectorType(_I64, LANES // run)
    lanes = [lane // run for lane in range(LANES)]
    mask = ir.Constant(ir.VectorType(_I32, LANES), lanes[::-1] if backwards else lanes)

    @intrinsic
    def operation(typing_context, array, index):
        def generate(context, builder, signature, arguments):
            pointer = array_pointer(context, builder, signature.args[0], *arguments, words)
            loaded = builder.load(pointer, align=8)
            return builder.shuffle_vector(loaded, ir.Constant(words, ir.Undefined), mask)

        return u64x8(array, types.intp), generate

    return operation


@intrinsic
def store(typing_context, array, index, value):
    """Write the eight lanes to ``array[index : index + 8]``."""

    def generate(context, builder, signature, arguments):
        array_value, position, lanes = arguments
        pointer = array_pointer(context, builder, signature.args[0], array_value, position, _VECTOR)
        builder.store(lanes, pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, u64x8), generate


@intrinsic
def stream(typing_context, array, index, value):
    """`store` past the caches, for results that do not fit them; the place is a multiple of 64.

    Other threads see it after `fence`.
    """

    def generate(context, builder, signature, arguments):
        array_value, position, lanes = arguments
        pointer = array_pointer(context, builder, signature.args[0], array_value, position, _VECTOR)
        written = builder.store(lanes, pointer, align=64)
        written.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_I32, 1)]))
        return context.get_dummy_value()

    return types.void(array, types.intp, u64x8), generate


@intrinsic
def fence(typing_context):
    """All that was written before is seen before all that is written later."""

    def generate(context, builder, signature, arguments):
        builder.call(llvm_function(builder, "llvm.x86.sse.sfence", ir.VoidType(), []), [])
        return context.get_dummy_value()

    return types.void(), generate


def _binary(emit):
    @intrinsic
    def operation(typing_context, x, y):
        def generate(context, builder, signature, arguments):
            return emit(builder, *arguments)

        return u64x8(u64x8, u64x8), generate

    return operation


def _umin(builder, x, y):
    return builder.call(
        llvm_function(builder, "llvm.umin.v8i64", _VECTOR, [_VECTOR, _VECTOR]), [x, y]
    )


vmin = _binary(_umin)
"""The smaller of x and y, lane by lane, unsigned."""

_OPERATORS = {
    operator.add: _binary(lambda builder, x, y: builder.add(x, y)),
    operator.sub: _binary(lambda builder, x, y: builder.sub(x, y)),
    operator.and_: _binary(lambda builder, x, y: builder.and_(x, y)),
    operator.or_: _binary(lambda builder, x, y: builder.or_(x, y)),
    operator.rshift: _binary(lambda builder, x, y: builder.lshr(x, y)),
    operator.lshift: _binary(lambda builder, x, y: builder.shl(x, y)),
}


def _overload_operator(symbol, implementation):
    @overload(symbol)
    def typed(x, y):
        if isinstance(x, U64x8Type) and isinstance(y, U64x8Type):
            return lambda x, y: implementation(x, y)
        return None


for _symbol, _implementation in _OPERATORS.items():
    _overload_operator(_symbol, _implementation)


def _multiply_add(name):
    @intrinsic
    def operation(typing_context, accumulator, x, y):
        def generate(context, builder, signature, arguments):
            return builder.call(
                llvm_function(builder, name, _VECTOR, [_VECTOR] * 3), list(arguments)
            )

        return u64x8(u64x8, u64x8, u64x8), generate

    return operation


multiply_add_low = _multiply_add("llvm.x86.avx512.vpmadd52l.uq.512")
"""accumulator + the low 52 bits of the 104-bit product of the low 52 bits of x and y (IFMA)."""

multiply_add_high = _multiply_add("llvm.x86.avx512.vpmadd52h.uq.512")
"""accumulator + the high 52 bits of the same product (IFMA)."""


def shuffle(lanes):
    """A function of (x, y): lane k of its result is lane ``lanes[k]`` of the 16 of x, then y."""
    mask = ir.Constant(ir.VectorType(_I32, LANES), list(lanes))

    @intrinsic
    def operation(typing_context, x, y):
        def generate(context, builder, signature, arguments):
            return builder.shuffle_vector(arguments[0], arguments[1], mask)

        return u64x8(u64x8, u64x8), generate

    return operation


@intrinsic
def select_lanes(typing_context, x, lanes):
    """Lane k of the result is lane ``lanes[k] % 8`` of x."""

    def generate(context, builder, signature, arguments):
        name = "llvm.x86.avx512.permvar.di.512"
        return builder.call(llvm_function(builder, name, _VECTOR, [_VECTOR] * 2), list(arguments))

    return u64x8(u64x8, u64x8), generate


def _prefetch(locality):
    """A function of (array, index) that fetches the cache line of ``array[index]`` ahead of use."""

    @intrinsic
    def operation(typing_context, array, index):
        def generate(context, builder, signature, arguments):
            byte = ir.IntType(8)
            pointer = array_pointer(context, builder, signature.args[0], *arguments, byte)
            function = llvm_function(
                builder, "llvm.prefetch.p0", ir.VoidType(), [byte.as_pointer(), _I32, _I32, _I32]
            )
            reads, level, data = (ir.Constant(_I32, number) for number in (0, locality, 1))
            builder.call(function, [pointer, reads, level, data])
            return context.get_dummy_value()

        return types.void(array, types.intp), generate

    return operation


prefetch_first = _prefetch(3)
"""Fetch the line of ``array[index]`` to the first-level cache; any index is harmless."""

prefetch_second = _prefetch(2)
"""Fetch the line of ``array[index]`` to the second-level cache; any index is harmless."""
