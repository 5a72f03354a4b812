"""The right to send, shared by all processes that use one workspace: at most one of them has it.

It is the write lock of an empty SQLite file, which every platform releases when its holder dies, however it dies. A lock
with a time of expiry would let a machine that slept go on with what another process has meanwhile overtaken.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memcore.errors import WorkspaceError

__all__ = ["Lease"]

LONGEST = 60.0  # seconds waited for another process


class Lease:
    """The lock beside one workspace file; `held` is only entered by one thread at a time."""

    def __init__(self, workspace: Path) -> None:
        self._path = workspace.with_name(f"{workspace.name}-outbox")
        self._connection: sqlite3.Connection | None = None
        self._lock, self._closed, self._wait = threading.Lock(), False, -1

    @contextmanager
    def held(self, limit: float) -> Iterator[bool]:
        """Hold the lease for a block; gives False if another process kept it until `limit` on the monotonic clock."""
        with self._lock:
            connection = self._open()
            wait = math.ceil(max(0.0, min(limit - time.monotonic(), LONGEST)))
            if wait != self._wait:
                connection.execute(f"PRAGMA busy_timeout={wait * 1000}")
                self._wait = wait
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise WorkspaceError(
                        f"cannot lock {self._path}", why=str(error), cure="check its permissions"
                    ) from error
                yield False
                return
            try:
                yield True
            finally:
                connection.execute("ROLLBACK")
                if self._closed:
                    self._release()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
                self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            except (OSError, sqlite3.Error) as error:
                raise WorkspaceError(
                    f"cannot lock {self._path}", why=str(error), cure="check its permissions"
                ) from error
        return self._connection

    def close(self) -> None:
        """Release the file, at once or as soon as the thread that holds the lease is done."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            self._release()
            self._lock.release()

    def _release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
