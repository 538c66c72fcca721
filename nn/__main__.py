"""``python -m nn``: see `nn.cli`."""

import sys

from ntt.terminal import one_line_interrupt

if __name__ == "__main__":
    with one_line_interrupt():
        from nn.cli.main import main

        sys.exit(main())
