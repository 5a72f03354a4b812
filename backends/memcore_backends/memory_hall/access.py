"""The workspace as a thread may use it that can outlive it: after `close` nothing touches the database any more.

SQLite crashes the process when one thread closes a connection that another one is using, and a thread that waits for the
server cannot always be waited for.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from memcore.errors import WorkspaceError
from memcore.workspace import Workspace

__all__ = ["Access"]

PATIENCE = 10.0  # seconds waited for a thread that is writing; longer than it waits for a lock


class Access:
    """The database of one workspace, until it is closed; safe to use from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._changed, self._users, self._closed = threading.Condition(), 0, False
        self.read_only = workspace.read_only

    @contextmanager
    def _use(self) -> Iterator[Workspace]:
        with self._changed:
            if self._closed:
                raise WorkspaceError("the memory-hall backend is closed", cure="open a new engine")
            self._users += 1
        try:
            yield self._workspace
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block atomically, inside the transaction that is open already if there is one."""
        with self._use() as workspace, workspace.transaction() as connection:
            yield connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        with self._use() as workspace, workspace.errors():
            return workspace.connection().execute(sql, values).fetchall()

    def in_transaction(self) -> bool:
        """Return whether this thread has a transaction open that others may undo."""
        with self._use() as workspace:
            return workspace.connection().in_transaction

    def get_meta(self, key: str) -> str | None:
        """Return the text under this key in `meta`, or None."""
        with self._use() as workspace:
            return workspace.get_meta(key)

    def set_meta(self, key: str, value: str | None) -> None:
        """Store a text under this key in `meta`; None removes it."""
        with self._use() as workspace:
            workspace.set_meta(key, value)

    def tables(self) -> set[str]:
        """Return the names of all tables."""
        with self._use() as workspace:
            return workspace.tables()

    def close(self) -> None:
        """Refuse everything from now on, and wait for what is going on."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._users == 0, PATIENCE)
