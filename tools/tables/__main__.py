"""Write the tables of README.md and docs/ from the committed result files.

    python tools/tables            write every table
    python tools/tables --check    list the tables that are stale; exit status 1 if there is one
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from he.format.files import replaced_file  # noqa: E402
from ntt.terminal import CommandParser, run_command, show  # noqa: E402
from tools.tables.markdown import MissingBlockError  # noqa: E402
from tools.tables.pages import PAGES, stale_blocks, written  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status, as `ntt.terminal.run_command` says."""
    return run_command(lambda: _run(argv), MissingBlockError)


def _run(argv: Sequence[str] | None) -> int:
    parser = CommandParser(prog="python tools/tables", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; list the tables that are stale"
    )
    arguments = parser.parse_args(argv)
    stale = 0
    for page, blocks in PAGES.items():
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        try:
            changed = list(stale_blocks(text, blocks))
        except MissingBlockError as error:
            raise MissingBlockError(f"{page}: {error}") from error
        stale += len(changed)
        for name in changed:
            show(f"{page}: the table `{name}` {'is stale' if arguments.check else 'changed'}")
        if changed and not arguments.check:
            with replaced_file(path) as file:
                file.write(written(text, blocks))
    if arguments.check and stale:
        show("run `python tools/tables` to write them")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
