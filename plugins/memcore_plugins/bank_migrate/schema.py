"""The tables of a migration: which files were read in which state, and which records they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from memcore import Migration, Scope

if TYPE_CHECKING:
    import sqlite3

__all__ = ["TABLES", "chunks", "figures", "forget", "select_in"]

T = TypeVar("T")

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE migrated_files(id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, root TEXT NOT NULL, "
        "path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL, "
        "reader TEXT NOT NULL, reason TEXT NOT NULL, seen_at TEXT NOT NULL, UNIQUE(namespace, root, path)) STRICT",
        "CREATE TABLE migrated_records(file INTEGER NOT NULL, digest BLOB NOT NULL, record_id TEXT NOT NULL, "
        "line INTEGER NOT NULL, episode INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0, "
        "PRIMARY KEY(file, digest)) STRICT, WITHOUT ROWID",
        "CREATE INDEX migrated_records_record ON migrated_records(record_id)",
        "CREATE TABLE migrated_elsewhere(record_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    )
]

_CHUNK = 500  # SQLite allows 999 parameters in its oldest supported builds


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items in lists that fit into one statement."""
    every = list(items)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]


def select_in(connection: sqlite3.Connection, statement: str, keys: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """Run a statement that holds `IN (?)` for many keys, a chunk at a time."""
    for part in chunks(keys):
        yield from connection.execute(statement.replace("IN (?)", f"IN ({','.join('?' * len(part))})"), part)


def forget(connection: sqlite3.Connection, scope: Scope, record_ids: Sequence[str]) -> int:
    """Delete all rows about these records, and the files of a namespace that is forgotten whole.

    Return how many went.
    """
    count = 0
    for part in chunks(record_ids):
        marks = ",".join("?" * len(part))
        for table in ("migrated_records", "migrated_elsewhere"):
            count += connection.execute(f"DELETE FROM {table} WHERE record_id IN ({marks})", part).rowcount
    whole = scope == Scope(namespaces=scope.namespaces, statuses=scope.statuses)
    if whole and scope.namespaces:
        marks = ",".join("?" * len(scope.namespaces))
        connection.execute(
            f"DELETE FROM migrated_records WHERE file IN (SELECT id FROM migrated_files WHERE namespace IN ({marks}))",
            scope.namespaces,
        )
        count += connection.execute(
            f"DELETE FROM migrated_files WHERE namespace IN ({marks})", scope.namespaces
        ).rowcount
    return count


def figures(connection: sqlite3.Connection) -> Mapping[str, Any]:
    """Return the numbers of workspaces, files and records, JSON-ready."""
    counts = {
        "workspaces": "SELECT count(DISTINCT namespace || char(0) || root) FROM migrated_files",
        "files": "SELECT count(*) FROM migrated_files WHERE reason=''",
        "records": "SELECT count(DISTINCT record_id) FROM migrated_records",
    }
    return {name: int(connection.execute(statement).fetchone()[0]) for name, statement in counts.items()}
