"""The page to draw on: a process on loopback that encrypts, and shows what comes back."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.responses import StreamingResponse as Stream
from starlette.routing import Route

from nn.errors import AnswerError, NetworkError
from nn.network.answers import softmax
from nn.network.layers import FloatArray
from nn.service.client.remote_client import RemoteClient

_FOLDER = Path(__file__).parent / "page"
_FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js"}
_SAMPLE_BYTES = 64 * 64
_MOST_BODY = 1 << 20
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
CENTRED = ("mnist",)
"""Models whose pictures are digits, which are centred as those of MNIST."""


class Page:
    """What the page asks of the local process. names: of the classes, for people."""

    def __init__(self, client: RemoteClient, server: str, names: Sequence[str]) -> None:
        self._client = client
        self._server = server
        self._names = list(names)
        self._keys = "making"
        self._problem = ""
        self._shape = client.plan.input_layout.shape
        threading.Thread(target=self._upload, name="keys", daemon=True).start()

    def about(self) -> dict[str, Any]:
        """What the page shows before the first picture."""
        facts = self._client.facts
        return {
            "server": self._server,
            "shape": self._picture_shape(),
            "centred": facts["name"] in CENTRED,
            "layers": facts["layers"],
            "classes": self._names,
            "key_bytes": facts["key_bytes"],
            "keys": self._keys,
            "problem": self._problem,
        }

    def classified(self, pixels: Sequence[int]) -> Iterator[str]:
        """The way of one picture, as lines of JSON.

        pixels: whole numbers from 0 to 255, channel by channel, row by row.
        """
        begin = time.perf_counter()
        try:
            low, high = self._client.plan.input_range
            values = np.array(pixels, dtype=np.float64) / 255 * (high - low) + low
            batch = self._client.encrypt(values.reshape(1, *self._shape))
            content = batch.to_bytes()
            middle = len(content) // 2
            sample = base64.b64encode(content[middle : middle + _SAMPLE_BYTES]).decode()
            yield _line("encrypted", bytes=len(content), sample=sample)
            job = self._client.submit(batch)
            for name in self._client.layers(job):
                yield _line("layer", name=name)
            answer = self._client.answer(job)
            logits, promised = self._decrypted(answer, job.images)
            seconds = time.perf_counter() - begin
            yield _line(
                "answer",
                bytes=len(answer),
                seconds=seconds,
                probabilities=softmax(logits[0]).tolist(),
                promised=promised,
            )
            self._client.cancel(job)
        except NetworkError as error:
            yield _line("failed", message=str(error))

    def _decrypted(self, answer: bytes, request: Any) -> tuple[FloatArray, bool]:
        try:
            return self._client.decrypt(answer, request=request), True
        except AnswerError as error:
            return error.logits, False

    def _picture_shape(self) -> list[int]:
        """Channels, height and width; a network of vectors gets pictures of one row."""
        shape = list(self._shape)
        return shape if len(shape) == 3 else [1, 1, int(np.prod(shape))]

    def _upload(self) -> None:
        try:
            self._keys = "uploading"
            self._client.upload_keys()
            self._keys = "ready"
        except NetworkError as error:
            self._problem = str(error)


def make_page(page: Page, hosts: Sequence[str]) -> Starlette:
    """The application of the page.

    hosts: the values of the header `Host` that are answered, so that no other web site reaches the
    page through a name of its own. Requests that encrypt need a header that other sites cannot
    send.
    """

    def allowed(request: Request) -> bool:
        return request.headers.get("host") in hosts

    async def file(request: Request) -> Response:
        if not allowed(request):
            return PlainTextResponse("unknown host", 421)
        return FileResponse(_FOLDER / _FILES[request.url.path], headers=_HEADERS)

    async def about(request: Request) -> Response:
        if not allowed(request):
            return PlainTextResponse("unknown host", 421)
        return JSONResponse(page.about(), headers=_HEADERS)

    async def classify(request: Request) -> Response:
        if not allowed(request) or request.headers.get("x-page") != "1":
            return PlainTextResponse("only for the page", 403)
        needed = int(np.prod(page.about()["shape"]))
        pixels = _pixels(await request.body())
        if pixels is None or len(pixels) != needed:
            return PlainTextResponse(f"{needed} pixels from 0 to 255 are needed", 422)
        return Stream(
            page.classified(pixels), media_type="application/x-ndjson", headers=_HEADERS
        )

    return Starlette(
        routes=[
            *(Route(path, file) for path in _FILES),
            Route("/about", about),
            Route("/classify", classify, methods=["POST"]),
        ]
    )


def _pixels(body: bytes) -> list[int] | None:
    """The pixels in the body of a request; None for another body."""
    try:
        found = json.loads(body)["pixels"] if len(body) <= _MOST_BODY else None
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(found, list):
        return None
    return found if all(type(value) is int and 0 <= value <= 255 for value in found) else None


def _line(event: str, **facts: object) -> str:
    return json.dumps({"event": event, **facts}) + "\n"
