"""Write the table of batched runs in docs/encrypted-inference.md from benchmarks/results.

    python tools/batched_results.py

A test compares the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "encrypted-inference.md"
BLOCK = re.compile(r"(?<=<!-- batched -->\n).*?(?=<!-- end of batched -->)", re.DOTALL)
SCHEMES = ("bfv", "ckks")


def load() -> list[dict[str, Any]]:
    """The result of each scheme."""
    paths = [RESULTS / f"nn-bench-mnist-{scheme}-batched.json" for scheme in SCHEMES]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def render() -> str:
    """What a full run takes, and what that was measured on, in Markdown."""
    found = load()
    wrong = ("images_with_a_wrong_integer", "images_beyond_the_predicted_error")
    counts = [
        f"{result[name]} of {result['images_compared']:,}"
        for result, name in zip(found, wrong, strict=True)
    ]

    def row(label: str, cell: Callable[[dict[str, Any]], str]) -> str:
        return f"| {label} | {' | '.join(cell(result) for result in found)} |"

    lines = [
        row("MNIST, images at once", lambda r: f"{r['scheme'].upper()}, {r['images']:,}"),
        "| --- |" + " --- |" * len(found),
        "| answers | exactly the quantised network's integers | within the predicted error |",
        f"| images for which that failed | {' | '.join(counts)} |",
        row("ring degree, log2(QP)", _parameters),
        row("accuracy, that of the network in the clear", _accuracy),
        row("server, one thread, median", _seconds),
        row("images, answers, evaluation keys", _megabytes),
        row("peak memory, client and server", lambda r: f"{r['peak_rss_bytes'] / 1e9:.1f} GB"),
    ]
    machine = found[0]["machine"]
    commits = ", ".join(sorted({str(result["commit"])[:7] for result in found}))
    commands = "\n".join(str(result["command"]) for result in found)
    return (
        "\n".join(lines)
        + f"\n\n{machine['cpu']}, backend `{found[0]['backend']}`; commit {commits}.\n\n"
        + f"```sh\n{commands}\n```\n"
    )


def _parameters(result: dict[str, Any]) -> str:
    sets = result["parameters"]
    several = f", {len(sets)} plain moduli" if len(sets) > 1 else ""
    return f"{sets[0]['N']}, {sets[0]['log2_QP']:.0f} bits{several}"


def _accuracy(result: dict[str, Any]) -> str:
    return f"{100 * result['accuracy']:.2f} %, {100 * result['accuracy_of_the_network']:.2f} %"


def _seconds(result: dict[str, Any]) -> str:
    median = result["server_seconds_median"]
    return f"{median:.2f} s, {1e3 * median / result['images']:.3f} ms an image"


def _megabytes(result: dict[str, Any]) -> str:
    names = ("encrypted_images_bytes", "encrypted_answers_bytes", "evaluation_key_bytes")
    return ", ".join(f"{result[name] / 1e6:.1f} MB" for name in names)


def main() -> None:
    """Replace the block between its markers."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: render(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
