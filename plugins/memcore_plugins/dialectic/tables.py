"""The tables of dialectic, and what sessions were shown: all that a recall needs of this plugin."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

__all__ = ["KEY", "NAMES", "TABLES", "forget_shown", "note_shown", "shown", "text_of"]

KEY = "u_tag"
"""The key in a record's metadata under which its U-tag travels."""

NAMES = ("u_patterns", "u_observations", "u_hypotheses", "u_verifications", "u_shown")
"""The tables this plugin owns."""

_STEPS = (
    "CREATE TABLE {name}(pattern_id TEXT NOT NULL, step INTEGER NOT NULL, event TEXT NOT NULL, at TEXT NOT NULL, "
    "confidence REAL NOT NULL, sessions INTEGER NOT NULL, PRIMARY KEY(pattern_id, step)) STRICT, WITHOUT ROWID"
)

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE u_patterns(id TEXT PRIMARY KEY, namespace TEXT NOT NULL, subject TEXT NOT NULL, "
        "tag TEXT NOT NULL, status TEXT NOT NULL, source TEXT NOT NULL, confidence REAL NOT NULL, verified_at TEXT, "
        "last_updated TEXT NOT NULL, why TEXT NOT NULL, record_id TEXT) STRICT, WITHOUT ROWID",
        "CREATE TABLE u_observations(id TEXT PRIMARY KEY, pattern_id TEXT NOT NULL, record_id TEXT NOT NULL, "
        "namespace TEXT NOT NULL, subject TEXT NOT NULL, tag TEXT NOT NULL, stance TEXT NOT NULL, "
        "source TEXT NOT NULL, text TEXT NOT NULL, session TEXT NOT NULL, at TEXT NOT NULL, "
        "excluded TEXT NOT NULL) STRICT",
        "CREATE INDEX u_observations_pattern ON u_observations(pattern_id)",
        "CREATE INDEX u_observations_record ON u_observations(record_id)",
        _STEPS.format(name="u_hypotheses"),
        _STEPS.format(name="u_verifications"),
        "CREATE TABLE u_shown(session TEXT NOT NULL, record_id TEXT NOT NULL, at TEXT NOT NULL, "
        "PRIMARY KEY(session, record_id)) STRICT, WITHOUT ROWID",
    )
]


def text_of(at: datetime) -> str:
    """Return a time as it is stored: ISO-8601 in UTC."""
    return at.astimezone(UTC).isoformat()


def note_shown(connection: sqlite3.Connection, session: str, record_ids: Iterable[str], at: datetime) -> None:
    """Note that a session was shown these records."""
    connection.executemany(
        "INSERT OR IGNORE INTO u_shown VALUES(?,?,?)", [(session, key, text_of(at)) for key in record_ids]
    )


def shown(connection: sqlite3.Connection, session: str, record_id: str) -> bool:
    """Return whether this session was shown this record."""
    row = connection.execute("SELECT 1 FROM u_shown WHERE session=? AND record_id=?", (session, record_id)).fetchone()
    return row is not None


def forget_shown(connection: sqlite3.Connection, before: datetime) -> None:
    """Delete what sessions were shown before a time."""
    connection.execute("DELETE FROM u_shown WHERE at < ?", (text_of(before),))
