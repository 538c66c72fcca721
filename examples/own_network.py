"""A network of your own: trained with PyTorch, converted, planned, and run on encrypted images.

    pip install '.[torch]'
    python examples/own_network.py
"""

from __future__ import annotations

import numpy as np
import torch

import nn
from nn.frontend.pytorch import PolynomialActivation


def train(images: np.ndarray, labels: np.ndarray) -> torch.nn.Module:
    """A small network; its activation is a polynomial, which ciphertexts can compute."""
    torch.manual_seed(1)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, kernel_size=5, stride=2, padding=2),
        torch.nn.BatchNorm2d(4),
        PolynomialActivation(channels=4),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 7 * 7, 10),
    )
    x, y = torch.tensor(images, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(3):
        for batch in torch.randperm(len(x)).split(200):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(x[batch]), y[batch]).backward()
            optimizer.step()
    return module.eval()


def main() -> tuple[np.ndarray, np.ndarray, nn.InferencePlan]:
    """Train on 4,000 images, encrypt 8 others; the logits, encrypted and in the clear."""
    images, labels = nn.zoo.test_images("mnist")
    module = train(images[:4000], labels[:4000])

    network = nn.from_torch(module, images[:8], name="own", input_range=(0, 1))
    network = network.calibrated(images[:4000])  # the values that its layers really take
    plan = nn.compile(network, security_bits=128)
    print(plan.report())

    client = nn.Client(plan)
    server = nn.Server(plan, network, client.evaluation_keys())
    unseen = images[4000:4008]
    logits, cleartext = client.decrypt(server.run(client.encrypt(unseen))), network(unseen)
    print(f"classes {logits.argmax(axis=1)}, labels {labels[4000:4008]}")
    print(f"largest error {np.abs(logits - cleartext).max():.1e}, "
          f"predicted at most {plan.predicted_error.max():.1e}")  # fmt: skip
    return logits, cleartext, plan


if __name__ == "__main__":
    main()
