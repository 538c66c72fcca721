"""Tenants and their tokens.

A token is 32 random bytes. The database has its SHA-256 alone. A slow hash such as scrypt protects
words that people choose, which can be guessed; nobody can guess 256 random bits, whatever a guess
costs. A slow hash would cost the service a tenth of a second for each request, and so hand a
stranger with wrong tokens the means to stop the service.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from dataclasses import dataclass

from nn.errors import NetworkError
from nn.service.server.database import Database
from nn.service.server.settings import Quota
from nn.service.wire import Refusal

_PREFIX = "hea_"
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Tenant:
    """Whom a token belongs to."""

    id: int
    name: str
    quota: Quota


class Tenants:
    """The tenants of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, quota: Quota | None = None) -> None:
        """Add a tenant, or give one another quota; raises `NetworkError` for a bad name."""
        if not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
            raise NetworkError(f"a tenant's name has 1 to {_LONGEST_NAME} printable characters")
        text = (quota or Quota()).to_json()
        self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO tenants (name, quota, created) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET quota = excluded.quota",
                (name, text, time.time()),
            )
        )

    def names(self) -> list[str]:
        """The names of all tenants."""
        return [row["name"] for row in self._database.read("SELECT name FROM tenants ORDER BY id")]

    def new_token(self, name: str, valid_s: float | None = None) -> str:
        """A new token of a tenant: the only place where it is ever readable.

        valid_s: after how many seconds it expires; None: never. Raises `NetworkError` for a tenant
        that does not exist.
        """
        token = _PREFIX + secrets.token_urlsafe(32)
        now = time.time()
        expires = None if valid_s is None else now + valid_s

        def write(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT id FROM tenants WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise _unknown(name)
            connection.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?)", (_hash(token), row["id"], now, expires)
            )

        self._database.write(write)
        return token

    def revoke(self, name: str) -> int:
        """End all tokens of a tenant; how many there were. Raises `NetworkError` as `new_token`."""

        def write(connection: sqlite3.Connection) -> int:
            row = connection.execute("SELECT id FROM tenants WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise _unknown(name)
            ended = connection.execute("DELETE FROM tokens WHERE tenant = ?", (row["id"],))
            return ended.rowcount

        count: int = self._database.write(write)
        return count

    def of_token(self, token: str) -> Tenant:
        """Whom a token belongs to; raises `Refusal` for one that is wrong or expired."""
        rows = self._database.read(
            "SELECT tenants.id, name, quota, expires FROM tokens JOIN tenants "
            "ON tenants.id = tokens.tenant WHERE hash = ?",
            _hash(token),
        )
        if not rows:
            raise Refusal(401, "wrong_token", "no tenant has this token: ask the operator for one")
        row = rows[0]
        if row["expires"] is not None and row["expires"] <= time.time():
            raise Refusal(401, "expired_token", "the token expired: ask the operator for a new one")
        return Tenant(row["id"], row["name"], Quota.from_json(row["quota"]))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _unknown(name: str) -> NetworkError:
    return NetworkError(f"there is no tenant {name!r}: add the tenant first")
