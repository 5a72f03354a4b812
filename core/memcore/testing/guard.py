"""A guard that sees and refuses every use of the network by this process, whatever library makes it."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

__all__ = ["NetworkGuard"]

WATCHED = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}
"""Audit events of CPython's socket module, and where each keeps the address."""

_active: list[NetworkGuard] = []
_installed = threading.Event()


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if _active and event in WATCHED:
        address = args[WATCHED[event]]
        host = str(address[0] if isinstance(address, tuple) else address)
        for guard in tuple(_active):
            if host not in guard.allowed:
                guard.attempts.append(f"{event} {host}")
                raise ConnectionRefusedError(f"the network is closed during this test: {event} {host}")


class NetworkGuard:
    """Close the network for the length of a `with` block; `attempts` lists what was tried, swallowed errors included.

    It listens to the interpreter's own audit events, so a library that holds on to the C socket is seen as well.
    `allowed` are the hosts that belong to the backend under test, exactly as they are connected to.
    """

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        self.allowed = allowed
        self.attempts: list[str] = []

    def __enter__(self) -> NetworkGuard:
        if not _installed.is_set():
            _installed.set()
            sys.addaudithook(_watch)  # an audit hook cannot be removed: one for the process, idle without a guard
        _active.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _active.remove(self)
