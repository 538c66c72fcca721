"""ONNX models of all kinds, made with the `onnx` package, for the grid of conversions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]
IMAGE: Shape = (3, 8, 8)
SIGNAL: Shape = (2, 12)
VECTOR: Shape = (6,)
BATCH = 2

Step = tuple[str, list[str], list[str], dict[str, Any]]


def waves(*shape: int) -> NDArray[np.float32]:
    """Weights without a random number."""
    return np.sin(np.arange(np.prod(shape)) + 1.0).reshape(shape).astype(np.float32)


def integers(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def model(
    steps: Sequence[Step],
    weights: dict[str, NDArray[Any]] | None = None,
    shape: Shape = IMAGE,
    *,
    opset: int = 17,
    outputs: Sequence[str] = ("y",),
    batch: int | str = "N",
    kind: int = TensorProto.FLOAT,
    functions: Sequence[Any] = (),
    more_inputs: Sequence[Any] = (),
) -> onnx.ModelProto:
    """A model with the input x: steps are operators with their inputs, outputs and attributes."""
    nodes = []
    for number, (op, inputs, results, attributes) in enumerate(steps):
        domain = "custom" if op.startswith("custom.") else ""
        name = op.removeprefix("custom.")
        nodes.append(
            helper.make_node(name, inputs, results, f"{name}_{number}", domain=domain, **attributes)
        )
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", kind, [batch, *shape]), *more_inputs],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("custom", 1)]
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=min(8, onnx.IR_VERSION), functions=functions
    )


def one(
    op: str,
    weights: Sequence[Any] = (),
    shape: Shape = IMAGE,
    *,
    opset: int = 17,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one operator on x and constants."""
    named = {f"w{k}": np.asarray(w) for k, w in enumerate(weights) if w is not None}
    inputs = ["x", *(f"w{k}" if w is not None else "" for k, w in enumerate(weights))]
    return model([(op, inputs, ["y"], attributes)], named, shape, opset=opset)


def chain(
    *steps: tuple[str, Sequence[Any], dict[str, Any]], shape: Shape = IMAGE, **options: Any
) -> onnx.ModelProto:
    """A model of operators behind one another, each with its constants."""
    weights, made, name = {}, [], "x"
    for number, (op, constants, attributes) in enumerate(steps):
        names = [f"w{number}_{k}" for k in range(len(constants))]
        weights |= {n: np.asarray(c) for n, c in zip(names, constants, strict=True)}
        target = "y" if number == len(steps) - 1 else f"v{number}"
        made.append((op, [name, *names], [target], attributes))
        name = target
    return model(made, weights, shape, **options)


NORM = [np.abs(waves(3)), waves(3), waves(3), np.abs(waves(3)) + 0.5]

