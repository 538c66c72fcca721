"""Kernels in float64 with fused multiply-add: primes below 2^50, any CPU with FMA.

The kernels are those of `ntt.backends.contract`. All values are whole numbers below 2^53 in
absolute value, which float64 holds exactly. So the results have the bits of the other backends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntt.backends.layout import FLOAT_BITS
from ntt.lazy import lazy_names
from ntt.memory import large_array as allocate

if TYPE_CHECKING:
    from ntt.backends.fma.coefficients import inverse_affine
    from ntt.backends.fma.conversion import convert, convert_digits, convert_forward, divide
    from ntt.backends.fma.hoisting import hoisted_product
    from ntt.backends.fma.pointwise import (
        add,
        add_scalar,
        affine,
        multiply,
        multiply_add,
        multiply_scalar,
        negate,
        subtract,
    )
    from ntt.backends.fma.products import gadget_product, tensor
    from ntt.backends.fma.quotients import hoisted_quotients
    from ntt.backends.fma.transform import forward, inverse
    from ntt.backends.scalar.permutation import permute, permute_add

WORD_BITS = FLOAT_BITS
MAX_MODULUS_BITS = 50
MIN_RING_DEGREE = 64
PRODUCT_RADIX = 1

__all__ = [
    "MAX_MODULUS_BITS",
    "MIN_RING_DEGREE",
    "PRODUCT_RADIX",
    "WORD_BITS",
    "add",
    "add_scalar",
    "affine",
    "allocate",
    "convert",
    "convert_digits",
    "convert_forward",
    "divide",
    "forward",
    "gadget_product",
    "hoisted_product",
    "hoisted_quotients",
    "inverse",
    "inverse_affine",
    "multiply",
    "multiply_add",
    "multiply_scalar",
    "negate",
    "permute",
    "permute_add",
    "subtract",
    "tensor",
]

# A module of kernels imports Numba: `ntt.kernels` says when that is needed.
__getattr__, __dir__ = lazy_names(
    "ntt.backends.fma",
    {
        "coefficients": "inverse_affine",
        "conversion": "convert convert_digits convert_forward divide",
        "hoisting": "hoisted_product",
        "pointwise": "add add_scalar affine multiply multiply_add multiply_scalar negate subtract",
        "products": "gadget_product tensor",
        "quotients": "hoisted_quotients",
        "transform": "forward inverse",
        ".scalar.permutation": "permute permute_add",
    },
)
