"""``python -m nn.service.server SETTINGS``: `nn serve` starts this process."""

import sys

from ntt.terminal import one_line_interrupt

if __name__ == "__main__":
    with one_line_interrupt():
        from nn.service.server.main import main

        sys.exit(main())
