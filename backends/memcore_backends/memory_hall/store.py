"""The storage backend: one method per promise of `StorageBackend`, and what a server that cannot delete offers instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import evolve
from memcore.contracts import Capability, Health, OpenContext
from memcore.errors import BackendError, CapabilityError, InvalidInputError, MemcoreError, UnavailableError
from memcore.records import Draft, Hit, Page, Query, Record, Scope, Stored

from memcore_backends.memory_hall.courier import Courier, Flushed
from memcore_backends.memory_hall.directory import Directory
from memcore_backends.memory_hall.failures import MissingError
from memcore_backends.memory_hall.lease import Lease
from memcore_backends.memory_hall.link import PROBE, Link
from memcore_backends.memory_hall.outbox import Entered, Known, Outbox
from memcore_backends.memory_hall.scan import laid_over, scan
from memcore_backends.memory_hall.search import Searcher
from memcore_backends.memory_hall.settings import MemoryHallSettings
from memcore_backends.memory_hall.transport import Transport
from memcore_backends.memory_hall.wire import record_of

__all__ = ["CAPABILITIES", "MemoryHall"]

CAPABILITIES = frozenset({Capability.TEXT_SEARCH, Capability.VECTOR_SEARCH})
NO_DELETE = "memory-hall has no way to delete: no request, no expiry; its copies in backups are beyond it as well"
OPERATOR = (
    "ask its operator to stop it and delete memory-hall.sqlite3* and memory-hall-vectors.sqlite3* (one instance per"
    " person makes that possible), then delete the local workspace; `memcore revoke` hides the records meanwhile"
)


class MemoryHall:
    """Records on a memory-hall server, with an outbox in the workspace: nothing that was accepted depends on the server.

    Reads ask the server and add what it does not know yet. While it is away, `get` and `search` answer from local
    copies, and `scan` refuses.
    """

    name = "memory-hall"
    capabilities = CAPABILITIES

    def __init__(self, context: OpenContext) -> None:
        settings: MemoryHallSettings = context.settings or MemoryHallSettings()
        self.workspace, self._clock, self.settings = context.workspace, context.clock, settings
        self.outbox = Outbox(context.workspace, context.clock, copy=settings.copy)
        self.link = Link(Transport(settings), settings, context.workspace, context.clock)
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
        """Store a batch in order: in the outbox before anything else, on the server if it is there and nothing waits.

        A record that waits is found, read and retired like any other. Inside an open transaction of the workspace, which
        may be undone, the server must have it before this returns; raises UnavailableError if it cannot.
        """
        self._open()
        prepared = [record_of(draft, self._clock()) for draft in drafts]
        if not prepared:
            return []
        expected: list[int] = []

        def expect(seq: int) -> None:
            expected.append(seq)
            self.courier.expect(seq)

        try:
            self._commit(lambda: self.outbox.enter(prepared, expect) and expected)
            entered = self._entered
        finally:
            outcomes = {seq: self.courier.outcome(seq) for seq in expected}
        return []

    def _open(self) -> None:
        if self.closed:
            raise BackendError("the memory-hall backend is closed", cure="open a new engine")
