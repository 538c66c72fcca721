"""`Connection`: requests to a service, with retries and errors in words."""

from __future__ import annotations

import ipaddress
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nn.errors import MissingPackageError, ServiceError
from nn.service.wire import API

if TYPE_CHECKING:
    import httpx

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_PASSING = (429, 502, 503, 504)
"""Statuses after which the same request may succeed."""
_BODY_S = 600.0
_MOST_JSON = 4 << 20
_MOST_EVENT = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What came for a request. headers: their names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the request was not refused."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The JSON of the answer; raises `ServiceError` where there is none."""
        return _read_json(self.content)


class Connection:
    """A tenant's connection to a service, which may be hostile: what is read of it is bounded.

    url: of the service. timeout_s: how long each step of a request may take; the body of an answer
    may take 600 s. retries: how often a request that failed on the way is sent again. certificate:
    a PEM file with the authority that signed the service's certificate; by default those that the
    system trusts. allow_http: whether a token may travel to another machine without TLS.

    The proxies of the environment are used with TLS alone: a proxy could read the token.

    Raises `ServiceError` for a URL that is none, and for one without TLS that is not allowed;
    `MissingPackageError` where `httpx` is not installed.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 60.0,
        retries: int = 5,
        certificate: str | Path | None = None,
        allow_http: bool = False,
    ) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingPackageError(
                "httpx is missing: pip install 'he-accel[service]'"
            ) from error
        self.url = _checked_url(url, allow_http)
        self._transport_error = httpx.TransportError
        self.retries = retries
        try:
            headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
            verify: Any = True
            if certificate is not None:
                import ssl

                verify = ssl.create_default_context(cafile=str(certificate))
            self._http = httpx.Client(
                base_url=self.url,
                headers=headers,
                timeout=timeout_s,
                verify=verify,
                trust_env=self.url.startswith("https:"),
            )
        except (UnicodeEncodeError, ValueError) as error:
            message = f"the token or the URL cannot be used: {error}"
            raise ServiceError(message, "bad_url") from None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a GET."""
        return self.send("GET", path, params=_given(parameters)).json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON of a POST of JSON."""
        return self.send("POST", path, json=body).json()

    def delete(self, path: str) -> None:
        """A DELETE."""
        self.send("DELETE", path)

    def send(
        self,
        method: str,
        path: str,
        *,
        retries: int | None = None,
        most_bytes: int = _MOST_JSON,
        **content: Any,
    ) -> Answer:
        """The answer to a request, which is sent again after failures that may pass.

        retries: instead of the connection's. most_bytes: that the answer may have. Raises
        `ServiceError` for a refusal, for a larger or slower answer, and where no answer comes.
        """
        left = self.retries if retries is None else retries
        pause = _FIRST_PAUSE_S
        while True:
            try:
                answer = self._exchanged(method, path, most_bytes, content)
            except self._transport_error as error:
                if left <= 0:
                    raise self._unreachable(error) from error
                wait = pause
            else:
                if answer.is_success:
                    return answer
                if left <= 0 or answer.status not in _PASSING:
                    raise _refused(answer)
                wait = max(pause, _stated_wait(answer))
                if wait > _LONGEST_PAUSE_S:
                    raise _refused(answer)
            time.sleep(wait * random.uniform(0.5, 1.0))
            left, pause = left - 1, min(2 * pause, _LONGEST_PAUSE_S)

    def events(self, path: str, most_s: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """The server-sent events of a path, for so many seconds: the name and the JSON of each.

        Raises `ServiceError` for a refusal, for what is no event, and where the connection breaks.
        """
        end = time.monotonic() + most_s
        try:
            with self._http.stream("GET", API + path) as answer:
                if not answer.is_success:
                    raise _refused(self._read(answer, _MOST_JSON))
                name = ""
                for line in self._lines(answer, end):
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield name, facts_of(_read_json(value))
        except self._transport_error as error:
            raise self._unreachable(error) from error

    def _exchanged(
        self, method: str, path: str, most_bytes: int, content: dict[str, Any]
    ) -> Answer:
        with self._http.stream(method, API + path, **content) as answer:
            return self._read(answer, most_bytes if answer.is_success else _MOST_JSON)

    def _read(self, answer: httpx.Response, most_bytes: int) -> Answer:
        end, content = time.monotonic() + _BODY_S, bytearray()
        for part in answer.iter_raw():
            content += part
            if len(content) > most_bytes:
                message = f"{self.url} sends more than {most_bytes} bytes, which no answer has"
                raise ServiceError(message, "no_service")
            if time.monotonic() > end:
                message = f"an answer of {self.url} takes more than {_BODY_S:g} s"
                raise ServiceError(message, "too_slow")
        return Answer(answer.status_code, dict(answer.headers), bytes(content))

    def _lines(self, answer: httpx.Response, end: float) -> Iterator[str]:
        rest = b""
        for part in answer.iter_raw():
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace")
            if len(rest) > _MOST_EVENT:
                raise _no_service()
            if time.monotonic() > end:
                return

    def _unreachable(self, error: Exception) -> ServiceError:
        return ServiceError(
            f"{self.url} does not answer: {error or type(error).__name__}", "unreachable"
        )


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def facts_of(found: Any, **kinds: type) -> dict[str, Any]:
    """JSON as facts; raises `ServiceError` unless it is an object with facts of these kinds."""
    if not isinstance(found, dict):
        raise _no_service()
    if not all(isinstance(found.get(name), kind) for name, kind in kinds.items()):
        raise _no_service()
    return found


def _read_json(content: bytes | str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_service() from error


def _no_service() -> ServiceError:
    return ServiceError("what answers is no service of this project", "no_service")


def _refused(answer: Answer) -> ServiceError:
    try:
        error = json.loads(answer.content)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        code, message = "no_service", "this is no answer of a service of this project"
    status = answer.status
    return ServiceError(f"the service refuses ({status} {code}): {message}", code, status)


def _stated_wait(answer: Answer) -> float:
    stated = answer.headers.get("retry-after", "0")
    return float(stated) if stated.isdecimal() else 0.0


def _checked_url(url: str, allow_http: bool) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ServiceError(f"{url!r} is no URL such as http://127.0.0.1:8000", "bad_url")
    if parts.scheme == "http" and not allow_http and not _is_loopback(host):
        raise ServiceError(
            f"{url} has no TLS, so that anyone on the way could read the token: use https, or say "
            f"that this is meant with allow_http=True (--allow-http)",
            "no_tls",
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
