"""Hold what a test can turn while the server runs: settings, faults, the embedder, the clock, and the request log.

One `Controls` lives as long as the test's server object, over any number of kills and restarts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from attrs import evolve, frozen

from memory_hall_sim.text import Vector, embed

__all__ = [
    "Action",
    "Controls",
    "EmbedderFailed",
    "EmbedderTimeout",
    "Fault",
    "LoggedRequest",
    "Settings",
    "StubEmbedder",
]

Action = Literal["delay", "hang", "reset", "status", "redirect", "status_after", "drop", "cut", "garbage", "truncate"]
BEFORE = frozenset({"reset", "status", "redirect"})
"""Actions that answer in the handler's place; the others let the request be handled first."""

WAITS = frozenset({"delay", "hang"})
"""Actions that make a request wait; they add up with each other and with one of the rest."""


class EmbedderFailed(Exception):
    """Say that the embedding service answered with an error."""


class EmbedderTimeout(Exception):
    """Say that the embedding service did not answer within the server's budget."""


@frozen(kw_only=True)
class Settings:
    """Hold the server's configuration; times are seconds and default to those of the real server (§7.1)."""

    token: str | None = None
    admin_token: str | None = None
    hmac_secret: str | None = None
    dev_mode: bool = False
    tenant: str = "default"
    max_content_bytes: int = 65_536
    embed_timeout: float = 8.0
    search_embed_timeout: float = 2.0
    health_embed_timeout: float = 3.0
    health_ttl: float = 60.0
    retry_every: float = 120.0
    candidate_multiplier: int = 5
    hybrid_mode: Literal["rrf", "weighted_linear"] = "rrf"
    hybrid_alpha: float = 0.3
    idle_close: float = 5.0
    linger_after_500: float = 5.0
    """How long a connection that died after a 500 still looks alive; the next request on it is reset (§0.9)."""


@frozen(kw_only=True, eq=False)
class Fault:
    """Hold one fault: what happens, on which route (None: every route), and how many times (None: until cleared)."""

    action: Action
    route: str | None = None
    times: int | None = None
    seconds: float = 0.0
    status: int = 500
    location: str = ""


@frozen(kw_only=True)
class LoggedRequest:
    """Hold one request as it arrived; header names are lower case, `status` is None until an answer was decided."""

    number: int
    at: float
    route: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None = None


class StubEmbedder:
    """Stand in for the embedding service: up, down, slow or hanging, switched by the test."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mode: Literal["up", "down", "hang"] = "up"
        self._delay = 0.0
        self._error = ""
        self._release = threading.Event()
        self.calls = 0

    def up(self, *, delay: float = 0.0) -> None:
        """Answer, after `delay` seconds; calls that hang at this moment are answered now."""
        self._switch("up", delay=delay)

    def down(self, error: str = "ConnectError: connection refused") -> None:
        """Fail every call with this error text."""
        self._switch("down", error=error)

    def hang(self) -> None:
        """Answer no call until `up` or `down`."""
        self._switch("hang")

    def wake(self) -> None:
        """End every wait, because the server died."""
        with self._lock:
            self._release.set()
            self._release = threading.Event()

    def embed(self, text: str, *, timeout: float) -> Vector:
        """Return the vector of a text or raise `EmbedderFailed` or `EmbedderTimeout` (§7.2)."""
        with self._lock:
            self.calls += 1
            mode, delay, error, release = self._mode, self._delay, self._error, self._release
        if mode == "down":
            raise EmbedderFailed(error)
        wait = timeout if mode == "hang" else min(delay, timeout)
        released = wait > 0 and release.wait(wait)
        if not released and (mode == "hang" or delay > timeout):
            raise EmbedderTimeout(f"TimeoutError: no answer within {timeout:g} s")
        return embed(text)

    def _switch(self, mode: Literal["up", "down", "hang"], *, delay: float = 0.0, error: str = "") -> None:
        with self._lock:
            self._mode, self._delay, self._error = mode, delay, error
            self._release.set()
            self._release = threading.Event()


class Controls:
    """Hold settings, faults and the request log behind one lock."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.embedder = StubEmbedder()
        self.crashes: list[BaseException] = []
        self._skew = timedelta()
        self._changed = threading.Condition()
        self._release = threading.Event()
        self._faults: list[Fault] = []
        self._log: dict[int, LoggedRequest] = {}
        self._arrived = 0

    def configure(self, **changes: Any) -> None:
        """Replace settings by name; the next request sees them."""
        with self._changed:
            self.settings = evolve(self.settings, **changes)

    def now(self) -> datetime:
        """Return the server's time, in UTC."""
        return datetime.now(UTC) + self._skew

    def skew(self, seconds: float) -> None:
        """Set the server's clock ahead (or, negative, behind) of this machine's."""
        self._skew = timedelta(seconds=seconds)

    def add(self, fault: Fault) -> None:
        """Switch a fault on; faults that answer a request are used up in the order they were added."""
        with self._changed:
            self._faults.append(fault)

    def take(self, route: str) -> tuple[list[Fault], threading.Event]:
        """Return the faults for one request, every delay or hang and the first of the others, and what ends its wait."""
        with self._changed:
            matching = [fault for fault in self._faults if fault.route in {None, route}]
            others = [fault for fault in matching if fault.action not in WAITS]
            taken = [fault for fault in matching if fault.action in WAITS] + others[:1]
            self._faults = [left for f in self._faults if (left := _spent(f) if f in taken else f) is not None]
            return taken, self._release

    def clear(self) -> None:
        """Switch every fault off; requests that were held go on and are handled now, late."""
        with self._changed:
            self._faults.clear()
        self.wake()

    def wake(self) -> None:
        """End every wait."""
        with self._changed:
            self._release.set()
            self._release = threading.Event()

    def record(self, **request: Any) -> int:
        """Append a request to the log and return its number."""
        with self._changed:
            self._arrived += 1
            self._log[self._arrived] = LoggedRequest(number=self._arrived, at=time.monotonic(), **request)
            self._changed.notify_all()
            return self._arrived

    def answer(self, number: int, status: int) -> None:
        """Note the status a logged request is answered with, whether or not the client gets to see it."""
        with self._changed:
            if number in self._log:
                self._log[number] = evolve(self._log[number], status=status)
            self._changed.notify_all()

    def log(self, route: str | None = None, status: int | None = None) -> list[LoggedRequest]:
        """Return the requests so far in order of arrival, of one route or status when given."""
        with self._changed:
            return [r for r in self._log.values() if route in {None, r.route} and status in {None, r.status}]

    def forget(self) -> None:
        """Empty the request log."""
        with self._changed:
            self._log.clear()

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until the condition holds, looking again whenever a request comes or is answered."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.05))
        return True


def _spent(fault: Fault) -> Fault | None:
    if fault.times is None:
        return fault
    return evolve(fault, times=fault.times - 1) if fault.times > 1 else None
