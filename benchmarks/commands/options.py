"""Options of several commands."""

from __future__ import annotations

import argparse
import math


def seconds(text: str) -> float:
    """A time, for argparse; 0 for as little as it takes."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds, for example 0.5")
    return number
