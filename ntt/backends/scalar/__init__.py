"""Kernels on 64-bit words, for every prime below 2^61 and every N; the reference for the others.

The kernels are those of `ntt.backends.contract`. Ranges follow Harvey (arXiv:1205.2926): forward
values stay below 4q < 2^63, inverse values below 2q.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntt.lazy import lazy_names
from ntt.memory import large_array as allocate

if TYPE_CHECKING:
    from ntt.backends.scalar.coefficients import inverse_affine
    from ntt.backends.scalar.conversion import convert, convert_digits, convert_forward, divide
    from ntt.backends.scalar.hoisting import hoisted_product
    from ntt.backends.scalar.permutation import permute, permute_add
    from ntt.backends.scalar.pointwise import (
        add,
        add_scalar,
        affine,
        multiply,
        multiply_add,
        multiply_scalar,
        negate,
        subtract,
    )
    from ntt.backends.scalar.products import gadget_product, tensor
    from ntt.backends.scalar.quotients import hoisted_quotients
    from ntt.backends.scalar.transform import forward, inverse

WORD_BITS = 64
MAX_MODULUS_BITS = 61
MIN_RING_DEGREE = 8
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
    "ntt.backends.scalar",
    {
        "coefficients": "inverse_affine",
        "conversion": "convert convert_digits convert_forward divide",
        "hoisting": "hoisted_product",
        "permutation": "permute permute_add",
        "pointwise": "add add_scalar affine multiply multiply_add multiply_scalar negate subtract",
        "products": "gadget_product tensor",
        "quotients": "hoisted_quotients",
        "transform": "forward inverse",
    },
)
