"""Records in one append-only JSON Lines file: the newest line about an id is the record."""

from __future__ import annotations

import json
import math
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Literal

import attrs
from memcore import BackendSpec, Capability, Draft, Health, Hit, OpenContext, PluginInfo, Query, Record, Scope, hookimpl
from memcore.errors import BackendError, MemcoreError, UnavailableError
from memcore.records import Page, Stored, content_hash, evolve, to_json
from memcore_toolkit.text import index_terms, query_terms

CAPABILITIES = frozenset({Capability.DELETE, Capability.TEXT_SEARCH})


class Store:
    """The records of one workspace. Every call reads what was appended since, so processes see each other's writes.

    The write lock of the workspace keeps other writers out, on every platform.
    """

    name = "jsonl"
    capabilities = CAPABILITIES

    def __init__(self, context: OpenContext) -> None:
        self._workspace, self._clock = context.workspace, context.clock
        self._path = context.workspace.path.with_suffix(".jsonl")
        self._threads, self._closed, self._head, self._offset = threading.RLock(), False, b"", 0
        self._records: dict[str, Record] = {}
        self._terms: dict[str, set[str]] = {}
        if not context.workspace.read_only:
            with context.workspace.transaction():
                if not self._path.exists():
                    self._rewrite(0, ())
        with self._reading():
            pass

    @contextmanager
    def _reading(self) -> Iterator[dict[str, Record]]:
        with self._threads:
            if self._closed:
                raise UnavailableError("the jsonl backend is closed", cure="open a new engine")
            try:
                self._replay()
                yield self._records
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise BackendError(f"{self._path} cannot be read or written", why=str(error)) from error

    def _replay(self) -> None:
        with self._path.open("rb") as file:
            if (head := file.readline()) != self._head and json.loads(head)["rewritten"] >= 0:  # something was deleted
                self._head, self._offset, self._records, self._terms = head, len(head), {}, {}
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # a writer was killed; the next one cuts this off
                fields = json.loads(line)
                for name in ("created_at", "occurred_at"):
                    fields[name] = fields[name] and datetime.fromisoformat(fields[name])
                record = Record(**fields)
                words = " ".join((record.content, record.summary or "", *record.tags))
                self._records[record.id], self._terms[record.id] = record, set(index_terms(words))
                self._offset += len(line)

    def _append(self, records: Iterable[Record]) -> None:
        with self._path.open("r+b") as file:
            file.seek(self._offset)
            file.truncate()
            _write(file, map(_line, records))
        self._replay()

    def _rewrite(self, number: int, records: Iterable[Record]) -> None:
        new = self._path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            _write(file, (b'{"rewritten": %d}\n' % number, *map(_line, records)))
        os.replace(new, self._path)

    def put(self, drafts: Sequence[Draft]) -> list[Stored]:
        with self._workspace.transaction(), self._reading() as records:
            changed: dict[str, Record] = {}
            answers: list[tuple[str, Literal["new", "existing", "revived"]]] = []
            for draft in drafts:
                key = content_hash(json.dumps([draft.namespace, draft.kind, draft.content]))[7:39]
                old = changed.get(key) or records.get(key)
                answers.append((key, "new" if old is None else "existing" if old.status == "active" else "revived"))
                if old is None:
                    fields = {name: getattr(draft, name) for name in attrs.fields_dict(Draft)}
                    digest = content_hash(draft.content)
                    changed[key] = Record(**fields, id=key, created_at=self._clock(), content_hash=digest)
                elif old.status != "active":
                    changed[key] = evolve(old, status="active")
            self._append(changed.values())
            return [Stored(record=records[key], state=state) for key, state in answers]

    def get(self, ids: Sequence[str]) -> list[Record]:
        with self._reading() as records:
            return [records[key] for key in ids if key in records]

    def search(self, query: Query) -> list[Hit]:
        asked = set(query_terms(query.text))
        with self._reading() as records:
            inside = [(asked & self._terms[key], records[key]) for key in records if query.scope.admits(records[key])]
        often = Counter(word for words, _ in inside for word in words)
        rare = {word: math.log(1 + len(inside) / often[word]) for word in often}
        hits = [Hit(record=record, score=math.fsum(rare[word] for word in words)) for words, record in inside if words]
        return sorted(hits, key=lambda hit: (-hit.score, hit.record.id))[: query.limit]

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        with self._reading() as records:
            rest = sorted(key for key in records if key > (after or "") and scope.admits(records[key]))
            page = rest[:limit]
            return Page(records=[records[key] for key in page], next=page[-1] if len(rest) > len(page) else None)

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        with self._workspace.transaction(), self._reading() as records:
            active = [records[key] for key in dict.fromkeys(ids) if key in records and records[key].status == "active"]
            self._append(evolve(old, status="superseded" if superseded_by else "retired") for old in active)
            return len(active)

    def delete(self, ids: Sequence[str]) -> int:
        with self._workspace.transaction(), self._reading() as records:
            gone = set(ids) & records.keys()
            if gone:
                kept = [record for key, record in records.items() if key not in gone]
                self._rewrite(json.loads(self._head)["rewritten"] + 1, kept)
            return len(gone)

    def health(self) -> Health:
        try:
            with self._reading() as records:
                return Health(ok=True, detail=f"{len(records)} records in {self._path.name}")
        except MemcoreError as error:
            return Health(ok=False, detail=str(error))

    def close(self) -> None:
        self._closed = True


def _write(file: IO[bytes], lines: Iterable[bytes]) -> None:
    file.writelines(lines)
    file.flush()
    os.fsync(file.fileno())


def _line(record: Record) -> bytes:
    # Half a surrogate pair cannot be UTF-8; as a backslash escape it is good JSON and comes back as it was.
    return json.dumps(to_json(record), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


class Plugin:
    """Offer the backend to memcore."""

    info = PluginInfo(summary="Records in one JSON Lines file beside the workspace")

    @hookimpl
    def memcore_backend(self) -> BackendSpec:
        return BackendSpec(name="jsonl", summary=self.info.summary, open=Store, capabilities=CAPABILITIES)
