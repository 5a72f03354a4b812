"""The tables of vectors: `vec_curated` with the bytes, one virtual table of bits for each model, and what waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from memcore import Migration

from memcore_plugins.vectors.quantise import bits, eight_bit

__all__ = ["TABLES", "Shelf", "chunks", "delete", "note_pending"]

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE vec_models(id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, dimension INTEGER NOT NULL,"
        " since TEXT NOT NULL) STRICT",
        "CREATE TABLE vec_curated(seq INTEGER PRIMARY KEY AUTOINCREMENT, record_id TEXT NOT NULL UNIQUE,"
        " model INTEGER NOT NULL REFERENCES vec_models(id), vector BLOB NOT NULL) STRICT",
        "CREATE TABLE vec_curated_pending(record_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        "CREATE TABLE vec_curated_names(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    )
]
CHUNK = 500
MOST_CANDIDATES = 4096
"""The largest k that sqlite-vec 0.1.9 takes."""


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield ids in parts that fit into one statement."""
    rest = iter(ids)
    while part := list(islice(rest, CHUNK)):
        yield part


def note_pending(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Note records that have no vector of their present text yet."""
    connection.executemany("INSERT OR IGNORE INTO vec_curated_pending VALUES(?)", [(key,) for key in ids])


def delete(connection: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Delete what is known of these records, bits included; return how many had a vector."""
    deleted = 0
    for part in chunks(ids):
        marks = ",".join("?" * len(part))
        connection.execute(f"DELETE FROM vec_curated_pending WHERE record_id IN ({marks})", part)
        rows = connection.execute(f"SELECT seq, model FROM vec_curated WHERE record_id IN ({marks})", part).fetchall()
        for seq, model in rows:
            connection.execute(f"DELETE FROM vec_curated_bits_{model} WHERE rowid=?", (seq,))
        deleted += connection.execute(f"DELETE FROM vec_curated WHERE record_id IN ({marks})", part).rowcount
    return deleted


class Shelf:
    """The vectors of one model. Those of another model are never compared with them."""

    def __init__(self, connection: sqlite3.Connection, fingerprint: str) -> None:
        self.connection, self.fingerprint = connection, fingerprint
        row = connection.execute("SELECT id FROM vec_models WHERE fingerprint=?", (fingerprint,)).fetchone()
        self.model: int | None = row[0] if row else None

    def open(self, dimension: int, now: datetime) -> None:
        """Make the model's table of bits if it is new; call inside a transaction."""
        if self.model is None:
            statement = "INSERT INTO vec_models(fingerprint, dimension, since) VALUES(?,?,?)"
            self.model = self.connection.execute(statement, (self.fingerprint, dimension, now.isoformat())).lastrowid
            width = dimension + -dimension % 8
            self.connection.execute(f"CREATE VIRTUAL TABLE vec_curated_bits_{self.model} USING vec0(bits bit[{width}])")

    def put(self, vectors: Iterable[tuple[str, Sequence[float]]]) -> None:
        """Store vectors by record id, in place of what was there; call inside a transaction."""
        given = list(vectors)
        delete(self.connection, [key for key, _ in given])
        for key, vector in given:
            row = (key, self.model, eight_bit(vector))
            statement = "INSERT INTO vec_curated(record_id, model, vector) VALUES(?,?,?)"
            seq = self.connection.execute(statement, row).lastrowid
            insert = f"INSERT INTO vec_curated_bits_{self.model}(rowid, bits) VALUES(?, vec_bit(?))"
            self.connection.execute(insert, (seq, bits(vector)))

    def nearest(self, vector: Sequence[float], candidates: int) -> list[tuple[str, float]]:
        """Return (record id, cosine) of the nearest candidates by sign bits, the nearest by cosine first."""
        if self.model is None:
            return []
        found = self.connection.execute(
            f"WITH near AS MATERIALIZED (SELECT rowid AS seq FROM vec_curated_bits_{self.model}"
            " WHERE bits MATCH vec_bit(?) AND k=?)"
            " SELECT record_id, 1.0 - vec_distance_cosine(vec_int8(vector), vec_int8(?)) AS cosine"
            " FROM near JOIN vec_curated USING(seq) ORDER BY cosine DESC, record_id",
            (bits(vector), min(candidates, MOST_CANDIDATES), eight_bit(vector)),
        )
        return [(str(key), float(cosine)) for key, cosine in found]

    def exact(self, vector: Sequence[float], ids: Iterable[str]) -> list[tuple[str, float]]:
        """Return (record id, cosine) of exactly these records, the nearest first."""
        found: list[tuple[str, float]] = []
        for part in chunks(ids):
            marks = ",".join("?" * len(part))
            rows = self.connection.execute(
                "SELECT record_id, 1.0 - vec_distance_cosine(vec_int8(vector), vec_int8(?)) FROM vec_curated"
                f" WHERE model=? AND record_id IN ({marks})",
                (eight_bit(vector), self.model, *part),
            )
            found.extend((str(key), float(cosine)) for key, cosine in rows)
        return sorted(found, key=lambda row: (-row[1], row[0]))

    def having(self, ids: Sequence[str]) -> set[str]:
        """Return those of these records that have a vector of this model."""
        found: set[str] = set()
        for part in chunks(ids):
            marks = ",".join("?" * len(part))
            statement = f"SELECT record_id FROM vec_curated WHERE model=? AND record_id IN ({marks})"
            found.update(str(row[0]) for row in self.connection.execute(statement, (self.model, *part)))
        return found

    def drop_others(self) -> int:
        """Delete the vectors and tables of every other model; call inside a transaction."""
        others = self.connection.execute("SELECT id FROM vec_models WHERE id IS NOT ?", (self.model,)).fetchall()
        deleted = 0
        for (model,) in others:
            deleted += self.connection.execute("DELETE FROM vec_curated WHERE model=?", (model,)).rowcount
            self.connection.execute(f"DROP TABLE IF EXISTS vec_curated_bits_{model}")
            self.connection.execute("DELETE FROM vec_models WHERE id=?", (model,))
        return deleted
