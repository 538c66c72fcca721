"""`RemoteClient`: a client whose server is a service at a URL."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.serializable import Buffer
from nn.errors import IdentityError, LimitError, NetworkError, ServiceError
from nn.inference.limits import DEFAULT_LIMITS, Limits
from nn.inference.requests import Request
from nn.network.layers import FloatArray
from nn.packed.client import PackedClient
from nn.packed.encrypted_batch import EncryptedBatch
from nn.packed.plan import InferencePlan
from nn.service.client.connection import Connection, facts_of
from nn.service.wire import OFFSET, KeyState
from nn.terminal.progress import StageProgress, count_progress, stage_progress

_PIECE = 4 << 20
_WAIT_S = 30.0
_MOST_PLAN = 64 << 20
_MOST_HEAD = 1 << 20
_PASSING = (
    "unreachable", "upload_busy", "wrong_offset", "cut_off", "too_slow",
    "too_many_requests", "too_many_at_once",
)  # fmt: skip
"""Codes after which an upload goes on where the service says."""


@dataclass(frozen=True)
class Submitted:
    """A job that the service has accepted, and the images that its answer must be to."""

    id: str
    images: EncryptedBatch


class RemoteClient:
    """Encrypts images, lets a service run the network on them, and decrypts the answers.

    It has the methods of `nn.Client`, and those that a service takes the place of a server for:
    `run`, `submit`, `answer`, `cancel`, `classify`. The secret key stays here.

    url, token: of the service. model, version: which network; by default the only one, in its
    newest version. secret_key: what `secret_key_bytes` gave before; None makes a fresh key. limits:
    what the client does for a plan at most, checked before any key is made. fingerprint: of the
    network, where the caller knows it. timeout_s, retries, certificate, allow_http: as in
    `nn.service.client.connection.Connection`. answer_s: the longest wait for an answer.

    The evaluation keys are uploaded when they are first needed, or by `upload_keys`.

    Raises `ServiceError` for what the service refuses, `LimitError` for a plan beyond the limits,
    `IdentityError` for a plan of another version or network than asked for, and what `nn.Client`
    raises.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        model: str | None = None,
        version: str | None = None,
        secret_key: Buffer | None = None,
        limits: Limits = DEFAULT_LIMITS,
        fingerprint: bytes | None = None,
        timeout_s: float = 60.0,
        answer_s: float = 3600.0,
        retries: int = 5,
        certificate: str | Path | None = None,
        allow_http: bool = False,
    ) -> None:
        self._connection = Connection(
            url,
            token,
            timeout_s=timeout_s,
            retries=retries,
            certificate=certificate,
            allow_http=allow_http,
        )
        self._answer_s = answer_s
        self._has_keys = False
        try:
            self.facts = self._model_facts(model, version)
            self.plan = plan = self._fetched_plan(fingerprint)
            self.facts |= _facts_of_plan(plan)  # the service may say anything
            self._client = PackedClient(plan, secret_key, limits=limits)
        except BaseException:
            self._connection.close()
            raise
        if not self._client.key_id:
            raise IdentityError("the secret key has no id, as it is of version 1: make a new one")

    def __repr__(self) -> str:
        return f"RemoteClient({self._connection.url!r}, {self.plan.network!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wipe the secret key and close the connection."""
        self._client.close()
        self._connection.close()

    @property
    def key_id(self) -> str:
        """The id of the keys, as the service has it."""
        return self._client.key_id.hex()

    def evaluation_keys(self) -> EvaluationKeys:
        """`nn.Client.evaluation_keys`."""
        return self._client.evaluation_keys()

    def secret_key_bytes(self) -> bytes:
        """`nn.Client.secret_key_bytes`."""
        return self._client.secret_key_bytes()

    def encrypt(self, images: ArrayLike) -> EncryptedBatch:
        """`nn.Client.encrypt`."""
        return self._client.encrypt(images)

    def decrypt(self, answer: Buffer, *, request: Request | None = None) -> FloatArray:
        """`nn.Client.decrypt`."""
        return self._client.decrypt(answer, request=request)

    def publish(
        self,
        answer: Buffer,
        *,
        queries: int,
        security_bits: int = 30,
        request: Request | None = None,
    ) -> FloatArray:
        """`nn.Client.publish`."""
        return self._client.publish(
            answer, queries=queries, security_bits=security_bits, request=request
        )

    def upload_keys(self, *, progress: bool = False) -> None:
        """Make the evaluation keys and upload them, unless the service has them."""
        found = self._keys_there()
        if found is None or found["state"] != KeyState.READY:
            if found is not None:  # of an earlier process, whose bytes are gone
                self.delete_keys()
            self._upload(self._client.evaluation_keys().to_bytes(), progress)
        self._has_keys = True

    def delete_keys(self) -> None:
        """Delete the evaluation keys from the service; no keys there are fine too."""
        self._has_keys = False
        try:
            self._connection.delete(f"/keys/{self.key_id}")
        except ServiceError as error:
            if error.code != "unknown_key":
                raise

    def submit(self, images: EncryptedBatch | ArrayLike) -> Submitted:
        """Hand images to the service, encrypted or to be encrypted; the job survives a crash."""
        if not self._has_keys:
            self.upload_keys()
        batch = images if isinstance(images, EncryptedBatch) else self.encrypt(images)
        content = batch.to_bytes()
        limit = self.facts.get("images_bytes_limit")
        if isinstance(limit, int) and len(content) > limit:
            raise LimitError(
                f"{len(batch)} images take {len(content)} bytes, and the service takes {limit} at "
                f"once: submit fewer"
            )
        answer = self._connection.send(
            "POST", "/jobs", params={"keys": self.key_id}, content=content
        )
        return Submitted(str(facts_of(answer.json(), id=str)["id"]), batch)

    def answer(self, job: Submitted, *, progress: bool | StageProgress = False) -> bytes:
        """The encrypted answer of a job, when it is there.

        progress: show a bar for each layer that runs, or tell a `StageProgress`. Raises
        `ServiceError` for a job that failed or was cancelled, and where the wait takes too long.
        """
        if progress is not False:
            self._follow(job, progress)
        end = time.monotonic() + self._answer_s
        while True:
            left = max(0.0, min(_WAIT_S, end - time.monotonic()))
            answer = self._connection.send(
                "GET",
                f"/jobs/{job.id}/answer",
                params={"wait": left},
                most_bytes=self._answer_bytes(len(job.images)),
            )
            if answer.status == 200:
                return answer.content
            if time.monotonic() >= end:
                raise ServiceError(f"no answer after {self._answer_s:g} s", "too_slow")

    def layers(self, job: Submitted) -> Iterator[str]:
        """The name of each layer when it begins to run, until the job ends.

        A connection that breaks, or a wait that takes too long, ends this early, and not the job.
        Raises `ServiceError` for a refusal.
        """
        names = {stage.name for stage in self.plan.stages}
        try:
            for event, facts in self._connection.events(f"/jobs/{job.id}/events", self._answer_s):
                if event == "layer" and facts.get("name") in names:
                    yield str(facts["name"])
        except ServiceError as error:
            if error.code != "unreachable":
                raise

    def cancel(self, job: Submitted) -> None:
        """Cancel a job that has not ended, or delete one that has."""
        self._connection.delete(f"/jobs/{job.id}")

    def run(self, batch: EncryptedBatch, *, progress: bool | StageProgress = False) -> bytes:
        """The encrypted answer to encrypted images, as `nn.Server.run` gives it in bytes."""
        return self.answer(self.submit(batch), progress=progress)

    def classify(
        self, images: ArrayLike, *, at_once: int = 8, progress: bool | StageProgress = False
    ) -> FloatArray:
        """The logits (B, classes) of images (B, ..), which are submitted `at_once` in each job.

        The service's copies of the answers are deleted afterwards.
        """
        tensor = np.asarray(images)
        jobs = [self.submit(tensor[i : i + at_once]) for i in range(0, len(tensor), at_once)]
        if not jobs:
            raise NetworkError("no images: one or more are needed")
        logits = []
        for job in jobs:
            answer = self.answer(job, progress=progress)
            logits.append(self.decrypt(answer, request=job.images))
            self.cancel(job)
        return np.concatenate(logits)

    def _model_facts(self, model: str | None, version: str | None) -> dict[str, Any]:
        if model is None:
            found = facts_of({"models": self._connection.get("/models")}, models=list)
            names = sorted({facts_of(one, name=str)["name"] for one in found["models"]})
            if len(names) != 1:
                raise ServiceError(f"say which model: {', '.join(names)}", "unknown_model")
            model = names[0]
        found = self._connection.get(f"/models/{model}", version=version)
        return facts_of(found, name=str, version=str)

    def _fetched_plan(self, fingerprint: bytes | None) -> InferencePlan:
        name, version = self.facts["name"], self.facts["version"]
        answer = self._connection.send(
            "GET", f"/models/{name}/plan", params={"version": version}, most_bytes=_MOST_PLAN
        )
        plan = InferencePlan.from_bytes(answer.content)
        if plan.id.hex() != version:
            raise IdentityError(f"the service sent version {plan.id.hex()}, not {version}")
        if fingerprint is not None and plan.fingerprint != fingerprint:
            raise IdentityError("the service's plan is for another network than the one expected")
        return plan

    def _keys_there(self) -> dict[str, Any] | None:
        try:
            return _keys_of(self._connection.get(f"/keys/{self.key_id}"))
        except ServiceError as error:
            if error.code != "unknown_key":
                raise
            return None

    def _upload(self, keys: bytes, progress: bool) -> None:
        """Upload keys piece by piece; after a failure, go on where the service says."""
        new = {
            "id": self.key_id,
            "model": self.facts["name"],
            "version": self.facts["version"],
            "bytes": len(keys),
            "sha256": hashlib.sha256(keys).hexdigest(),
        }
        found = _keys_of(self._connection.post("/keys", new))
        view, furthest, tries = memoryview(keys), -1, 0
        with count_progress("bytes of keys", len(keys), progress) as bar:
            while found["state"] != KeyState.READY:
                at = int(found["received"])
                if at > furthest:
                    furthest, tries = at, 0
                if not 0 <= at <= len(keys) or tries > self._connection.retries:
                    raise ServiceError(
                        f"the service has {at} of {len(keys)} bytes of keys, and takes no more",
                        "no_service",
                    )
                tries += 1
                try:
                    answer = self._connection.send(
                        "PATCH",
                        f"/keys/{self.key_id}",
                        retries=0,
                        headers={OFFSET: str(at)},
                        content=bytes(view[at : at + _PIECE]),
                    )
                except ServiceError as error:
                    if error.code not in _PASSING or tries > self._connection.retries:
                        raise
                    time.sleep(0.2 * tries)
                    found = _keys_of(self._connection.post("/keys", new))
                else:
                    found = _keys_of(answer.json())
                bar.advance(int(found["received"]) - at)

    def _answer_bytes(self, images: int) -> int:
        """More bytes than the answer to so many images has: as if it were at the top level."""
        params = self.plan.params
        ciphertext = 2 * params.levels[-1].limbs * params.N * 8
        return _MOST_HEAD + images * self.plan.ciphertexts_of_answers * ciphertext

    def _follow(self, job: Submitted, progress: bool | StageProgress) -> None:
        """Show the layers as they run."""
        levels = {stage.name: stage.level_out for stage in self.plan.stages}
        with stage_progress(list(levels), len(job.images), progress) as bar:
            running: str | None = None
            for name in chain(self.layers(job), [None]):
                if running is not None:
                    for _ in range(len(job.images)):
                        bar.advance()
                    bar.done(levels[running])
                if name is not None:
                    bar.start(name)
                running = name


def _keys_of(found: Any) -> dict[str, Any]:
    return facts_of(found, state=str, received=int)


def _facts_of_plan(plan: InferencePlan) -> dict[str, Any]:
    return {
        "classes": int(plan.predicted_error.size),
        "layers": [stage.name for stage in plan.stages],
        "security_bits": plan.params.security_bits,
        "ring_degree": plan.params.N,
        "key_bytes": plan.evaluation_key_bytes,
    }
