"""The tables: `curated` and `episodes` hold the records, `curated_fts` indexes the words of both.

An episode's `seq` is negative, so that one full-text table serves both tables and the sign of a rowid tells them apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache

from memcore.contracts import Migration

__all__ = ["CURATED", "EPISODES", "TABLES", "Table", "create_index", "fts5_available", "placeholders"]

COLUMNS = (
    "seq", "id", "namespace", "kind", "status", "content", "summary", "agent_id", "tags", "entities", "confidence",
    "provenance", "upstream_ids", "source", "occurred_at", "created_at", "metadata",
)  # fmt: skip
FIXED = frozenset({"seq", "id", "namespace", "kind", "content", "created_at"})  # never change while a record lives
PENDING_BYTES = 16 * 1024 * 1024  # index entries kept in memory until written: a large batch makes one segment


def placeholders(count: int) -> str:
    """Return that many question marks for a statement."""
    return ",".join("?" * count)


class Table:
    """One table of records: its name, its columns, the letter its ids start with, and its statements.

    `first` asks for the next free `seq`, `update` binds a whole row and changes what may change.
    """

    def __init__(self, name: str, letter: str, first: str, more: Sequence[str] = ()) -> None:
        self.name, self.letter, self.columns = name, letter, (*COLUMNS, *more)
        self.first = f"SELECT {first} FROM {name}"
        numbered = enumerate(self.columns, 1)
        changes = ",".join(f"{column}=:c{number}" for number, column in numbered if column not in FIXED)
        self.update = f"UPDATE {name} SET {changes} WHERE seq=:c1"

    def insert(self, columns: Sequence[str]) -> str:
        """Return the statement that adds a row with these columns, unless its id is there."""
        values = placeholders(len(columns))
        return f"INSERT INTO {self.name}({','.join(columns)}) VALUES({values}) ON CONFLICT DO NOTHING"

    def select(self, rest: str) -> str:
        """Return the statement that reads whole rows; `rest` follows the name of the table."""
        return f"SELECT {','.join(self.columns)} FROM {self.name} {rest}"


CURATED = Table("curated", "m", "coalesce(max(seq), 0) + 1")
EPISODES = Table("episodes", "e", "coalesce(min(seq), 0) - 1", ("session_id", "position"))

_STRICT = " STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
_RECORD_COLUMNS = """
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL, kind TEXT NOT NULL,
    status TEXT NOT NULL, content TEXT NOT NULL, summary TEXT, agent_id TEXT, tags TEXT, entities TEXT,
    confidence REAL, provenance TEXT NOT NULL, upstream_ids TEXT, source TEXT, occurred_at TEXT,
    created_at TEXT NOT NULL, metadata TEXT"""


@cache
def fts5_available() -> bool:
    """Return whether this interpreter's SQLite has the full-text module."""
    probe = sqlite3.connect(":memory:")
    try:
        return bool(probe.execute("SELECT 1 FROM pragma_module_list WHERE name='fts5'").fetchall())
    finally:
        probe.close()


def create_index(connection: sqlite3.Connection) -> None:
    """Create the empty full-text table; without FTS5 an empty plain one stands in its place until there is FTS5.

    It is contentless: the words are in the records, and a second copy would cost 40 % more disk and a third more time.
    """
    connection.execute("DROP TABLE IF EXISTS curated_fts")
    if not fts5_available():
        connection.execute(f"CREATE TABLE curated_fts(seq INTEGER PRIMARY KEY){_STRICT}")
        return
    connection.execute(
        "CREATE VIRTUAL TABLE curated_fts USING fts5("
        "content, summary, labels, content='', tokenize='porter unicode61 remove_diacritics 0')"
    )
    connection.execute("INSERT INTO curated_fts(curated_fts, rank) VALUES('hashsize', ?)", (PENDING_BYTES,))


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(f"CREATE TABLE curated({_RECORD_COLUMNS}){_STRICT}")
    connection.execute(f"CREATE TABLE episodes({_RECORD_COLUMNS}, session_id TEXT, position REAL){_STRICT}")
    for table in ("curated", "episodes"):
        connection.execute(f"CREATE INDEX {table}_by_kind ON {table}(kind, status)")
        connection.execute(f"CREATE INDEX {table}_by_source ON {table}(source) WHERE source IS NOT NULL")
    connection.execute(
        "CREATE INDEX episodes_by_session ON episodes(session_id, position) WHERE session_id IS NOT NULL"
    )
    create_index(connection)


TABLES = [Migration(version=1, apply=_create)]
