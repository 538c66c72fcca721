"""`f64`: a vector of `LANES` float64 as a first-class type inside Numba kernels.

LLVM splits a vector that is wider than the registers of the machine, so the kernels are portable.
`LANES` fills a register: 8 with AVX-512, 4 elsewhere. Inside a kernel, values support ``+``, ``-``
and ``*``, lane by lane, rounded to nearest, and the functions below. Memory is always contiguous
uint64 (words,). It holds residues below 2^52 (`load_residues`, `store_residues`) or floats by their
bits (`load`, `store`). Nothing here checks an index.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

from ntt.cpu import float_lanes
from ntt.simd.integers import array_pointer, llvm_function

LANES = float_lanes()
_I32 = ir.IntType(32)
_BITS = ir.VectorType(ir.IntType(64), LANES)
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_SUFFIX = f"v{LANES}f64"
_TWO_52 = 0x4330000000000000  # the bits of 2.0^52, whose unit in the last place is 1


class F64Type(types.Type):
    """The Numba type of a vector of float64."""

    def __init__(self) -> None:
        super().__init__(f"f64x{LANES}")


f64 = F64Type()


@register_model(F64Type)
class _F64Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _VECTOR)


def _constant(bits):
    return ir.Constant(_BITS, [bits] * LANES)


@intrinsic
def splat(typing_context, scalar):
    """All lanes equal to `scalar` (float64)."""

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
        return builder.shuffle_vector(first, undefined, zeros)

    return f64(types.float64), generate


@intrinsic
def splat_bits(typing_context, scalar):
    """All lanes equal to the float64 whose bits are `scalar` (uint64)."""

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(_BITS, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
        return builder.bitcast(builder.shuffle_vector(first, undefined, zeros), _VECTOR)

    return f64(types.uint64), generate


def _load_bits(context, builder, signature, arguments):
    pointer = array_pointer(context, builder, signature.args[0], *arguments[:2], _BITS)
    return builder.load(pointer, align=8)


def _store_bits(context, builder, signature, arguments, bits):
    pointer = array_pointer(context, builder, signature.args[0], *arguments[:2], _BITS)
    builder.store(bits, pointer, align=8)
    return context.get_dummy_value()


@intrinsic
def load(typing_context, array, index):
    """The floats whose bits are ``array[index : index + LANES]``."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(_load_bits(context, builder, signature, arguments), _VECTOR)

    return f64(array, types.intp), generate


@intrinsic
def store(typing_context, array, index, value):
    """Write the bits of the lanes to ``array[index : index + LANES]``."""

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[2], _BITS)
        return _store_bits(context, builder, signature, arguments, bits)

    return types.void(array, types.intp, f64), generate


@intrinsic
def load_residues(typing_context, array, index):
    """``array[index : index + LANES]``, integers below 2^52, as floats.

    An integer k that is or-ed into the significand of 2^52 makes 2^52 + k.
    """

    def generate(context, builder, signature, arguments):
        bits = _load_bits(context, builder, signature, arguments)
        shifted = builder.bitcast(builder.or_(bits, _constant(_TWO_52)), _VECTOR)
        return builder.fsub(shifted, ir.Constant(_VECTOR, [2.0**52] * LANES))

    return f64(array, types.intp), generate


@intrinsic
def store_residues(typing_context, array, index, value):
    """Write the lanes to ``array[index : index + LANES]`` as integers.

    The lanes are whole numbers from 0 to 2^52 - 1.
    """

    def generate(context, builder, signature, arguments):
        shifted = builder.fadd(arguments[2], ir.Constant(_VECTOR, [2.0**52] * LANES))
        bits = builder.xor(builder.bitcast(shifted, _BITS), _constant(_TWO_52))
        return _store_bits(context, builder, signature, arguments, bits)

    return types.void(array, types.intp, f64), generate


