"""The client of the stages that hold the secret key."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.places import PACKED, Places
from nn import Client


def client_of(places: Places) -> Any:
    """The client with the stored secret key."""
    stored = [path.read_bytes() for path in sorted(places.secret.iterdir())]
    plan = (places.model / "plan").read_bytes()
    return Client(plan, stored[0] if places.layout == PACKED else stored)
