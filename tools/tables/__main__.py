"""Write the tables of README.md and docs/ from the committed result files.

    python tools/tables            write every table
    python tools/tables --check    list the tables that are stale; exit status 1 if there is one
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.tables.markdown import MissingBlockError  # noqa: E402
from tools.tables.pages import PAGES, stale_blocks, written  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python tools/tables", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; list the tables that are stale"
    )
    arguments = parser.parse_args(argv)
    stale = 0
    try:
        for page, blocks in PAGES.items():
            path = ROOT / page
            text = path.read_text(encoding="utf-8")
            for name in stale_blocks(text, blocks):
                stale += 1
                print(f"{page}: the table `{name}` {'is stale' if arguments.check else 'changed'}")
            if not arguments.check:
                path.write_text(written(text, blocks), encoding="utf-8")
    except MissingBlockError as error:
        print(f"{page}: {error}", file=sys.stderr)
        return 2
    if arguments.check and stale:
        print("run `python tools/tables` to write them")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
