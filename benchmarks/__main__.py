"""`python -m benchmarks`, and the command `he-bench`."""

import sys

from ntt.terminal import one_line_interrupt


def run() -> int:
    """Run the command line of the process and return its exit status."""
    with one_line_interrupt():
        from benchmarks.main import main

        return main()


if __name__ == "__main__":
    sys.exit(run())
