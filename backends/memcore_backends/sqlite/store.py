"""The storage backend: records in the workspace file, one method per promise of `StorageBackend`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import attrs
from memcore.contracts import Capability, Health
from memcore.errors import BackendError, InvalidInputError, MemcoreError, WorkspaceError
from memcore.records import Draft, Hit, Page, Query, Record, Scope, Status, Stored, evolve
from memcore.workspace import Workspace

from memcore_backends.sqlite import reading
from memcore_backends.sqlite.index import Entry, Index
from memcore_backends.sqlite.rows import checked, table_of, to_record, utc
from memcore_backends.sqlite.schema import Table, placeholders
from memcore_backends.sqlite.search import Ranker

__all__ = ["CAPABILITIES", "SqliteBackend"]

CAPABILITIES = frozenset(set(Capability) - {Capability.VECTOR_SEARCH})
CHANGEABLE = frozenset({"tags", "entities", "summary", "confidence", "source", "metadata"})
CHUNK = 900  # rows deleted with one statement


class SqliteBackend:
    """Records in the tables `curated` and `episodes` of a workspace, found through `curated_fts`.

    Every write joins the open transaction of the workspace or makes its own. Text is stored as it is, times as UTC.
    """

    name = "sqlite"

    def __init__(self, workspace: Workspace, clock: Callable[[], datetime], *, full_text: bool = True) -> None:
        self.workspace, self._clock = workspace, clock
        self.index = Index(workspace, enabled=full_text)
        self.capabilities = CAPABILITIES if self.index.enabled else CAPABILITIES - {Capability.TEXT_SEARCH}
        self._ranker = Ranker(workspace)
        self._closed = False
        if "curated" not in workspace.tables():
            why = "no engine has written to it with this backend"
            raise WorkspaceError(f"{workspace.path} holds no records", why=why, cure="open it once without --read-only")

    def put(self, drafts: Sequence[Draft]) -> list[Stored]:
        """Store a batch in order, all of it or nothing; what is known is returned, what had left is brought back."""
        from memcore_backends.sqlite.writing import put

        with self._writing() as connection:
            return put(connection, self.index, drafts, self._clock())

    def get(self, ids: Sequence[str]) -> list[Record]:
        """Return the records with these ids in the order asked, of any status; unknown ids are left out."""
        with self._open().errors():
            found = reading.load(self.workspace.connection(), ids)
        return [found[key][1] for key in ids if key in found]

    def search(self, query: Query) -> list[Hit]:
        """Return the best records of the scope, ranked by their words; without FTS5 by the substrings they hold."""
        with self._open().errors():
            if self.index.current():
                strategy, found = "text", self._ranker.search(query)
            else:
                from memcore_backends.sqlite.substring import search_substrings

                strategy, found = "substring", search_substrings(self.workspace, query)
        return [Hit(record=record, score=score, strategies={strategy: score}) for score, record in found]

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        """Return one page of the scope in the order of writing; the cursor is a number, the same in every process."""
        if limit < 1:
            raise InvalidInputError("a page holds at least one record", why=f"limit is {limit}")
        try:
            cursor = int(after) if after else None
        except ValueError:
            raise InvalidInputError("this is no cursor of a scan", why=f"{after!r} is not a number") from None
        with self._open().errors():
            return reading.scan(self.workspace.connection(), scope, cursor, limit)

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        """Take active records out of active memory; when, why and for which successor is kept in their metadata."""
        from memcore_backends.sqlite.writing import change

        said = {"retired_reason": reason, "superseded_by": superseded_by, "retired_at": utc(self._clock())}
        told = {key: value for key, value in said.items() if value is not None}
        status: Status = "superseded" if superseded_by else "retired"
        with self._writing() as connection:
            found = reading.load(connection, list(dict.fromkeys(ids)))
            active = [(seq, record) for seq, record in found.values() if record.status == "active"]
            for seq, record in active:
                gone = evolve(record, status=status, metadata={**record.metadata, **told})
                change(connection, self.index, seq, record, gone)
        return len(active)

    def update(self, key: str, /, **fields: Any) -> Record:
        """Change tags, entities, summary, confidence, source or metadata of one record and return it."""
        from memcore_backends.sqlite.writing import change

        if unknown := sorted(set(fields) - CHANGEABLE):
            what, cure = (
                f"{unknown[0]} of a record cannot be changed",
                f"changeable are {', '.join(sorted(CHANGEABLE))}",
            )
            raise InvalidInputError(what, why="nothing was changed", cure=cure)
        with self._writing() as connection:
            found = reading.load(connection, [key])
            if key not in found:
                raise InvalidInputError(f"there is no record {key}", cure="memcore search finds records and their ids")
            seq, old = found[key]
            change(connection, self.index, seq, old, checked(evolve(old, **fields)))
            return to_record(connection.execute(table_of(old).select("WHERE seq = ?"), (seq,)).fetchone())

    def delete(self, ids: Sequence[str]) -> int:
        """Remove records and their words from the file; inside a transaction the caller scrubs the workspace."""
        return self._erase(lambda connection: list(reading.load(connection, list(dict.fromkeys(ids))).values()))

    def purge(self, scope: Scope) -> int:
        """Remove every record of a scope, whatever its status, as `delete` does."""
        return self._erase(lambda connection: reading.entries(connection, attrs.evolve(scope, statuses=())))

    def neighbours(self, ids: Sequence[str], before: int, after: int) -> dict[str, list[Record]]:
        """Return the turns said before and after each record in its session, without it, in conversation order.

        A turn's place is `metadata["position"]`, or else the order of arrival. Records of no session have none.
        """
        with self._open().errors():
            return reading.neighbours(self.workspace.connection(), ids, before, after)

    def health(self) -> Health:
        """Say whether the records can be read and written now, and how many there are."""
        from memcore_backends.sqlite.upkeep import facts, verdict

        try:
            with self._open().errors():
                known = facts(self)
                problem = verdict(self)
        except (MemcoreError, sqlite3.Error) as error:
            return Health(ok=False, detail=str(error))
        count = known["curated"] + known["episodes"]
        return Health(ok=not problem, detail=problem or f"{count} records in {self.workspace.path.name}", facts=known)

    def close(self) -> None:
        """Refuse everything from now on; the file belongs to the workspace, which closes it."""
        self._closed = True

    def _open(self) -> Workspace:
        if self._closed:
            raise BackendError("the sqlite backend is closed", cure="open a new engine")
        return self.workspace

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction or join the open one; text that no file can hold is refused."""
        try:
            with self._open().transaction() as connection:
                self.index.prepare(connection)
                yield connection
        except UnicodeEncodeError as error:
            why, cure = f"{error.reason} (half of a surrogate pair)", "decode the source with errors='replace'"
            raise InvalidInputError("text that is not valid Unicode cannot be stored", why=why, cure=cure) from None

    def _erase(self, find: Callable[[sqlite3.Connection], list[Entry]]) -> int:
        """Delete what `find` returns; rewrite the file, unless a transaction is open whose owner has to do it."""
        joined = self._open().connection().in_transaction
        with self._writing() as connection:
            entries = find(connection)
            for start in range(0, len(entries), CHUNK):
                for table, seqs in _by_table(entries[start : start + CHUNK]).items():
                    connection.execute(f"DELETE FROM {table.name} WHERE seq IN ({placeholders(len(seqs))})", seqs)
            if entries:
                self.index.erase(connection, entries)
        if entries and not joined:
            self.workspace.scrub()
        return len(entries)


def _by_table(entries: Sequence[Entry]) -> dict[Table, list[int]]:
    found: dict[Table, list[int]] = {}
    for seq, record in entries:
        found.setdefault(table_of(record), []).append(seq)
    return found
