"""Figures: numbers with a tag and an origin."""

from __future__ import annotations

from dataclasses import dataclass

TAGS = {
    "measured": "measured on our own hardware: placed and routed, mapped to cells, or simulated",
    "calibrated": "computed by the model from measured figures",
    "published": "read in the stated source",
    "remembered": "from the stated source, not read again for this file",
    "assumed": "chosen here, for the stated reason",
}
"""The tags of figures, from the most to the least certain, and what each says."""


@dataclass(frozen=True)
class Figure:
    """A value with its tag, one of `TAGS`, and its origin in words. Raises `ValueError`."""

    value: float
    tag: str
    origin: str

    def __post_init__(self) -> None:
        if self.tag not in TAGS:
            raise ValueError(f"tag {self.tag!r}: one of {', '.join(TAGS)} is needed")

    def __str__(self) -> str:
        return f"{self.value:g} [{self.tag}: {self.origin}]"


def least_certain(*figures: Figure) -> str:
    """The tag of a result that is computed from `figures`: their least certain, or `calibrated`."""
    return max(("calibrated", *(figure.tag for figure in figures)), key=list(TAGS).index)
