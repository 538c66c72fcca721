"""The database: SQLite with a write-ahead log, and one thread that commits many writes at once."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from nn.errors import NetworkError

VERSION = 1
FILE = "service.db"
"""The name of the database in a data folder."""
_MOST_AT_ONCE = 128

_TABLES = """
CREATE TABLE tenants (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, quota TEXT NOT NULL,
  created REAL NOT NULL);
CREATE TABLE tokens (
  hash BLOB PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants, created REAL NOT NULL,
  expires REAL);
CREATE TABLE keys (
  serial INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL REFERENCES tenants,
  id TEXT NOT NULL, plan TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
  state TEXT NOT NULL, created REAL NOT NULL, used REAL NOT NULL, UNIQUE (tenant, id));
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants, keys INTEGER NOT NULL,
  plan TEXT NOT NULL, request TEXT NOT NULL, images INTEGER NOT NULL, bytes INTEGER NOT NULL,
  answer_bytes INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '', created REAL NOT NULL, finished REAL,
  UNIQUE (tenant, request));
CREATE INDEX jobs_by_state ON jobs (state, created);
CREATE TABLE usage (
  tenant INTEGER NOT NULL REFERENCES tenants, day INTEGER NOT NULL, images INTEGER NOT NULL,
  PRIMARY KEY (tenant, day));
"""

Write = Callable[[sqlite3.Connection], Any]


class DatabaseVersionError(NetworkError):
    """The database was written by a newer release."""


class Database:
    """The database in a file. Any thread may read and write.

    Raises `DatabaseVersionError` for one of a newer release, `NetworkError` for a file that is no
    database, and `OSError` for one that cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._writer = _opened(path)
            _make_tables(self._writer, path)
            self._reader = _opened(path)
        except sqlite3.OperationalError as error:
            raise OSError(f"{path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise NetworkError(f"{path} is no database of the service: {error}") from error
        self._reading = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[Write, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="database", daemon=True)
        self._thread.start()

    def read(self, query: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a query, as they were committed."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    def submit(self, write: Write) -> Future[Any]:
        """Run a function of the connection in a transaction; its result, once it is on the disk.

        An error that the function raises undoes what it wrote and is the future's. Several
        functions may share a transaction.
        """
        future: Future[Any] = Future()
        self._waiting.put((write, future))
        return future

    def write(self, write: Write) -> Any:
        """`submit`, and wait for the result."""
        return self.submit(write).result()

    def close(self) -> None:
        """Commit what waits, and close the file."""
        self._waiting.put(None)
        self._thread.join()
        self._writer.close()
        with self._reading:
            self._reader.close()

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            items = [self._waiting.get()]
            while len(items) < _MOST_AT_ONCE and not self._waiting.empty():
                items.append(self._waiting.get())
            is_open = None not in items
            self._commit([item for item in items if item is not None])

    def _commit(self, items: list[tuple[Write, Future[Any]]]) -> None:
        connection = self._writer
        results: list[tuple[Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = [_in_savepoint(connection, write) for write, _ in items]
            connection.execute("COMMIT")
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            results = [(None, error)] * len(items)
        for (_, future), (result, problem) in zip(items, results, strict=True):
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)


def _in_savepoint(
    connection: sqlite3.Connection, write: Write
) -> tuple[Any, BaseException | None]:
    connection.execute("SAVEPOINT one")
    try:
        result = write(connection)
    except Exception as error:
        if not connection.in_transaction:  # a full disk ended the transaction of all
            raise
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return None, error
    connection.execute("RELEASE one")
    return result, None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise DatabaseVersionError(
            f"{path} is of version {version}, this release reads {VERSION}: run the release that "
            f"wrote it, or a newer one"
        )
    if version == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;"
        )
