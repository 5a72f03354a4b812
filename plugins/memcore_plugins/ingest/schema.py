"""The tables of ingest: identity files, the keys of sameness, evidence, and the turns of sessions already kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

__all__ = ["TABLES", "chunks", "forget", "select_in"]

T = TypeVar("T")

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE identity(namespace TEXT NOT NULL, file TEXT NOT NULL, record_id TEXT NOT NULL, "
        "position INTEGER NOT NULL, dialect TEXT NOT NULL, content TEXT NOT NULL, content_hash TEXT NOT NULL, "
        "seen_at TEXT NOT NULL, PRIMARY KEY(namespace, file, record_id)) STRICT, WITHOUT ROWID",
        "CREATE INDEX identity_record ON identity(record_id)",
        "CREATE TABLE sameness(record_id TEXT PRIMARY KEY, form BLOB NOT NULL, text BLOB NOT NULL, "
        "namespace TEXT NOT NULL, kind TEXT NOT NULL, confidence REAL, day TEXT) STRICT, WITHOUT ROWID",
        "CREATE INDEX sameness_form ON sameness(form)",
        "CREATE TABLE evidence(record_id TEXT NOT NULL, path TEXT NOT NULL, text BLOB NOT NULL, source TEXT NOT NULL, "
        "namespace TEXT NOT NULL, content TEXT, confidence REAL, occurred_at TEXT, seen_at TEXT NOT NULL, "
        "PRIMARY KEY(record_id, path, text)) STRICT, WITHOUT ROWID",
        "CREATE TABLE session_turns(namespace TEXT NOT NULL, session_id TEXT NOT NULL, position INTEGER NOT NULL, "
        "digest BLOB NOT NULL, record_id TEXT, PRIMARY KEY(namespace, session_id, position)) STRICT, WITHOUT ROWID",
    )
]

_CHUNK = 500  # SQLite allows 999 parameters in its oldest supported builds


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items in lists that fit into one statement."""
    every = list(items)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]


def select_in(connection: sqlite3.Connection, statement: str, keys: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """Run a statement that ends in `IN (?)` for many keys, a chunk at a time."""
    for part in chunks(keys):
        yield from connection.execute(statement.replace("(?)", f"({','.join('?' * len(part))})"), part)


def forget(
    connection: sqlite3.Connection, record_ids: Sequence[str], source: str | None, namespaces: Sequence[str]
) -> int:
    """Delete all rows about these records, and what a forgotten source said about others; return how many went."""
    count = 0
    for part in chunks(record_ids):
        marks = ",".join("?" * len(part))
        for table in ("identity", "sameness", "evidence", "session_turns"):
            count += connection.execute(f"DELETE FROM {table} WHERE record_id IN ({marks})", part).rowcount
    if source is not None:
        where, given = "(source=? OR path=?)", [source, source]
        if namespaces:
            where += f" AND namespace IN ({','.join('?' * len(namespaces))})"
            given += namespaces
        count += connection.execute(f"DELETE FROM evidence WHERE {where}", given).rowcount
    return count
