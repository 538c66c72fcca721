"""``python -m benchmarks.suite.build``: the plans, the networks, and all kernels, before any stage.

It takes the place of the build of the workload's own entry. Everything here is public: it depends
on the trained network alone. The model is written to ``submission/model`` in the current folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nn
from benchmarks.suite.places import BATCHED, CIFAR10, PACKED, Places, fresh_folder
from ntt.terminal import say

_BLANK_IMAGES = 2


def build(root: Path) -> None:
    """Write both models below a folder, and run blank images through every stage."""
    # Few digits and little precision make keys and ciphertexts small.
    network = nn.zoo.load("mnist")
    plans: dict[str, nn.InferencePlan | nn.BatchedPlan] = {
        PACKED: nn.compile(network, precision_bits=6, dnum=3),
        BATCHED: nn.compile(network, layout="batched", precision_bits=6),
    }
    for layout, plan in plans.items():
        _write(root / "submission" / "model" / layout, network, plan)


def build_deep(root: Path) -> None:
    """Write the model of the zoo's ResNet-20 below a folder."""
    network = nn.zoo.load(CIFAR10)
    _write(root / "submission" / "model" / CIFAR10, network, nn.compile(network))


def _write(folder: Path, network: nn.Network, plan: nn.InferencePlan | nn.BatchedPlan) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan").write_bytes(plan.to_bytes())
    nn.save(network, folder / "network.npz")
    say(f"{folder.name}: {plan.evaluation_key_bytes / 1e6:.1f} MB of keys")


def warm(root: Path) -> None:
    """Compile every kernel that the stages need, by running them on blank images."""
    from benchmarks.suite import (
        client_decrypt_decode,
        client_encode_encrypt_input,
        client_key_generation,
        client_postprocess,
        client_preprocess_input,
        server_encrypted_compute,
        server_preprocess_model,
    )

    for size in (0, 2):
        places = Places(size, root)
        places.pixels.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(places.pixels, np.zeros((_BLANK_IMAGES, 784)), fmt="%.6f")
        for stage in (
            client_key_generation,
            server_preprocess_model,
            client_preprocess_input,
            client_encode_encrypt_input,
            server_encrypted_compute,
            client_decrypt_decode,
            client_postprocess,
        ):
            stage.main(places)
        for folder in (places.upload, places.download, places.public, places.secret):
            fresh_folder(folder)


if __name__ == "__main__":
    build(Path.cwd())
    warm(Path.cwd())
