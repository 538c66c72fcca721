"""Output files: a command that cannot write its file says so before the work."""

from __future__ import annotations

import argparse
from pathlib import Path

from he.format.files import check_writable

PICTURES = (".png", ".svg", ".pdf")


def result_file(text: str) -> Path:
    """The path of a file that can be written; missing folders are made later. For argparse."""
    try:
        check_writable(text, make_folders=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be written: {error.strerror}") from error
    return Path(text)


def picture_file(text: str) -> Path:
    """The path of a picture that can be written, in the format of its suffix. For argparse."""
    path = result_file(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text} must end in one of {', '.join(PICTURES)}")
    return path
