"""Encrypted inference: a trained network to a planned, packed, encrypted run.

    import nn
    network = nn.zoo.load("mnist")
    images, labels = nn.zoo.test_images("mnist")
    plan = nn.compile(network, security_bits=128)
    client = nn.Client(plan)                                     # makes and holds the secret key
    server = nn.Server(plan, network, client.evaluation_keys())  # never sees it
    logits = client.decrypt(server.run(client.encrypt(images[:8]), progress=True))

Thousands of images at once, in exact integers: ``nn.compile(network, scheme="bfv")``, then
`BatchedClient` and `BatchedServer` in the same way.
"""

from nn import zoo
from nn.batched.plan import BatchedPlan
from nn.batched.roles import BatchedClient, BatchedServer
from nn.batched.tensor import BatchedTensor
from nn.errors import NetworkError
from nn.frontend.pytorch import from_torch
from nn.network.activation import Polynomial
from nn.network.graph import Network, Node
from nn.network.layers import Add, AvgPool2d, BatchNorm, Conv2d, Flatten, Linear
from nn.packed.batch import EncryptedBatch
from nn.packed.client import Client
from nn.packed.plan import InferencePlan
from nn.packed.planner import PlanningError, compile
from nn.packed.server import Server

__all__ = [
    "Add",
    "AvgPool2d",
    "BatchNorm",
    "BatchedClient",
    "BatchedPlan",
    "BatchedServer",
    "BatchedTensor",
    "Client",
    "Conv2d",
    "EncryptedBatch",
    "Flatten",
    "InferencePlan",
    "Linear",
    "Network",
    "NetworkError",
    "Node",
    "PlanningError",
    "Polynomial",
    "Server",
    "compile",
    "from_torch",
    "zoo",
]
