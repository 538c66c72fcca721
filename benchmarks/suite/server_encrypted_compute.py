"""Stage: run the network on the encrypted images. It has no secret key."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.places import MNIST, PACKED, Places, fresh_folder, run_stage
from nn import PackedServer, Server, load
from nn.packed.plan import take_plan


def main(places: Places) -> None:
    """Write one file of answers for each file of images."""
    server = _server(places)
    folder = fresh_folder(places.download)
    for path in sorted(places.upload.iterdir()):
        (folder / path.name).write_bytes(server.run(path.read_bytes()).to_bytes())


def _server(places: Places) -> Any:
    plan = (places.model / "plan").read_bytes()
    network = load(places.model / "network.npz")
    keys = [path.read_bytes() for path in sorted(places.public.iterdir())]
    if places.layout != PACKED:
        return Server(plan, network, keys)
    packed = take_plan(plan)
    if places.network != MNIST:
        largest = max(stage.weight_bytes or 0 for stage in packed.stages)
        return PackedServer(packed, network, keys[0], memory_bytes=largest)
    weights = places.model / "weights"
    return PackedServer(packed, network, keys[0], memory_bytes=0, weights_folder=weights)


if __name__ == "__main__":
    run_stage(main)
