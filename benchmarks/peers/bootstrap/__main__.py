"""One library's rows, each as JSON on one line: `python -m benchmarks.peers.bootstrap NAME ..`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from benchmarks.peers.bootstrap.measurement import NotMeasuredError, measured


def main() -> int:
    """Measure; exit status 3 where the library cannot be measured here, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.bootstrap")
    parser.add_argument("module")
    parser.add_argument("--threads", type=int, action="append")
    parser.add_argument("--ring", type=int, help="the ring degree, where it is not 2^16")
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    module = importlib.import_module(f"benchmarks.peers.bootstrap.{arguments.module}")
    try:
        counts = arguments.threads or [1]
        options = {} if arguments.ring is None else {"N": arguments.ring}
        subject = module.set_up(max(counts), **options)
    except ImportError as error:
        print(f"not installed: {error}", file=sys.stderr)
        return 3
    except NotMeasuredError as error:
        print(error, file=sys.stderr)
        return 3
    for count in counts:
        print(json.dumps(measured(subject, count, arguments.repeats)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