@intrinsic
def multiply_add(typing_context, x, y, z):
    """x y + z, rounded once."""

    def generate(context, builder, signature, arguments):
        function = llvm_function(builder, f"llvm.fma.{_SUFFIX}", _VECTOR, [_VECTOR] * 3)
        return builder.call(function, arguments)

    return f64(f64, f64, f64), generate


@intrinsic
def negative_multiply_add(typing_context, x, y, z):
    """z - x y, rounded once."""

    def generate(context, builder, signature, arguments):
        function = llvm_function(builder, f"llvm.fma.{_SUFFIX}", _VECTOR, [_VECTOR] * 3)
        return builder.call(function, [builder.fneg(arguments[0]), *arguments[1:]])

    return f64(f64, f64, f64), generate


@intrinsic
def multiply_subtract(typing_context, x, y, z):
    """x y - z, rounded once."""

    def generate(context, builder, signature, arguments):
        function = llvm_function(builder, f"llvm.fma.{_SUFFIX}", _VECTOR, [_VECTOR] * 3)
        return builder.call(function, [*arguments[:2], builder.fneg(arguments[2])])

    return f64(f64, f64, f64), generate


def _rounding(name):
    @intrinsic
    def operation(typing_context, x):
        def generate(context, builder, signature, arguments):
            function = llvm_function(builder, f"llvm.{name}.{_SUFFIX}", _VECTOR, [_VECTOR])
            return builder.call(function, arguments)

        return f64(f64), generate

    return operation


rint = _rounding("rint")
"""The whole number nearest to x, and the even one of two."""

floor = _rounding("floor")
"""The largest whole number that is not above x."""


@intrinsic
def add_where_negative(typing_context, x, y):
    """x + y where x < 0, else x."""

    def generate(context, builder, signature, arguments):
        x, y = arguments
        below = builder.fcmp_ordered("<", x, ir.Constant(_VECTOR, [0.0] * LANES))
        return builder.select(below, builder.fadd(x, y), x)

    return f64(f64, f64), generate


def _on_integers(emit):
    @intrinsic
    def operation(typing_context, x, y):
        def generate(context, builder, signature, arguments):
            x, y = (builder.bitcast(value, _BITS) for value in arguments)
            return builder.bitcast(emit(builder, x, y), _VECTOR)

        return f64(f64, f64), generate

    return operation


def _subtract_once(builder, x, y):
    difference = builder.sub(x, y)
    below = builder.icmp_signed("<", difference, _constant(0))
    return builder.select(below, x, difference)


# The next three are for lanes that `load` has filled with integers below 2^63, not with floats.

add_integers = _on_integers(lambda builder, x, y: builder.add(x, y))
"""x + y of integers below 2^63."""

subtract_integers = _on_integers(lambda builder, x, y: builder.sub(x, y))
"""x - y of integers below 2^63."""

subtract_once = _on_integers(_subtract_once)
"""x - y where x >= y, else x, of integers below 2^63."""


def _overload_operator(symbol, emit):
    @intrinsic
    def operation(typing_context, x, y):
        def generate(context, builder, signature, arguments):
            return emit(builder, *arguments)

        return f64(f64, f64), generate

    @overload(symbol)
    def typed(x, y):
        if isinstance(x, F64Type) and isinstance(y, F64Type):
            return lambda x, y: operation(x, y)
        return None


_overload_operator(operator.add, lambda builder, x, y: builder.fadd(x, y))
_overload_operator(operator.sub, lambda builder, x, y: builder.fsub(x, y))
_overload_operator(operator.mul, lambda builder, x, y: builder.fmul(x, y))


def shuffle(lanes):
    """A function of (x, y): lane k of its result is lane ``lanes[k]`` of those of x, then y."""
    mask = ir.Constant(ir.VectorType(_I32, LANES), list(lanes))

    @intrinsic
    def operation(typing_context, x, y):
        def generate(context, builder, signature, arguments):
            return builder.shuffle_vector(arguments[0], arguments[1], mask)

        return f64(f64, f64), generate

    return operation
