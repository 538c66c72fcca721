"""`python -m accel_model`."""

import sys

from accel_model.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
