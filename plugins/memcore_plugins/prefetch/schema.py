"""The table `recalls`: which record was shown in which session, for which question, when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from memcore import Migration, Recall
from memcore.workspace import Workspace

__all__ = ["TABLES", "count", "expire", "forget", "note", "query_hash", "shown"]

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE recalls(record_id TEXT NOT NULL, session_id TEXT NOT NULL, query_hash TEXT NOT NULL, query TEXT,"
        " shown_at TEXT NOT NULL, PRIMARY KEY(session_id, record_id)) STRICT, WITHOUT ROWID",
        "CREATE INDEX recalls_by_record ON recalls(record_id)",
        "CREATE INDEX recalls_by_time ON recalls(shown_at)",
    )
]
#: Milliseconds to wait for another writer: a note on what was shown is not worth a prompt that waits.
PATIENCE_MS = 50
CHUNK = 500


def query_hash(text: str) -> str:
    """Return what identifies a question without telling it."""
    import hashlib  # 4 ms, and only sessions need it

    return hashlib.sha256(" ".join(text.split()).casefold().encode(errors="replace")).hexdigest()[:16]


def note(workspace: Workspace, recall: Recall, session: str, at: datetime, *, keep_text: bool) -> None:
    """Store what was shown in a session; a record shown again keeps its first time."""
    question = recall.query.text
    rows = [
        (hit.record.id, session, query_hash(question), question if keep_text else None, at.isoformat())
        for hit in recall.hits
    ]
    with _impatient(workspace), workspace.transaction() as connection:
        connection.executemany("INSERT OR IGNORE INTO recalls VALUES(?,?,?,?,?)", rows)


@contextmanager
def _impatient(workspace: Workspace) -> Iterator[None]:
    connection = workspace.connection()
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout={min(patience, PATIENCE_MS)}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience}")


def shown(workspace: Workspace, session: str, question: str) -> set[str]:
    """Return the ids shown in a session for other questions; asking the same again shows the same."""
    rows = workspace.connection().execute(
        "SELECT record_id FROM recalls WHERE session_id=? AND query_hash<>?", (session, query_hash(question))
    )
    return {str(row[0]) for row in rows}


def expire(workspace: Workspace, before: datetime, *, dry_run: bool) -> int:
    """Delete the notes from before a moment and return how many; a dry run only counts."""
    old = before.isoformat()
    if dry_run:
        return int(
            workspace.connection().execute("SELECT count(*) FROM recalls WHERE shown_at<?", (old,)).fetchone()[0]
        )
    with workspace.transaction() as connection:
        return connection.execute("DELETE FROM recalls WHERE shown_at<?", (old,)).rowcount


def forget(connection: sqlite3.Connection, record_ids: Sequence[str]) -> int:
    """Delete the notes on these records and return how many."""
    deleted = 0
    for start in range(0, len(record_ids), CHUNK):
        ids = record_ids[start : start + CHUNK]
        marks = ",".join("?" * len(ids))
        deleted += connection.execute(f"DELETE FROM recalls WHERE record_id IN ({marks})", ids).rowcount
    return deleted


def count(workspace: Workspace) -> tuple[int, int]:
    """Return how many records were shown, and in how many sessions."""
    row = workspace.connection().execute("SELECT count(*), count(DISTINCT session_id) FROM recalls").fetchone()
    return int(row[0]), int(row[1])
