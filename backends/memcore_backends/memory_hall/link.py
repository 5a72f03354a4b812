"""Requests that are repeated where that is safe, within a deadline, and a server that is left alone while it is away.

Every request sent from here is safe to repeat: a write is recognised by its text, a change of status and a link are what
they are. What is repeated, and after which answers, follows the fact sheet of the server.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve
from memcore.errors import BackendError, MemcoreError, UnavailableError

from memcore_backends.memory_hall.access import Access
from memcore_backends.memory_hall.failures import SlowError, UnreachableError
from memcore_backends.memory_hall.settings import MemoryHallSettings
from memcore_backends.memory_hall.transport import Answer, Transport

__all__ = ["Link"]

META = "memory-hall:away"
PROBE = 1.0  # seconds in which a server that is back answers a read; its first one takes no longer than others
FIRST_WAIT, LONGEST_WAIT = 0.2, 3.0  # seconds: the window of the first pause, and of the longest


class Link:
    """The server as seen from here: `request` talks to it, `ready` says whether that makes sense now.

    After a request found nobody, the server is away for `cooldown` seconds: every request fails at once. Then one short
    read in a thread of its own asks whether it is back. The state outlives the process, so a command that starts anew
    does not run into the same timeout.
    """

    def __init__(
        self, transport: Transport, settings: MemoryHallSettings, access: Access, clock: Callable[[], datetime]
    ) -> None:
        self.transport, self._settings, self._access, self._clock = transport, settings, access, clock
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._probing: threading.Thread | None = None
        self._until, self.why = self._remembered()

    # --- requests ---

    def write(self, method: str, path: str, body: bytes | Mapping[str, Any], *, until: float = math.inf) -> Answer:
        """Send a change, insisting: it is repeated after every failure that may pass, within the deadline of writes.

        `until` is an earlier end, on the monotonic clock.
        """
        deadline = min(self._settings.deadline, until - time.monotonic())
        limits = {"timeout": self._settings.write_timeout, "deadline": deadline}
        return self._request(method, path, insist=True, body=body, **limits)

    def read(self, path: str, *, deadline: float | None = None, **params: Any) -> Answer:
        """Send a GET; it is repeated only after an answer that says the server is there."""
        limit = self._settings.read_deadline if deadline is None else deadline
        return self._request(
            "GET", path, insist=False, params=params, timeout=self._settings.read_timeout, deadline=limit
        )

    def search(self, body: Mapping[str, Any], *, deadline: float) -> Answer:
        """Send a search, with the timeout of searches."""
        limits = {"timeout": self._settings.search_timeout, "deadline": deadline}
        return self._request("POST", "/v1/memory/search", insist=False, body=body, **limits)

    def _request(self, method: str, path: str, *, timeout: float, deadline: float, insist: bool, **more: Any) -> Answer:
        """Send a request, at most `tries` times in `deadline` seconds, with pauses of random length from a growing window.

        Raises the last failure; UnreachableError at once while the server is away.
        """
        if self.away:
            raise UnreachableError(
                f"memory-hall at {self.transport.where} is away", why=self.why, cure="memcore doctor"
            )
        started = time.monotonic()

        def once() -> Answer:
            left = max(0.05, deadline - (time.monotonic() - started))
            return self.transport.send(method, path, timeout=min(timeout, left), **more)

        try:
            try:
                return once()
            except UnavailableError as error:
                if isinstance(error, (UnreachableError, SlowError)) and not insist:
                    raise
                return self._again(once, error, deadline - (time.monotonic() - started))
        except (UnreachableError, SlowError) as error:
            if not insist or isinstance(
                error, UnreachableError
            ):  # a slow write waits in a queue that reads do not share
                self._went_away(str(error.why))
            raise

    def _again(self, once: Callable[[], Answer], first: UnavailableError, deadline: float) -> Answer:
        """Go on after a first failure; tenacity is only imported now, as it costs 30 ms."""
        import tenacity

        failures = [first]

        def attempt() -> Answer:
            if failures:
                raise failures.pop()
            if self._closing.is_set():
                raise first
            return once()

        stop = tenacity.stop_after_attempt(self._settings.tries) | tenacity.stop_before_delay(max(0.0, deadline))
        wait = tenacity.wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)
        retry = tenacity.retry_if_exception_type(UnavailableError)
        again = tenacity.Retrying(stop=stop, wait=wait, retry=retry, sleep=self._pause, reraise=True)
        return evolve(again(attempt), repeated=True)

    def _pause(self, seconds: float) -> None:
        self._closing.wait(seconds)

    # --- whether the server is there ---

    @property
    def away(self) -> bool:
        """Return whether the server was not there lately, so that no request is sent."""
        return self._until is not None

    def ready(self, patience: float) -> bool:
        """Return whether to talk to the server; if it was away long enough, ask it and wait `patience` seconds."""
        ends = time.monotonic() + patience
        while self.away:
            probing, ours = self._ask()
            if probing is None or patience <= 0:
                return False
            probing.join(max(0.0, ends - time.monotonic()))
            if ours or probing.is_alive():  # one that began before us may have asked before the server was back
                break
        return not self.away

    def _ask(self) -> tuple[threading.Thread | None, bool]:
        """Return the thread that asks whether the server is back, None if it is too early, and whether it is a new one."""
        with self._lock:
            left = (self._until - self._clock()).total_seconds() if self._until else 0.0
            early = 0 < left <= self._settings.cooldown  # a clock that was set back must not lock us out
            if self._probing is not None or early or self._closing.is_set():
                return self._probing, False
            self._probing = threading.Thread(target=self._probe, name="memory-hall-probe", daemon=True)
            self._probing.start()
            return self._probing, True

    def absent(self) -> UnreachableError:
        """Return the error that says that the server is away, and why."""
        cure = "start it, or check memory-hall.endpoint; memcore doctor tells more"
        return UnreachableError(f"memory-hall at {self.transport.where} is away", why=self.why, cure=cure)

    def probe(self) -> Answer:
        """Ask the server for one entry, whatever is known of it; raises what is wrong."""
        try:
            answer = self.transport.send("GET", "/v1/memory", params={"limit": 1}, timeout=PROBE)
        except UnavailableError as error:
            if self.away or isinstance(error, UnreachableError):
                self._went_away(str(error.why))
            raise
        except BackendError:  # it answers: what it says is told by the next request
            self._came_back()
            raise
        self._came_back()
        return answer

    def _probe(self) -> None:
        try:
            self.probe()
        except MemcoreError as error:
            self.why = error.why or error.what
        finally:
            self._probing = None

    def _went_away(self, why: str) -> None:
        until = self._clock() + timedelta(seconds=self._settings.cooldown)
        self._until, self.why = until, why
        self._remember(json.dumps([self.transport.endpoint, until.isoformat(), why]))

    def _came_back(self) -> None:
        if self._until is not None:
            self._until = None
            self._remember(None)

    def _remembered(self) -> tuple[datetime | None, str]:
        try:
            endpoint, until, why = json.loads(self._access.get_meta(META) or "null")
            return (datetime.fromisoformat(until), why) if endpoint == self.transport.endpoint else (None, "")
        except (TypeError, ValueError):
            return None, ""

    def _remember(self, text: str | None) -> None:
        if not self._access.read_only:
            try:
                self._access.set_meta(META, text)
            except MemcoreError:
                return  # the next process asks the server itself: that costs it one timeout

    def close(self) -> None:
        """Cut pauses short, end the probe, and close the connections."""
        self._closing.set()
        probing = self._probing
        if probing is not None:
            probing.join(PROBE)
        self.transport.close()
