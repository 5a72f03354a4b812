"""The table of decay: when a record was last confirmed. A record without a row counts from its own date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

__all__ = ["TABLES", "confirm", "count", "delete", "last_confirmed"]

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE confirmations(record_id TEXT PRIMARY KEY, confirmed_at TEXT NOT NULL, times INTEGER NOT NULL) "
        "STRICT, WITHOUT ROWID",
    )
]

_CHUNK = 500  # SQLite allows 999 parameters in its oldest supported builds


def confirm(connection: sqlite3.Connection, dates: Mapping[str, datetime]) -> None:
    """Move the last confirmation of records forward; an equal or earlier date changes nothing and is not counted."""
    connection.executemany(
        "INSERT INTO confirmations VALUES(?,?,1) ON CONFLICT(record_id) DO UPDATE "
        "SET confirmed_at=excluded.confirmed_at, times=times+1 "
        "WHERE julianday(excluded.confirmed_at) > julianday(confirmed_at)",
        [(key, at.astimezone(UTC).isoformat()) for key, at in dates.items()],
    )


def last_confirmed(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, datetime]:
    """Return the last confirmation of those records that have one."""
    wanted, found = list(ids), dict[str, datetime]()
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT record_id, confirmed_at FROM confirmations WHERE record_id IN ({marks})", part
        )
        found.update((key, datetime.fromisoformat(at)) for key, at in rows)
    return found


def count(connection: sqlite3.Connection) -> int:
    """Return how many records have a confirmation on file."""
    return int(connection.execute("SELECT count(*) FROM confirmations").fetchone()[0])


def delete(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Delete the confirmations of these records and return how many there were."""
    return sum(
        connection.execute("DELETE FROM confirmations WHERE record_id=?", (key,)).rowcount for key in dict.fromkeys(ids)
    )
