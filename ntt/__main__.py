"""`python -m ntt`: see `ntt.main`."""

import sys

from ntt.terminal import one_line_interrupt

if __name__ == "__main__":
    with one_line_interrupt():
        from ntt.main import main

        sys.exit(main())
