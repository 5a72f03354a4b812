"""The tables of vectors: `vec_curated` with the bytes, one virtual table of bits for each model, and what waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

from memcore import Migration

__all__ = ["TABLES", "chunks", "delete", "drop_models", "marks", "prepared", "speakers"]

TABLES = [
    Migration.sql(
        1,
        # origin: the settings that chose the model last; scanned: when all records were looked through
        # probe: the vector of a fixed text, by which another model behind the same name is noticed
        # baseline: the cosine that this model gives texts which have nothing to do with each other
        "CREATE TABLE vec_models(id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL,"
        " dimension INTEGER NOT NULL, since TEXT NOT NULL, origin TEXT, probe BLOB, baseline REAL, scanned TEXT,"
        " UNIQUE(fingerprint, dimension)) STRICT",
        "CREATE TABLE vec_curated(seq INTEGER PRIMARY KEY AUTOINCREMENT, record_id TEXT NOT NULL UNIQUE,"
        " model INTEGER NOT NULL REFERENCES vec_models(id), space INTEGER NOT NULL, speaker INTEGER,"
        " vector BLOB NOT NULL) STRICT",
        "CREATE INDEX vec_curated_by_space ON vec_curated(model, space)",
        "CREATE INDEX vec_curated_by_speaker ON vec_curated(speaker) WHERE speaker IS NOT NULL",
        "CREATE TABLE vec_curated_labels(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,"
        " UNIQUE(kind, name)) STRICT",
        # told: seconds since 1970; tries: begun and not finished; problem: why this text cannot be embedded
        "CREATE TABLE vec_curated_pending(record_id TEXT PRIMARY KEY, place INTEGER NOT NULL, told INTEGER NOT NULL,"
        " tries INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID",
        "CREATE INDEX vec_curated_pending_order ON vec_curated_pending(problem, tries, place, told DESC)",
    )
]
CHUNK = 500
_UNUSED = (
    "DELETE FROM vec_curated_labels AS label WHERE NOT EXISTS"
    " (SELECT 1 FROM vec_models AS m JOIN vec_curated AS v ON v.model=m.id AND v.space=label.id)"
    " AND NOT EXISTS (SELECT 1 FROM vec_curated AS v WHERE v.speaker=label.id)"
)


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield ids in parts that fit into one statement."""
    rest = iter(ids)
    while part := list(islice(rest, CHUNK)):
        yield part


def marks(values: list[str] | list[int]) -> str:
    """Return the placeholders of a list in SQL."""
    return ",".join("?" * len(values))


def prepared(connection: sqlite3.Connection) -> bool:
    """Return whether the tables are there; a memory opened for reading only may be older than this plugin."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name='vec_curated_labels'").fetchone() is not None


def speakers(connection: sqlite3.Connection) -> list[str]:
    """Return the names of those who speak in records that have a vector."""
    return [str(row[0]) for row in connection.execute("SELECT name FROM vec_curated_labels WHERE kind='speaker'")]


def delete(connection: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Delete what is known of these records, bits and unused names included; return how many had a vector.

    Call inside a transaction. vec0 writes zeros over the bits of a deleted row.
    """
    deleted, labels = 0, set[int]()
    for part in chunks(ids):
        connection.execute(f"DELETE FROM vec_curated_pending WHERE record_id IN ({marks(part)})", part)
        found = f"SELECT seq, model, space, speaker FROM vec_curated WHERE record_id IN ({marks(part)})"
        rows = connection.execute(found, part).fetchall()
        for model in {row[1] for row in rows}:
            seqs = [int(row[0]) for row in rows if row[1] == model]
            connection.execute(f"DELETE FROM vec_curated_bits_{model} WHERE rowid IN ({marks(seqs)})", seqs)
        labels |= {label for row in rows for label in row[2:] if label is not None}
        deleted += connection.execute(f"DELETE FROM vec_curated WHERE record_id IN ({marks(part)})", part).rowcount
    connection.executemany(f"{_UNUSED} AND id=?", [(label,) for label in labels])
    return deleted


def drop_models(connection: sqlite3.Connection, keep: int) -> int:
    """Delete every model but this one, with its vectors; call inside a transaction. Returns how many vectors."""
    deleted = 0
    for (model,) in connection.execute("SELECT id FROM vec_models WHERE id<>?", (keep,)).fetchall():
        deleted += connection.execute("DELETE FROM vec_curated WHERE model=?", (model,)).rowcount
        connection.execute(f"DROP TABLE IF EXISTS vec_curated_bits_{model}")
        connection.execute("DELETE FROM vec_models WHERE id=?", (model,))
    if deleted:
        connection.execute(_UNUSED)
    return deleted
