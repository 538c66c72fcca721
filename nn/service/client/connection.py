"""`Connection`: requests to a service, with retries and errors in words."""

from __future__ import annotations

import ipaddress
import json
import random
import time
from collections.abc import Iterator
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


class Connection:
    """A tenant's connection to a service.

    url: of the service. timeout_s: how long each step of a request may take. retries: how often a
    request that failed on the way is sent again. certificate: a PEM file with the authority that
    signed the service's certificate; by default those that the system trusts. allow_http: whether
    a token may travel to another machine without TLS.

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
            headers = {"Authorization": f"Bearer {token}"}
            verify: Any = True
            if certificate is not None:
                import ssl

                verify = ssl.create_default_context(cafile=str(certificate))
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=timeout_s, verify=verify
            )
        except (UnicodeEncodeError, ValueError) as error:
            message = f"the token or the URL cannot be used: {error}"
            raise ServiceError(message, "bad_url") from None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a GET."""
        return self._json(self.send("GET", path, params=_given(parameters)))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON of a POST of JSON."""
        return self._json(self.send("POST", path, json=body))

    def delete(self, path: str) -> None:
        """A DELETE."""
        self.send("DELETE", path)

    def send(self, method: str, path: str, *, retries: int | None = None, **content: Any) -> Any:
        """The answer to a request, which is sent again after failures that may pass.

        retries: instead of the connection's. Raises `ServiceError` for a refusal, and where no
        answer comes.
        """
        left = self.retries if retries is None else retries
        pause = _FIRST_PAUSE_S
        while True:
            try:
                answer = self._http.request(method, API + path, **content)
            except self._transport_error as error:
                if left <= 0:
                    raise self._unreachable(error) from error
                wait = pause
            else:
                if answer.is_success:
                    return answer
                if left <= 0 or answer.status_code not in _PASSING:
                    raise _refused(answer)
                wait = max(pause, _stated_wait(answer))
                if wait > _LONGEST_PAUSE_S:
                    raise _refused(answer)
            time.sleep(wait * random.uniform(0.5, 1.0))
            left, pause = left - 1, min(2 * pause, _LONGEST_PAUSE_S)

    def events(self, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The server-sent events of a path: the name and the JSON of each.

        Raises `ServiceError` for a refusal, and where the connection breaks.
        """
        try:
            with self._http.stream("GET", API + path) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refused(answer)
                name = ""
                for line in answer.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield name, json.loads(value)
        except self._transport_error as error:
            raise self._unreachable(error) from error

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise ServiceError(
                f"{self.url} does not answer as a service of this project", "no_service"
            ) from error

    def _unreachable(self, error: Exception) -> ServiceError:
        return ServiceError(
            f"{self.url} does not answer: {error or type(error).__name__}", "unreachable"
        )


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _refused(answer: httpx.Response) -> ServiceError:
    try:
        error = answer.json()["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "no_service", "this is no answer of a service of this project"
    status = answer.status_code
    return ServiceError(f"the service refuses ({status} {code}): {message}", code, status)


def _stated_wait(answer: httpx.Response) -> float:
    stated: str = answer.headers.get("Retry-After", "0")
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
