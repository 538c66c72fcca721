"""`python -m accel_model`."""

import sys

from ntt.terminal import one_line_interrupt

if __name__ == "__main__":
    with one_line_interrupt():
        from accel_model.cli.main import main

        sys.exit(main())
