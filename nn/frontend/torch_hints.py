"""What to do in place of an operation that has no counterpart, for ATen's names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NORM = (
    "it divides by statistics of the values themselves: use BatchNorm, whose statistics are fixed"
)
_SOFTMAX = (
    "a softmax is no polynomial; only at the end of a model, where the client computes it, can it "
    "stand"
)
_ORDER = "which element is the largest is no polynomial: let the client find it in the logits"
_COMPARED = "a comparison of encrypted values is no polynomial"
_ROUNDED = "it jumps, so that no polynomial is near it"
_RECURRENT = "its gates are no polynomials, and each step takes levels: use Conv1d"
_INDICES = "encrypted values are no indices: embed before the encryption"
_LENGTH = "a norm has a root: use a sum of squares"

HINTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("native_layer_norm", "native_group_norm", "_fused_rms_norm"), _NORM),
        **dict.fromkeys(("var", "std", "var_mean", "std_mean"), _NORM),
        **dict.fromkeys(("_softmax", "_log_softmax", "logsumexp", "_safe_softmax"), _SOFTMAX),
        **dict.fromkeys(("argmax", "argmin", "sort", "topk", "min", "amin", "median"), _ORDER),
        **dict.fromkeys(("gt", "lt", "ge", "le", "eq", "ne", "logical_not", "any"), _COMPARED),
        **dict.fromkeys(("floor", "ceil", "round", "trunc", "floor_divide"), _ROUNDED),
        **dict.fromkeys(("sign", "sgn", "frac"), _ROUNDED),
        **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu", "mkldnn_rnn_layer"), _RECURRENT),
        **dict.fromkeys(("embedding", "_embedding_bag", "one_hot"), _INDICES),
        **dict.fromkeys(("linalg_vector_norm", "norm", "_cdist_forward"), _LENGTH),
        "reciprocal": "a division by encrypted values is no polynomial: divide by constants only",
        "sqrt": "a root is no polynomial: use x ** 2 or a PolynomialActivation",
        "rsqrt": "a root is no polynomial: use x ** 2 or a PolynomialActivation",
        "log": "a logarithm is no polynomial: use a PolynomialActivation",
        "_scaled_dot_product_flash_attention_for_cpu": _SOFTMAX,
        "_scaled_dot_product_attention_math": _SOFTMAX,
        "_fft_r2c": "complex numbers have no counterpart: multiply by a real matrix",
        "native_dropout": "a dropout that drops: put the module into evaluation mode",
        "bernoulli": "a dropout that drops: put the module into evaluation mode",
        "max_unpool2d": "it needs the places of maxima: use ConvTranspose2d or Upsample",
        "hardshrink": "it jumps, so that no polynomial is near it: use ReLU",
    }
)
