"""Bodies of requests: received within limits of size and time, and looked at before acceptance."""

from __future__ import annotations

import asyncio
import mmap
from pathlib import Path
from typing import BinaryIO

from starlette.requests import ClientDisconnect, Request

from he.ckks.ciphertext import CiphertextBatch
from he.errors import HEError
from he.format.container import unpack
from nn.errors import NetworkError
from nn.inference.identity import Ids, check_images
from nn.packed.plan import InferencePlan
from nn.service.server.disk import Disk
from nn.service.server.settings import Settings
from nn.service.wire import Refusal

_PIECE = 4 << 20
"""After so many bytes the disk is looked at again: other bodies fill it too."""


async def receive(
    body: Request,
    file: BinaryIO,
    most_bytes: int,
    settings: Settings,
    disk: Disk | None = None,
) -> int:
    """Write the body of a request to a file; how many bytes it has.

    A connection that breaks leaves in the file what came before. disk: where the file lies. Raises
    `Refusal` for more bytes than `most_bytes`, for a body that comes too slowly, and before the
    body takes the disk's reserve.
    """
    stated = body.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most_bytes:
        raise _too_large(most_bytes)
    received, unchecked = 0, 0
    parts = aiter(body.stream())
    try:
        async with asyncio.timeout(settings.body_s):
            while True:
                async with asyncio.timeout(settings.idle_s):
                    part = await anext(parts, None)
                if part is None:
                    return received
                received += len(part)
                if received > most_bytes:
                    raise _too_large(most_bytes)
                unchecked += len(part)
                if disk is not None and unchecked > _PIECE:
                    disk.check(unchecked)
                    unchecked = 0
                file.write(part)
    except ClientDisconnect:
        raise Refusal(400, "cut_off", "the connection broke before the body was whole") from None
    except TimeoutError:
        raise Refusal(
            408, "too_slow", f"a body has {settings.body_s:g} s, each part {settings.idle_s:g} s"
        ) from None


def look_at(path: Path, plan: InferencePlan, key_id: str) -> tuple[str, int]:
    """The id of the request and the number of images in a file of encrypted images.

    Raises `Refusal` for bytes that are not intact, for images of another plan or of another client,
    and for images without ids. The ciphertexts themselves are checked by the worker.
    """
    if path.stat().st_size == 0:
        raise Refusal(422, "bad_images", "the body is empty: encrypted images are needed")
    try:
        with path.open("rb") as file:
            octets = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _ids_and_count(memoryview(octets), plan, key_id)
    except (HEError, NetworkError) as error:
        raise Refusal(422, "bad_images", f"{type(error).__name__}: {error}") from None


def _ids_and_count(view: memoryview, plan: InferencePlan, key_id: str) -> tuple[str, int]:
    contents = unpack(view, CiphertextBatch.kind)
    ids = Ids.read(contents)
    if ids is None:
        raise NetworkError("the images have no ids: encrypt them with this release")
    if contents.field("params", bytes) != plan.params.id:
        raise NetworkError("the images were encrypted under other parameters than the plan's")
    check_images(ids, plan.id, bytes.fromhex(key_id))
    count, rest = divmod(len(contents.field("items", list)), plan.ciphertexts_of_images)
    if rest or not count:
        raise NetworkError(f"no whole images of {plan.ciphertexts_of_images} ciphertexts each")
    return ids.request.hex(), count


def _too_large(most_bytes: int) -> Refusal:
    return Refusal(413, "too_large", f"the body may have {most_bytes} bytes")
