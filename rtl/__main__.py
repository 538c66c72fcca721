"""`python -m rtl`: see `rtl.cli.main`."""

from rtl.cli.main import main

raise SystemExit(main())
