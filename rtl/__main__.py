"""``python -m rtl``: generate, simulate and characterize hardware blocks."""

from rtl.cli import main

raise SystemExit(main())
