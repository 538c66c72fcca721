"""`Runner`: what a worker does. It keeps the servers of some keys, and runs groups of images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from he.errors import HEError
from nn.errors import NetworkError
from nn.inference.identity import check_images
from nn.inference.keys import ClientKeys, owner_of
from nn.network.graph import Network
from nn.network.network_file import load
from nn.packed.encrypted_batch import EncryptedBatch
from nn.packed.packed_for import packed_for
from nn.packed.plan import InferencePlan
from nn.packed.server import PackedServer
from nn.service.server.models import NETWORK, TRIAL_IMAGES, TRIAL_KEYS, WEIGHTS, read_model
from nn.service.wire import Refusal
from nn.terminal.progress import StageProgress

Outcome = bytes | Refusal
"""The bytes of an answer, or why there is none."""

_MOST_IMAGES = 1 << 20


class CancelledError(Exception):
    """Nobody wants the answers any more. A `StageProgress` raises it."""


@dataclass(frozen=True)
class Work:
    """Jobs of one tenant under the same keys.

    plan: the version of the model. serial, key_id: of the evaluation keys. keys: their file, or
    their bytes. images: the encrypted images of each job, a file or bytes; none where the keys are
    only to be checked.
    """

    plan: str
    serial: int
    key_id: str
    keys: Path | bytes
    images: tuple[Path | bytes, ...] = ()

    def in_bytes(self, *, with_keys: bool) -> Work:
        """The same without files, for another machine; with_keys: whether the keys are in it.

        What was deleted meanwhile is empty, and refused there.
        """
        keys = _left(self.keys) if with_keys else b""
        return replace(self, keys=keys, images=tuple(map(_left, self.images)))


def octets(content: Path | bytes) -> bytes:
    """The bytes of a file, or these bytes. Raises `OSError`."""
    return content if isinstance(content, bytes) else content.read_bytes()


def _left(content: Path | bytes) -> bytes:
    try:
        return octets(content)
    except FileNotFoundError:
        return b""


@dataclass(frozen=True)
class _Loaded:
    """A server and the bytes that its keys take in memory."""

    server: PackedServer
    memory_bytes: int


class _Model:
    """A model in the memory of a worker; its weights are mapped from their files."""

    def __init__(self, folder: Path) -> None:
        plan = read_model(folder).plan
        self.folder = folder
        self.network: Network = load(folder / NETWORK)
        packed = packed_for(plan.params, plan.stages, self.network)
        self.plan: InferencePlan = replace(plan, packed=packed)

    def loaded(self, keys: bytes, key_id: str | None) -> _Loaded:
        """A server with these keys; key_id: whose they must be."""
        read = ClientKeys.from_bytes(keys, self.plan.params)
        owner = owner_of([read]).hex()
        if key_id is not None and owner != key_id:
            raise NetworkError(f"the keys have the id {owner or 'of nobody'}, not {key_id}")
        server = PackedServer(
            self.plan,
            self.network,
            read,
            most_images=_MOST_IMAGES,
            memory_bytes=0,
            weights_folder=self.folder / WEIGHTS,
        )
        return _Loaded(server, read.memory_bytes)


class Runner:
    """Runs jobs with models from their folders.

    memory_bytes: the most memory that loaded keys take; those used longest ago go before others are
    loaded. A single set may take more. threads: of a run.
    """

    def __init__(self, folders: Sequence[Path], memory_bytes: int, threads: int) -> None:
        self._models = {folder.name: _Model(folder) for folder in folders}
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._servers: OrderedDict[int, _Loaded] = OrderedDict()

    @property
    def loaded(self) -> list[int]:
        """The serial numbers of the keys in memory, the longest unused first."""
        return list(self._servers)

    def try_models(self) -> None:
        """Run blank images through every model: all kernels are loaded then. Raises any error."""
        for model in self._models.values():
            trial = model.loaded((model.folder / TRIAL_KEYS).read_bytes(), None)
            trial.server.run((model.folder / TRIAL_IMAGES).read_bytes(), threads=self._threads)

    def forget(self, serial: int) -> None:
        """Drop keys from memory."""
        self._servers.pop(serial, None)

    def run(self, work: Work, progress: StageProgress | bool = False) -> list[Outcome]:
        """The outcome of each job; progress is told of the stages.

        Raises `Refusal` for keys that do not serve, and what progress raises.
        """
        model = self._models[work.plan]
        try:
            server = self._server(model, work)
        except (HEError, NetworkError, OSError) as error:
            raise Refusal(422, "bad_keys", _told(error)) from error
        outcomes: list[Outcome | EncryptedBatch] = []
        for images in work.images:
            try:
                outcomes.append(_checked(_left(images), model.plan, work.key_id))
            except (HEError, NetworkError) as error:
                outcomes.append(Refusal(422, "bad_images", _told(error)))
            except OSError as error:  # without its file name, which is the service's own matter
                message = f"the images cannot be read: {error.strerror}"
                outcomes.append(Refusal(500, "run_failed", message))
        batches = [one for one in outcomes if isinstance(one, EncryptedBatch)]
        answers = iter(self._answers(server, batches, work.key_id, progress))
        return [next(answers) if isinstance(one, EncryptedBatch) else one for one in outcomes]

    def _answers(
        self,
        server: PackedServer,
        batches: list[EncryptedBatch],
        key_id: str,
        progress: StageProgress | bool,
    ) -> list[Outcome]:
        """The answers of batches that run together; where that fails, of each alone."""
        if not batches:
            return []
        try:
            return list(self._together(server, batches, key_id, progress))
        except CancelledError:
            raise
        except Exception as error:
            if len(batches) > 1:
                return [self._answers(server, [one], key_id, progress)[0] for one in batches]
            return [Refusal(500, "run_failed", _told(error))]

    def _together(
        self,
        server: PackedServer,
        batches: list[EncryptedBatch],
        key_id: str,
        progress: StageProgress | bool,
    ) -> list[bytes]:
        ciphertexts = tuple(c for batch in batches for c in batch.ciphertexts)
        group = EncryptedBatch(ciphertexts, batches[0].per_image)
        answer = server.run(group, progress=progress, threads=self._threads)
        found, at = [], 0
        for batch in batches:
            end = at + len(batch) * answer.per_image
            ids = None if batch.ids is None else batch.ids.answered(bytes.fromhex(key_id))
            part = EncryptedBatch(answer.ciphertexts[at:end], answer.per_image, ids=ids)
            found.append(part.to_bytes())
            at = end
        return found

    def _server(self, model: _Model, work: Work) -> PackedServer:
        loaded = self._servers.pop(work.serial, None)
        if loaded is None:
            self._make_room(model.plan.key_memory_bytes)
            loaded = model.loaded(octets(work.keys), work.key_id)
        self._servers[work.serial] = loaded
        return loaded.server

    def _make_room(self, more_bytes: int) -> None:
        """Drop keys, those used longest ago first, until so many bytes more are in the budget."""
        while self._servers and self.used_bytes + more_bytes > self._memory_bytes:
            self._servers.popitem(last=False)

    @property
    def used_bytes(self) -> int:
        """The memory that the loaded keys take."""
        return sum(loaded.memory_bytes for loaded in self._servers.values())


def _checked(images: bytes, plan: InferencePlan, key_id: str) -> EncryptedBatch:
    """The images of one job, as its plan and its keys need them."""
    per_image = plan.input_layout.ciphertexts
    batch = EncryptedBatch.from_bytes(images, plan.params, per_image, most_images=_MOST_IMAGES)
    batch.check(plan.params, per_image, plan.input_level, "fresh images")
    check_images(batch.ids, plan.id, bytes.fromhex(key_id))
    return batch


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
