"""The hoisted quotients (`ntt.limbs.LimbOps.hoisted_quotients`): results in [0, q)."""

from __future__ import annotations

from ntt.backends import quotients
from ntt.backends.fma.conversion import convert, convert_forward
from ntt.backends.fma.pointwise import add, subtract
from ntt.backends.fma.products import gadget_product
from ntt.backends.fma.transform import inverse
from ntt.jit import kernel


@kernel
def hoisted_quotients(
    out, digits, addend, keys, division, memory, rows, tables, lo, hi
):
    """`ntt.backends.quotients.hoisted_quotients` in float64."""
    quotients.hoisted_quotients(
        gadget_product, inverse, convert, convert_forward, subtract, add, out, digits, addend, keys,
        division, memory, rows, tables, lo, hi
    )
