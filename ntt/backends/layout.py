"""Where each number lies in the tables that kernels read.

The tables are one uint64 array (moduli, COLUMNS + 4 N) with a row for each modulus: the constants
below, then w, its Shoup constants, w^-1, and its Shoup constants. They are one array because Numba
unpacks every argument at each call.
"""

from __future__ import annotations

# The columns of the constants. W is the word size of the backend (64 or 52 bits), n the bit length
# of q.
Q = 0  # the modulus
MU = 1  # floor(2^(n - 2 + W) / q)
SHIFT = 2  # n - 2
RADIX = 3  # 2^W mod q
RADIX_SHOUP = 4  # a Shoup constant is floor(factor 2^W / q)
ONE_SHOUP = 5  # floor(2^W / q)
N_INVERSE = 6  # N^-1 mod q
N_INVERSE_SHOUP = 7
N_INVERSE_W = 8  # N^-1 w_inverse[1] mod q: the last inverse stage with 1/N folded in
N_INVERSE_W_SHOUP = 9
COLUMNS = 16  # more than there are, so that the twiddles start on a cache line
# The blocks of N words that follow them.
W, W_SHOUP, W_INVERSE, W_INVERSE_SHOUP = 0, 1, 2, 3

# With words of 52 bits, each eight twiddles of the last stage (t = 1), and of the stage before,
# stand in the order in which the lanes of `ntt.backends.ifma.lanes` use them; in the latter, those
# of two pairs of vectors alternate.
VECTOR_WORD_BITS = 52
LANES_OF_LAST_STAGE = (0, 1, 4, 5, 2, 3, 6, 7)
LANES_OF_STAGE_BEFORE = (0, 4, 2, 6, 1, 5, 3, 7)

# The word size that stands for float64 arithmetic. Factors are then float64 values in (-q/2, q/2),
# and a "Shoup constant" is the rounded quotient factor / q. They and the constants below are stored
# by their bits; Q stays an integer.
FLOAT_BITS = 53
FLOAT_Q = MU
FLOAT_Q_INVERSE = SHIFT  # 1 / q, rounded
FLOAT_WIDE = RADIX  # 2^(52 + n)

VECTOR = 8
"""Columns that a permutation of the transformed domain keeps together: docs/bounds.md."""
