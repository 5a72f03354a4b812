"""Page by page through a scope: first what the server did not have when the scan began, then the server, newest first.

The cursor holds the tick at which the scan began, so a record that is sent meanwhile is given once, and after that the
place on the server: the cursor of its page, and the entry given last. New entries come in front of that place.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import evolve, frozen
from memcore.errors import InvalidInputError
from memcore.records import Page, Record, Scope, Status

from memcore_backends.memory_hall.directory import LARGEST_PAGE, Directory
from memcore_backends.memory_hall.failures import MissingError
from memcore_backends.memory_hall.link import Link
from memcore_backends.memory_hall.outbox import Known, Outbox
from memcore_backends.memory_hall.wire import revived

__all__ = ["filters", "laid_over", "scan"]

SMALLEST_PAGE = 20  # entries asked for at once: a filter that only we can apply may leave few of them


@frozen(kw_only=True)
class Place:
    """Where a scan stands: its first tick, the tick of the last unsent record given (None: all were), the server's page,
    and the time and id of the last entry given.
    """

    tick: int
    unsent: int | None = 0
    page: str = ""
    entry: tuple[str, str] | None = None

    def as_cursor(self) -> str:
        """Return the place as opaque text."""
        return urlsafe_b64encode(json.dumps([self.tick, self.unsent, self.page, self.entry]).encode()).decode()

    @classmethod
    def of(cls, cursor: str) -> Place:
        """Return the place that a cursor names; raises InvalidInputError for one that was not made here."""
        try:
            tick, unsent, page, entry = json.loads(urlsafe_b64decode(cursor.encode()))
            if entry is not None:
                datetime.fromisoformat(entry[0])
            return cls(tick=int(tick), unsent=unsent, page=str(page), entry=tuple(entry) if entry else None)
        except (ValueError, TypeError, LookupError):
            raise InvalidInputError("this is no cursor of a scan", why="memory-hall did not make it") from None


def filters(scope: Scope) -> dict[str, Any]:
    """Return those limits of a scope that the server keeps exactly. (Its tags are stripped, and would be in its log.)"""
    told = {"namespace": list(scope.namespaces), "type": list(scope.kinds), "agent_id": scope.agent_id}
    return {key: value for key, value in told.items() if value}


def laid_over(record: Record, waiting: Mapping[str, Status]) -> Record:
    """Return a record of the server with the status that waits for it in the outbox."""
    status = waiting.get(record.id, record.status)
    if status == record.status:
        return record
    return revived(record) if status == "active" else evolve(record, status=status)


def scan(outbox: Outbox, link: Link, directory: Directory, scope: Scope, after: str | None, limit: int) -> Page:
    """Return one page; raises UnavailableError while the server is away: half a memory must not pass for all of it."""
    place = Place.of(after) if after else Place(tick=outbox.now())
    waiting = outbox.overlay()
    found: list[Record] = []
    last = place
    for record, here in _from(outbox, link, directory, scope, place, limit):
        shown = laid_over(record, waiting)
        if scope.admits(shown):
            if len(found) == limit:
                return Page(records=found, next=last.as_cursor())
            found.append(shown)
            last = here
    return Page(records=found)


def _from(
    outbox: Outbox, link: Link, directory: Directory, scope: Scope, place: Place, limit: int
) -> Iterator[tuple[Record, Place]]:
    """Yield every record behind a place, each with its own place."""
    if place.unsent is not None:
        for row in outbox.unsent(place.tick, place.unsent):
            for record in _kept(row, directory):
                yield record, evolve(place, unsent=row.born)
        place = evolve(place, unsent=None)
    given = {row.id for row in outbox.unsent(place.tick)}
    size = max(SMALLEST_PAGE, min(limit + 1, LARGEST_PAGE))
    while True:
        cursor: dict[str, Any] = {"cursor": place.page} if place.page else {}
        answer = link.read("/v1/memory", limit=size, **filters(scope), **cursor)
        entries = [entry for entry in answer.part("entries") if _is_behind(entry, place.entry)]
        for entry in entries:
            for record in directory.read([entry]):
                if record.id not in given:
                    yield record, evolve(place, entry=(entry["created_at"], entry["entry_id"]))
        following = answer.part("next_cursor")
        if following is None:
            return
        last = entries[-1] if entries else None
        place = evolve(place, page=following, entry=(last["created_at"], last["entry_id"]) if last else place.entry)


def _kept(row: Known, directory: Directory) -> Iterator[Record]:
    """Yield the local copy of a record, or, if it was sent meanwhile and no copies are kept, what the server has."""
    copy = row.copy()
    if copy is not None:
        yield copy
    else:
        try:
            yield from directory.read([directory.entry_of(row)])
        except MissingError:
            return


def _is_behind(entry: Mapping[str, Any], last: tuple[str, str] | None) -> bool:
    """Return whether an entry comes after the last one given, in the server's order: newest first."""
    if last is None:
        return True
    return (datetime.fromisoformat(entry["created_at"]), entry["entry_id"]) < (datetime.fromisoformat(last[0]), last[1])
