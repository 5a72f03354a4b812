"""The storage backend: one method per promise of `StorageBackend`, and what a server that cannot delete offers instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from memcore.contracts import Capability, Health, OpenContext
from memcore.errors import BackendError, CapabilityError, InvalidInputError, MemcoreError, UnavailableError
from memcore.records import Draft, Hit, Page, Query, Record, Scope, Status, Stored, evolve

from memcore_backends.memory_hall.access import Access
from memcore_backends.memory_hall.courier import Courier
from memcore_backends.memory_hall.directory import Directory
from memcore_backends.memory_hall.failures import MissingError
from memcore_backends.memory_hall.health import examine
from memcore_backends.memory_hall.identity import is_record_id
from memcore_backends.memory_hall.lease import Lease
from memcore_backends.memory_hall.link import PROBE, Link
from memcore_backends.memory_hall.outbox import Entered, Known, Outbox
from memcore_backends.memory_hall.scan import laid_over, scan
from memcore_backends.memory_hall.search import Searcher
from memcore_backends.memory_hall.settings import MemoryHallSettings
from memcore_backends.memory_hall.transport import Transport
from memcore_backends.memory_hall.wire import record_of

__all__ = ["CAPABILITIES", "MemoryHall"]

T = TypeVar("T")
CAPABILITIES = frozenset({Capability.TEXT_SEARCH, Capability.VECTOR_SEARCH})
NO_DELETE = "memory-hall has no request that deletes and lets nothing expire"
OPERATOR = (
    "memcore revoke hides them; to delete them, its operator stops the server and removes memory-hall.sqlite3* and"
    " memory-hall-vectors.sqlite3* with their backups, which takes an instance for each person; then delete this workspace"
)


class MemoryHall:
    """Records on a memory-hall server, and an outbox in the workspace: what was accepted does not depend on the server.

    Reads ask the server and add what it does not know yet. While it is away, `get` and `search` answer from local
    copies; `scan` refuses, because half a memory must not pass for all of it.
    """

    name = "memory-hall"
    capabilities = CAPABILITIES

    def __init__(self, context: OpenContext) -> None:
        settings: MemoryHallSettings = context.settings or MemoryHallSettings()
        self.clock, self.settings = context.clock, settings
        self.access = Access(context.workspace)
        self.outbox = Outbox(self.access, context.clock, copy=settings.copy)
        self.link = Link(Transport(settings), settings, self.access, context.clock)
        self.directory = Directory(self.link, self.outbox)
        self.courier = Courier(self.link, self.directory, self.outbox, settings, Lease(context.workspace.path))
        self.searcher = Searcher(self.link, self.directory, self.outbox, settings, context.clock)
        self.closed = False
        if not context.workspace.read_only:
            self.outbox.adopt(self.link.transport.endpoint)
            if self.outbox.depth()[0]:
                self.courier.nudge()

    # --- writes ---

    def put(self, drafts: Sequence[Draft]) -> list[Stored]:
        """Store a batch in order: in the outbox first, then on the server, if it is there and not much waits already.

        Inside an open transaction of the workspace, which may be undone, the server must have the batch before this
        returns; raises UnavailableError if it cannot. Whether a record is new is only a guess while the server is away.
        """
        self._open()
        now = self.clock()
        prepared = [record_of(draft, now) for draft in drafts]
        if not prepared:
            return []
        entered = self._sent(lambda: self.outbox.enter(prepared, self.courier.expect), _numbers)
        outcomes = {item.seq: self.courier.outcome(item.seq) for item in entered if item.seq is not None}
        current = {record.id: record for record, _ in prepared}
        said = {outcome[1].id: outcome[1] for outcome in outcomes.values() if outcome}
        if unsaid := [key for key in current if key not in said]:
            current |= {key: copy for key, row in self.outbox.known(unsaid).items() if (copy := row.copy()) is not None}
        current |= said
        stored = []
        for item in entered:
            outcome = outcomes.get(item.seq) if item.seq is not None else None
            stored.append(Stored(record=current[item.id], state=outcome[0] if outcome else item.state))
        return stored

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        """Take active records out of active memory, here at once and on the server as soon as it is there."""
        self._open()
        try:
            f"{reason}{superseded_by or ''}".encode()
        except UnicodeEncodeError:
            raise InvalidInputError("this reason cannot be stored", why="it holds half of a surrogate pair") from None
        rows, problem = self._located(ids)
        if problem and any(key not in rows and is_record_id(key) for key in ids):
            raise problem
        status: Status = "superseded" if superseded_by else "retired"
        return len(self._sent(lambda: self.outbox.retire(ids, rows, status, reason, superseded_by), list))

    def _sent(self, change: Callable[[], T], numbers: Callable[[T], list[int]]) -> T:
        """Make a change in the outbox, which commits it, and send it."""
        if not self.access.in_transaction():
            done = change()
            self.courier.settle(numbers(done))
            return done
        if not self.link.ready(PROBE):
            raise self.link.absent()
        with self.access.transaction():
            done = change()
            problem = self.courier.flush(self.settings.put_wait).problem
            if left := self.outbox.still(numbers(done)):
                why = left[0].problem or "other writes wait in front of it"
                raise problem or UnavailableError("the server does not have this write", why=why, cure="write it again")
        return done

    # --- reads ---

    def get(self, ids: Sequence[str]) -> list[Record]:
        """Return the records with these ids in the order asked, of any status; unknown ids are left out.

        Raises UnavailableError if the server is away and one of them is not here.
        """
        self._open()
        waiting = self.outbox.overlay()
        rows, problem = self._located(ids)
        found = []
        for key in ids:
            row = rows.get(key)
            if row is None and problem and is_record_id(key):
                raise problem
            if row is not None:
                record, problem = self._read(row, waiting, problem)
                found += [laid_over(record, waiting)] if record else []
        return found

    def _located(self, ids: Sequence[str]) -> tuple[dict[str, Known], MemcoreError | None]:
        """Return what is known of these records, and why the server could not be asked (None if it could)."""
        problem: MemcoreError | None = None if self.link.ready(self.settings.patience) else self.link.absent()
        if problem is None:
            try:
                return self.directory.locate(ids), None
            except MemcoreError as error:
                problem = error
        return self.directory.nearby(ids), problem

    def _read(
        self, row: Known, waiting: Mapping[str, Status], problem: MemcoreError | None
    ) -> tuple[Record | None, MemcoreError | None]:
        """Return a record as the server has it, or its local copy, and why from now on only copies are read."""
        if row.confirmed is None:
            return row.copy(), problem
        if problem is None:
            try:
                return self._fetched(row, waiting), None
            except MemcoreError as error:
                problem = error
        copy = row.copy()
        if copy is None:
            raise problem
        return copy, problem

    def _fetched(self, row: Known, waiting: Mapping[str, Status]) -> Record | None:
        """Return the record as the server has it, and note what changed there; None if it is gone."""
        try:
            record = next(self.directory.read([self.directory.entry_of(row)]), None)
        except MissingError:
            record = None
        if row.id in waiting:
            return record or row.copy()
        if not self.access.read_only and (record is None or record.status != row.status):
            self.directory.forget([row.id] if record is None else [])
            self.outbox.observe(row.id, record.status if record else None)
        return record

    def search(self, query: Query) -> list[Hit]:
        """Return the best hits of the scope; from local copies what the server cannot answer now. See `searcher`."""
        self._open()
        return self.searcher.search(query)

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        """Return one page: first what the server does not have yet, then the server's entries, newest first.

        Raises UnavailableError while the server is away.
        """
        self._open()
        if limit < 1:
            raise InvalidInputError("a page holds at least one record", why=f"limit is {limit}")
        if not self.link.ready(PROBE):
            raise self.link.absent()
        return scan(self.outbox, self.link, self.directory, scope, after, limit)

    def everything(self, scope: Scope) -> list[Record]:
        """Return every record of a scope."""
        found: list[Record] = []
        after: str | None = None
        while True:
            page = self.scan(scope, after=after)
            found += page.records
            if (after := page.next) is None:
                return found

    # --- what the server cannot do ---

    def delete(self, ids: Sequence[str]) -> int:
        """Refuse: the server cannot delete."""
        raise self._undeletable(len(self.get(list(dict.fromkeys(ids)))))

    def purge(self, scope: Scope) -> int:
        """Refuse: the server cannot delete. The error says how many records there are and what its operator can do."""
        raise self._undeletable(len(self.everything(evolve(scope, statuses=()))))

    def _undeletable(self, count: int) -> CapabilityError:
        what = f"{count} record{'s' if count != 1 else ''} on {self.link.transport.where} cannot be deleted"
        return CapabilityError(f"{what}; nothing was changed", why=NO_DELETE, cure=OPERATOR)

    def revoke(self, scope: Scope, *, reason: str) -> int:
        """Hide every active record of a scope, and return how many. This deletes nothing that the server already has.

        Their text stays readable on the server for everybody with its token, in its lists, searches and files. What it
        does not have yet is dropped and never sent; the copies in this workspace are removed.
        """
        ids = [record.id for record in self.everything(scope)]
        unsent = self.outbox.withdraw(ids)
        count = self.retire([key for key in ids if key not in unsent], reason=reason)
        self.outbox.drop_copies(ids)
        return count + len(unsent)

    # --- life ---

    def health(self) -> Health:
        """Say whether the server can be used, with facts on it and on the outbox; asks it, whatever is known of it."""
        return examine(self)

    def close(self) -> None:
        """Send what waits for a moment, if the server takes it, and release the connections."""
        if not self.closed:
            self.closed = True
            self.courier.close()
            self.link.close()
            self.access.close()

    def _open(self) -> None:
        if self.closed:
            raise BackendError("the memory-hall backend is closed", cure="open a new engine")


def _numbers(entered: Sequence[Entered]) -> list[int]:
    return [item.seq for item in entered if item.seq is not None]
