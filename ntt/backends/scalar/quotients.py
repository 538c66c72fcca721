"""The hoisted quotients on 64-bit words: parts [lo, hi)."""

from __future__ import annotations

from ntt.backends import quotients
from ntt.backends.scalar.conversion import convert, convert_forward
from ntt.backends.scalar.pointwise import add, subtract
from ntt.backends.scalar.products import gadget_product
from ntt.backends.scalar.transform import inverse
from ntt.jit import kernel


@kernel
def hoisted_quotients(
    out, digits, addend, keys, division, memory, rows, tables, lo, hi
):
    """`ntt.backends.quotients.hoisted_quotients` on 64-bit words."""
    quotients.hoisted_quotients(
        gadget_product, inverse, convert, convert_forward, subtract, add, out, digits, addend, keys,
        division, memory, rows, tables, lo, hi
    )
