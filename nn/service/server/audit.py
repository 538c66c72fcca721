"""The audit log: who did what, when, and what came of it. No token, no key and no ciphertext."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path


class AuditLog:
    """A file with one JSON object a line, to which lines are only added.

    A line that cannot be written is counted in `lost`, and stops nothing.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self.lost = 0

    def write(self, action: str, tenant: str, **facts: str | int | float | None) -> None:
        """Add a line."""
        always = {"time": round(time.time(), 3), "action": action, "tenant": tenant}
        line = json.dumps({**always, **facts})
        with self._lock:
            try:
                self._file.write(line + "\n")
                self._file.flush()
            except (OSError, ValueError):
                self.lost += 1

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
