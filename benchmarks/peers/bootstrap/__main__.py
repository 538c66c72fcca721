"""One library's row, as JSON on one line: `python -m benchmarks.peers.bootstrap NAME ..`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from benchmarks.peers.bootstrap.measurement import measured


def main() -> int:
    """Measure; exit status 3 where the library is not installed, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.bootstrap")
    parser.add_argument("module")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    module = importlib.import_module(f"benchmarks.peers.bootstrap.{arguments.module}")
    try:
        subject = module.set_up(arguments.threads)
    except ImportError as error:
        print(f"not installed: {error}", file=sys.stderr)
        return 3
    print(json.dumps(measured(subject, arguments.threads, arguments.repeats)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
