"""Stage: decrypt the answers."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.places import Places, run_stage
from benchmarks.suite.stored_client import client_of


def main(places: Places) -> None:
    """Write the logits (B, 10)."""
    with client_of(places) as client:
        files = sorted(places.download.iterdir())
        logits = [client.decrypt(path.read_bytes()) for path in files]
    np.save(places.logits(), np.concatenate(logits))


if __name__ == "__main__":
    run_stage(main)
