"""Write the tables of docs/accelerators.md from the JSON files in benchmarks/results.

    python tools/docs_results.py

A test compares the two.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ESTIMATION = ROOT / "benchmarks" / "results" / "estimation.json"
ACCELERATORS = ROOT / "docs" / "accelerators.md"
BLOCK = re.compile(r"(?<=<!-- estimation -->\n).*?(?=<!-- end of estimation -->)", re.DOTALL)

_COLUMNS = ("images", "machine", "instructions", "steps", "lowering, s", "estimate, s",
            "us an instruction")  # fmt: skip


def render() -> str:
    """How long estimates take, and what that was measured on, in Markdown."""
    result = json.loads(ESTIMATION.read_text(encoding="utf-8"))
    rows, machine = result["rows"], result["machine"]
    lines = ["| " + " | ".join(_COLUMNS) + " |", "| ---: | --- |" + " ---: |" * 5]
    for row in rows:
        cells = (
            str(row["images"]),
            f"`{row['machine']}`",
            f"{row['instructions']:,}",
            f"{row['steps']:,}",
            f"{row['lower_s']:.3f}",
            f"{row['estimate_s']:.3f}",
            f"{row['us_per_instruction']:.1f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return (
        "\n".join(lines)
        + f"\n\n{machine['cpu']}, load average {machine['load_average']:.1f}, the smallest of "
        + f"{rows[0]['repeats']}; commit {result['commit'][:7]}.\n\n```sh\n{result['command']}\n"
        + "```\n"
    )


def main() -> None:
    """Replace the block between its markers."""
    text = ACCELERATORS.read_text(encoding="utf-8")
    ACCELERATORS.write_text(BLOCK.sub(lambda _: render(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
