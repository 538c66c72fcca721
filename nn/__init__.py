"""Encrypted inference: a trained network to a planned, packed, encrypted run.

    import nn
    network = nn.zoo.load("mnist")
    images, labels = nn.zoo.test_images("mnist")
    plan = nn.compile(network, security_bits=128)
    client = nn.Client(plan)                                     # makes and holds the secret key
    server = nn.Server(plan, network, client.evaluation_keys())  # never sees it
    logits = client.decrypt(server.run(client.encrypt(images[:8]), progress=True))

For thousands of images at once, in exact integers, compile with ``scheme="bfv"``; the other lines
stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntt.lazy import lazy_names

if TYPE_CHECKING:
    from nn import zoo
    from nn.any_plan import Client, Server, read_plan
    from nn.approximation.approximate import approximate, outside_ranges
    from nn.approximation.comparison import compare_approximations
    from nn.approximation.polynomialize import polynomialize
    from nn.batched.client import BatchedClient
    from nn.batched.plan import BatchedPlan
    from nn.batched.server import BatchedServer
    from nn.batched.tensor import BatchedTensor
    from nn.compilation import compile
    from nn.errors import (
        AnswerError,
        IdentityError,
        InputRangeWarning,
        LimitError,
        MemoryBudgetError,
        NetworkError,
        ServiceError,
        UncalibratedWarning,
    )
    from nn.frontend.onnx_file import from_onnx
    from nn.frontend.pytorch import from_torch
    from nn.inference.limits import Limits
    from nn.inference.roles import AnyClient, AnyServer
    from nn.inference.search import PlanningError
    from nn.network.activation import Chebyshev, Polynomial
    from nn.network.folding import fold_batch_norms
    from nn.network.graph import Network, Node
    from nn.network.layers import Add, AvgPool2d, BatchNorm, Conv2d, Flatten, Linear
    from nn.network.linear_map import LinearMap, Reshape
    from nn.network.network_file import load, save
    from nn.network.nonlinear import MaxPool2d, ScalarFunction
    from nn.network.two_inputs import Maximum, Multiply
    from nn.packed.client import PackedClient
    from nn.packed.encrypted_batch import EncryptedBatch
    from nn.packed.plan import InferencePlan
    from nn.packed.server import PackedServer
    from nn.service.client.remote_client import RemoteClient

__all__ = [
    "Add",
    "AnswerError",
    "AnyClient",
    "AnyServer",
    "AvgPool2d",
    "BatchNorm",
    "BatchedClient",
    "BatchedPlan",
    "BatchedServer",
    "BatchedTensor",
    "Chebyshev",
    "Client",
    "Conv2d",
    "EncryptedBatch",
    "Flatten",
    "IdentityError",
    "InferencePlan",
    "InputRangeWarning",
    "LimitError",
    "Limits",
    "Linear",
    "LinearMap",
    "MaxPool2d",
    "Maximum",
    "MemoryBudgetError",
    "Multiply",
    "Network",
    "NetworkError",
    "Node",
    "PackedClient",
    "PackedServer",
    "PlanningError",
    "Polynomial",
    "RemoteClient",
    "Reshape",
    "ScalarFunction",
    "Server",
    "ServiceError",
    "UncalibratedWarning",
    "approximate",
    "compare_approximations",
    "compile",
    "fold_batch_norms",
    "from_onnx",
    "from_torch",
    "load",
    "outside_ranges",
    "polynomialize",
    "read_plan",
    "save",
    "zoo",
]

# Modules are loaded when one of their names is first used: `ntt.lazy` says why.
__getattr__, __dir__ = lazy_names(
    "nn",
    {
        "": "zoo",
        "any_plan": "Client Server read_plan",
        "approximation.approximate": "approximate outside_ranges",
        "approximation.comparison": "compare_approximations",
        "approximation.polynomialize": "polynomialize",
        "batched.client": "BatchedClient",
        "batched.plan": "BatchedPlan",
        "batched.server": "BatchedServer",
        "batched.tensor": "BatchedTensor",
        "compilation": "compile",
        "errors": "AnswerError IdentityError InputRangeWarning LimitError MemoryBudgetError "
        "NetworkError ServiceError UncalibratedWarning",
        "frontend.onnx_file": "from_onnx",
        "frontend.pytorch": "from_torch",
        "inference.limits": "Limits",
        "inference.roles": "AnyClient AnyServer",
        "inference.search": "PlanningError",
        "network.activation": "Chebyshev Polynomial",
        "network.folding": "fold_batch_norms",
        "network.graph": "Network Node",
        "network.layers": "Add AvgPool2d BatchNorm Conv2d Flatten Linear",
        "network.linear_map": "LinearMap Reshape",
        "network.network_file": "load save",
        "network.nonlinear": "MaxPool2d ScalarFunction",
        "network.two_inputs": "Maximum Multiply",
        "packed.client": "PackedClient",
        "packed.encrypted_batch": "EncryptedBatch",
        "packed.plan": "InferencePlan",
        "packed.server": "PackedServer",
        "service.client.remote_client": "RemoteClient",
    },
)
