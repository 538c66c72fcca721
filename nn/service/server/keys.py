"""Evaluation keys of tenants: rows of the database, and one file for each set of keys.

An upload grows in a file of its own. How far it is, is the length of that file. Keys are ready when
a worker has read them and found that they serve the plan; the file has its final name by then.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from nn.service.server.database import Database
from nn.service.server.disk import PART, Disk, put_in_place
from nn.service.server.settings import too_many
from nn.service.server.tenants import Tenant
from nn.service.wire import KeyState, Refusal

FOLDER = "keys"
_PIECE = 1 << 20
_NOTE_S = 60.0


@dataclass(frozen=True)
class StoredKeys:
    """A tenant's evaluation keys. serial: a number that no other keys ever had or will have."""

    serial: int
    tenant: int
    id: str
    plan: str
    bytes: int
    sha256: str
    state: KeyState
    created: float


class KeyStore:
    """The evaluation keys in a data folder."""

    def __init__(self, data: Path, database: Database, disk: Disk) -> None:
        self._folder = data / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._database = database
        self._disk = disk
        self._noted: dict[int, float] = {}
        self._remove_strays()

    def file(self, keys: StoredKeys) -> Path:
        """Where the bytes of keys that are ready lie."""
        return self._folder / f"{keys.serial}.keys"

    def upload_file(self, keys: StoredKeys) -> Path:
        """Where the bytes of an upload lie."""
        return self._folder / f"{keys.serial}.keys{PART}"

    def received(self, keys: StoredKeys) -> int:
        """How many bytes of keys are here."""
        if keys.state is KeyState.READY:
            return keys.bytes
        try:
            return self.upload_file(keys).stat().st_size
        except FileNotFoundError:
            return 0

    def find(self, tenant: Tenant, key_id: str) -> StoredKeys:
        """A tenant's keys; raises `Refusal` for an id that is not among the tenant's."""
        rows = self._database.read(
            "SELECT * FROM keys WHERE tenant = ? AND id = ?", tenant.id, key_id
        )
        if not rows:
            raise Refusal(404, "unknown_key", "you have no evaluation keys of this id")
        return _keys_of(rows[0])

    def of_serial(self, serial: int) -> StoredKeys | None:
        """The keys of a serial number; None once they are deleted."""
        rows = self._database.read("SELECT * FROM keys WHERE serial = ?", serial)
        return _keys_of(rows[0]) if rows else None

    def of_tenant(self, tenant: Tenant) -> list[StoredKeys]:
        """All keys of a tenant."""
        rows = self._database.read("SELECT * FROM keys WHERE tenant = ? ORDER BY serial", tenant.id)
        return [_keys_of(row) for row in rows]

    def begin(self, tenant: Tenant, key_id: str, plan: str, size: int, sha256: str) -> StoredKeys:
        """Begin an upload, or return the one that was begun with the same digest.

        Raises `Refusal` for another digest under the same id, for a quota that is used up, and for
        a full disk.
        """
        self._disk.check(size)
        now = time.time()

        def write(connection: sqlite3.Connection) -> StoredKeys:
            row = connection.execute(
                "SELECT * FROM keys WHERE tenant = ? AND id = ?", (tenant.id, key_id)
            ).fetchone()
            if row is not None:
                keys = _keys_of(row)
                if (keys.plan, keys.bytes, keys.sha256) != (plan, size, sha256):
                    raise Refusal(
                        409, "key_exists", "other bytes were begun under this id: delete them first"
                    )
                return keys
            count = connection.execute(
                "SELECT count(*) FROM keys WHERE tenant = ?", (tenant.id,)
            ).fetchone()[0]
            if count >= tenant.quota.keys:
                raise too_many("too_many_keys", f"{count} sets of evaluation keys are stored")
            check_stored_bytes(connection, tenant, size)
            row = connection.execute(
                "INSERT INTO keys (tenant, id, plan, bytes, sha256, state, created, used) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (tenant.id, key_id, plan, size, sha256, KeyState.UPLOADING, now, now),
            ).fetchone()
            return _keys_of(row)

        keys: StoredKeys = self._database.write(write)
        return keys

    def check_digest(self, keys: StoredKeys) -> None:
        """Put a whole upload on the disk; raises `Refusal` unless it has the digest stated."""
        digest = hashlib.sha256()
        with self.upload_file(keys).open("rb") as file:
            os.fsync(file.fileno())
            while piece := file.read(_PIECE):
                digest.update(piece)
        if digest.hexdigest() != keys.sha256:
            self.delete(keys)
            raise Refusal(
                422, "wrong_digest", "the bytes have another SHA-256 than stated: upload them again"
            )

    def make_ready(self, keys: StoredKeys) -> StoredKeys:
        """Say that uploaded keys serve their plan; raises `Refusal` for keys that are gone."""
        gone = Refusal(404, "unknown_key", "the keys were deleted meanwhile")
        try:
            put_in_place(self.upload_file(keys), self.file(keys))
        except FileNotFoundError:
            raise gone from None
        self._database.write(
            lambda connection: connection.execute(
                "UPDATE keys SET state = ? WHERE serial = ?", (KeyState.READY, keys.serial)
            )
        )
        found = self.of_serial(keys.serial)
        if found is None:
            self.file(keys).unlink(missing_ok=True)
            raise gone
        return found

    def delete(self, keys: StoredKeys) -> None:
        """Delete keys, ready or not."""
        self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM keys WHERE serial = ?", (keys.serial,)
            )
        )
        self._noted.pop(keys.serial, None)
        self.file(keys).unlink(missing_ok=True)
        self.upload_file(keys).unlink(missing_ok=True)

    def note_use(self, serial: int) -> None:
        """Write down that keys are in use, once a minute, without waiting for the disk."""
        now = time.time()
        if now - self._noted.get(serial, 0.0) < _NOTE_S:
            return
        self._noted[serial] = now
        self._database.submit(
            lambda connection: connection.execute(
                "UPDATE keys SET used = ? WHERE serial = ?", (now, serial)
            )
        )

    def expired(self, uploads_s: float, keys_s: float) -> list[StoredKeys]:
        """Uploads that nobody finished, and keys that nobody used, for so many seconds."""
        now = time.time()
        rows = self._database.read(
            "SELECT * FROM keys WHERE (state = ? AND created < ?) OR (state = ? AND used < ?)",
            KeyState.UPLOADING,
            now - uploads_s,
            KeyState.READY,
            now - keys_s,
        )
        return [_keys_of(row) for row in rows]

    def _remove_strays(self) -> None:
        """Delete files of deleted keys; finish keys that had their final name and no more."""
        rows = {row["serial"]: _keys_of(row) for row in self._database.read("SELECT * FROM keys")}
        for path in self._folder.iterdir():
            serial = path.name.partition(".")[0]
            keys = rows.get(int(serial)) if serial.isdigit() else None
            if keys is None:
                path.unlink()
            elif keys.state is KeyState.UPLOADING and path == self.file(keys):
                os.replace(path, self.upload_file(keys))


def check_stored_bytes(connection: sqlite3.Connection, tenant: Tenant, more: int) -> None:
    """Raise `Refusal` where so many bytes more are above a tenant's quota."""
    used = 0
    for query in (
        "SELECT total(bytes) FROM keys WHERE tenant = ?",
        "SELECT total(bytes + answer_bytes) FROM jobs WHERE tenant = ?",
    ):
        used += int(connection.execute(query, (tenant.id,)).fetchone()[0])
    if used + more > tenant.quota.stored_bytes:
        raise too_many(
            "too_many_bytes",
            f"{used} bytes are stored, {more} more are above {tenant.quota.stored_bytes}; delete "
            f"keys or answers",
        )


def _keys_of(row: sqlite3.Row) -> StoredKeys:
    return StoredKeys(
        row["serial"],
        row["tenant"],
        row["id"],
        row["plan"],
        row["bytes"],
        row["sha256"],
        KeyState(row["state"]),
        row["created"],
    )
