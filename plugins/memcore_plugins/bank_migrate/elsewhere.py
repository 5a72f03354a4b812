"""Records that something else than the files of a migration says too: no file may retire them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memcore_plugins.bank_migrate.schema import select_in

if TYPE_CHECKING:
    import sqlite3

    from memcore import Engine
    from memcore.records import Draft, Record

__all__ = ["add", "migrating", "note", "own_writes"]


_local = threading.local()


def migrating() -> bool:
    """Return whether a migration is writing in this thread."""
    return getattr(_local, "migrating", False)


@contextmanager
def own_writes() -> Iterator[None]:
    """Mark what is written inside the block as said by migrated files."""
    _local.migrating = True
    try:
        yield
    finally:
        _local.migrating = False


def note(engine: Engine, confirmed: Iterable[tuple[Draft, Record]]) -> None:
    """Keep which migrated records were said again by somebody else."""
    connection = engine.workspace.connection()
    ids = {record.id for _, record in confirmed}
    known = select_in(connection, "SELECT DISTINCT record_id FROM migrated_records WHERE record_id IN (?)", ids)
    add(connection, [row[0] for row in known])


def add(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Keep that these records are said elsewhere."""
    connection.executemany("INSERT OR IGNORE INTO migrated_elsewhere VALUES(?)", [(key,) for key in ids])
