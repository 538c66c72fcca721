"""Output files: a command that cannot write its file says so before the work."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

PICTURES = (".png", ".svg", ".pdf")


def result_file(text: str) -> Path:
    """The path of a file that can be written; missing folders are made later. For argparse."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file in it")
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not os.access(there, os.W_OK) or (there != path and not there.is_dir()):
        raise argparse.ArgumentTypeError(
            f"{text} cannot be written: no permission to write to {there}"
        )
    return path


def picture_file(text: str) -> Path:
    """The path of a picture that can be written, in the format of its suffix. For argparse."""
    path = result_file(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text} must end in one of {', '.join(PICTURES)}")
    return path
