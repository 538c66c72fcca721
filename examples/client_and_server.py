"""Client and server as two processes: one has the key, one has the weights, and they share bytes.

    python examples/client_and_server.py
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

import numpy as np

import nn


def serve(client: Connection) -> None:
    """The server's process: it owns the network, and never sees a secret key or an image."""
    network = nn.zoo.load("mnist")
    plan = nn.compile(network, security_bits=128)
    client.send_bytes(plan.to_bytes())
    server = nn.Server(plan, network, client.recv_bytes())
    while batch := client.recv_bytes():
        client.send_bytes(server.run(batch).to_bytes())


def ask(server: Connection, images: np.ndarray) -> np.ndarray:
    """The client's side: it needs the plan, and knows no weights."""
    client = nn.Client(server.recv_bytes())
    print(f"plan received: {client.plan.params}")
    keys = client.evaluation_keys().to_bytes()
    server.send_bytes(keys)
    batch = client.encrypt(images).to_bytes()
    server.send_bytes(batch)
    answer = server.recv_bytes()
    server.send_bytes(b"")  # no more images
    print(f"sent {len(keys):,} bytes of keys and {len(batch):,} of images")
    print(f"received {len(answer):,} bytes of answers")
    return client.decrypt(answer)


def main() -> np.ndarray:
    """Classify four images; returns their logits."""
    images, labels = nn.zoo.test_images("mnist")
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    logits = ask(here, images[:4])
    process.join()
    print(f"classes {logits.argmax(axis=1)}, labels {labels[:4]}")
    return logits


if __name__ == "__main__":
    main()
