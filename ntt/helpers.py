"""Threads that help with single calls of kernels, without the interpreter.

`ntt.machine_code.sharing` says how. Helpers are started when they are first needed, and never end.
They sleep where there is nothing to do. A forked child has a board and helpers of its own.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections.abc import Callable
from typing import Any

from ntt.errors import SplitInterruptedError
from ntt.machine_code.loading import UnresolvedError
from ntt.machine_code.sharing import BOARD_WORDS, SEMAPHORE_WORD, addresses

_PART = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 4)
_SHARE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, *[ctypes.c_int64] * 3, _PART, ctypes.c_void_p, *[ctypes.c_int64] * 2
)


class _Helpers:
    """A board, and the threads that wait at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = 0
        self._address: int | None = None
        self._share: Any = None
        self._failed = False

    def board(self, count: int) -> int | None:
        """The address of the board, at which `count` helpers or more wait; None without one."""
        if self._started < count and not self._failed:
            with self._lock:
                self._start(count)
        return None if self._failed else self._address

    def _start(self, count: int) -> None:
        try:
            serve_address, share_address = addresses()
            serve = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(serve_address)
            if self._address is None:
                self._share = _SHARE(share_address)
                self._address = _made_board()
        except (UnresolvedError, OSError, AttributeError):
            self._failed = True
            return
        while self._started < count:
            threading.Thread(
                target=serve,
                args=(self._address,),
                name=f"he-accel-helper-{self._started}",
                daemon=True,
            ).start()
            self._started += 1

    def share(self, work: Callable[[int], None], parts: int, count: int) -> bool:
        """Run ``work(part)`` for all parts with `count` helpers; False where there are none."""
        board = self.board(count)
        if board is None:
            return False
        ended: dict[int, tuple[int, BaseException | None]] = {}

        def run(_: object, lo: int, hi: int, lane: int, step: int) -> None:
            failure = None
            try:
                for part in range(lo, hi):  # all of them where another thread has the board
                    work(part)
            except BaseException as error:
                failure = error
            ended[lo] = hi, failure  # last: here no signal handler runs

        self._share(board, count, parts, 0, _PART(run), None, 0, parts)
        for _, (_, failure) in sorted(ended.items()):
            if failure is not None:
                raise failure
        if sum(hi - lo for lo, (hi, _) in ended.items()) < parts:
            raise SplitInterruptedError(
                "a signal handler raised an exception between two parts of this call, so its "
                "result may not be complete; Python reports that exception as ignored"
            )
        return True


def _made_board() -> int:
    """The address of a new board, which stays for as long as the process runs."""
    memory = mmap.mmap(-1, 8 * BOARD_WORDS)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    make = ctypes.CDLL(None).sem_init
    if make(ctypes.c_void_p(address + 8 * SEMAPHORE_WORD), 0, 0):
        raise OSError("no semaphore")
    return address


_helpers = _Helpers()


def board(count: int) -> int | None:
    """The address of the board of this process, at which `count` helpers or more wait.

    None on a system without the functions that helpers need.
    """
    return _helpers.board(count)


def share(work: Callable[[int], None], parts: int, count: int) -> bool:
    """Run ``work(part)`` for each of so many parts, here and in `count` helpers; whether it was.

    Raises the error of the first part that failed, after all that began have ended. What a signal
    handler raises between two parts is lost in C: then `SplitInterruptedError`.
    """
    return _helpers.share(work, parts, count)


def _renew_after_fork() -> None:
    """In a forked child: the parent's helpers do not exist here."""
    global _helpers
    _helpers = _Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
