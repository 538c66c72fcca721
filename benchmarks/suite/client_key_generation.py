"""Stage: make a secret key, and the evaluation keys that the server gets."""

from __future__ import annotations

from benchmarks.suite.places import Places, fresh_folder, run_stage
from nn import Client


def main(places: Places) -> None:
    """Write one file for each parameter set of the plan into either folder."""
    with Client((places.model / "plan").read_bytes()) as client:
        keys, secrets = client.evaluation_keys(), client.secret_key_bytes()
        public, secret = fresh_folder(places.public), fresh_folder(places.secret)
        for index, key in enumerate(keys if isinstance(keys, (list, tuple)) else [keys]):
            (public / str(index)).write_bytes(key.to_bytes())
        for index, one in enumerate([secrets] if isinstance(secrets, bytes) else secrets):
            (secret / str(index)).write_bytes(one)


if __name__ == "__main__":
    run_stage(main)
