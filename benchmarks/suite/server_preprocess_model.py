"""Stage: encode the weights of the packed network into files, which the server maps later.

The suite runs it without a size; then it prepares all sizes.
"""

from __future__ import annotations

import sys

from benchmarks.suite.places import MNIST, PACKED, Places, fresh_folder, run_stage
from nn import PackedServer, load
from nn.inference.keys import take_keys
from nn.packed.plan import take_plan


def main(places: Places) -> None:
    """Write the weights; batched networks have none to prepare, and a ResNet-20's are too large."""
    if places.layout != PACKED or places.network != MNIST or not (places.public / "0").is_file():
        return
    plan = take_plan((places.model / "plan").read_bytes())
    keys = take_keys((places.public / "0").read_bytes(), plan.params)
    network, folder = load(places.model / "network.npz"), places.model / "weights"
    fresh_folder(folder)
    PackedServer(plan, network, keys, memory_bytes=0, weights_folder=folder)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        for size in (0, 1):
            main(Places(size))
    else:
        run_stage(main)
