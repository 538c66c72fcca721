"""Memory that one large object after the other is made in."""

from __future__ import annotations

import threading

import numpy as np

from ntt import threads
from ntt.memory import large_array


class ReusedMemory:
    """Memory for one matrix after the other, touched once: then it takes no page faults.

    turns: whoever holds the lock may use the memory.
    """

    def __init__(self) -> None:
        self.turns = threading.Lock()
        self._words = np.zeros(0, dtype=np.uint64)
        self._used = 0

    def give_back(self, words: int) -> None:
        """All of it is free again, and there are so many words at least."""
        self._used = 0
        if self._words.size < words:
            self._words = np.zeros(0, dtype=np.uint64)  # the old memory goes first
            self._words = large_array((words,))
            threads.split(words, self._touch)

    def _touch(self, first: int, last: int) -> None:
        self._words[first:last] = 0

    def taken(self, words: int) -> np.ndarray:
        """The next words of it, uint64 (words,)."""
        first, self._used = self._used, self._used + words
        return self._words[first : self._used]
