"""Where commands write: told before the work, not after, when a file cannot be."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

PICTURES = (".png", ".svg", ".pdf")


def result_file(text: str) -> Path:
    """A path that can be written to, for argparse; folders that it lacks can be made."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file in it")
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not os.access(there, os.W_OK) or (there != path and not there.is_dir()):
        raise argparse.ArgumentTypeError(f"{text} cannot be written: {there} does not allow it")
    return path


def picture_file(text: str) -> Path:
    """The same for a picture, whose format its ending says."""
    path = result_file(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text} must end in one of {', '.join(PICTURES)}")
    return path
