"""Kernels on AVX-512 IFMA: eight lanes of 52-bit products, primes below 2^50.

The kernels are those of `ntt.backends.contract`. Ranges follow Harvey (arXiv:1205.2926): forward
values stay below 4q < 2^52, inverse values below 2q.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntt.lazy import lazy_names
from ntt.memory import large_array as allocate

if TYPE_CHECKING:
    from ntt.backends.ifma.conversion import convert, convert_digits, convert_forward, divide
    from ntt.backends.ifma.hoisting import hoisted_product
    from ntt.backends.ifma.inverse_transform import inverse, inverse_affine
    from ntt.backends.ifma.permutation import permute, permute_add
    from ntt.backends.ifma.pointwise import (
        add,
        add_scalar,
        affine,
        multiply,
        multiply_add,
        multiply_scalar,
        negate,
        subtract,
    )
    from ntt.backends.ifma.products import gadget_product, tensor
    from ntt.backends.ifma.quotients import hoisted_quotients
    from ntt.backends.ifma.transform import forward

WORD_BITS = 52
MAX_MODULUS_BITS = 50
MIN_RING_DEGREE = 128
PRODUCT_RADIX = 1 << 52

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
    "ntt.backends.ifma",
    {
        "conversion": "convert convert_digits convert_forward divide",
        "hoisting": "hoisted_product",
        "inverse_transform": "inverse inverse_affine",
        "permutation": "permute permute_add",
        "pointwise": "add add_scalar affine multiply multiply_add multiply_scalar negate subtract",
        "products": "gadget_product tensor",
        "quotients": "hoisted_quotients",
        "transform": "forward",
    },
)
