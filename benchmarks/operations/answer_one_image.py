"""The server process of `benchmarks.operations.start`: one image from files, the answer to a file.

    python answer_one_image.py FOLDER

It imports no module of `benchmarks`, so that it is what a server's own script would be. On standard
output it writes the time of the system's clock after each step, in nanoseconds, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

begun = time.monotonic_ns()

from pathlib import Path  # noqa: E402

import nn  # noqa: E402
from nn.inference.keys import take_keys  # noqa: E402


def main(folder: Path) -> dict[str, int]:
    """Answer the image in `folder`; returns the time after each step."""
    times = {"interpreter": begun}

    def passed(step: str) -> None:
        times[step] = time.monotonic_ns()

    load, read_plan, serve, _ = nn.load, nn.InferencePlan.from_bytes, nn.Server, nn.EncryptedBatch
    passed("import")
    network, plan = load(folder / "network.npz"), read_plan((folder / "plan").read_bytes())
    passed("plan")
    keys = take_keys((folder / "keys").read_bytes(), plan.params)
    passed("keys")
    server = serve(plan, network, keys)
    passed("weights")
    answer = server.run((folder / "image").read_bytes())
    passed("first image")
    (folder / "answer").write_bytes(answer.to_bytes())
    passed("answer")
    return times


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1])), sys.stdout)
