"""Secret keys in files, encrypted under a passphrase.

The passphrase becomes a key by scrypt (RFC 7914), which encrypts by ChaCha20-Poly1305 (RFC 8439).
What a list of keys shows is not encrypted, but authenticated: whoever alters it is noticed. Layout:
the magic line, the length of the head (u32, little-endian), the head in JSON, the ciphertext.
"""

from __future__ import annotations

import json
import os
import struct
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from he.format.files import replaced_file
from nn.errors import NetworkError

SUFFIX = ".key"
_MAGIC = b"he-accel secret key 1\n"
_LENGTH = struct.Struct("<I")
_LONGEST_HEAD = 1 << 16
_LARGEST_FILE = 256 << 20
_COST = 1 << 17
_BLOCK = 8
_MOST_COST = 1 << 20


class KeyFileError(NetworkError):
    """A file holds no secret key, the passphrase is wrong, or there is no key of that name."""


@dataclass(frozen=True, kw_only=True)
class KeyFacts:
    """What is known of a secret key without the passphrase."""

    name: str
    url: str
    model: str
    version: str
    key_id: str
    created: float


def write_key(path: Path, facts: KeyFacts, secret_key: bytes, passphrase: str) -> None:
    """Write a secret key, readable for the owner alone; raises `KeyFileError` if there is one."""
    if path.exists():
        raise KeyFileError(f"there is a key {facts.name!r}: delete it first, or choose a name")
    salt, nonce = os.urandom(16), os.urandom(12)
    scrypt = {"n": _COST, "r": _BLOCK, "salt": salt.hex(), "nonce": nonce.hex()}
    head = json.dumps({"facts": asdict(facts), "scrypt": scrypt}).encode()
    start = _MAGIC + _LENGTH.pack(len(head)) + head
    key = _derived(passphrase, salt, _COST, _BLOCK)
    sealed = ChaCha20Poly1305(key).encrypt(nonce, secret_key, start)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mask = os.umask(0o077)
    try:
        with replaced_file(path, "wb") as file:
            file.write(start + sealed)
    finally:
        os.umask(mask)


def read_facts(path: Path) -> KeyFacts:
    """What a file says of its key; raises `KeyFileError` for another file."""
    return _taken_apart(path)[0]


def read_key(path: Path, passphrase: str) -> tuple[KeyFacts, bytes]:
    """The secret key; raises `KeyFileError` for a wrong passphrase and for an altered file."""
    facts, scrypt, start, sealed = _taken_apart(path)
    try:
        cost, block = int(scrypt["n"]), int(scrypt["r"])
        salt, nonce = bytes.fromhex(scrypt["salt"]), bytes.fromhex(scrypt["nonce"])
        if not (2 <= cost <= _MOST_COST and cost & (cost - 1) == 0 and block == _BLOCK):
            raise ValueError
        key = _derived(passphrase, salt, cost, block)
        return facts, ChaCha20Poly1305(key).decrypt(nonce, sealed, start)
    except (KeyError, ValueError, TypeError):
        raise KeyFileError(f"{path} is no key file of this release") from None
    except InvalidTag:
        raise KeyFileError(f"{path}: the passphrase is wrong, or the file was altered") from None


def list_keys(folder: Path) -> list[tuple[Path, KeyFacts]]:
    """The key files of a folder, by name."""
    return [(path, read_facts(path)) for path in sorted(folder.glob(f"*{SUFFIX}"))]


def key_path(folder: Path, name: str) -> Path:
    """Where the key of a name lies; raises `KeyFileError` for a name that no file can have."""
    if not name or not all(c.isalnum() or c in "-_." for c in name) or name.startswith("."):
        raise KeyFileError(f"{name!r}: a key's name has letters, digits, hyphens, dots alone")
    return folder / f"{name}{SUFFIX}"


def _taken_apart(path: Path) -> tuple[KeyFacts, dict[str, str], bytes, bytes]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise KeyFileError(f"{path} is too large for a key file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(f"there is no key {path.stem!r} in {path.parent}") from None
    at = len(_MAGIC) + _LENGTH.size
    try:
        if not content.startswith(_MAGIC):
            raise ValueError
        (length,) = _LENGTH.unpack(content[len(_MAGIC) : at])
        if length > _LONGEST_HEAD:
            raise ValueError
        head = json.loads(content[at : at + length])
        known = {field.name for field in fields(KeyFacts)}
        facts = KeyFacts(**{k: v for k, v in head["facts"].items() if k in known})
        scrypt = head["scrypt"]
    except (ValueError, KeyError, TypeError, AttributeError, struct.error):
        raise KeyFileError(f"{path} is no key file of this release") from None
    return facts, scrypt, content[: at + length], content[at + length :]


def _derived(passphrase: str, salt: bytes, cost: int, block: int) -> bytes:
    kdf = Scrypt(salt=salt, length=32, n=cost, r=block, p=1)
    return kdf.derive(passphrase.encode("utf-8", "surrogatepass"))


def facts_of(name: str, url: str, model: str, version: str, key_id: str) -> KeyFacts:
    """The facts of a key that is made now."""
    return KeyFacts(
        name=name, url=url, model=model, version=version, key_id=key_id, created=time.time()
    )
