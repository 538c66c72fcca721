"""Published models: the plan, the network and the encoded weights of each, in a folder of its own.

`nn.service.publishing` writes the folders; the service reads them. A model's version is the id of
its plan, and also the name of its folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from he.errors import SerializationError
from he.format.archive import ArchiveError
from nn.errors import NetworkError
from nn.packed.plan import InferencePlan
from nn.service.wire import Refusal, is_id

FOLDER = "models"
PLAN, NETWORK, DESCRIPTION, WEIGHTS = "plan", "network.npz", "model.json", "weights"
TRIAL_KEYS, TRIAL_IMAGES = "trial.keys", "trial.images"
"""Keys and encrypted blank images of nobody, with which a worker tries the model when it starts."""


@dataclass(frozen=True)
class Model:
    """A published model. published: when, in seconds since 1970."""

    name: str
    version: str
    folder: Path
    plan: InferencePlan
    plan_bytes: bytes
    published: float

    @property
    def facts(self) -> dict[str, Any]:
        """What clients are told."""
        plan = self.plan
        return {
            "name": self.name,
            "version": self.version,
            "fingerprint": plan.fingerprint.hex(),
            "input_shape": list(plan.input_layout.shape),
            "classes": int(plan.predicted_error.size),
            "layers": [stage.name for stage in plan.stages],
            "security_bits": plan.params.security_bits,
            "ring_degree": plan.params.N,
            "levels": plan.depth,
            "key_bytes": plan.evaluation_key_bytes,
            "plan_bytes": len(self.plan_bytes),
        }


def read_model(folder: Path) -> Model:
    """The model in a folder; raises `NetworkError` for a folder that is damaged."""
    try:
        described = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        plan_bytes = (folder / PLAN).read_bytes()
        plan = InferencePlan.from_bytes(
            plan_bytes, insecure_reason=described.get("insecure_reason")
        )
        name, published = str(described["name"]), float(described["published"])
    except (OSError, ValueError, KeyError, SerializationError, ArchiveError) as error:
        raise NetworkError(
            f"{folder} holds no model that can be read: {error}; delete the folder and publish the "
            f"network again"
        ) from error
    return Model(name, plan.id.hex(), folder, plan, plan_bytes, published)


class Models:
    """All published models of a data folder."""

    def __init__(self, data: Path) -> None:
        folder = data / FOLDER
        found = [read_model(path) for path in folder.iterdir() if is_id(path.name)]
        self.all = sorted(found, key=lambda model: model.published)
        self._by_version: Mapping[str, Model] = {model.version: model for model in self.all}
        self._newest: Mapping[str, Model] = {model.name: model for model in self.all}

    def find(self, name: str, version: str | None = None) -> Model:
        """A model, by default its newest version; raises `Refusal` for an unknown one."""
        newest = self._newest.get(name)
        if newest is None:
            raise Refusal(404, "unknown_model", f"the service has {', '.join(self._newest)}")
        if version is None:
            return newest
        model = self._by_version.get(version)
        if model is None or model.name != name:
            raise Refusal(
                404, "unknown_version", f"the newest version of {name} is {newest.version}"
            )
        return model

    def of_version(self, version: str) -> Model:
        """The model of a version; raises `Refusal` for an unknown one."""
        model = self._by_version.get(version)
        if model is None:
            raise Refusal(404, "unknown_version", "the service has no model of this version")
        return model
