"""Which page holds which tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tools.tables import (
    accelerators,
    bootstraps,
    deep,
    hardware,
    inference,
    networks,
    peers,
    rings,
    services,
)
from tools.tables.markdown import block_of, with_block

Blocks = Mapping[str, Callable[[], str]]
"""Blocks of a page by name, with the function that renders each."""

PAGES: dict[str, Blocks] = {
    "README.md": {"results": inference.headline},
    "docs/results.md": {
        "one image": inference.one_image,
        "several images": inference.several_images,
        "accelerators": accelerators.compared,
        "ckks": peers.ckks,
        "ckks fma": peers.ckks_fma,
        "bfv": peers.bfv,
        "hardware": hardware.measured,
    },
    "docs/encrypted-inference.md": {"batched": inference.full_batches},
    "docs/bootstrapping.md": {"bootstraps": bootstraps.measured},
    "docs/accelerators.md": {
        "estimation": accelerators.estimation,
        "short words": networks.short_words,
    },
    "docs/performance.md": {"deep": deep.measured, "rings": rings.costs},
    "docs/run-it.md": {"service": services.loaded},
    "docs/rtl.md": {"measurements": hardware.all_measurements},
}


def stale_blocks(page: str, blocks: Blocks) -> Iterator[str]:
    """The names of the blocks that differ from what is rendered now; raises `MissingBlockError`."""
    return (name for name, rendered in blocks.items() if block_of(page, name) != rendered())


def written(page: str, blocks: Blocks) -> str:
    """The page with every block as it is rendered now; raises `MissingBlockError`."""
    for name, rendered in blocks.items():
        page = with_block(page, name, rendered())
    return page
