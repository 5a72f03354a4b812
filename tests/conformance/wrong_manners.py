"""More wrong backends, one planted fault each: paging, lasting, sharing, and what they say of themselves."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

from memcore import Capability, Draft, Health, Hit, OpenContext, Query, Record, Scope
from memcore.errors import CapabilityError, CorruptError, UnavailableError
from memcore.records import Page, Stored, evolve
from reference_backend import ALL, Records, Reference
from wrong_backends import fails

# --- limits and pages ---


@fails()
class FindsOneTooMany(Reference):
    """Is off by one at the limit."""

    def search(self, query: Query) -> Sequence[Hit]:
        return super().search(evolve(query, limit=query.limit + 1))


@fails()
class TakesZeroForNoLimit(Reference):
    """Reads a limit of 0 as no limit."""

    def search(self, query: Query) -> Sequence[Hit]:
        return super().search(evolve(query, limit=query.limit or 10**9))


@fails()
class OverflowsAtHugeLimits(Reference):
    """Multiplies the limit into a number its database cannot hold."""

    def search(self, query: Query) -> Sequence[Hit]:
        (query.limit * 5).to_bytes(8, signed=True)
        return super().search(query)


@fails()
class LimitsBeforeTheScope(Reference):
    """Cuts the list first and looks at the scope afterwards."""

    def search(self, query: Query) -> Sequence[Hit]:
        hits = super().search(evolve(query, scope=Scope(statuses=())))
        return [hit for hit in hits if query.scope.admits(hit.record)]


@fails()
class RepeatsPages(Reference):
    """Starts a page with the last record of the page before."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        page = super().scan(scope, after=after, limit=limit)
        return evolve(page, records=[*self.get([after or ""]), *page.records])


@fails()
class ScansOnePage(Reference):
    """Ends every scan after its first page."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        return evolve(super().scan(scope, after=after, limit=limit), next=None)


@fails()
class CountsRows(Reference):
    """Takes the number of rows already given for a cursor."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        start = int(after or 0)
        rest = super().scan(scope, limit=10**9).records[start:]
        return Page(records=rest[:limit], next=str(start + limit) if len(rest) > limit else None)


@fails()
class LooksUpItsCursor(Reference):
    """Cannot go on behind a record that is gone."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        return super().scan(scope, after=after, limit=limit) if after is None or self.get([after]) else Page(records=[])


@fails()
class ScansInAnyOrder(Reference):
    """Gives no two scans the same order."""

    turns = 0

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        self.turns += after is None
        page = super().scan(scope, after=after, limit=limit)
        return evolve(page, records=page.records[::-1] if self.turns % 2 else page.records)


@fails()
class NeverEnds(Reference):
    """Names a next page when there is nothing in this one."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        page = super().scan(scope, after=after, limit=limit)
        return page if page.records or after else evolve(page, next="0")


@fails()
class TrustsTheClock(Reference):
    """Hides what was written before the newest record it has."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        page = super().scan(scope, after=after, limit=limit)
        newest = max((record.created_at for record in self.load().values()), default=None)
        return evolve(page, records=[record for record in page.records if record.created_at == newest])


# --- lasting ---


@fails()
class ForgetsOnClose(Reference):
    """Keeps records in a file it removes when it is closed."""

    def close(self) -> None:
        super().close()
        self.path.unlink(missing_ok=True)


@fails()
class WritesOnClose(Reference):
    """Keeps everything in memory until it is closed."""

    memory: Records | None = None

    def load(self) -> Records:
        if self.memory is None:
            self.memory = super().load()
        return dict(self.memory)

    def save(self, records: Records) -> None:
        self.memory = dict(records)

    def close(self) -> None:
        if not self.closed:
            super().save(self.load())
        super().close()


@fails()
class ReadsOnlyAtOpening(Reference):
    """Never looks again at what others wrote."""

    memory: Records | None = None

    def load(self) -> Records:
        if self.memory is None:
            self.memory = super().load()
        return dict(self.memory)

    def save(self, records: Records) -> None:
        self.memory = dict(records)
        super().save(records)


@fails()
class RetiresInMemoryOnly(Reference):
    """Forgets on closing what was retired."""

    def __init__(self, context: OpenContext) -> None:
        self.states: dict[str, Any] = {}
        super().__init__(context)

    def load(self) -> Records:
        return {id: evolve(record, status=self.states.get(id, "active")) for id, record in super().load().items()}

    def save(self, records: Records) -> None:
        self.states = {id: record.status for id, record in records.items()}
        super().save(records)


@fails()
class StartsAfresh(Reference):
    """Takes a file it cannot read for an empty one."""

    def load(self) -> Records:
        with suppress(CorruptError):
            return super().load()
        return {}


# --- sharing ---


class Unguarded(Reference):
    """Wait a little between reading and writing, so that a missing lock shows."""

    def save(self, records: Records) -> None:
        time.sleep(0.002)
        super().save(records)


@fails()
class LocksProcessesOnly(Unguarded):
    """Uses a lock that belongs to the process, so its threads do not see it."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        with open(self.path.with_suffix(".lock"), "a") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield

    def save(self, records: Records) -> None:
        time.sleep(0.002)
        temporary = self.path.with_suffix(f".{threading.get_ident()}")
        self.path, path = temporary, self.path
        try:
            super().save(records)
        finally:
            self.path = path


@fails()
class LocksThreadsOnly(Unguarded):
    """Uses a lock that other processes do not see."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self.threads:
            yield


@fails()
class BelongsToOneThread(Reference):
    """Works in the thread that opened it only."""

    def __init__(self, context: OpenContext) -> None:
        self.owner = threading.get_ident()
        super().__init__(context)

    def load(self) -> Records:
        if threading.get_ident() != self.owner:
            raise RuntimeError("objects created in a thread can only be used in that same thread")
        return super().load()


@fails()
class SharesOneMemory(Reference):
    """Keeps its records in the class, so two memories are one."""

    everything: ClassVar[dict[int, Records]] = {}

    def load(self) -> Records:
        return dict(self.everything.get(os.getpid(), {}))

    def save(self, records: Records) -> None:
        super().save(records)
        self.everything[os.getpid()] = dict(records)
