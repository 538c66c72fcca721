"""What an operator decides: where the service listens, what it stores, what a tenant may ask."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from nn.errors import NetworkError
from nn.service.wire import Refusal


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What one tenant may use.

    - `stored_bytes`: evaluation keys, encrypted images and answers together.
    - `keys`: sets of evaluation keys.
    - `images_a_day`: images accepted on one day (UTC).
    - `jobs`: jobs that wait or run at once.
    - `requests_a_second`: on average; twice as many may come in a burst.
    - `requests_at_once`: that are open, such as uploads and those that wait for an answer.
    """

    stored_bytes: int = 4 << 30
    keys: int = 32
    images_a_day: int = 1_000_000
    jobs: int = 256
    requests_a_second: float = 200.0
    requests_at_once: int = 64

    def to_json(self) -> str:
        """The quota as text for the database."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a service.

    data: its folder. host, port: where it listens; port 0 takes any that is free. certificate,
    private_key: PEM files for TLS; without them the service speaks plain HTTP. workers: processes
    that run networks, or the address of a Ray cluster, where ray_workers actors run, by default as
    many as its processors allow. threads: of each worker. memory_bytes: the most memory
    that loaded evaluation keys take in all workers together. group: the most images that run as one
    group.

    images_bytes: the largest request. body_s, idle_s: seconds that a request's body may take, and
    that may pass between two parts of it. connections: the most at once. reserve_bytes: disk
    space that new work must leave free, so that the answers of accepted work can be stored.
    answers_s, uploads_s, keys_s: how long answers, unfinished uploads and unused keys are kept.
    attempts: how often a job whose worker dies is run.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    private_key: Path | None = None
    workers: int | str = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    ray_workers: int | None = None
    threads: int = 1
    memory_bytes: int = 2 << 30
    group: int = 8
    images_bytes: int = 64 << 20
    body_s: float = 600.0
    idle_s: float = 30.0
    connections: int = 512
    reserve_bytes: int = 256 << 20
    answers_s: float = 86400.0
    uploads_s: float = 86400.0
    keys_s: float = 90 * 86400.0
    attempts: int = 3

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.private_key is None):
            raise NetworkError("TLS needs both files: a certificate and its private key")

    def to_json(self) -> str:
        """The settings as text, for the process that runs the service."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        found = json.loads(text)
        paths = {
            name: Path(found[name])
            for name in ("data", "certificate", "private_key")
            if found.get(name) is not None
        }
        known = {field.name for field in fields(cls)}
        return cls(**{k: v for k, v in {**found, **paths}.items() if k in known})


def too_many(code: str, what: str, retry_s: float | None = None) -> Refusal:
    """The refusal of a tenant that has used up a quota."""
    return Refusal(429, code, f"the quota is used up: {what}", retry_s)
