"""More wrong backends, one planted fault each: paging, lasting, sharing, and what they say of themselves."""

from __future__ import annotations

import fcntl
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from memcore import Capability, Draft, Health, Hit, OpenContext, Query, Record, Scope
from memcore.errors import CapabilityError, CorruptError, UnavailableError
from memcore.records import Page, Stored, content_hash, evolve
from reference_backend import ALL, Records, Reference, decoded, encoded
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
class PagesByTime(Reference):
    """Takes the time of writing for a cursor, as if no two records shared one."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        found = sorted(super().scan(scope, limit=10**9).records, key=lambda record: record.created_at)
        rest = [record for record in found if after is None or record.created_at.isoformat() > after]
        page = rest[:limit]
        return Page(records=page, next=page[-1].created_at.isoformat() if len(rest) > limit else None)


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
        return {key: evolve(record, status=self.states.get(key, "active")) for key, record in super().load().items()}

    def save(self, records: Records) -> None:
        self.states = {key: record.status for key, record in records.items()}
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
        self.usable()
        with self.path.with_suffix(".lock").open("a") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield


@fails()
class LocksThreadsOnly(Unguarded):
    """Uses a lock that other processes do not see."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.usable()
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
class LivesOutsideItsFolder(Reference):
    """Keeps its file beside the folder it was given."""

    def __init__(self, context: OpenContext) -> None:
        super().__init__(context)
        self.path = self.path.parent.with_name("records.json")


# --- capabilities ---


@fails()
class ClaimsToPurge(Reference):
    """Declares a power it does not have."""

    def purge(self, scope: Scope) -> int:
        raise CapabilityError("this backend cannot purge")


@fails()
class PretendsToUpdate(Reference):
    """Accepts updates without declaring them."""

    capabilities = ALL - {Capability.UPDATE}


@fails()
class PretendsToDelete(Reference):
    """Answers a power it does not declare with a number."""

    capabilities = ALL - {Capability.DELETE}

    def delete(self, ids: Sequence[str]) -> int:
        return len(ids)


@fails()
class ClaimsTransactions(Reference):
    """Says that its writes join the transaction of the workspace."""

    capabilities = ALL | {Capability.TRANSACTIONAL}


@fails()
class JoinsTransactions(Reference):
    """Keeps its records in the workspace and does not say so."""

    def load(self) -> Records:
        return {fields["id"]: decoded(fields) for fields in json.loads(self.workspace.get_meta("records") or "[]")}

    def save(self, records: Records) -> None:
        self.workspace.set_meta("records", json.dumps([encoded(record) for record in records.values()]))


@fails()
class RanksByHash(Reference):
    """Takes hashes for vectors when it has no model."""

    capabilities = ALL - {Capability.TEXT_SEARCH} | {Capability.VECTOR_SEARCH}

    def score(self, words: Sequence[str], record: Record) -> float:
        return 1 + int(content_hash(" ".join([*words, record.content]))[7:11], 16) / 65536


@fails()
class MixesSessions(Reference):
    """Takes everything in a namespace for one conversation."""

    def session(self, record: Record) -> tuple[str, str]:
        return record.namespace, ""


@fails()
class AnnouncesLess(Reference):
    """Has a power its plugin does not announce."""

    def __init__(self, context: OpenContext) -> None:
        super().__init__(context)
        self.capabilities = ALL

    capabilities = ALL - {Capability.PURGE}


@fails()
class SaysTooLittle(Reference):
    """Gives its capabilities as a list of words."""

    capabilities = list(map(str, ALL))  # type: ignore[assignment]


# --- manners ---


@fails()
class PhonesHome(Reference):
    """Reports every write to somebody, and hides that it could not."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        with suppress(OSError), socket.socket() as line:
            line.connect(("203.0.113.7", 443))
        return super().put(drafts)


@fails()
class PhonesHomeInTheBackground(Reference):
    """Asks for the address of a collector in a thread of its own."""

    def close(self) -> None:
        def report() -> None:
            with suppress(OSError):
                socket.getaddrinfo("telemetry.invalid", 443)

        super().close()
        threading.Thread(target=report).start()


@fails()
class LogsText(Reference):
    """Writes what it stores into the log."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        logging.getLogger("acme").debug("storing %s", [draft.content for draft in drafts])
        return super().put(drafts)


@fails()
class UsesItsOwnClock(Reference):
    """Takes the time from the system."""

    def __init__(self, context: OpenContext) -> None:
        super().__init__(context)
        self.clock = lambda: datetime.now(UTC)


@fails()
class RaisesFromHealth(Reference):
    """Lets an error out of health."""

    def health(self) -> Health:
        with self.reading() as records:
            return Health(ok=True, detail=f"{len(records)} records")


@fails()
class IsAlwaysWell(Reference):
    """Says that all is well without looking."""

    def health(self) -> Health:
        return Health(ok=True, detail="fine")


@fails()
class IsNeverWell(Reference):
    """Says that something is wrong while it works."""

    def health(self) -> Health:
        return Health(ok=False, detail="unknown")


@fails()
class ClosesOnce(Reference):
    """Does not expect to be closed again."""

    def close(self) -> None:
        if self.closed:
            raise UnavailableError("the backend is closed already")
        super().close()


@fails()
class NeedsSomething(Reference):
    """Cannot do nothing."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return [super().put([drafts[0]])[0], *super().put(drafts[1:])] if len(drafts) != 1 else super().put(drafts)