CASES: dict[str, Callable[[], onnx.ModelProto]] = {
    "conv": lambda: one("Conv", [waves(4, 3, 3, 3), waves(4)]),
    "conv_opset_11": lambda: one("Conv", [waves(4, 3, 3, 3)], opset=11, pads=[1, 1, 1, 1]),
    "conv_asymmetric": lambda: one("Conv", [waves(2, 3, 3, 3)], pads=[0, 1, 2, 0], strides=[2, 1]),
    "conv_same_upper": lambda: one("Conv", [waves(2, 3, 4, 4)], auto_pad="SAME_UPPER"),
    "conv_same_lower": lambda: one(
        "Conv", [waves(2, 3, 4, 3)], auto_pad="SAME_LOWER", strides=[2, 2]
    ),
    "conv_valid": lambda: one("Conv", [waves(2, 3, 4, 3)], auto_pad="VALID"),
    "conv_groups": lambda: one("Conv", [waves(6, 1, 3, 3)], group=3, dilations=[2, 1]),
    "conv_1d": lambda: one("Conv", [waves(3, 2, 3)], SIGNAL, pads=[1, 1]),
    "conv_3d": lambda: one("Conv", [waves(2, 1, 2, 2, 2)], (1, 3, 4, 3)),
    "conv_transpose": lambda: one("ConvTranspose", [waves(3, 2, 3, 3), waves(2)], strides=[2, 2]),
    "conv_transpose_padded": lambda: one(
        "ConvTranspose", [waves(3, 2, 3, 3)], strides=[2, 2], pads=[1, 1, 1, 1],
        output_padding=[1, 1],
    ),
    "average_pool": lambda: one("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
    "average_pool_padded": lambda: one("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "average_pool_counted": lambda: one(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "average_pool_ceil": lambda: one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "average_pool_same": lambda: one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
    ),
    "global_average": lambda: one("GlobalAveragePool"),
    "batch_norm": lambda: one("BatchNormalization", NORM),
    "batch_norm_opset_11": lambda: one("BatchNormalization", NORM, opset=11, epsilon=0.01),
    "gemm": lambda: one("Gemm", [waves(6, 3), waves(3)], VECTOR),
    "gemm_transposed": lambda: one("Gemm", [waves(3, 6), waves(1, 3)], VECTOR, transB=1, alpha=2.0),
    "gemm_without_bias": lambda: one("Gemm", [waves(6, 3)], VECTOR, beta=0.5),
    "gemm_scaled_bias": lambda: one("Gemm", [waves(6, 3), waves(3)], VECTOR, beta=0.5),
    "matmul": lambda: one("MatMul", [waves(6, 2)], VECTOR),
    "matmul_of_rows": lambda: one("MatMul", [waves(8, 2)]),
    "matmul_stacked": lambda: one("MatMul", [waves(3, 8, 2)]),
    "matmul_left": lambda: model([("MatMul", ["w", "x"], ["y"], {})], {"w": waves(5, 8)}),
    "keras_dense": lambda: chain(
        ("MatMul", [waves(6, 4)], {}), ("Add", [waves(4)], {}), ("MatMul", [waves(4, 2)], {}),
        ("Add", [waves(2)], {}), shape=VECTOR,
    ),
    "keras_channels_last": lambda: chain(
        ("Transpose", [], {"perm": [0, 3, 1, 2]}), ("Conv", [waves(4, 3, 3, 3)], {}),
        ("Transpose", [], {"perm": [0, 2, 3, 1]}), ("Reshape", [integers(-1, 144)], {}),
        shape=(8, 8, 3),
    ),
    "add": lambda: one("Add", [waves(3, 1, 1)]),
    "subtract_from": lambda: model([("Sub", ["w", "x"], ["y"], {})], {"w": waves(8)}),
    "multiply": lambda: one("Mul", [waves(1, 3, 1, 1)]),
    "divide": lambda: one("Div", [np.float32(255)]),
    "normalise": lambda: chain(("Sub", [waves(3, 1, 1)], {}), ("Div", [waves(3, 1, 1) + 2], {})),
    "negate": lambda: one("Neg"),
    "square": lambda: one("Pow", [np.float32(2)]),
    "cube": lambda: one("Pow", [integers(3)]),
    "square_by_product": lambda: model([("Mul", ["x", "x"], ["y"], {})]),
    "sum_of_three": lambda: model(
        [("Neg", ["x"], ["a"], {}), ("Sum", ["x", "a", "w"], ["y"], {})], {"w": waves(8)}
    ),
    "mean_of_two": lambda: model([("Mean", ["x", "w"], ["y"], {})], {"w": waves(3, 8, 8)}),
    "residual": lambda: model(
        [("Conv", ["x", "w"], ["a"], {"pads": [1, 1, 1, 1]}), ("Add", ["a", "x"], ["y"], {})],
        {"w": waves(3, 3, 3, 3)},
    ),
    "gate": lambda: model(
        [("GlobalAveragePool", ["x"], ["a"], {}), ("Mul", ["x", "a"], ["y"], {})]
    ),
    "flatten": lambda: one("Flatten"),
    "flatten_2": lambda: chain(
        ("Reshape", [integers(0, 3, 64)], {}), ("ReduceSum", [integers(2)], {"keepdims": 0})
    ),
    "reshape_by_shape": lambda: model(
        [
            ("Shape", ["x"], ["s"], {}), ("Gather", ["s", "zero"], ["n"], {"axis": 0}),
            ("Concat", ["n", "rest"], ["target"], {"axis": 0}),
            ("Reshape", ["x", "target"], ["y"], {}),
        ],
        {"zero": integers(0), "rest": integers(-1)},
    ),
    "squeeze": lambda: chain(("Slice", [integers(0), integers(1), integers(1)], {}), ("Squeeze", [integers(1)], {})),  # noqa: E501
    "squeeze_opset_11": lambda: chain(("GlobalAveragePool", [], {}), ("Squeeze", [], {"axes": [2, 3]}), opset=11),  # noqa: E501
    "unsqueeze": lambda: one("Unsqueeze", [integers(1)]),
    "transpose": lambda: one("Transpose", perm=[0, 2, 3, 1]),
    "slice_steps": lambda: one("Slice", [integers(1, 0), integers(8, 8), integers(2, 3), integers(2, 3)]),  # noqa: E501
    "slice_backwards": lambda: one("Slice", [integers(-1), integers(-9), integers(3), integers(-1)]),  # noqa: E501
    "gather": lambda: one("Gather", [integers(2, 0)], axis=1),
    "split": lambda: model([("Split", ["x", "w"], ["a", "y"], {"axis": 1})], {"w": integers(1, 2)}),
    "split_joined": lambda: model(
        [
            ("Split", ["x", "w"], ["a", "b"], {"axis": 2}),
            ("Concat", ["b", "a"], ["y"], {"axis": 2}),
        ],
        {"w": integers(3, 5)},
    ),
    "concat_with_weights": lambda: model(
        [("Expand", ["w", "s"], ["a"], {}), ("Concat", ["x", "a"], ["y"], {"axis": 1})],
        {"w": waves(1, 1, 8, 8), "s": integers(2, 1, 8, 8)},
    ),
    "expand": lambda: chain(("GlobalAveragePool", [], {}), ("Expand", [integers(1, 1, 2, 5)], {})),
    "tile": lambda: one("Tile", [integers(1, 2, 1, 1)]),
    "pad": lambda: one("Pad", [integers(0, 0, 1, 2, 0, 0, 0, 1), np.float32(0.5)]),
    "pad_zero": lambda: one("Pad", [integers(0, 1, 0, 0, 0, 2, 0, 0)]),
    "pad_reflect": lambda: one("Pad", [integers(0, 0, 1, 2, 0, 0, 0, 1)], mode="reflect"),
    "pad_edge": lambda: one("Pad", [integers(0, 0, 1, 2, 0, 0, 0, 1)], mode="edge"),
    "depth_to_space": lambda: one("DepthToSpace", [], (8, 4, 4), blocksize=2),
    "space_to_depth": lambda: one("SpaceToDepth", blocksize=2),
    "resize_nearest": lambda: one("Resize", [None, np.float32([1, 1, 2, 2])], mode="nearest"),
    "resize_linear": lambda: one("Resize", [None, np.float32([1, 1, 2, 2])], mode="linear"),
    "reduce_mean": lambda: one("ReduceMean", axes=[2, 3]),
    "reduce_mean_18": lambda: one("ReduceMean", [integers(2, 3)], opset=18, keepdims=0),
    "reduce_sum": lambda: one("ReduceSum", [integers(1)], keepdims=0),
    "reduce_sum_square": lambda: one("ReduceSumSquare", axes=[1], keepdims=0),
    "cumulative": lambda: one("CumSum", [integers(3)[0]]),
    "einsum": lambda: one("Einsum", [waves(8, 2)], equation="bchw,wk->bchk"),
    "where": lambda: model(
        [("Where", ["m", "x", "w"], ["y"], {})], {"m": np.eye(8) > 0, "w": waves(8)}
    ),
    "identity": lambda: one("Identity"),
    "dropout": lambda: one("Dropout"),
    "cast": lambda: chain(
        ("Cast", [], {"to": TensorProto.DOUBLE}), ("Cast", [], {"to": TensorProto.FLOAT})
    ),
    "constant_node": lambda: model(
        [
            ("Constant", [], ["c"], {"value": numpy_helper.from_array(waves(8))}),
            ("Mul", ["x", "c"], ["y"], {}),
        ]
    ),
    "computed_constant": lambda: model(
        [("Exp", ["w"], ["c"], {}), ("Add", ["x", "c"], ["y"], {})], {"w": waves(8)}
    ),
    "dequantised_weights": lambda: model(
        [("DequantizeLinear", ["q", "s"], ["w"], {}), ("MatMul", ["x", "w"], ["y"], {})],
        {"q": np.arange(-6, 6, dtype=np.int8).reshape(6, 2), "s": np.float32(0.1)},
        VECTOR, opset=21,
    ),
    "float16": lambda: model(
        [("MatMul", ["x", "w"], ["y"], {})], {"w": waves(6, 2).astype(np.float16)}, VECTOR,
        kind=TensorProto.FLOAT16,
    ),
    "float64": lambda: model(
        [("MatMul", ["x", "w"], ["y"], {})], {"w": waves(6, 2).astype(np.float64)}, VECTOR,
        kind=TensorProto.DOUBLE,
    ),
    "batch_of_one": lambda: model(
        [("Reshape", ["x", "s"], ["y"], {})], {"s": integers(1, 192)}, batch=1
    ),
    "softmax": lambda: chain(("MatMul", [waves(6, 3)], {}), ("Softmax", [], {"axis": -1}), shape=VECTOR),  # noqa: E501
    "softmax_opset_11": lambda: chain(("MatMul", [waves(6, 3)], {}), ("Softmax", [], {}), shape=VECTOR, opset=11),  # noqa: E501
    "log_softmax": lambda: one("LogSoftmax", shape=VECTOR, axis=1),
    "sigmoid": lambda: one("Sigmoid", shape=VECTOR),
    "two_outputs": lambda: model(
        [("Flatten", ["x"], ["y"], {}), ("GlobalAveragePool", ["x"], ["z"], {})],
        outputs=("y", "z"),
    ),
    "unused": lambda: model([("Floor", ["x"], ["a"], {}), ("Neg", ["x"], ["y"], {})]),
    "relu": lambda: one("Relu"),
    "leaky_relu": lambda: one("LeakyRelu", alpha=0.3),
    "prelu": lambda: one("PRelu", [waves(3, 1, 1)]),
    "clip": lambda: one("Clip", [np.float32(-0.2), np.float32(0.4)]),
    "clip_low": lambda: one("Clip", [np.float32(0.1)]),
    "relu6": lambda: one("Clip", [np.float32(0), np.float32(6)]),
    "elu": lambda: one("Elu", alpha=0.7),
    "selu": lambda: one("Selu"),
    "celu": lambda: one("Celu", alpha=0.5),
    "hard_sigmoid": lambda: one("HardSigmoid"),
    "hard_swish": lambda: one("HardSwish"),
    "gelu": lambda: one("Gelu", opset=20),
    "gelu_tanh": lambda: one("Gelu", opset=20, approximate="tanh"),
    "mish": lambda: one("Mish", opset=18),
    "softplus": lambda: one("Softplus"),
    "softsign": lambda: one("Softsign"),
    "tanh": lambda: chain(("Tanh", [], {}), ("Neg", [], {})),
    "sigmoid_inside": lambda: model(
        [("Sigmoid", ["x"], ["a"], {}), ("Mul", ["x", "a"], ["y"], {})]
    ),
    "abs": lambda: one("Abs"),
    "max_of_two": lambda: model([("Neg", ["x"], ["a"], {}), ("Max", ["x", "a"], ["y"], {})]),
    "max_with_constant": lambda: one("Max", [np.float32(0.2)]),
    "min_with_constant": lambda: one("Min", [np.float32(0.2)]),
    "max_pool": lambda: one("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "max_pool_padded": lambda: one(
        "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1
    ),
    "max_pool_1d": lambda: one("MaxPool", [], SIGNAL, kernel_shape=[3], strides=[3]),
    "global_max": lambda: one("GlobalMaxPool"),
    "reduce_max": lambda: one("ReduceMax", axes=[2, 3], keepdims=0),
}  # fmt: skip


def function_model() -> onnx.ModelProto:
    """A model that calls a function of its own."""
    body = [helper.make_node("Mul", ["a", "a"], ["b"]), helper.make_node("Neg", ["b"], ["c"])]
    function = helper.make_function(
        "custom", "Bent", ["a"], ["c"], body, [helper.make_opsetid("", 17)]
    )
    return model([("custom.Bent", ["x"], ["y"], {})], functions=[function])


CASES["local_function"] = function_model


def _branching() -> onnx.ModelProto:
    def branch(name: str) -> Any:
        info = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
        return helper.make_graph([helper.make_node(name, ["x"], ["z"])], "branch", [], info)

    return model(
        [
            ("ReduceSum", ["x"], ["s"], {"keepdims": 0}), ("Cast", ["s"], ["c"], {"to": 9}),
            ("If", ["c"], ["y"], {"then_branch": branch("Neg"), "else_branch": branch("Identity")}),
        ]
    )  # fmt: skip


SECOND = [helper.make_tensor_value_info("x2", TensorProto.FLOAT, ["N", 3, 8, 8])]
NAN = np.array([[1, np.nan]] * 6, dtype=np.float32)

REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "layer_norm": (lambda: one("LayerNormalization", [waves(8)]), "operator LayerNormalization at"),
    "instance_norm": (lambda: one("InstanceNormalization", [waves(3), waves(3)]), "statistics"),
    "lrn": (lambda: one("LRN", size=3), "LRN"),
    "argmax": (lambda: one("ArgMax", axis=1), "operator ArgMax at 'ArgMax_0', step 1 of 1 in mod"),
    "topk": (lambda: one("TopK", [integers(2)]), "TopK.*let the client"),
    "sqrt": (lambda: one("Sqrt"), "a root is no polynomial"),
    "logarithm": (lambda: one("Log"), "logarithm"),
    "reciprocal": (lambda: one("Reciprocal"), "divide by constants"),
    "divided_by_x": (lambda: model([("Div", ["w", "x"], ["y"], {})], {"w": waves(8)}), "divide by"),
    "power_half": (lambda: one("Pow", [np.float32(0.5)]), "the power 0.5"),
    "floor": (lambda: one("Floor"), "rounds or jumps"),
    "compare": (lambda: one("Greater", [np.float32(0)]), "comparison"),
    "whole_numbers": (lambda: one("Cast", to=TensorProto.INT64), "rounded to int64"),
    "quantised": (lambda: one("QuantizeLinear", [np.float32(0.1), np.uint8(0)]), "rounds"),
    "softmax_inside": (
        lambda: chain(("Softmax", [], {}), ("MatMul", [waves(6, 2)], {}), shape=VECTOR), "softmax"
    ),
    "lstm": (
        lambda: one("LSTM", [waves(1, 16, 8), waves(1, 16, 4)], (3, 8), hidden_size=4), "gates"
    ),
    "control_flow": (_branching, "If.*control flow"),
    "custom": (lambda: model([("custom.Magic", ["x"], ["y"], {})]), "custom operator of the"),
    "unknown": (lambda: one("Magic"), "Magic.*no counterpart"),
    "two_inputs": (
        lambda: model([("Add", ["x", "x2"], ["y"], {})], more_inputs=SECOND),
        "2 inputs .'x', 'x2'.",
    ),
    "nan_weights": (lambda: one("MatMul", [NAN], VECTOR), "weight 'w0' holds 6 NaN"),
    "old_opset": (lambda: one("Relu", opset=9), "opset 9; opsets 11 to"),
    "future_opset": (lambda: one("Relu", opset=99), "opset 99"),
    "no_shape": (lambda: model([("Neg", ["x"], ["y"], {})], shape=(3, "H", "W")), "pass input_sh"),  # type: ignore[arg-type]
    "integers": (lambda: model([("Neg", ["x"], ["y"], {})], kind=TensorProto.INT64), "no tensor"),
    "constant_output": (lambda: model([("Neg", ["w"], ["y"], {})], {"w": waves(3)}), "depend on"),
    "batch_mean": (lambda: one("ReduceMean", axes=[0]), "batch axis"),
    "batch_moved": (lambda: one("Transpose", perm=[1, 0, 2, 3]), "batch axis"),
    "all_in_one": (lambda: one("Reshape", [integers(-1)]), "batch axis"),
    "random": (lambda: one("RandomNormalLike"), "random"),
    "dropout_that_drops": (lambda: one("Dropout", [np.float32(0.5), np.bool_(True)]), "drops"),
    "max_of_channels": (lambda: one("ReduceMax", axes=[1]), "maximum over"),
    "wrong_sizes": (lambda: one("MatMul", [waves(7, 2)], VECTOR), "MatMul"),
    "missing_name": (lambda: model([("Neg", ["nothing"], ["y"], {})]), "not foreseen|nothing"),
    "several": (
        lambda: chain(("Floor", [], {}), ("Sqrt", [], {}), ("LRN", [], {"size": 3})),
        "3 operations of model cannot be converted.*Floor.*Sqrt.*LRN",
    ),
}
