"""The database: what is acknowledged is committed, and one error undoes one write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from nn.errors import NetworkError
from nn.service.server.database import VERSION, Database, DatabaseVersionError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(tmp_path / "db")
    yield found
    found.close()


def add(name: str) -> object:
    return lambda connection: connection.execute(
        "INSERT INTO tenants (name, quota, created) VALUES (?, '{}', 0)", (name,)
    )


def test_write__is_seen_by_another_process(database: Database, tmp_path: Path) -> None:
    database.write(add("one"))
    other = sqlite3.connect(tmp_path / "db")
    assert other.execute("SELECT name FROM tenants").fetchall() == [("one",)]
    other.close()


def test_writes__of_a_transaction_fail_one_by_one(database: Database) -> None:
    futures = [database.submit(add(name)) for name in ("one", "two", "one", "three")]
    problems = [future.exception() for future in futures]
    assert [type(problem) for problem in problems] == [
        type(None), type(None), sqlite3.IntegrityError, type(None)
    ]  # fmt: skip
    rows = database.read("SELECT name FROM tenants ORDER BY id")
    assert [row["name"] for row in rows] == ["one", "two", "three"]


def test_error__of_a_function_undoes_what_it_wrote(database: Database) -> None:
    def write(connection: sqlite3.Connection) -> None:
        add("one")(connection)  # type: ignore[operator]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.write(write)
    assert database.read("SELECT * FROM tenants") == []


def test_full_disk__refuses_a_write_and_keeps_the_old(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    database.write(add("one"))
    (pages,) = database.write(lambda c: c.execute("PRAGMA page_count").fetchone())
    database.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(sqlite3.OperationalError, match="full"):
        database.write(add("x" * 100_000))
    assert [row["name"] for row in database.read("SELECT name FROM tenants")] == ["one"]
    database.write(add("two"))
    database.close()


def test_database__of_a_newer_release_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(DatabaseVersionError, match=f"this release reads {VERSION}"):
        Database(tmp_path / "db")


def test_database__other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"no database at all" * 100)
    with pytest.raises(NetworkError, match="is no database"):
        Database(tmp_path / "db")
    with pytest.raises(OSError, match="cannot be opened"):
        Database(tmp_path / "missing" / "db")
