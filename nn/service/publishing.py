"""Publishing a network: planning it, encoding its weights, and trying it, before a service starts.

This runs in a process of its own. The trial takes keys, which nobody keeps the secret of; the
process that serves has nothing that makes keys.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from nn.errors import NetworkError
from nn.network.graph import Network
from nn.network.network_file import save
from nn.packed.client import PackedClient
from nn.packed.plan import InferencePlan
from nn.packed.server import PackedServer
from nn.service.server.disk import sync_folder, write_durably
from nn.service.server.models import (
    DESCRIPTION,
    FOLDER,
    NETWORK,
    PLAN,
    TRIAL_IMAGES,
    TRIAL_KEYS,
    WEIGHTS,
    Model,
    read_model,
)

_TRIAL_IMAGES = 2


def published(data: Path, network: Network) -> list[Model]:
    """The models of this network that a data folder has, the oldest first."""
    folder = data / FOLDER
    if not folder.is_dir():
        return []
    found = [read_model(path) for path in folder.iterdir() if not path.name.startswith(".")]
    same = [model for model in found if model.plan.fingerprint == network.fingerprint()]
    return sorted(same, key=lambda model: model.published)


def publish(
    data: Path,
    name: str,
    network: Network,
    plan: InferencePlan,
    insecure_reason: str | None = None,
) -> Model:
    """Put a planned network under a name into a data folder; it is there whole, or not at all.

    A model of the same plan is left as it is. Raises `OSError` for a folder that cannot be written.
    """
    target = data / FOLDER / plan.id.hex()
    if target.is_dir():
        model = read_model(target)
        if model.name != name:
            raise NetworkError(f"the network is published as {model.name!r}, not as {name!r}")
        return model
    (data / FOLDER).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=data / FOLDER, prefix=".new."))
    try:
        save(network, folder / NETWORK)
        write_durably(folder / PLAN, plan.to_bytes())
        _try(folder, network, plan)
        described = {"name": name, "published": time.time(), "insecure_reason": insecure_reason}
        write_durably(folder / DESCRIPTION, json.dumps(described).encode())
        os.replace(folder, target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    sync_folder(target.parent)
    return read_model(target)


def _try(folder: Path, network: Network, plan: InferencePlan) -> None:
    """Encode the weights, and write what a worker needs to try the model."""
    blank = np.full((_TRIAL_IMAGES, *network.input_shape), np.mean(network.input_range))
    with PackedClient(plan) as client:
        keys = client.evaluation_keys()
        images = client.encrypt(blank)
        write_durably(folder / TRIAL_KEYS, keys.to_bytes())
        write_durably(folder / TRIAL_IMAGES, images.to_bytes())
        server = PackedServer(plan, network, keys, memory_bytes=0, weights_folder=folder / WEIGHTS)
        server.run(replace(images, ids=None))
