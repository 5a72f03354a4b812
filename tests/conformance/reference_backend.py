"""A correct backend, kept as small as it can be: one JSON file, read and written whole under a lock.

It calibrates the conformance suite: what it passes is possible, and every wrong backend is this one with a single fault.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import attrs
from memcore import BackendSpec, Capability, Draft, Health, Hit, OpenContext, PluginInfo, Query, Record, Scope, hookimpl
from memcore.errors import BackendError, CorruptError, InvalidInputError
from memcore.records import Page, Stored, content_hash, evolve
from memcore_toolkit.text import index_terms, query_terms

CHANGEABLE = {"tags", "entities", "summary", "confidence", "source", "metadata"}
TIMES = ("occurred_at", "created_at")
ALL = frozenset(set(Capability) - {Capability.VECTOR_SEARCH, Capability.TRANSACTIONAL})

Records = dict[str, Record]


def decoded(fields: dict[str, Any]) -> Record:
    """Return the record of one JSON object."""
    return Record(**{**fields, **{name: datetime.fromisoformat(fields[name]) for name in TIMES if fields[name]}})


def encoded(record: Record) -> dict[str, Any]:
    """Return the JSON object of one record."""
    return {**attrs.asdict(record), **{name: value.isoformat() for name in TIMES if (value := getattr(record, name))}}


class Reference:
    """The records of one folder."""

    name = "reference"
    capabilities = ALL

    def __init__(self, context: OpenContext) -> None:
        self.workspace = context.workspace
        self.path = self.workspace.path.with_name("records.json")
        self.clock, self.closed, self.threads = context.clock, False, threading.Lock()
        with self.reading():
            pass

    # --- the file ---

    def usable(self) -> None:
        """Refuse to work after the end."""
        if self.closed:
            raise BackendError("the backend is closed")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that threads and processes share."""
        self.usable()
        with self.threads, self.path.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def load(self) -> Records:
        """Read every record."""
        if not self.path.exists():
            return {}
        try:
            return {fields["id"]: decoded(fields) for fields in json.loads(self.path.read_bytes())}
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptError(f"{self.path} is damaged") from error

    def save(self, records: Records) -> None:
        """Replace the file by one with these records."""
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps([encoded(record) for record in records.values()]))
        os.replace(temporary, self.path)

    @contextmanager
    def reading(self) -> Iterator[Records]:
        """Give the records as they are stored now."""
        with self.locked():
            records = self.load()
        yield records

    @contextmanager
    def writing(self) -> Iterator[Records]:
        """Give the records for a change; they are stored if the block ends well."""
        with self.locked():
            records = self.load()
            yield records
            self.save(records)

    # --- the contract ---

    def key(self, draft: Draft) -> str:
        """Return the id: the same for the same namespace, kind and text."""
        return content_hash(json.dumps([draft.namespace, draft.kind, draft.content]))[7:39]

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        """Store drafts."""
        with self.writing() as records:
            return [self.put_one(records, draft) for draft in drafts]

    def put_one(self, records: Records, draft: Draft) -> Stored:
        """Store one draft among these records."""
        key = self.key(draft)
        if (old := records.get(key)) is None:
            fields = {name: getattr(draft, name) for name in attrs.fields_dict(Draft)}
            record = Record(id=key, created_at=self.clock(), content_hash=content_hash(draft.content), **fields)
            records[key] = decoded(json.loads(json.dumps(encoded(record))))
        elif old.status != "active":
            records[key] = evolve(old, status="active")
        return Stored(
            record=records[key], state="new" if old is None else "existing" if old.status == "active" else "revived"
        )

    def get(self, ids: Sequence[str]) -> Sequence[Record]:
        """Return records by id."""
        with self.reading() as records:
            return [records[key] for key in ids if key in records]

    def admits(self, scope: Scope, record: Record) -> bool:
        """Return whether a search or scan of this scope may give the record."""
        return scope.admits(record)

    def searchable(self, scope: Scope, record: Record) -> bool:
        """Return whether a search of this scope may give the record."""
        return self.admits(scope, record)

    def score(self, words: Sequence[str], record: Record) -> float:
        """Return how many of the words the record has; 0 leaves it out."""
        text = " ".join((record.content, record.summary or "", *record.tags))
        return float(len(set(words).intersection(index_terms(text))))

    def search(self, query: Query) -> Sequence[Hit]:
        """Return the records with the most words of the query."""
        words = query_terms(query.text)
        with self.reading() as records:
            inside = [record for record in records.values() if self.searchable(query.scope, record)]
        hits = [Hit(record=record, score=score) for record in inside if (score := self.score(words, record)) > 0]
        return sorted(hits, key=lambda hit: (-hit.score, hit.record.id))[: query.limit]

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        """Return one page in the order of the ids."""
        with self.reading() as records:
            rest = sorted(key for key in records if key > (after or "") and self.admits(scope, records[key]))
        page = rest[:limit]
        return Page(records=[records[key] for key in page], next=page[-1] if len(rest) > len(page) else None)

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        """Take records out of active memory."""
        with self.writing() as records:
            active = [key for key in dict.fromkeys(ids) if key in records and records[key].status == "active"]
            for key in active:
                records[key] = evolve(records[key], status="superseded" if superseded_by else "retired")
        return len(active)

    def update(self, key: str, **fields: Any) -> Record:
        """Change fields of one record."""
        if unknown := set(fields) - CHANGEABLE:
            raise InvalidInputError(f"{', '.join(sorted(unknown))} cannot be changed")
        with self.writing() as records:
            if key not in records:
                raise InvalidInputError(f"there is no record {key}")
            records[key] = decoded(json.loads(json.dumps(encoded(evolve(records[key], **fields)))))
            return records[key]

    def delete(self, ids: Sequence[str]) -> int:
        """Remove records for good."""
        with self.writing() as records:
            return len([records.pop(key) for key in dict.fromkeys(ids) if key in records])

    def purge(self, scope: Scope) -> int:
        """Remove every record of a scope for good."""
        with self.writing() as records:
            return len(
                [records.pop(key) for key in list(records) if self.admits(evolve(scope, statuses=()), records[key])]
            )

    def neighbours(self, ids: Sequence[str], before: int, after: int) -> Mapping[str, list[Record]]:
        """Return the records of the same session around each of these."""
        with self.reading() as records:
            around = {}
            for record in (records[key] for key in ids if key in records):
                talk = sorted(
                    (found for found in records.values() if self.session(found) == self.session(record)),
                    key=lambda found: (found.occurred_at or found.created_at, found.metadata.get("turn", 0)),
                )
                place = talk.index(record)
                around[record.id] = talk[max(0, place - before) : place] + talk[place + 1 : place + 1 + after]
        return around

    def session(self, record: Record) -> tuple[str, str]:
        """Return what makes two records parts of one conversation."""
        return record.namespace, record.metadata.get("session_id", record.id)

    def health(self) -> Health:
        """Say whether the file can be read."""
        try:
            with self.reading() as records:
                return Health(ok=True, detail=f"{len(records)} records in {self.path.name}")
        except (BackendError, CorruptError, OSError) as error:
            return Health(ok=False, detail=str(error))

    def close(self) -> None:
        """Refuse everything from now on."""
        self.closed = True


class Plugin:
    """Offer the reference backend."""

    info = PluginInfo(summary="Records in one JSON file, for calibration")
    store: type[Reference] = Reference

    @hookimpl
    def memcore_backend(self) -> BackendSpec:
        """Offer the backend of this plugin."""
        return BackendSpec(
            name="reference", summary=self.info.summary, open=self.store, capabilities=self.store.capabilities
        )
