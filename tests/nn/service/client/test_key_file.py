"""Secret keys in files: the passphrase, alterations, and who may read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nn.service.client.key_file import (
    KeyFileError,
    facts_of,
    key_path,
    list_keys,
    read_facts,
    read_key,
    write_key,
)

SECRET = bytes(range(256)) * 4
FACTS = facts_of("mine", "http://127.0.0.1:8000", "mnist", "0" * 32, "1" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = key_path(tmp_path / "keys", "mine")
    write_key(found, FACTS, SECRET, "a passphrase")
    return found


def test_key__comes_back(path: Path) -> None:
    assert read_key(path, "a passphrase") == (FACTS, SECRET)
    assert read_facts(path) == FACTS
    assert list_keys(path.parent) == [(path, FACTS)]


def test_key__is_encrypted_and_private(path: Path) -> None:
    content = path.read_bytes()
    assert SECRET[:16] not in content
    assert b"passphrase" not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_key__wrong_passphrase(path: Path) -> None:
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        read_key(path, "another")


@pytest.mark.parametrize("where", [5, 60, 130, -40, -1])
def test_key__altered_file(path: Path, where: int) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(KeyFileError):
        read_key(path, "a passphrase")


def test_key__costs_of_a_stranger_are_refused(path: Path) -> None:
    content = path.read_bytes().replace(b'"n": 131072', b'"n": 999999')
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="no key file"):
        read_key(path, "a passphrase")


@pytest.mark.parametrize("content", [b"", b"text", b"he-accel secret key 1\n\xff\xff\xff\xff"])
def test_key__other_files(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="no key file"):
        read_key(path, "a passphrase")


def test_key__is_not_written_over(path: Path) -> None:
    with pytest.raises(KeyFileError, match="delete it first"):
        write_key(path, FACTS, SECRET, "b")


@pytest.mark.parametrize("name", ["", "../x", ".x", "a/b", "a b"])
def test_name__that_no_key_has(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyFileError, match="a key's name"):
        key_path(tmp_path, name)


def test_key__missing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="there is no key 'x'"):
        read_key(key_path(tmp_path, "x"), "a")
