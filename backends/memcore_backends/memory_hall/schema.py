"""The tables: `outbox` is what the server has not confirmed, `hall_entries` what this workspace knows of its records.

A row of `outbox` is one operation on one record, in the order of `seq`. Its text is in `hall_entries`, which also maps
the ids of memcore to those of the server. `born` and `confirmed` are ticks of one counter: a record was waiting at a
moment if it was born before and confirmed after it.
"""

from __future__ import annotations

import sqlite3

from memcore.contracts import Migration

__all__ = ["TABLES"]

_STRICT = " STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE hall_entries(id TEXT PRIMARY KEY, namespace TEXT NOT NULL, status TEXT NOT NULL, entry_id TEXT,"
        f" content_hash TEXT, record TEXT, born INTEGER NOT NULL, confirmed INTEGER){_STRICT}",
        "CREATE INDEX hall_entries_born ON hall_entries(born)",
        "CREATE INDEX hall_entries_confirmed ON hall_entries(confirmed)",
        "CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, op TEXT NOT NULL, detail TEXT,"
        " queued_at TEXT NOT NULL, rounds INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '',"
        f" refused INTEGER NOT NULL DEFAULT 0){_STRICT}",
        "CREATE INDEX outbox_by_id ON outbox(id)",
    )
]
