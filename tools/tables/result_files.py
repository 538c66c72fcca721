"""The committed result files, and what all of them say about their origin."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
NETWORKS = ("mnist", "fashion_mnist")

Result = dict[str, Any]


def load(name: str) -> Result:
    """One file of `benchmarks/results`, named without its suffix."""
    result: Result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def load_networks(kind: str) -> list[Result]:
    """The results of one command, for example `nn-bench`, for each of `NETWORKS`."""
    return [load(f"{kind}-{name.replace('_', '-')}") for name in NETWORKS]


def commits(results: Iterable[Result]) -> str:
    """The commits that the results were measured at, shortened."""
    return "commit " + ", ".join(sorted({str(result["commit"])[:7] for result in results}))


def megabytes(count: float) -> str:
    """Bytes as megabytes, with one decimal."""
    return f"{count / 1e6:.1f} MB"


def gigabytes(count: float) -> str:
    """Bytes as gigabytes, with two decimals."""
    return f"{count / 1e9:.2f} GB"
