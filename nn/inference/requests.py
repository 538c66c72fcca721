"""The requests of one client: which are open, and which were answered."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sized
from typing import Any, Protocol

from nn.errors import IdentityError
from nn.inference.identity import ID_BYTES, Ids, new_id

MOST_REMEMBERED = 1 << 16
"""The most open requests, and the most answered ones, that a client remembers."""


class Named(Sized, Protocol):
    """Encrypted images or answers, which may have ids."""

    @property
    def ids(self) -> Ids | None:
        """The ids; None where the bytes were of version 1, or the object was made by hand."""


Request = Named | bytes
"""A request as a caller names it: the encrypted images, or the 16 bytes ``images.ids.request``."""


class Requests:
    """The requests of the client that has this plan and these keys.

    A client that has made a request takes an answer only to a request that is open. A client that
    has made none, such as one from a stored secret key, knows no requests: it takes any answer
    under its keys. Either takes one answer to a request. Any number of threads may use the object.
    """

    def __init__(self, plan: bytes, key: bytes) -> None:
        self._plan, self._key = plan, key
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._answered: OrderedDict[bytes, weakref.ref[Named]] = OrderedDict()
        self._has_asked = False

    def new(self, images: int) -> Ids:
        """The ids of a new request with this number of images."""
        ids = Ids(self._plan, self._key, new_id())
        with self._lock:
            self._has_asked = True
            self._open[ids.request] = images
            _forget_oldest(self._open)
        return ids

    def take(self, answer: Named, request: Request | None) -> None:
        """Close the request of an answer that is about to be decrypted.

        request: the request that the caller expects an answer to, if the caller says so. The same
        object may be taken again. Raises `IdentityError` for an answer to another plan, to another
        client, to another request, to none that is open, or to one that was answered; and for
        another number of images than the request has.
        """
        ids = answer.ids
        if ids is not None:
            self._check_owner(ids)
        expected, images = (None, None) if request is None else _named(request)
        with self._lock:
            name = self._request_of(ids, expected)
            if name is None:
                return
            self._check_first(name, answer)
            images = self._open.get(name, images)
            if images is not None and images != len(answer):
                raise IdentityError(
                    f"an answer for {len(answer)} images: the request has {images}"
                )
            self._open.pop(name, None)
            self._answered[name] = weakref.ref(answer)
            _forget_oldest(self._answered)

    def _check_owner(self, ids: Ids) -> None:
        if ids.plan != self._plan:
            raise IdentityError(
                "the answer is to another plan: its server serves another network, or this network "
                "under other parameters"
            )
        if ids.key and self._key and ids.key != self._key:
            raise IdentityError(
                "the answer is to another client, or was computed with another client's keys"
            )
        if not ids.is_answer:
            raise IdentityError("these are encrypted images, not a server's answer to them")

    def _request_of(self, ids: Ids | None, expected: bytes | None) -> bytes | None:
        """The request that an answer is to; None where nobody knows."""
        if ids is None:
            if expected is None and self._has_asked:
                raise IdentityError(
                    "the answer names no request, as it is of version 1 or made by hand: say which "
                    "request it answers with request=, the encrypted images"
                )
            return expected
        if expected is not None and ids.request != expected:
            raise IdentityError("the answer is to another request: were two answers exchanged?")
        known = ids.request in self._open or ids.request in self._answered
        if expected is None and self._has_asked and not known:
            raise IdentityError(
                "the answer is to no open request of this client: if another client with the same "
                "secret key made the request, name it with request=, the encrypted images"
            )
        return ids.request

    def _check_first(self, name: bytes, answer: Named) -> None:
        earlier = self._answered.get(name)
        if earlier is not None and earlier() is not answer:
            raise IdentityError(
                "the request was answered before, and one answer to a request is decrypted: is "
                "this a repeated answer? (An answer as an object can be decrypted again.)"
            )


def _named(request: Request) -> tuple[bytes, int | None]:
    """The id of a request that a caller names, and its number of images if it is known."""
    if isinstance(request, bytes) and len(request) == ID_BYTES:
        return request, None
    ids = getattr(request, "ids", None)
    if not isinstance(ids, Ids):
        raise IdentityError(
            f"request: encrypted images with ids, or the {ID_BYTES} bytes of ids.request, are "
            f"needed, not {type(request).__name__}"
        )
    return ids.request, len(request)


def _forget_oldest(remembered: OrderedDict[bytes, Any]) -> None:
    while len(remembered) > MOST_REMEMBERED:
        remembered.popitem(last=False)
