"""The count of comparisons with SEAL, over all test processes of a run."""

from __future__ import annotations

import numpy as np


class Comparisons:
    """Counts comparisons of whole arrays, and fails at once on a residue that differs."""

    def __init__(self) -> None:
        self.arrays = self.residues = self.mismatches = 0

    def equal(self, what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
        """Same shape, same values."""
        self.arrays += 1
        self.residues += ours.size
        different = ours.shape != theirs.shape or int((ours != theirs).sum())
        self.mismatches += bool(different)
        assert not different, f"{what}: {ours.shape} and {theirs.shape}, {different} differ"

    def counts(self) -> tuple[int, int, int]:
        """(arrays, residues, mismatches), for `add` in another process."""
        return self.arrays, self.residues, self.mismatches

    def add(self, counts: tuple[int, int, int]) -> None:
        """Take over what another test process counted."""
        self.arrays += counts[0]
        self.residues += counts[1]
        self.mismatches += counts[2]


COMPARISONS = Comparisons()
