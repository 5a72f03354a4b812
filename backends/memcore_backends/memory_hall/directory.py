"""Where records lie on the server: by the hash of their text, by their id, and, for ids nobody told us of, by listing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from memcore.errors import MemcoreError
from memcore.records import Record

from memcore_backends.memory_hall.identity import is_record_id
from memcore_backends.memory_hall.link import Link
from memcore_backends.memory_hall.outbox import Known, Outbox
from memcore_backends.memory_hall.wire import from_entry

__all__ = ["Directory"]

LARGEST_PAGE = 1000  # entries the server lists at once
OVERLAP = timedelta(minutes=10)  # by how much the server's clock may step back without an entry being missed
MOST_REMEMBERED = 20_000  # records seen in answers, about 5 MB


class Directory:
    """Finds entries of the server; remembers where those lie that it has seen."""

    def __init__(self, link: Link, outbox: Outbox) -> None:
        self._link, self._outbox = link, outbox
        self._seen: dict[str, Known] = {}
        self._lock = threading.Lock()

    def read(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """Yield the records of entries, and remember where they lie; what cannot be a record is left out."""
        for entry in entries:
            record = from_entry(entry)
            if record is not None:
                if len(self._seen) >= MOST_REMEMBERED:
                    self._seen.clear()
                self._seen[record.id] = _known(entry, record)
                yield record

    def by_hash(self, content_hash: str) -> Mapping[str, Any]:
        """Return the entry with this text; raises MissingError. (By its own id the server reads its whole table.)"""
        entry: Mapping[str, Any] = self._link.read("/v1/memory/by-hash", content_hash=content_hash).part("entry")
        return entry

    def by_id(self, namespace: str, key: str) -> Mapping[str, Any]:
        """Return the entry that memcore wrote under this id in a namespace; raises MissingError."""
        entry: Mapping[str, Any] = self._link.read("/v1/memory/by-amh-hash", namespace=namespace, hash=key).part(
            "entry"
        )
        return entry

    def entry_of(self, row: Known) -> Mapping[str, Any]:
        """Return the entry of a record that has been on the server; raises MissingError."""
        if row.content_hash is not None:
            entry = self.by_hash(row.content_hash)
            record = from_entry(entry)
            if record is not None and record.id == row.id:
                return entry
        return self.by_id(row.namespace, row.id)

    def locate(self, ids: Sequence[str]) -> dict[str, Known]:
        """Return where these records lie; the server is listed for those that are not known, from where it was last left.

        What the server does not have is left out.
        """
        found = self._outbox.known(ids)
        found.update({key: self._seen[key] for key in ids if key not in found and key in self._seen})
        if any(key not in found and is_record_id(key) for key in ids):
            self._catch_up()
            found.update(self._outbox.known([key for key in ids if key not in found]))
            found.update({key: self._seen[key] for key in ids if key not in found and key in self._seen})
        return found

    def nearby(self, ids: Sequence[str]) -> dict[str, Known]:
        """Return where these records lie, without asking the server."""
        found = self._outbox.known(ids)
        return {**{key: self._seen[key] for key in ids if key in self._seen}, **found}

    def pages(self, **params: Any) -> Iterator[list[Mapping[str, Any]]]:
        """Yield pages of entries, newest first, to the end."""
        cursor: str | None = None
        while True:
            more: dict[str, Any] = {"cursor": cursor} if cursor else {}
            answer = self._link.read("/v1/memory", limit=LARGEST_PAGE, **params, **more)
            yield answer.part("entries")
            cursor = answer.part("next_cursor")
            if cursor is None:
                return

    def _catch_up(self) -> None:
        """Learn of every entry that is newer than the newest one known."""
        with self._lock:
            since = self._outbox.seen()
            params: dict[str, Any] = {"since": (datetime.fromisoformat(since) - OVERLAP).isoformat()} if since else {}
            newest, rows = since, []
            for page in self.pages(**params):
                if newest == since and page:
                    newest = str(page[0]["created_at"])
                rows += [self._seen[record.id] for record in self.read(page)]
            if not self._outbox.read_only and (rows or newest != since):
                try:
                    self._outbox.learn(rows, newest)
                except MemcoreError:
                    return  # it is remembered here at least; the next catching up starts from where this one did

    def forget(self, ids: Iterable[str]) -> None:
        """Remember nothing of these records."""
        for key in ids:
            self._seen.pop(key, None)


def _known(entry: Mapping[str, Any], record: Record) -> Known:
    return Known(
        id=record.id, namespace=record.namespace, status=record.status, entry_id=entry["entry_id"],
        content_hash=entry["content_hash"], born=0, confirmed=0,
    )  # fmt: skip
